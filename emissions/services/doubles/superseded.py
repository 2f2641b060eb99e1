"""Records of a job that stand behind another one: which, and how they come back."""

from collections.abc import Collection
from datetime import datetime

from emissions.calculation.vocabulary import DoubleState
from emissions.models import DoublePair, Run


def release(*, kept: Collection[int], now: datetime) -> list[int]:
    """Let the records count again that were merged into runs now deleted; return their ids."""
    released = list(
        Run.objects.filter(superseded_by__in=kept).order_by("pk").values_list("pk", flat=True)
    )
    DoublePair.objects.filter(superseded__in=released).update(
        state=DoubleState.OPEN, superseded=None, decided_by=None, decided_at=None, rule=""
    )
    Run.objects.filter(pk__in=released).update(superseded_by=None, updated_at=now)
    return released


def with_their_jobs(*, run_ids: Collection[int]) -> list[int]:
    """Return runs, and those into which they were merged: what was seen of one counts there."""
    runs = Run.objects.filter(pk__in=run_ids, superseded_by__isnull=False)
    jobs = runs.values_list("superseded_by", flat=True)
    return sorted({*run_ids, *(one for one in jobs if one is not None)})


def merged_by_rule(*, run_ids: Collection[int]) -> set[int]:
    """Return which runs a rule has merged: what they saw counts as evidence of another."""
    pairs = DoublePair.objects.filter(superseded__in=run_ids).exclude(rule="")
    return {one for one in pairs.values_list("superseded", flat=True) if one is not None}
