"""Celery tasks: each makes one domain call. Messages are only nudges."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from emissions.models import Organisation, PendingCalculation
from emissions.nudges import Nudges
from emissions.services import calculate, queue
from emissions.services.doubles import review, searches
from emissions.services.factors.load_jobs import run_loads
from emissions.services.factors.preview_jobs import run_previews
from emissions.services.imports import run as imports
from emissions.services.pools import settle, stale
from emissions.services.streams import fold
from emissions.services.verify_ledger import verify_ledger as verify

logger = logging.getLogger(__name__)
nudges = Nudges()

DOUBLES_SINCE = timedelta(days=2)
"""How far back a search for doubles looks: many times as far as it is apart from the next."""


@shared_task
def calculate_waiting() -> int:
    """Calculate what people wait for, until nothing is left."""
    return _drain(PendingCalculation.BULK)


@shared_task
def calculate_pending() -> int:
    """Calculate everything that is pending, until nothing is left."""
    return _drain(None)


@shared_task
def fold_streams() -> int:
    """Fold what trackers have posted into their runs, and close runs that have ended."""
    return fold.fold_streams(now=timezone.now(), close_after=settings.CODECARBON_CLOSE_AFTER)


@shared_task
def settle_pools() -> int:
    """Settle what runs share, until nothing is left."""
    done = 0
    while settled := settle.settle_pools():
        done += settled
    return done


@shared_task
def mark_idle_months() -> int:
    """Mark the idle hours of months that have ended, and purchases that were never posted."""
    return stale.idle_due() + stale.purchases_due()


@shared_task
def find_doubles() -> int:
    """List the pairs among lately changed runs that may be one job; return how many are new."""
    now = timezone.now()
    return sum(
        review.find_doubles(organisation=one, now=now, since=now - DOUBLES_SINCE)
        for one in Organisation.objects.order_by("pk")
    )


@shared_task
def search_doubles() -> int:
    """Make the searches for doubles among all runs that somebody asked for."""
    return searches.run_searches(now=timezone.now())


@shared_task
def import_waiting() -> int:
    """Import, or undo, files that wait, until nothing is left."""
    done = 0
    while settled := imports.work(now=timezone.now()):
        done += settled
    return done


@shared_task
def preview_factors() -> int:
    """Answer the previews of factor sets that somebody waits for."""
    return run_previews()


@shared_task
def load_factors() -> int:
    """Load the files of factors that somebody has uploaded."""
    return run_loads(now=timezone.now())


@shared_task
def verify_ledger() -> bool:
    """Recompute the ledger and log what does not agree."""
    found = verify()
    if not found.clean:
        logger.error("The ledger does not agree with its runs: %s", found)
    return found.clean


def _drain(priority_below: int | None) -> int:
    """Calculate batch after batch; a full one is more than one worker's work: wake another."""
    done = 0
    while settled := calculate.calculate_pending(priority_below=priority_below):
        if not done and settled >= calculate.BATCH:
            nudges.send(calculate_pending)
        done += settled
    return done


queue.wake["factor loads"] = lambda: nudges.send(load_factors)
queue.wake["previews"] = lambda: nudges.send(preview_factors)
queue.wake["doubles"] = lambda: nudges.send(search_doubles)
queue.wake["waiting"] = lambda: nudges.send(calculate_waiting)
queue.wake["bulk"] = lambda: nudges.send(calculate_pending)
queue.wake["imports"] = lambda: nudges.send(import_waiting)
queue.wake["pools"] = lambda: nudges.send(settle_pools)
