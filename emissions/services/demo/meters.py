"""What the demo's meters said, and the instruments it bought: made up from its own ledger."""

import random
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from emissions.calculation.vocabulary import InstrumentKind, InstrumentStatus, QualityCriterion
from emissions.models import GridZone, Organisation, Site
from emissions.selectors.totals import By, Filters, totals_by
from emissions.services.manage_instruments import Instrument, record_instrument
from emissions.services.manage_meters import Reading, record_readings

METERED, TARIFF = "Luleå", "Frankfurt"
OFFICES_KWH = 21_000
SEED = 20
MET = int(
    QualityCriterion.RATE
    | QualityCriterion.SOLE_CLAIM
    | QualityCriterion.VINTAGE
    | QualityCriterion.SAME_MARKET
    | QualityCriterion.RESIDUAL_MIX
)


@transaction.atomic
def seed_meters(*, organisation: Organisation, now: datetime) -> None:
    """Record a bill for each ended month of the own data centre, and instruments for two sites.

    Call it once the runs are calculated and idle nodes settled: a meter shows a little more
    than they explain.
    """
    metered = organisation.sites.get(name=METERED)
    months = _electricity(metered)
    chance = random.Random(SEED)
    record_readings(
        site=metered,
        readings=[
            Reading(
                starts_on=month,
                ends_before=_next(month),
                energy_kwh=Decimal(round(kwh * Decimal(chance.uniform(1.005, 1.06))) + OFFICES_KWH),
                other_load_kwh=Decimal(OFFICES_KWH + chance.randint(-900, 900)),
                source=f"Grid operator's bill {month:%Y-%m}",
            )
            for month, kwh in months.items()
            if _next(month) <= now.date()
        ],
        by=None,
        now=now,
    )
    for instrument in _instruments(organisation, months, now):
        record_instrument(organisation=organisation, instrument=instrument, by=None, now=now)


def _instruments(
    organisation: Organisation, months: dict[date, Decimal], now: datetime
) -> list[Instrument]:
    """Return a year's certificates each, a contract, and a supplier's tariff."""
    sweden = GridZone.objects.get(code="SE")
    found = []
    for year in sorted({month.year for month in months}):
        whole = sum((kwh for month, kwh in months.items() if month.year == year), Decimal(0))
        past = year < now.year
        found.append(
            Instrument(
                name=f"Guarantees of origin, hydro {year}",
                kind=InstrumentKind.CERTIFICATE,
                energy_mwh=max(round(whole / 2500), 1) * Decimal(1),
                starts_on=date(year, 1, 1),
                ends_before=date(year + 1, 1, 1),
                vintage=str(year),
                market=sweden,
                registry="Energimyndigheten (Cesar)",
                reference=f"735999 {year} 0001" if past else "",
                status=InstrumentStatus.RETIRED if past else InstrumentStatus.ISSUED,
                criteria_met=MET | (int(QualityCriterion.RETIRED_FOR_US) if past else 0),
            )
        )
    last = now.year
    return [
        *found,
        Instrument(
            name="Wind PPA Markbygden",
            kind=InstrumentKind.PPA,
            energy_mwh=max(round(sum(months.values(), Decimal(0)) / 9000), 1) * Decimal(1),
            starts_on=date(last - 1, 7, 1),
            ends_before=date(last + 2, 7, 1),
            vintage=f"{last - 1}–{last + 1}",
            market=sweden,
            site=organisation.sites.get(name=METERED),
            reference="Contract M-2207",
            status=InstrumentStatus.CONTRACTED,
            criteria_met=MET | int(QualityCriterion.TRANSFERRED),
        ),
        Instrument(
            name=f"Supplier's tariff Frankfurt {last}",
            kind=InstrumentKind.TARIFF,
            energy_mwh=Decimal(400),
            starts_on=date(last, 1, 1),
            ends_before=date(last + 1, 1, 1),
            site=organisation.sites.get(name=TARIFF),
            rate_g_per_kwh=118.0,
            rate_source=f"Supplier's electricity labelling {last - 1}",
            status=InstrumentStatus.CONTRACTED,
            criteria_met=int(QualityCriterion.RATE | QualityCriterion.SUPPLIER_RATE),
        ),
    ]


def _electricity(site: Site) -> dict[date, Decimal]:
    """Return what the ledger explains at a site, by month."""
    groups = totals_by(
        organisation=site.organisation,
        period=None,
        by=By.MONTH,
        filters=Filters(sites=(site.pk,)),
    )
    return {date.fromisoformat(one.key): one.totals.energy_facility_kwh for one in groups}


def _next(month: date) -> date:
    number = month.year * 12 + month.month
    return date(number // 12, number % 12 + 1, 1)
