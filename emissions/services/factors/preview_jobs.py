"""Previews that take longer than somebody waits for a page: a row asks, a worker answers.

The row is the queue; a message only wakes a worker, and beat repeats it. A worker holds an
advisory lock on the preview while it calculates, so that one whose worker was killed is
taken up by the next.
"""

import logging
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef

from emissions.calculation.vocabulary import PreviewState
from emissions.models import AdoptionPreview, ClosedQuarter, FactorSet, Organisation, User
from emissions.selectors.closings import Sets
from emissions.services.audit import write_audit_event
from emissions.services.factors.preview import (
    Difference,
    PreviewCancelled,
    preview_factors,
)
from emissions.services.factors.tables import adopted_sets
from emissions.services.locks import alone_with
from emissions.services.queue import wake_after_commit

logger = logging.getLogger(__name__)

PREVIEW_LOCK = 7_460_005
"""Class of the advisory lock that a worker holds on a preview."""

OPEN = (PreviewState.WAITING, PreviewState.RUNNING)


@transaction.atomic
def start_preview(
    *,
    organisation: Organisation,
    factor_set: FactorSet,
    precedence: int | None,
    after: Sets,
    by: User | None,
    now: datetime,
) -> AdoptionPreview:
    """Ask for a preview; one that is under way or true already is returned instead."""
    known = find_preview(organisation=organisation, factor_set=factor_set, precedence=precedence)
    if known is not None:
        return known
    preview = AdoptionPreview.objects.create(
        organisation=organisation,
        factor_set=factor_set,
        precedence=precedence,
        before=_plain(adopted_sets(organisation=organisation)),
        after=_plain(after),
        created_by=by,
        created_at=now,
    )
    write_audit_event(
        organisation=organisation, by=by, action="factor preview asked", instance=factor_set
    )
    wake_after_commit("previews")
    return preview


def find_preview(
    *, organisation: Organisation, factor_set: FactorSet, precedence: int | None
) -> AdoptionPreview | None:
    """Return the latest preview of a change that is still true, or under way.

    One that is older than a close counts what is closed by now.
    """
    closed = ClosedQuarter.objects.filter(
        organisation=organisation, closed_at__gte=OuterRef("created_at")
    )
    return (
        AdoptionPreview.objects.filter(
            ~Exists(closed),
            organisation=organisation,
            factor_set=factor_set,
            precedence=precedence,
            before=_plain(adopted_sets(organisation=organisation)),
            state__in=[*OPEN, PreviewState.DONE],
        )
        .order_by("-pk")
        .first()
    )


@transaction.atomic
def cancel_preview(*, preview: AdoptionPreview, by: User | None) -> None:
    """Stop a preview; the worker sees it before its next chunk of runs."""
    stopped = AdoptionPreview.objects.filter(pk=preview.pk, state__in=OPEN).update(
        state=PreviewState.CANCELLED
    )
    if stopped:
        write_audit_event(
            organisation=preview.organisation,
            by=by,
            action="factor preview stopped",
            instance=preview.factor_set,
        )


def run_previews() -> int:
    """Answer all previews that nobody is answering; return how many."""
    done = 0
    for pk in (
        AdoptionPreview.objects.filter(state__in=OPEN).order_by("pk").values_list("pk", flat=True)
    ):
        with alone_with(PREVIEW_LOCK, pk) as alone:
            done += alone and _answer(pk)
    return done


def _answer(pk: int) -> bool:
    """Calculate a preview; a database that is away leaves it for the next worker."""
    rows = AdoptionPreview.objects.filter(pk=pk, state__in=OPEN)
    preview = rows.select_related("organisation").first()
    if preview is None:
        return False

    def progress(done: int, of: int) -> bool:
        return bool(rows.update(state=PreviewState.RUNNING, runs_done=done, runs_total=of))

    try:
        found = preview_factors(
            organisation=preview.organisation,
            after=tuple((one, precedence) for one, precedence in preview.after),
            progress=progress,
        )
    except PreviewCancelled:
        return True
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("Preview %s failed", pk)
        rows.update(state=PreviewState.FAILED, error=str(error)[:2000])
        return True
    rows.update(
        state=PreviewState.DONE,
        runs_done=found.runs,
        runs_total=found.runs,
        differences=[_row(one) for one in found.differences],
    )
    return True


def differences_of(*, preview: AdoptionPreview) -> list[Difference]:
    """Return the stored answer."""
    return [
        Difference(**{name: _value(name, value) for name, value in row.items()})
        for row in preview.differences
    ]


def _row(one: Difference) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(one).items()
    }


def _value(name: str, value: Any) -> Any:
    return Decimal(value) if name.endswith("_kg") else value


def _plain(sets: Sets) -> list[list[int]]:
    return [list(one) for one in sets]
