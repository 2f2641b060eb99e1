"""What runs that failed or were cancelled used, and how many were merged into another record."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from emissions.calculation.uncertainty import Interval
from emissions.models import Organisation, ProjectAssignment, Run
from emissions.selectors.periods import Period
from emissions.selectors.totals import SUMS, Filters, Totals, lines_of, totals_of
from emissions.selectors.uncertainty import intervals_by


@dataclass(frozen=True, slots=True)
class Superseded:
    """How many records of a team and project count nothing, for another record of the job does."""

    team: str
    project: str
    runs: int


@dataclass(frozen=True, slots=True)
class NotCompleted:
    """What runs that failed or were cancelled used, by status, team and project."""

    status: str
    team: str
    project: str
    totals: Totals
    intervals: Mapping[str, Interval]


def not_completed(
    *, organisation: Organisation, period: Period, filters: Filters, statuses: Iterable[str]
) -> list[NotCompleted]:
    """Return the totals of such runs, by name, with their intervals: two queries."""
    lines: Any = lines_of(organisation=organisation, period=period, filters=filters)
    lines = lines.filter(cell__status__in=list(statuses))
    ids = "cell__status", "cell__team", "cell__project"
    intervals = intervals_by(lines=lines, filters=filters, columns=ids)
    rows = lines.values(*ids, "cell__team__name", "cell__project__name").annotate(**SUMS).order_by()
    found = [
        NotCompleted(
            row["cell__status"],
            row["cell__team__name"] or "No team",
            row["cell__project__name"] or "No project",
            totals_of(row),
            intervals[tuple(row[one] for one in ids)],
        )
        for row in rows
    ]
    return sorted(
        (one for one in found if not one.totals.empty),
        key=lambda one: (one.status, one.team, one.project),
    )


def superseded(*, organisation: Organisation, period: Period, filters: Filters) -> list[Superseded]:
    """Return the runs that began in a period and were merged into another record, by name.

    The ledger holds nothing of them: they are counted from the runs themselves.
    """
    zone = ZoneInfo(organisation.time_zone)
    runs = (
        Run.objects.of(organisation)
        .filter(
            superseded_by__isnull=False,
            started_at__gte=datetime.combine(period.starts_on, time(), tzinfo=zone),
            started_at__lt=datetime.combine(period.ends_before, time(), tzinfo=zone),
        )
        .values_list("project", "project__name", "started_at")
    )
    rows = list(runs)
    teams = _Teams(organisation, {project for project, _, _ in rows if project is not None})
    count: Counter[tuple[str, str]] = Counter()
    for project, name, started_at in rows:
        team, team_name = teams.on(project, started_at.astimezone(zone).date())
        if not filters.teams or team in filters.teams:
            count[team_name or "No team", name or "No project"] += 1
    return [Superseded(team, project, runs) for (team, project), runs in sorted(count.items())]


class _Teams:
    """Whose a project was on a day; before its first team it was that team's."""

    def __init__(self, organisation: Organisation, projects: Iterable[int]) -> None:
        facts = ProjectAssignment.objects.filter(
            organisation=organisation, project__in=list(projects), superseded_at=None
        ).order_by("starts_on")
        self._facts: dict[int, list[tuple[date, int, str]]] = {}
        for project, starts_on, team, name in facts.values_list(
            "project", "starts_on", "team", "team__name"
        ):
            self._facts.setdefault(project, []).append((starts_on, team, name))

    def on(self, project: int | None, day: date) -> tuple[int | None, str]:
        """Return the team's id and name."""
        facts = self._facts.get(project, []) if project is not None else []
        if not facts:
            return None, ""
        held = [fact for fact in facts if fact[0] <= day] or facts[:1]
        return held[-1][1:]
