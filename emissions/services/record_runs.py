"""Write activity data and mark it pending, in one transaction.

All entrances meet here. Forms, serializers and importers check shape and units first;
what they hand over are unsaved `Run` instances.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from emissions.calculation.vocabulary import Cause
from emissions.models import (
    EnergyStream,
    Observation,
    Organisation,
    PendingCalculation,
    Run,
    User,
)
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.copying import copy_in
from emissions.services.doubles.match_jobs import MATCHED, match_jobs
from emissions.services.doubles.superseded import release, with_their_jobs
from emissions.services.invalidate import run_moved, streams_changed
from emissions.services.queue import nudge, queue_runs

#: From how many runs on nobody is waiting for a single figure.
BULK_FROM = 500

#: The database's own name for: an external id is unique in its project.
ONCE = "run_external_id"


class RunGone(Exception):
    """The run was deleted in the meantime."""


@transaction.atomic
def record_runs(
    *,
    organisation: Organisation,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
    observed: bool = True,
) -> list[Run]:
    """Store new runs of one organisation and queue their calculation; return them saved.

    Measured energy is kept as an observation, too: the evidence stays when better
    evidence supersedes it. Whoever writes finer observations says so: `observed=False`.
    """
    return write_runs(organisation=organisation, runs=runs, by=by, now=now, observed=observed)


def write_runs(
    *,
    organisation: Organisation,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
    observed: bool = True,
) -> list[Run]:
    """Do what `record_runs` does, within the caller's transaction."""
    for run in runs:
        run.organisation = organisation
        run.created_by = by
        run.created_at = run.updated_at = now
    many = len(runs) >= BULK_FROM
    saved = copy_in(runs) if many else Run.objects.bulk_create(runs)
    seen = [_observation(run) for run in saved if observed and run.energy_kwh is not None]
    if seen:
        Observation.objects.bulk_create(seen, batch_size=2000)
    priority = PendingCalculation.BULK if many else PendingCalculation.WAITING
    _follow(organisation, saved, by, now, priority=priority, each=not many)
    if many:
        write_audit_event(
            organisation=organisation,
            by=by,
            action=f"{len(saved)} runs recorded",
            instance=saved[0],
            after={"first": saved[0].pk, "last": saved[-1].pk, "count": len(saved)},
        )
    if saved:
        nudge(priority=priority)
    return saved


#: What stands beside a new run: the workers' lock, an audit event unless one is for all of
#: them, its place in the queue. One statement, however many there are.
FOLLOW = """
WITH fresh AS (SELECT * FROM unnest(%(ids)s::bigint[], %(names)s::text[], %(nodes)s::bigint[])
  AS fresh (id, name, node_id)),
state AS (
  INSERT INTO emissions_runstate (run_id, error, node_id)
  SELECT id, '', node_id FROM fresh ORDER BY id),
audit AS (
  INSERT INTO emissions_auditevent
    (organisation_id, at, by_id, action, subject, subject_id, label)
  SELECT %(organisation)s, %(now)s, %(by)s, 'run recorded', 'run', id, left(name, 250)
  FROM fresh WHERE %(each)s ORDER BY id)
INSERT INTO emissions_pendingcalculation
  (organisation_id, run_id, priority, cause, reason, by_id, not_before, attempts, last_error)
SELECT %(organisation)s, id, %(priority)s, %(cause)s, 'Run recorded', %(by)s, now(), 0, ''
FROM fresh ORDER BY id
"""


def _follow(
    organisation: Organisation,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
    *,
    priority: int,
    each: bool,
) -> None:
    values: dict[str, Any] = {
        "ids": [run.pk for run in runs],
        "names": [run.name for run in runs],
        "nodes": [run.node_id for run in runs],
        "organisation": organisation.pk,
        "now": now,
        "by": by.pk if by else None,
        "each": each,
        "priority": priority,
        "cause": Cause.DATA.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, values)


@transaction.atomic
def edit_run(*, run: Run, by: User | None, now: datetime) -> Run:
    """Store the changed columns of a run; the ledger will post the difference.

    Raises
    ------
    RunGone
        Somebody deleted the run meanwhile.
    """
    stored = Run.objects.alive().select_for_update(no_key=True).filter(pk=run.pk).first()
    if stored is None:
        raise RunGone
    before = snapshot(stored)
    run.updated_at = now
    # Somebody may have merged it since it was read: an edit does not undo that.
    run.superseded_by_id = stored.superseded_by_id
    run.save()
    if run.energy_kwh is not None and run.energy_kwh != stored.energy_kwh:
        _observation(run).save()
    write_audit_event(
        organisation=run.organisation,
        by=by,
        action="run edited",
        instance=run,
        before=before,
        after=snapshot(run),
    )
    _queue_one(run, by=by, reason="Run edited")
    if run.source_kind in MATCHED:
        match_jobs(organisation=run.organisation, now=now, run_ids=[run.pk])
    if run.node_id != stored.node_id:
        run_moved(run=run, node_ids=(run.node_id, stored.node_id), by=by)
    return run


@transaction.atomic
def delete_run(*, run: Run, by: User | None, now: datetime) -> None:
    """Leave a tombstone; the ledger will post the run's lines with the opposite sign.

    Other records of the same job that were merged into this run count again.
    """
    stored = Run.objects.alive().select_for_update(no_key=True).filter(pk=run.pk).first()
    if stored is None:
        raise RunGone
    stored.deleted_at = stored.updated_at = now
    stored.save(update_fields=["deleted_at", "updated_at"])
    write_audit_event(
        organisation=stored.organisation, by=by, action="run deleted", instance=stored
    )
    _queue_one(stored, by=by, reason="Run deleted")
    streams_changed(streams=EnergyStream.objects.filter(run=stored))
    released = release(kept=[stored.pk], now=now)
    queue_runs(
        runs=Run.objects.filter(pk__in=released),
        by=by,
        cause=Cause.DATA,
        reason=f"Run {stored.pk}, which stood for it, deleted",
        priority=PendingCalculation.WAITING,
    )
    if stored.source_kind in MATCHED:
        match_jobs(organisation=stored.organisation, now=now, run_ids=[stored.pk, *released])


def external_id_taken(error: IntegrityError) -> bool:
    """Whether a write failed because another run of the project has the external id."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) == ONCE


def forget_keys(runs: Sequence[Run]) -> None:
    """Make rows of a failed statement new again."""
    for run in runs:
        run.pk = None
        run._state.adding = True


def _queue_one(run: Run, *, by: User | None, reason: str) -> None:
    queue_runs(
        runs=Run.objects.filter(pk__in=with_their_jobs(run_ids=[run.pk])),
        by=by,
        cause=Cause.DATA,
        reason=reason,
        priority=PendingCalculation.WAITING,
    )


def _observation(run: Run) -> Observation:
    return Observation(
        run=run,
        source_kind=run.source_kind,
        source_id=run.external_id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        energy_kwh=run.energy_kwh,
        energy_includes_pue=run.energy_includes_pue,
    )
