"""Which electricity instruments cover: of each site's month, never more than all of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from django.db.models import Q, Sum

from emissions.calculation.vocabulary import InstrumentKind, MeasuringPoint, PoolKind
from emissions.models import EnergyInstrument, InstrumentUse, MonthlyTotal, Organisation
from emissions.selectors.metering import nano, reconciliations
from emissions.selectors.years import years_of

Key = tuple[int, date]

NO_ELECTRICITY = (PoolKind.COVERAGE, PoolKind.PURCHASE, PoolKind.STATEMENT, PoolKind.FUEL)
#: The order of the Scope 2 Guidance: certificates, contracts, supplier's rate.
HIERARCHY = (InstrumentKind.CERTIFICATE, InstrumentKind.PPA, InstrumentKind.TARIFF)


@dataclass(frozen=True, slots=True)
class CoveredUse:
    """What one use of an instrument covers of a site's month [1e-9 kWh]."""

    use: InstrumentUse
    kwh_nano: int


def electricity_of(
    *,
    organisation: Organisation,
    sites: Collection[int] | None = None,
    starts_on: date | None = None,
    ends_before: date | None = None,
) -> dict[Key, int]:
    """Return all electricity of sites by month: metered or explained, whichever is larger.

    [1e-9 kWh] Explained is what the ledger holds, the meter's remainder included, and known
    other load; behind a meter of the IT equipment that load counts with the overhead that the
    month's lines have. A month without or with negative electricity is left out.
    """
    totals = MonthlyTotal.objects.filter(cell__organisation=organisation, cell__site__isnull=False)
    if sites is not None:
        totals = totals.filter(cell__site__in=sites)
    sums: Any = (
        totals.filter(_months(starts_on, ends_before))
        .exclude(cell__source_kind__in=NO_ELECTRICITY)
        .order_by()
        .values_list("cell__site", "month")
        .annotate(facility=Sum("energy_facility_kwh"), it=Sum("energy_it_kwh"))
    )
    lines = {(site, month): (nano(facility), nano(it)) for site, month, facility, it in sums}
    found = {key: facility for key, (facility, _) in lines.items()}
    for one in reconciliations(
        organisation=organisation, sites=sites, starts_on=starts_on, ends_before=ends_before
    ):
        key, other = (one.site_id, one.month), nano(one.other_kwh)
        facility, it = lines.get(key, (0, 0))
        if one.point is MeasuringPoint.IT and it > 0:
            other = round(Fraction(other * facility, it))
        found[key] = facility + other
        if one.point is MeasuringPoint.FACILITY and one.complete:
            found[key] = max(found[key], nano(one.metered_kwh))
    return {key: kwh for key, kwh in found.items() if kwh > 0}


def covered_uses(
    *,
    organisation: Organisation,
    sites: Collection[int] | None = None,
    starts_on: date | None = None,
    ends_before: date | None = None,
) -> tuple[list[CoveredUse], dict[Key, int]]:
    """Return what instruments cover of sites' months, and all electricity of those [1e-9 kWh].

    In the order in which they cover, never more than a month's electricity. One that has
    lapsed covers nothing, and none that is not retired in a year trued up.
    """
    electricity = electricity_of(
        organisation=organisation, sites=sites, starts_on=starts_on, ends_before=ends_before
    )
    years = years_of(organisation=organisation)
    uses = InstrumentUse.objects.filter(_months(starts_on, ends_before), organisation=organisation)
    if sites is not None:
        uses = uses.filter(site__in=sites)
    left, found = dict(electricity), list[CoveredUse]()
    rows = uses.select_related("instrument")
    for use in sorted(rows, key=lambda use: in_order(use.instrument)):
        key = use.site_id, use.month
        if key not in left or not years.counts(use.instrument.status, use.month):
            continue
        kwh = min(nano(use.energy_kwh), left[key])
        left[key] -= kwh
        found.append(CoveredUse(use, kwh))
    return found, electricity


def in_order(one: EnergyInstrument) -> tuple[Any, ...]:
    """Sort by hierarchy and period; what is alike stands together, however it is split."""
    rank = HIERARCHY.index(InstrumentKind(one.kind))
    return (
        rank, one.ends_before, one.starts_on, one.rate_g_per_kwh, one.site_id or 0,
        one.market_id or 0, one.pk,
    )  # fmt: skip


def _months(starts_on: date | None, ends_before: date | None) -> Q:
    """Return the condition that a month lies in a period that may be open."""
    return (Q() if starts_on is None else Q(month__gte=starts_on)) & (
        Q() if ends_before is None else Q(month__lt=ends_before)
    )
