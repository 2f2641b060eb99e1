"""A search for doubles among all runs, in the background: a row asks, a worker answers.

The row is the queue; a message only wakes a worker, and the timer repeats it. A worker holds
an advisory lock on the search, so that one whose worker was killed is taken up by the next.
"""

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction

from emissions.calculation.vocabulary import PreviewState
from emissions.models import DoublePair, DoubleSearch, Organisation, User
from emissions.services.audit import write_audit_event
from emissions.services.doubles.review import find_doubles
from emissions.services.queue import wake_after_commit

logger = logging.getLogger(__name__)

SEARCH_LOCK = 7_460_007
"""Class of the advisory lock that a worker holds on a search."""

OPEN = (PreviewState.WAITING, PreviewState.RUNNING)


@transaction.atomic
def start_search(*, organisation: Organisation, by: User | None, now: datetime) -> DoubleSearch:
    """Ask for a search of all runs; one that is under way is returned instead."""
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    known = DoubleSearch.objects.filter(organisation=organisation, state__in=OPEN).first()
    if known is not None:
        return known
    search = DoubleSearch.objects.create(organisation=organisation, created_by=by, created_at=now)
    write_audit_event(
        organisation=organisation, by=by, action="search for doubles asked", instance=search
    )
    wake_after_commit("doubles")
    return search


def run_searches(*, now: datetime) -> int:
    """Make all searches that nobody is making; return how many."""
    done = 0
    waiting = DoubleSearch.objects.filter(state__in=OPEN).order_by("pk")
    for pk in list(waiting.values_list("pk", flat=True)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [SEARCH_LOCK, pk])
            (alone,) = cursor.fetchone()
        if not alone:
            continue
        try:
            done += _search(pk, now)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [SEARCH_LOCK, pk])
    return done


def _search(pk: int, now: datetime) -> bool:
    """Make a search; a database that is away leaves it for the next worker."""
    rows = DoubleSearch.objects.filter(pk=pk, state__in=OPEN)
    search = rows.select_related("organisation").first()
    if search is None:
        return False
    rows.update(state=PreviewState.RUNNING)
    organisation = search.organisation
    before = _merged(organisation)
    try:
        found = find_doubles(organisation=organisation, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("Search %s for doubles failed", pk)
        rows.update(state=PreviewState.FAILED, error=str(error)[:2000], ended_at=now)
        return True
    merged = max(0, _merged(organisation) - before)
    rows.update(state=PreviewState.DONE, found=found, merged=merged, ended_at=now)
    return True


def _merged(organisation: Organisation) -> int:
    return DoublePair.objects.filter(organisation=organisation).exclude(rule="").count()
