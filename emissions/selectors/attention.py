"""What somebody should look at, and how fresh the figures are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from emissions.models import (
    MonthlyTotal,
    Organisation,
    PendingCalculation,
    Posting,
    ProjectAssignment,
    Run,
    RunState,
)
from emissions.selectors.reported import differing
from emissions.selectors.totals import Filters

COUNTED = 1000
"""Nobody needs a larger number exactly, and counting stays quick while a million wait."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Runs that stand apart from the figures; a count past `COUNTED` means "more than"."""

    failed: int
    pending: int
    as_of: datetime | None
    differing: int = 0

    @staticmethod
    def words(count: int) -> str:
        """Return a count as a page says it."""
        return f"more than {COUNTED:,}" if count > COUNTED else f"{count:,}"


def attention(*, organisation: Organisation, filters: Filters) -> Attention:
    """Return what is not, or not yet, in the totals, and what was reported otherwise.

    Four queries.

    Only the filters by team and project are regarded.
    """
    failed = RunState.objects.filter(
        ~Q(error=""), run__organisation=organisation, run__deleted_at__isnull=True
    )
    pending = PendingCalculation.objects.filter(organisation=organisation)
    latest = Posting.objects.filter(organisation=organisation).order_by("-id").first()
    return Attention(
        failed=_count(_narrowed(failed, filters)),
        pending=_count(_narrowed(pending, filters).values("run").distinct()),
        as_of=latest.created_at if latest else None,
        differing=_count(_narrowed(differing(Run.objects.of(organisation)), filters, "")),
    )


def has_figures(*, organisation: Organisation) -> bool:
    """Whether anything at all stands in the organisation's ledger."""
    return MonthlyTotal.objects.filter(cell__organisation=organisation).exists()


def _count(rows: QuerySet[Any, Any]) -> int:
    return rows.order_by()[: COUNTED + 1].count()


def _narrowed(rows: QuerySet[Any, Any], filters: Filters, run: str = "run__") -> QuerySet[Any, Any]:
    if filters.projects:
        known = [one for one in filters.projects if one is not None]
        found = Q(**{f"{run}project__in": known})
        if None in filters.projects:
            found |= Q(**{f"{run}project__isnull": True})
        rows = rows.filter(found)
    if filters.teams:
        current = ProjectAssignment.objects.current().filter(
            ends_before__isnull=True, team__in=[one for one in filters.teams if one is not None]
        )
        rows = rows.filter(**{f"{run}project__in": current.values("project")})
    return rows
