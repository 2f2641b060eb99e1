"""Files of factors that take longer than somebody waits for a page: a row asks, a worker loads.

The row is the queue; a message only wakes a worker, and beat repeats it. The set and the end
of the load are one transaction: a worker that is killed leaves nothing, and the next takes
the file up again. A file that ends its worker three times is given up.
"""

import logging
import zlib
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from emissions.calculation.vocabulary import PreviewState
from emissions.importers.factors.rows import Read, RowError
from emissions.models import FactorLoad, Organisation, User
from emissions.services.audit import write_audit_event
from emissions.services.factors.load import (
    FileRejected,
    LoadedAlready,
    Publication,
    check_publication,
    read_factors,
    write_factor_set,
)
from emissions.services.locks import alone_with
from emissions.services.queue import wake_after_commit

logger = logging.getLogger(__name__)

LOAD_LOCK = 7_460_006
"""Class of the advisory lock that a worker holds on a load."""

OPEN = (PreviewState.WAITING, PreviewState.RUNNING)
ATTEMPTS = 3
ERRORS_KEPT = 100
GIVEN_UP = "The worker ended three times while it read this file. Load a smaller part of it."
LOADED_MEANWHILE = "A set of this name and edition was loaded meanwhile: sets never change."


class _Cancelled(Exception):
    """Somebody stopped the load; nothing of it is kept."""


@transaction.atomic
def start_load(
    *,
    organisation: Organisation,
    format_name: str,
    file_name: str,
    content: bytes,
    publication: Publication,
    by: User | None,
    now: datetime,
) -> FactorLoad:
    """Let a worker load a file.

    Raises
    ------
    SourceMissing, LoadedAlready
        As `load_factor_set`, before anything is read.
    """
    check_publication(organisation=organisation, format_name=format_name, publication=publication)
    load = FactorLoad.objects.create(
        organisation=organisation,
        format_name=format_name,
        file_name=file_name[:250],
        content=zlib.compress(content, 1),
        edition=publication.edition,
        published_on=publication.published_on,
        name=publication.name,
        source=publication.source,
        source_url=publication.source_url,
        licence=publication.licence,
        created_by=by,
        created_at=now,
    )
    write_audit_event(organisation=organisation, by=by, action="factor load asked", instance=load)
    wake_after_commit("factor loads")
    return load


@transaction.atomic
def cancel_load(*, load: FactorLoad, by: User | None) -> None:
    """Stop a load; the worker sees it before it writes anything."""
    stopped = FactorLoad.objects.filter(pk=load.pk, state__in=OPEN).update(
        state=PreviewState.CANCELLED, content=None
    )
    if stopped:
        write_audit_event(
            organisation=load.organisation, by=by, action="factor load stopped", instance=load
        )


def run_loads(*, now: datetime) -> int:
    """Load all files that no other worker is loading; return how many."""
    done = 0
    waiting = FactorLoad.objects.filter(state__in=OPEN).order_by("pk")
    for pk in waiting.values_list("pk", flat=True):
        with alone_with(LOAD_LOCK, pk) as alone:
            done += alone and _load(pk, now)
    return done


def _load(pk: int, now: datetime) -> bool:
    """Load one file; a database that is away leaves it for the next worker."""
    rows = FactorLoad.objects.filter(pk=pk, state__in=OPEN)
    if not rows.update(state=PreviewState.RUNNING, attempts=F("attempts") + 1, factors=0):
        return False
    load = rows.select_related("organisation", "created_by").first()
    if load is None or load.content is None:
        return False
    if load.attempts > ATTEMPTS:
        return _refuse(load, [RowError(0, "", GIVEN_UP)])
    try:
        read = read_factors(
            organisation=load.organisation,
            format_name=load.format_name,
            content=zlib.decompress(load.content),
        )
        rows.update(factors=read.size)
        _write(load, read, now)
    except FileRejected as rejected:
        return _refuse(load, rejected.errors)
    except LoadedAlready:
        return _refuse(load, [RowError(0, "", LOADED_MEANWHILE)])
    except _Cancelled:
        return True
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Load %s failed", pk)
        return _refuse(load, [RowError(0, "", "This file cannot be read.")])
    return True


@transaction.atomic
def _write(load: FactorLoad, read: Read, now: datetime) -> None:
    loaded = write_factor_set(
        organisation=load.organisation,
        format_name=load.format_name,
        read=read,
        publication=Publication(
            edition=load.edition,
            published_on=load.published_on,
            name=load.name,
            source=load.source,
            source_url=load.source_url,
            licence=load.licence,
        ),
        by=load.created_by,
        now=now,
    )
    ended = FactorLoad.objects.filter(pk=load.pk, state__in=OPEN).update(
        state=PreviewState.DONE,
        content=None,
        factor_set=loaded.factor_set,
        left_out=loaded.left_out,
    )
    if not ended:
        raise _Cancelled


def _refuse(load: FactorLoad, errors: list[RowError]) -> bool:
    FactorLoad.objects.filter(pk=load.pk, state__in=OPEN).update(
        state=PreviewState.FAILED,
        content=None,
        errors=[[one.row, one.column, one.reason] for one in errors[:ERRORS_KEPT]],
        error_count=len(errors),
    )
    return True
