"""What waits to be calculated, and how a worker hears of it.

The rows are the queue; a nudge only wakes a worker once the transaction has committed.

A run that is recorded or edited while a fact is being changed may not be visible to the
statement that queues the fact's runs, and may be calculated with the old fact before the
change commits. So the change announces itself by an advisory lock until it has committed,
and workers keep such runs in the queue. Nobody waits for anybody.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet

from emissions.calculation.vocabulary import Cause
from emissions.models import Organisation, PendingCalculation, Run, User

FACTS_LOCK = 7_460_002
"""Class of the advisory lock that changes of facts share, per organisation."""

#: The organisations whose facts another transaction, not yet committed, is changing.
CHANGING = (
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f" AND classid = {FACTS_LOCK} AND objsubid = 2 AND pid <> pg_backend_pid()"
)

GROWN_EVERY = timedelta(hours=1)
"""How often a run that is going is calculated again."""
SOON = timedelta(minutes=1)

#: Set by emissions.tasks: how a worker is woken. Services never import Celery.
wake: dict[str, Callable[[], None]] = {}


def nudge(*, priority: int) -> None:
    """Wake a worker for runs of a priority after the commit."""
    wake_after_commit("waiting" if priority < PendingCalculation.BULK else "bulk")


def wake_after_commit(kind: str) -> None:
    """Wake a worker of a kind after the commit; a lost message loses nothing."""
    if kind in wake:
        transaction.on_commit(wake[kind], robust=True)


def queue_runs(
    *, runs: QuerySet[Run], by: User | None, cause: Cause, reason: str = "", priority: int
) -> int:
    """Insert a pending row for each run of a queryset, in one statement; return how many."""
    try:
        select, params = runs.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_pendingcalculation"
            " (organisation_id, run_id, priority, cause, reason, by_id, not_before, attempts,"
            "  last_error)"
            " SELECT run.organisation_id, run.id, %s, %s, %s, %s, now(), 0, ''"
            f" FROM emissions_run run WHERE run.id IN ({select}) ORDER BY run.id",
            [priority, cause.value, reason[:250], by.pk if by else None, *params],
        )
        queued = int(cursor.rowcount)
    if queued:
        nudge(priority=priority)
    return queued


def run_grows(*, run: Run, by: User | None, now: datetime) -> None:
    """Have a run that is still going calculated within the hour, however often it grows.

    A row that is due in a moment may be claimed before this transaction commits: it is not
    relied upon.
    """
    later = PendingCalculation.objects.filter(run=run, not_before__gt=now + SOON)
    if not later.exists():
        PendingCalculation.objects.create(
            organisation_id=run.organisation_id,
            run=run,
            by=by,
            cause=Cause.DATA,
            reason="Run is going",
            priority=PendingCalculation.WAITING,
            not_before=now + GROWN_EVERY,
        )


def facts_are_changing(*, organisation_id: int) -> bool:
    """Whether another transaction, not yet committed, changes facts of an organisation."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s IN ({CHANGING})", [organisation_id])
        return bool(cursor.fetchone()[0])


def announce(organisation: Organisation) -> None:
    """Say until the commit that facts of the organisation are being changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [FACTS_LOCK, organisation.pk])
