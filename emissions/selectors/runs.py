"""Runs as lists and pages show them: filtered, sorted, with their figures from the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet, Sum

from emissions.calculation.vocabulary import Headline, PoolKind
from emissions.models import (
    Cell,
    CloudRegion,
    EmissionEntry,
    HardwareModel,
    NodePlacement,
    Organisation,
    PendingCalculation,
    ProjectAssignment,
    Run,
    RunState,
    Team,
)
from emissions.selectors.headline import summed
from emissions.selectors.reported import differing

SHOWN = (
    "location_based_kg",
    "market_based_kg",
    "energy_it_kwh",
    "energy_facility_kwh",
    "upstream_kg",
    "losses_kg",
    "embodied_kg",
    "water_litres",
    "device_hours",
)
#: ?sort= → columns; a leading "-" turns the first one round.
SORTS = {
    "started": "started_at",
    "name": "name",
    "project": "project__name",
    "stage": "stage",
    "status": "status",
    "hours": "device_hours",
    "hardware": "hardware__name",
    "kg": "ledger_kg",
}
DEFAULT_SORT = "-started"
PENDING, FAILED, DIFFERS = "pending", "failed", "differs"


@dataclass(frozen=True, slots=True)
class RunFilters:
    """What a list of runs is narrowed to; empty means all."""

    search: str = ""
    projects: Sequence[int | None] = ()
    team: Team | None = None
    stages: Sequence[str] = ()
    statuses: Sequence[str] = ()
    sites: Sequence[int | None] = ()
    regions: Sequence[int] = ()
    hardware: Sequence[int | None] = ()
    sources: Sequence[str] = ()
    calculation: str = ""
    starts_on: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the ledger holds of one run; `pending` says that it is about to move."""

    posted: bool
    pending: bool
    error: str = ""
    totals: Mapping[str, Decimal] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Decimal | None:
        """Return a quantity, None before anything is posted: `figures.location_based_kg`."""
        if name not in SHOWN:
            raise AttributeError(name)
        return self.totals.get(name) if self.posted else None


def filter_runs(
    runs: QuerySet[Run], *, filters: RunFilters, organisation: Organisation
) -> QuerySet[Run]:
    """Narrow runs to what the filters say."""
    zone = ZoneInfo(organisation.time_zone)
    if filters.search:
        runs = runs.filter(_mentions(filters.search))
    if filters.team is not None:
        runs = runs.filter(_of_team(filters.team, zone))
    for column, wanted in (
        ("project", filters.projects),
        ("stage", filters.stages),
        ("status", filters.statuses),
        ("source_kind", filters.sources),
    ):
        if wanted:
            runs = runs.filter(_among(column, wanted))
    if filters.hardware:
        own, of_node = _among("hardware", filters.hardware), Q(hardware=None)
        runs = runs.filter(own | (of_node & _among("node__hardware", filters.hardware)))
    if filters.sites or filters.regions:
        runs = runs.filter(_at(filters))
    return _begun(_calculated(runs, filters.calculation), filters, zone)


def _calculated(runs: QuerySet[Run], calculation: str) -> QuerySet[Run]:
    if calculation == PENDING:
        return runs.filter(pk__in=PendingCalculation.objects.values("run"))
    if calculation == FAILED:
        return runs.filter(state__isnull=False).exclude(state__error="")
    if calculation == DIFFERS:
        return differing(runs)
    return runs


def _begun(runs: QuerySet[Run], filters: RunFilters, zone: ZoneInfo) -> QuerySet[Run]:
    if filters.starts_on is not None:
        runs = runs.filter(started_at__gte=_midnight(filters.starts_on, zone))
    if filters.last_day is not None:
        after = date.fromordinal(filters.last_day.toordinal() + 1)
        runs = runs.filter(started_at__lt=_midnight(after, zone))
    return runs


def _among(column: str, wanted: Sequence[Any]) -> Q:
    """Return the rows whose column is one of some values; None stands for "not stated"."""
    known = [value for value in wanted if value is not None]
    found = Q(**{f"{column}__in": known})
    return found | Q(**{column: None}) if None in wanted else found


def _at(filters: RunFilters) -> Q:
    """Return the runs at sites or cloud regions: stated, or where their node stands."""
    sites = [site for site in filters.sites if site is not None]
    placed = NodePlacement.objects.current().filter(site__in=sites).values("node")
    found = Q(site__in=sites) | Q(site=None, node__in=placed)
    found |= Q(site=None, cloud_region__in=filters.regions)
    if None in filters.sites:
        found |= Q(site=None, cloud_region=None, node=None)
    return found


def _mentions(search: str) -> Q:
    columns = ("name", "external_id", "ai_model", "sweep", "project__name", "notes")
    found = Q()
    for word in search.split()[:8]:
        found &= Q(*((f"{column}__icontains", word) for column in columns), _connector=Q.OR)
    number = search.strip().removeprefix("#")
    if number.isdecimal() and len(number) < 19:
        found |= Q(pk=int(number))
    return found


def _of_team(team: Team, zone: ZoneInfo) -> Q:
    """Return the runs whose project belonged to the team when they began."""
    assignments = ProjectAssignment.objects.filter(
        organisation=team.organisation_id, superseded_at=None
    )
    first: dict[int, date] = {}
    rows = list(
        assignments.order_by("starts_on").values_list(
            "project_id", "team_id", "starts_on", "ends_before"
        )
    )
    found = Q(pk__in=[])
    for project, owner, starts_on, ends_before in rows:
        earliest = first.setdefault(project, starts_on) == starts_on
        if owner != team.pk:
            continue
        span = Q(project=project)
        if not earliest:  # Before a project's first assignment its first one holds.
            span &= Q(started_at__gte=_midnight(starts_on, zone))
        if ends_before is not None:
            span &= Q(started_at__lt=_midnight(ends_before, zone))
        found |= span
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)


def sort_runs(
    runs: QuerySet[Run], *, sort: str, organisation: Organisation
) -> tuple[QuerySet[Run], str]:
    """Return runs in the order of an address, and that order; an unknown one is the default."""
    if sort.removeprefix("-") not in SORTS:
        sort = DEFAULT_SORT
    key = sort.removeprefix("-")
    if key == "kg":
        hourly = organisation.headline == Headline.HOURLY
        column = "location_based_kg" if hourly else "location_based_annual_kg"
        runs = runs.annotate(ledger_kg=Sum(f"entries__{column}"))
    if key == "started":  # As the index has it: no more rows are read than a page shows.
        order = ("-started_at", "-pk") if sort == DEFAULT_SORT else ("started_at", "pk")
        return runs.order_by(*order), sort
    by = F(SORTS[key])
    ordered = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_last=True)
    return runs.order_by(ordered, "-started_at", "-pk"), sort


def shown_runs(*, run_ids: Sequence[int]) -> list[Run]:
    """Return the runs of a page, with what a row names, in the order of their ids.

    Ids are sorted first: with all columns and names a million runs would be sorted on disk.
    """
    found = with_names(Run.objects.all()).in_bulk(run_ids)
    return [found[pk] for pk in run_ids if pk in found]


def with_names(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Read what a row names along with it."""
    return runs.select_related(
        "project", "hardware", "node__hardware", "site", "cloud_region", "zone", "created_by"
    )


def figures_of(*, runs: Iterable[Run]) -> dict[int, RunFigures]:
    """Return the ledger's figures of runs: one grouped query, and one for what is pending."""
    ids = [run.pk for run in runs]
    sums: dict[int, Any] = {
        row["run_id"]: row
        for row in EmissionEntry.objects.filter(run__in=ids)
        .order_by()
        .values("run_id")
        .annotate(**{name: summed(name) for name in SHOWN})
    }
    waiting = set(
        PendingCalculation.objects.filter(run__in=ids).order_by().values_list("run_id", flat=True)
    )
    return {
        pk: RunFigures(posted=pk in sums, pending=pk in waiting, totals=sums.get(pk, {}))
        for pk in ids
    }


def figures_of_run(*, run: Run) -> RunFigures:
    """Return the ledger's figures of one run, and why its last calculation failed."""
    found = figures_of(runs=[run])[run.pk]
    state = RunState.objects.filter(run=run).values_list("error", flat=True).first()
    return RunFigures(found.posted, found.pending, state or "", found.totals)


@dataclass(frozen=True, slots=True)
class MonthOfRun:
    """One month of one run: what stands in the ledger."""

    month: date
    energy_facility_kwh: Decimal
    location_based_kg: Decimal
    market_based_kg: Decimal
    embodied_kg: Decimal


def months_of_run(*, run: Run) -> list[MonthOfRun]:
    """Return a run's figures by month; months that were reversed to nothing are left out."""
    names = ("energy_facility_kwh", "location_based_kg", "market_based_kg", "embodied_kg")
    rows: Any = (
        EmissionEntry.objects.filter(run=run)
        .order_by("month")
        .values("month")
        .annotate(**{name: summed(name) for name in (*names, "runs_started", "device_hours")})
    )
    return [
        MonthOfRun(row["month"], *(row[name] for name in names))
        for row in rows
        if any(row[name] for name in (*names, "runs_started", "device_hours"))
    ]


def lines_of_run(*, run: Run) -> QuerySet[EmissionEntry]:
    """Return a run's ledger lines, latest posting first."""
    return (
        EmissionEntry.objects.filter(run=run)
        .select_related("posting__by", "cell__team", "cell__project", "cell__zone")
        .order_by("-posting_id", "month", "pk")
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters of a list offer: (value, label)."""

    projects: list[tuple[str, str]]
    teams: list[tuple[str, str]]
    sites: list[tuple[str, str]]
    hardware: list[tuple[str, str]]


def filter_choices(*, organisation: Organisation) -> Choices:
    """Return the projects, teams, sites and hardware that a list can be narrowed to.

    Regions and hardware are those that the organisation's ledger has runs of: to look for them
    among the runs would be to read all of them.
    """
    cells = Cell.objects.filter(organisation=organisation).exclude(source_kind__in=list(PoolKind))
    return Choices(
        projects=_pairs(organisation.projects.all(), "slug"),
        teams=_pairs(organisation.teams.all(), "slug"),
        sites=[*_pairs(organisation.sites.all(), "slug"), *_regions_in(cells)],
        hardware=_hardware_in(cells),
    )


def _pairs(rows: Any, value: str) -> list[tuple[str, str]]:
    return [(str(key), name) for key, name in rows.order_by("name").values_list(value, "name")]


def _regions_in(cells: QuerySet[Cell]) -> list[tuple[str, str]]:
    used = cells.filter(site=None, cloud_region__isnull=False).values("cloud_region")
    return [(str(one), str(one)) for one in CloudRegion.objects.filter(pk__in=used)]


def _hardware_in(cells: QuerySet[Cell]) -> list[tuple[str, str]]:
    used = cells.filter(hardware__isnull=False).values("hardware")
    return _pairs(HardwareModel.objects.filter(pk__in=used), "pk")


def last_run_of(*, runs: QuerySet[Run], by: Any) -> Run | None:
    """Return the run that a person logged last: its values are the next one's defaults."""
    return (
        with_names(runs.filter(created_by=by))
        .select_related("retry_of")
        .order_by("-created_at", "-pk")
        .first()
    )
