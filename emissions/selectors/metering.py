"""Meters and what explains them, by site and month; the hours of nodes, by month.

Metered = runs + idle + other load + remainder, exactly, at the point where it was measured.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import Q, QuerySet, Sum

from emissions.calculation.metering import first_days, split_by_days
from emissions.calculation.vocabulary import MeasuringPoint, PoolKind
from emissions.models import MeterReading, MonthlyTotal, Node, NodeTotal, Organisation, Site

ZERO = Decimal(0)
NANO = 9
#: Lines that are no energy of runs or of idle nodes.
NOT_EXPLAINING = (
    PoolKind.METER_REMAINDER,
    PoolKind.COVERAGE,
    PoolKind.PURCHASE,
    PoolKind.STATEMENT,
    PoolKind.FUEL,
)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A month of a site: what was metered and what explains it, in kWh at `point`.

    `complete` says that readings at one point cover the whole month; otherwise there is no
    remainder. `days` of the month's `month_days` are covered.
    """

    site_id: int
    month: date
    point: MeasuringPoint
    complete: bool
    days: int
    month_days: int
    metered_kwh: Decimal
    other_kwh: Decimal
    runs_kwh: Decimal
    idle_kwh: Decimal

    @property
    def explained_kwh(self) -> Decimal:
        """What runs, idle nodes and other known loads explain."""
        return self.runs_kwh + self.idle_kwh + self.other_kwh

    @property
    def remainder_kwh(self) -> Decimal | None:
        """What is left, negative where more is explained than metered."""
        return self.metered_kwh - self.explained_kwh if self.complete else None

    @property
    def explained_share(self) -> Decimal | None:
        """Metered energy explained: explained ÷ metered; may exceed 1."""
        if not self.complete or not self.metered_kwh:
            return None
        return self.explained_kwh / self.metered_kwh


@dataclass(frozen=True, slots=True)
class Explained:
    """Metered energy of several sites and months, and how much of it is explained."""

    metered_kwh: Decimal = ZERO
    explained_kwh: Decimal = ZERO
    remainder_kwh: Decimal = ZERO

    @property
    def share(self) -> Decimal | None:
        """Metered energy explained; None where nothing is metered."""
        return self.explained_kwh / self.metered_kwh if self.metered_kwh else None


@dataclass(frozen=True, slots=True)
class NodeMonth:
    """Device-hours of a node in a month whose idle hours are posted: available = both."""

    node_id: int
    month: date
    allocated_hours: Decimal
    idle_hours: Decimal
    idle_kwh: Decimal

    @property
    def available_hours(self) -> Decimal:
        """Allocated to runs, and idle."""
        return self.allocated_hours + self.idle_hours


def reconciliations(
    *,
    organisation: Organisation,
    sites: Collection[int] | None = None,
    starts_on: date | None = None,
    ends_before: date | None = None,
) -> list[Reconciliation]:
    """Return the metered months of sites, in order of sites and months: two queries."""
    readings = MeterReading.objects.filter(organisation=organisation)
    if sites is not None:
        readings = readings.filter(site__in=sites)
    if starts_on is not None:
        readings = readings.filter(ends_before__gt=starts_on)
    if ends_before is not None:
        readings = readings.filter(starts_on__lt=ends_before)
    months = [
        one
        for one in _metered(readings)
        if (starts_on is None or one.month >= starts_on)
        and (ends_before is None or one.month < ends_before)
    ]
    return _explained(organisation, months)


def explained_by_site(
    *, organisation: Organisation, starts_on: date, ends_before: date
) -> dict[int, Explained]:
    """Return the metered energy explained of whole months, of each site that has some."""
    found = reconciliations(organisation=organisation, starts_on=starts_on, ends_before=ends_before)
    sums: dict[int, Explained] = {}
    for one in found:
        if one.complete:
            before = sums.get(one.site_id, Explained())
            sums[one.site_id] = Explained(
                before.metered_kwh + one.metered_kwh,
                before.explained_kwh + one.explained_kwh,
                before.remainder_kwh + one.metered_kwh - one.explained_kwh,
            )
    return sums


def _metered(readings: QuerySet[MeterReading]) -> Iterable[Reconciliation]:
    """Return what was metered, by site and month, with nothing explained yet."""
    rows = list(readings.order_by("site_id", "starts_on"))
    if not rows:
        return []
    index, month, days, parts = split_by_days(
        starts_on=_days(row.starts_on for row in rows),
        ends_before=_days(row.ends_before for row in rows),
        totals=np.array(
            [[nano(row.energy_kwh), nano(row.other_load_kwh)] for row in rows], dtype=np.int64
        ),
    )
    in_month = first_days(month=month + 1) - first_days(month=month)
    found: dict[tuple[int, int], list[int]] = {}
    points: dict[tuple[int, int], set[str]] = {}
    for at, row in enumerate(index.tolist()):
        key = rows[row].site_id, int(month[at])
        sums = found.setdefault(key, [0, 0, 0, int(in_month[at])])
        sums[0] += int(days[at])
        sums[1] += int(parts[at, 0])
        sums[2] += int(parts[at, 1])
        points.setdefault(key, set()).add(rows[row].measuring_point)
    return [
        Reconciliation(
            site_id=site_id,
            month=date(number // 12, number % 12 + 1, 1),
            point=MeasuringPoint(min(points[site_id, number])),
            complete=covered == whole and len(points[site_id, number]) == 1,
            days=covered,
            month_days=whole,
            metered_kwh=whole_units(metered),
            other_kwh=whole_units(other),
            runs_kwh=ZERO,
            idle_kwh=ZERO,
        )
        for (site_id, number), (covered, metered, other, whole) in found.items()
    ]


def _explained(organisation: Organisation, months: list[Reconciliation]) -> list[Reconciliation]:
    """Return the months with what the ledger holds of runs and idle nodes."""
    is_idle = Q(cell__source_kind=PoolKind.NODE_IDLE)
    sums: Any = (
        MonthlyTotal.objects.filter(
            cell__organisation=organisation,
            cell__site__in={one.site_id for one in months},
            month__in={one.month for one in months},
        )
        .exclude(cell__source_kind__in=NOT_EXPLAINING)
        .order_by()
        .values("cell__site", "month")
        .annotate(
            facility=Sum("energy_facility_kwh", filter=~is_idle),
            it=Sum("energy_it_kwh", filter=~is_idle),
            idle_facility=Sum("energy_facility_kwh", filter=is_idle),
            idle_it=Sum("energy_it_kwh", filter=is_idle),
        )
    )
    by_key = {(row["cell__site"], row["month"]): row for row in sums}
    found = []
    for one in months:
        row = by_key.get((one.site_id, one.month), {})
        at = "it" if one.point is MeasuringPoint.IT else "facility"
        values = {name: getattr(one, name) for name in one.__slots__}
        values |= {"runs_kwh": row.get(at) or ZERO, "idle_kwh": row.get(f"idle_{at}") or ZERO}
        found.append(Reconciliation(**values))
    return sorted(found, key=lambda one: (one.site_id, one.month))


def node_months(
    *, organisation: Organisation, nodes: Collection[Node], starts_on: date, ends_before: date
) -> list[NodeMonth]:
    """Return the hours of nodes by month, from their totals: one query."""
    is_idle = Q(cell__source_kind=PoolKind.NODE_IDLE)
    is_run = ~Q(cell__source_kind__in=list(PoolKind))
    months: Any = (
        NodeTotal.objects.filter(cell__organisation=organisation, node__in=nodes)
        .filter(month__gte=starts_on, month__lt=ends_before)
        .values("node", "month")
        .annotate(
            given=Sum("device_hours", filter=is_run, default=ZERO),
            idle=Sum("device_hours", filter=is_idle, default=ZERO),
            idle_kwh=Sum("energy_facility_kwh", filter=is_idle, default=ZERO),
        )
        .order_by("node", "month")
    )
    return [
        NodeMonth(row["node"], row["month"], row["given"], row["idle"], row["idle_kwh"])
        for row in months
        if row["given"] or row["idle"]
    ]


def readings_of(*, site: Site) -> QuerySet[MeterReading]:
    """Return a site's readings, latest first."""
    return MeterReading.objects.filter(site=site).order_by("-starts_on")


def nano(value: Decimal) -> int:
    """Return an exact quantity in units of 1e-9."""
    return int(Decimal(value).scaleb(NANO))


def whole_units(amount: int) -> Decimal:
    """Return units of 1e-9 as an exact quantity."""
    return Decimal(amount).scaleb(-NANO)


def _days(dates: Iterable[date]) -> Any:
    epoch = date(1970, 1, 1)
    return np.array([(day - epoch) // timedelta(days=1) for day in dates], dtype=np.int64)
