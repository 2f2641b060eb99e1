"""What the tables of totals need: by team and project, and by scope."""

from collections.abc import Mapping
from dataclasses import dataclass

from emissions.models import Organisation
from emissions.selectors.periods import Period
from emissions.selectors.totals import SUMS, Filters, Totals, lines_of, totals_of

ScopeKey = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class TeamAndProject:
    """The totals of one project while it belonged to one team."""

    team: str
    project: str
    totals: Totals


def by_team_and_project(
    *, organisation: Organisation, period: Period, filters: Filters
) -> list[TeamAndProject]:
    """Return the totals by team and project, by name: one query."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    names = "cell__team__name", "cell__project__name"
    rows = lines.values("cell__team", "cell__project", *names).annotate(**SUMS).order_by()
    found = [
        TeamAndProject(row[names[0]] or "No team", row[names[1]] or "No project", totals_of(row))
        for row in rows
    ]
    return sorted(
        (one for one in found if not one.totals.empty), key=lambda one: (one.team, one.project)
    )


def by_scope(
    *, organisation: Organisation, period: Period, filters: Filters
) -> Mapping[ScopeKey, Totals]:
    """Return the totals by scope and category: one query."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    rows = lines.values("cell__scope", "cell__category").annotate(**SUMS).order_by()
    return {(row["cell__scope"], row["cell__category"]): totals_of(row) for row in rows}
