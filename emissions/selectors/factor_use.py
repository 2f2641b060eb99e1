"""Where factors stand behind figures: projects and quarters, from the totals and their cells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum

from emissions.calculation.uncertainty import Interval
from emissions.models import (
    ClosedQuarter,
    EmissionEntry,
    EmissionFactor,
    GridZone,
    MonthlyTotal,
    Organisation,
    Run,
)
from emissions.selectors.headline import LOCATION_KG
from emissions.selectors.periods import quarter
from emissions.selectors.spread import Row, Spread
from emissions.selectors.totals import Filters
from emissions.selectors.uncertainty import rows_by

LARGEST = 20


@dataclass(slots=True)
class Use:
    """What stands on factors in a project or a quarter."""

    label: str
    project_slug: str = ""
    runs: int = 0
    energy_facility_kwh: Decimal = Decimal(0)
    location_based_kg: Decimal = Decimal(0)
    closed: bool = False
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunUse:
    """What of a run's figures stands on a factor."""

    run: Run
    energy_facility_kwh: Decimal
    location_based_kg: Decimal


@dataclass(frozen=True, slots=True)
class LargestRuns:
    """The largest runs of a quarter that stand on a factor."""

    quarter: str
    rows: list[RunUse]


@dataclass(frozen=True, slots=True)
class Uses:
    """The same figures by project, the largest first, and by quarter, the latest first."""

    projects: list[Use]
    quarters: list[Use]

    @property
    def runs(self) -> int:
        """Runs that began."""
        return sum(use.runs for use in self.projects)

    @property
    def energy_facility_kwh(self) -> Decimal:
        """Electricity at the meter."""
        return sum((use.energy_facility_kwh for use in self.projects), Decimal(0))


def uses_of_factor(*, organisation: Organisation, factor: EmissionFactor) -> Uses:
    """Return what stands on one factor, in whichever use."""
    return _uses(organisation, _stands_on(factor))


def largest_runs_of_factor(
    *, factor: EmissionFactor, uses: Uses, visible: QuerySet[Run]
) -> LargestRuns | None:
    """Return the largest runs of the latest quarter that stand on a factor; None without any.

    Of a quarter only: a factor may stand behind a million runs.
    """
    latest = next((one for one in uses.quarters if one.runs), None)
    if latest is None:
        return None
    year, number = latest.label.split("-Q")
    period = quarter(year=int(year), number=int(number))
    rows: Any = (
        EmissionEntry.objects.filter(
            _stands_on(factor),
            month__gte=period.starts_on,
            month__lt=period.ends_before,
            run__in=visible.order_by().values("pk"),
        )
        .order_by()
        .values("run_id")
        .annotate(kwh=Sum("energy_facility_kwh"), kg=Sum(LOCATION_KG))
        .exclude(kwh=0)
        .order_by("-kwh", "run_id")[:LARGEST]
    )
    found = {row["run_id"]: (row["kwh"], row["kg"]) for row in rows}
    named = Run.objects.select_related("project").in_bulk(list(found))
    return LargestRuns(latest.label, [RunUse(named[pk], *sums) for pk, sums in found.items()])


def _stands_on(factor: EmissionFactor) -> Q:
    return (
        Q(cell__location_factor=factor)
        | Q(cell__market_factor=factor)
        | Q(cell__upstream_factor=factor)
    )


def uses_of_zone(*, organisation: Organisation, zone: GridZone) -> Uses:
    """Return what stands on any factor of a zone, also where it stands in for another zone."""
    return _uses(organisation, Q(cell__location_factor__zone=zone))


def _uses(organisation: Organisation, condition: Q) -> Uses:
    """Sum totals by project and month; what nets to nothing is used no longer."""
    lines = MonthlyTotal.objects.filter(condition, cell__organisation=organisation)
    rows = (
        lines.order_by()
        .values("month", "cell__project__name", "cell__project__slug")
        .annotate(
            runs=Sum("runs_started"),
            kwh=Sum("energy_facility_kwh"),
            kg=Sum(LOCATION_KG),
        )
        .exclude(kwh=0, runs=0)
    )
    found: list[dict[str, Any]] = [dict(row) for row in rows]
    spread = Spread(
        rows_by(
            lines=lines,
            filters=Filters(),
            columns=["month", "cell__project__name"],
            names=("energy_facility_kwh", "location_based_kg"),
            whole_sites=False,
        )
    )
    projects = _grouped(found, spread, lambda row: row["cell__project__name"] or "No project")
    quarters = _grouped(found, spread, lambda row: _quarter(row["month"]))
    closed = ClosedQuarter.objects.filter(organisation=organisation)
    ended = {_quarter(day) for day in closed.values_list("starts_on", flat=True)}
    quarters = list(quarters)
    for use in quarters:
        use.closed = use.label in ended
    return Uses(
        sorted(projects, key=lambda use: (-use.energy_facility_kwh, use.label)),
        sorted(quarters, key=lambda use: use.label, reverse=True),
    )


def _grouped(
    rows: Iterable[dict[str, Any]], spread: Spread, label: Callable[[Row], str]
) -> Iterable[Use]:
    groups: dict[str, Use] = {}
    for row in rows:
        name = label(row)
        use = groups.setdefault(name, Use(name, row["cell__project__slug"] or ""))
        use.runs += row["runs"]
        use.energy_facility_kwh += row["kwh"]
        use.location_based_kg += row["kg"]
    by_label = spread.regrouped(label)
    for name in ("energy_facility_kwh", "location_based_kg"):
        found = by_label.of(name)
        for use in groups.values():
            use.intervals[name] = found[use.label]
    return groups.values()


def _quarter(month: Any) -> str:
    return f"{month.year}-Q{(month.month + 2) // 3}"
