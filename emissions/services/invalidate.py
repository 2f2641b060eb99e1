"""The one map from a changed input to the runs that must be calculated again.

Each function queues runs in bulk, set-based, within the caller's transaction. The rows
are the queue; `nudge` only wakes a worker once the transaction has committed.

A run that is recorded or edited while a fact is being changed may not be visible to the
statement that queues the fact's runs, and may be calculated with the old fact before the
change commits. So the change announces itself by an advisory lock until it has committed,
and workers keep such runs in the queue. Nobody waits for anybody.
"""

from collections.abc import Callable

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import Cause
from emissions.models import (
    FactorSet,
    HardwareModel,
    Node,
    Organisation,
    PendingCalculation,
    Project,
    Run,
    Site,
    User,
)
from emissions.services.affected import affected_runs
from emissions.services.facts import Sets, adopted_sets

FACTS_LOCK = 7_460_002
"""Class of the advisory lock that changes of facts share, per organisation."""

#: The organisations whose facts another transaction, not yet committed, is changing.
CHANGING = (
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f" AND classid = {FACTS_LOCK} AND objsubid = 2 AND pid <> pg_backend_pid()"
)

#: Set by emissions.tasks: how a worker is woken. Services never import Celery.
wake: dict[str, Callable[[], None]] = {}


def nudge(*, priority: int) -> None:
    """Wake a worker after the commit; a lost message loses nothing, beat repeats it."""
    kind = "waiting" if priority < PendingCalculation.BULK else "bulk"
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


def site_changed(*, site: Site, by: User | None, cause: Cause = Cause.DATA) -> int:
    """Queue the runs at a site: directly, or on a node that has stood there."""
    runs = Run.objects.of(site.organisation).filter(Q(site=site) | Q(node__placements__site=site))
    return _queue(site.organisation, runs, by, cause, f"Site {site.name} changed")


def node_changed(*, node: Node, by: User | None, cause: Cause = Cause.DATA) -> int:
    """Queue the runs on a node."""
    runs = Run.objects.of(node.organisation).filter(node=node)
    return _queue(node.organisation, runs, by, cause, f"Node {node.name} changed")


def hardware_changed(
    *, hardware: HardwareModel, organisation: Organisation, by: User | None
) -> int:
    """Queue an organisation's runs on a hardware model."""
    runs = Run.objects.of(organisation).filter(Q(hardware=hardware) | Q(node__hardware=hardware))
    return _queue(organisation, runs, by, Cause.DATA, f"{hardware.name} changed")


def assignment_changed(*, project: Project, by: User | None) -> int:
    """Queue the runs of a project whose team or cost centre changed."""
    runs = Run.objects.of(project.organisation).filter(project=project)
    return _queue(
        project.organisation, runs, by, Cause.BOUNDARY, f"Assignment of {project.name} changed"
    )


def adoption_changed(
    *, organisation: Organisation, factor_set: FactorSet, before: Sets, by: User | None
) -> int:
    """Queue the runs whose factors change, after a set was adopted or withdrawn.

    `before` names the sets that were in use. The change is announced before the runs are
    looked for: one that is recorded meanwhile is calculated once more.
    """
    _announce(organisation)
    after = adopted_sets(organisation=organisation)
    runs = affected_runs(organisation=organisation, before=before, after=after)
    return _queue(organisation, runs, by, Cause.FACTOR, f"Factor set {factor_set}")


def organisation_changed(*, organisation: Organisation, by: User | None, reason: str) -> int:
    """Queue all runs after a change of time zone or preset, or for a full recalculation."""
    return _queue(organisation, Run.objects.of(organisation), by, Cause.METHOD, reason)


def facts_are_changing(*, organisation_id: int) -> bool:
    """Whether another transaction, not yet committed, changes facts of an organisation."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s IN ({CHANGING})", [organisation_id])
        return bool(cursor.fetchone()[0])


def _queue(
    organisation: Organisation, runs: QuerySet[Run], by: User | None, cause: Cause, reason: str
) -> int:
    _announce(organisation)
    return queue_runs(
        runs=runs, by=by, cause=cause, reason=reason, priority=PendingCalculation.BULK
    )


def _announce(organisation: Organisation) -> None:
    """Say until the commit that facts of the organisation are being changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [FACTS_LOCK, organisation.pk])
