"""Pairs of runs that may be one job, as the review list shows them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import DoubleState
from emissions.models import DoublePair, DoubleSearch, Organisation, Run
from emissions.selectors.attention import COUNTED
from emissions.selectors.runs import RunFigures, figures_of

NAMES = ("project", "hardware", "node__hardware", "site", "cloud_region", "zone", "created_by")


@dataclass(frozen=True, slots=True)
class Record:
    """One of two runs, what the ledger holds of it, and whether it is the better evidence."""

    run: Run
    figures: RunFigures
    better: bool


@dataclass(frozen=True, slots=True)
class Double:
    """A pair and its two records."""

    pair: DoublePair
    records: tuple[Record, Record]


def open_doubles(*, runs: QuerySet[Run]) -> QuerySet[DoublePair]:
    """Return the undecided pairs of which both runs are among some, and count."""
    standing = runs.filter(deleted_at=None, superseded_by=None).order_by().values("pk")
    pairs = _among(standing).filter(state=DoubleState.OPEN)
    return _named(pairs).order_by("-first__started_at", "-pk")


def decided_doubles(*, runs: QuerySet[Run]) -> QuerySet[DoublePair]:
    """Return the pairs that somebody merged or kept apart, latest first."""
    pairs = _among(runs.order_by().values("pk")).exclude(state=DoubleState.OPEN)
    return _named(pairs).select_related("decided_by").order_by("-decided_at", "-pk")


def count_doubles(*, runs: QuerySet[Run]) -> int:
    """Return how many pairs are undecided, up to `COUNTED` and one more."""
    return open_doubles(runs=runs).order_by()[: COUNTED + 1].count()


def latest_search(*, organisation: Organisation) -> DoubleSearch | None:
    """Return the last search among all runs that somebody asked for."""
    return DoubleSearch.objects.filter(organisation=organisation).first()


def count_unassigned(*, runs: QuerySet[Run]) -> int:
    """Return how many runs wait for a project or a place, up to `COUNTED` and one more."""
    return runs.order_by()[: COUNTED + 1].count()


def with_records(*, pairs: Iterable[DoublePair]) -> list[Double]:
    """Return pairs with what the ledger holds of their runs."""
    pairs = list(pairs)
    runs = {run.pk: run for pair in pairs for run in (pair.first, pair.second)}
    figures = figures_of(runs=runs.values())
    found = []
    for pair in pairs:
        better = max((pair.first, pair.second), key=_evidence)
        first, second = (
            Record(run, figures[run.pk], run is better) for run in (pair.first, pair.second)
        )
        found.append(Double(pair, (first, second)))
    return found


def merge_of(*, run: Run) -> DoublePair | None:
    """Return the pair by which a run was merged into another."""
    pairs = DoublePair.objects.filter(superseded=run, state=DoubleState.MERGED)
    return pairs.order_by("-decided_at").first()


def any_by_rule(*, runs: Iterable[Run]) -> bool:
    """Whether a rule has merged one of some runs: what it saw is evidence of another."""
    return DoublePair.objects.filter(superseded__in=list(runs)).exclude(rule="").exists()


def _evidence(run: Run) -> tuple[Any, ...]:
    """Return how good a record is: measured before stated, placed before not, then the older."""
    return (
        run.energy_measured,
        run.energy_kwh is not None,
        run.project_id is not None,
        run.node_id is not None or run.site_id is not None,
        -run.pk,
    )


def _among(runs: QuerySet[Any, Any]) -> QuerySet[DoublePair]:
    return DoublePair.objects.filter(Q(first__in=runs) & Q(second__in=runs))


def _named(pairs: QuerySet[DoublePair]) -> QuerySet[DoublePair]:
    return pairs.select_related(
        *(f"{side}__{name}" for side in ("first", "second") for name in NAMES)
    )
