"""What runs that failed or were cancelled used."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from emissions.models import Organisation
from emissions.selectors.periods import Period
from emissions.selectors.totals import SUMS, Filters, Totals, lines_of, totals_of


@dataclass(frozen=True, slots=True)
class NotCompleted:
    """What runs that failed or were cancelled used, by status, team and project."""

    status: str
    team: str
    project: str
    totals: Totals


def not_completed(
    *, organisation: Organisation, period: Period, filters: Filters, statuses: Iterable[str]
) -> list[NotCompleted]:
    """Return the totals of such runs, by name: one query."""
    lines: Any = lines_of(organisation=organisation, period=period, filters=filters)
    names = "cell__status", "cell__team__name", "cell__project__name"
    rows = (
        lines.filter(cell__status__in=list(statuses))
        .values(*names, "cell__team", "cell__project")
        .annotate(**SUMS)
        .order_by()
    )
    found = [
        NotCompleted(
            row[names[0]], row[names[1]] or "No team", row[names[2]] or "No project", totals_of(row)
        )
        for row in rows
    ]
    return sorted(
        (one for one in found if not one.totals.empty),
        key=lambda one: (one.status, one.team, one.project),
    )
