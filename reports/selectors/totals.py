"""What the tables of totals need: by team and project, and by scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import Basis
from emissions.models import Organisation
from emissions.selectors.periods import Period
from emissions.selectors.totals import SUMS, Filters, Totals, lines_of, totals_of
from emissions.selectors.uncertainty import intervals_by

ScopeKey = tuple[int, int | None]
#: Facility energy by how it is known, of each scope and category.
BasisKwh = Mapping[ScopeKey, Mapping[Basis, Decimal]]


@dataclass(frozen=True, slots=True)
class TeamAndProject:
    """The totals of one project while it belonged to one team."""

    team: str
    project: str
    totals: Totals
    intervals: Mapping[str, Interval]


def by_team_and_project(
    *, organisation: Organisation, period: Period, filters: Filters
) -> list[TeamAndProject]:
    """Return the totals by team and project, by name, with their intervals: two queries."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    ids, names = ("cell__team", "cell__project"), ("cell__team__name", "cell__project__name")
    intervals = intervals_by(lines=lines, filters=filters, columns=ids)
    rows = lines.values(*ids, *names).annotate(**SUMS).order_by()
    found = [
        TeamAndProject(
            row[names[0]] or "No team",
            row[names[1]] or "No project",
            totals_of(row),
            intervals[row[ids[0]], row[ids[1]]],
        )
        for row in rows
    ]
    return sorted(
        (one for one in found if not one.totals.empty), key=lambda one: (one.team, one.project)
    )


def by_scope(
    *, organisation: Organisation, period: Period, filters: Filters
) -> Mapping[ScopeKey, Totals]:
    """Return the totals by scope and category: one query."""
    return by_scope_and_basis(organisation=organisation, period=period, filters=filters)[0]


def by_scope_and_basis(
    *, organisation: Organisation, period: Period, filters: Filters
) -> tuple[Mapping[ScopeKey, Totals], BasisKwh]:
    """Return the totals by scope and category, and their energy by how it is known: one query."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    columns = "cell__scope", "cell__category", "cell__basis"
    sums: dict[ScopeKey, Totals] = {}
    energy: dict[ScopeKey, dict[Basis, Decimal]] = {}
    for row in lines.values(*columns).annotate(**SUMS).order_by():
        key = row["cell__scope"], row["cell__category"]
        found = totals_of(row)
        sums[key] = sums.get(key, Totals()) + found
        known = energy.setdefault(key, {})
        basis = Basis(row["cell__basis"])
        known[basis] = known.get(basis, Decimal(0)) + found.energy_facility_kwh
    return sums, energy
