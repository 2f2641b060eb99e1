"""Instruments, what they are used for, and how much electricity they match."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from emissions.calculation.vocabulary import Assumption, InstrumentStatus, PoolKind
from emissions.models import EnergyInstrument, InstrumentUse, MonthlyTotal, Organisation, Site
from emissions.selectors.coverage import NO_ELECTRICITY, CoveredUse, covered_uses
from emissions.selectors.metering import whole_units
from emissions.selectors.years import years_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class YearEnd:
    """The latest year that is over: how much is used in it of what is not retired, in kWh."""

    year: int
    used_kwh: Decimal
    not_retired_kwh: Decimal
    done: bool


def year_end(*, organisation: Organisation, today: date) -> YearEnd | None:
    """Return the year whose true-up is due or done; None where no instrument is used in it."""
    year = today.year - 1
    uses, _ = covered_uses(
        organisation=organisation,
        starts_on=date(year, 1, 1),
        ends_before=date(year + 1, 1, 1),
    )
    done = years_of(organisation=organisation).trued_up(date(year, 12, 1))
    if not uses and not done:
        return None
    return YearEnd(year, _covered_kwh(uses), _covered_kwh(_provisional(uses)), done)


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """An instrument and how much of it is used, in MWh."""

    instrument: EnergyInstrument
    used_mwh: Decimal

    @property
    def criteria(self) -> int:
        """How many of the eight quality criteria are stated to be met."""
        return self.instrument.criteria_met.bit_count()


@dataclass(frozen=True, slots=True)
class Matched:
    """How much of the electricity of a period instruments cover, in kWh.

    `electricity_kwh` is all of the sites, their known other load included, and what has no
    site; `ledger_kwh` is the part that the ledger holds. `provisional_kwh` is what instruments
    cover that are not retired yet. `no_residual_kwh` is electricity of the ledger for whose zone
    no residual mix is published: uncovered, it counts at the location-based factor.
    `difference_kg` is what coverage changes of the market-based total.
    """

    electricity_kwh: Decimal = ZERO
    used_kwh: Decimal = ZERO
    provisional_kwh: Decimal = ZERO
    ledger_kwh: Decimal = ZERO
    no_residual_kwh: Decimal = ZERO
    difference_kg: Decimal = ZERO

    @property
    def share(self) -> Decimal | None:
        """Matched share: what instruments cover of all electricity."""
        return self.used_kwh / self.electricity_kwh if self.electricity_kwh > 0 else None

    @property
    def no_residual_share(self) -> Decimal | None:
        """Share of the ledger's electricity in zones without a published residual mix."""
        return self.no_residual_kwh / self.ledger_kwh if self.ledger_kwh > 0 else None


@dataclass(frozen=True, slots=True)
class SiteUse:
    """An instrument that is used at a site, or meant for it: kWh by month of a period."""

    instrument: EnergyInstrument
    by_month: dict[date, Decimal]

    @property
    def used_mwh(self) -> Decimal:
        """What of it is used at the site in the period."""
        return sum(self.by_month.values(), ZERO) / 1000


def instrument_rows(*, organisation: Organisation) -> list[InstrumentRow]:
    """Return an organisation's instruments, latest period first."""
    rows = (
        EnergyInstrument.objects.filter(organisation=organisation)
        .select_related("market", "site")
        .annotate(used=Sum("uses__energy_kwh"))
        .order_by("-ends_before", "name", "pk")
    )
    return [InstrumentRow(row, (row.used or ZERO) / 1000) for row in rows]


def uses_at(
    *, site: Site, starts_on: date, ends_before: date
) -> tuple[list[SiteUse], dict[date, Decimal]]:
    """Return what covers a site's electricity in a period, and all of that by month [kWh].

    Instruments of the site that touch the period are named though nothing of them is used.
    """
    uses, electricity = covered_uses(
        organisation=site.organisation,
        sites=[site.pk],
        starts_on=starts_on,
        ends_before=ends_before,
    )
    by_month: dict[int, dict[date, Decimal]] = {}
    for one in uses:
        months = by_month.setdefault(one.use.instrument_id, {})
        months[one.use.month] = whole_units(one.kwh_nano)
    meant = Q(site=site, starts_on__lt=ends_before, ends_before__gt=starts_on)
    rows = (
        EnergyInstrument.objects.filter(meant | Q(pk__in=by_month), organisation=site.organisation)
        .select_related("market", "site")
        .order_by("starts_on", "name", "pk")
    )
    found = [SiteUse(row, by_month.get(row.pk, {})) for row in rows]
    return found, {month: whole_units(kwh) for (_, month), kwh in electricity.items()}


def uses_of(*, instrument: EnergyInstrument) -> QuerySet[InstrumentUse]:
    """Return what an instrument is used for, in order of months."""
    return instrument.uses.select_related("site").order_by("month", "site__name")


def matched(*, organisation: Organisation, starts_on: date, ends_before: date) -> Matched:
    """Return the electricity of a period, of all sites and of none, and what covers it."""
    uses, electricity = covered_uses(
        organisation=organisation, starts_on=starts_on, ends_before=ends_before
    )
    power = ~Q(cell__source_kind__in=NO_ELECTRICITY)
    sums: Any = (
        MonthlyTotal.objects.filter(
            cell__organisation=organisation, month__gte=starts_on, month__lt=ends_before
        )
        .annotate(no_mix=F("cell__assumptions").bitand(Assumption.NO_RESIDUAL_MIX.value))
        .aggregate(
            ledger=Sum("energy_facility_kwh", filter=power),
            nowhere=Sum("energy_facility_kwh", filter=power & Q(cell__site=None)),
            no_residual=Sum("energy_facility_kwh", filter=power & ~Q(no_mix=0)),
            difference=Sum("market_based_kg", filter=Q(cell__source_kind=PoolKind.COVERAGE)),
        )
    )
    return Matched(
        electricity_kwh=whole_units(sum(electricity.values())) + (sums["nowhere"] or ZERO),
        used_kwh=_covered_kwh(uses),
        provisional_kwh=_covered_kwh(_provisional(uses)),
        ledger_kwh=sums["ledger"] or ZERO,
        no_residual_kwh=sums["no_residual"] or ZERO,
        difference_kg=sums["difference"] or ZERO,
    )


def _provisional(uses: Iterable[CoveredUse]) -> list[CoveredUse]:
    """Return what the true-up of the year takes back, unless it is retired before."""
    return [one for one in uses if one.use.instrument.status != InstrumentStatus.RETIRED]


def _covered_kwh(uses: Iterable[CoveredUse]) -> Decimal:
    return whole_units(sum(one.kwh_nano for one in uses))
