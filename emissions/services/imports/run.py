"""Import staged rows in the background, batch by batch, and undo a whole import.

The row of the import is the queue: its status says what is to do, `last_row` how far it is.
A batch is one transaction, so a worker that dies loses nothing and writes nothing twice.
"""

import logging
from datetime import datetime

import polars as pl
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)

from emissions.calculation.vocabulary import Cause, ImportStatus, RowOutcome
from emissions.models import PendingCalculation, Run, RunImport, User
from emissions.services.audit import write_audit_event
from emissions.services.doubles.match_jobs import MATCHED, match_jobs
from emissions.services.doubles.superseded import release, with_their_jobs
from emissions.services.imports.reach import NoLongerMember
from emissions.services.imports.stage import Desk, staged
from emissions.services.queue import queue_runs, wake_after_commit
from emissions.services.record_frames import (
    WRITTEN,
    change_frame,
    record_frame,
    supersede_observations,
    watching_nodes,
    write_observations,
)

logger = logging.getLogger(__name__)

BATCH = 50_000
ATTEMPTS = 5
LEFT = "Whoever uploaded this file has left the organisation: nothing more of it is imported."
GONE = (
    "Something that the rows name was removed meanwhile, so they cannot be written. What is"
    " imported so far stands, and can be undone."
)
CHANGED = [name for name in WRITTEN if name != "external_id"]


class NotNow(Exception):
    """The import is not in a state in which this can be done."""


def nudge() -> None:
    """Wake a worker after the commit; the timer repeats it."""
    wake_after_commit("imports")


def start_import(*, run_import: RunImport, by: User | None, now: datetime) -> RunImport:
    """Let workers import what the preview has shown; again after an error, too.

    Raises
    ------
    NotNow
        It is imported already, or there is nothing to import.
    """
    allowed = (ImportStatus.READY, ImportStatus.CANCELLED, ImportStatus.FAILED)
    with transaction.atomic():
        one = _locked(run_import, *allowed)
        if not one.new_rows + one.changed_rows:
            raise NotNow
        one.status, one.error = ImportStatus.IMPORTING, ""
        one.started_at, one.ended_at = one.started_at or now, None
        one.save(update_fields=["status", "error", "started_at", "ended_at"])
        _audit(one, by, "import started")
        nudge()
    return one


@transaction.atomic
def close_import(*, run_import: RunImport, by: User | None, now: datetime) -> RunImport:
    """Close a file that brings nothing, and let go of its rows but the refused ones.

    Raises
    ------
    NotNow
        It is imported already, or there is something to import.
    """
    one = _locked(run_import, ImportStatus.READY)
    if one.new_rows + one.changed_rows:
        raise NotNow
    one.started_at = now
    one.save(update_fields=["started_at"])
    _finish(one, by, now)
    return one


@transaction.atomic
def cancel_import(*, run_import: RunImport, by: User | None, now: datetime) -> RunImport:
    """Stop after the batch that is being written; what is imported stands and can be undone.

    Raises
    ------
    NotNow
        It is not being imported.
    """
    one = _locked(run_import, ImportStatus.IMPORTING)
    one.status, one.ended_at = ImportStatus.CANCELLED, now
    one.save(update_fields=["status", "ended_at"])
    _audit(one, by, "import cancelled")
    return one


@transaction.atomic
def undo_import(*, run_import: RunImport, by: User | None, now: datetime) -> RunImport:
    """Let workers take back what an import wrote: its runs deleted, changed ones restored.

    Raises
    ------
    NotNow
        Nothing of it is imported.
    """
    done = (ImportStatus.DONE, ImportStatus.CANCELLED, ImportStatus.FAILED)
    one = _locked(run_import, *done)
    one.status, one.ended_at = ImportStatus.UNDOING, None
    one.save(update_fields=["status", "ended_at"])
    _audit(one, by, "undo of import started")
    nudge()
    return one


@transaction.atomic
def discard_import(*, run_import: RunImport, by: User | None) -> None:
    """Forget a file of which nothing was imported.

    Raises
    ------
    NotNow
        Something was.
    """
    one = _locked(run_import, ImportStatus.READY, ImportStatus.ASKING)
    _audit(one, by, "file discarded")
    one.delete()


def _locked(run_import: RunImport, *allowed: ImportStatus) -> RunImport:
    imports = RunImport.objects.select_for_update(of=("self",), no_key=True)
    one = imports.select_related("organisation", "created_by").filter(pk=run_import.pk).first()
    if one is None or one.status not in allowed:
        raise NotNow
    return one


def _audit(one: RunImport, by: User | None, action: str) -> None:
    write_audit_event(
        organisation=one.organisation,
        by=by,
        action=action,
        instance=one,
        after={"imported": one.imported_rows, "rows": one.rows, "kept": one.kept_rows},
    )


def work(*, now: datetime, run_import: RunImport | None = None) -> int:
    """Do one batch of the oldest import that waits; return 1, or 0 when there is nothing to do.

    What two clients record at the same time is recorded by one of them: the batch is compared
    with what is there and tried again. A database that is away is not the file's fault: that
    error goes to the caller, and the import still waits.
    """
    for _ in range(ATTEMPTS):
        claimed: list[int] = []
        try:
            return _batch(now, run_import, claimed)
        except (DataError, IntegrityError, OperationalError) as error:
            logger.warning("A batch of an import is tried again: %s", error)
            last: DatabaseError = error
    if claimed and not isinstance(last, OperationalError):
        _fail(claimed[0], GONE, now)
        logger.error("Import %s failed", claimed[0], exc_info=last)
        return 1
    raise last


@transaction.atomic
def _batch(now: datetime, run_import: RunImport | None, claimed: list[int]) -> int:
    waiting = RunImport.objects.filter(status__in=[ImportStatus.IMPORTING, ImportStatus.UNDOING])
    if run_import is not None:
        waiting = waiting.filter(pk=run_import.pk)
    waiting = waiting.select_for_update(of=("self",), skip_locked=True, no_key=True)
    one = waiting.select_related("organisation", "created_by").order_by("id").first()
    if one is None:
        return 0
    claimed.append(one.pk)
    if one.status == ImportStatus.UNDOING:
        _undo_batch(one, now)
    else:
        _import_batch(one, now)
    return 1


@transaction.atomic
def _fail(import_id: int, message: str, now: datetime) -> None:
    RunImport.objects.filter(pk=import_id, status=ImportStatus.IMPORTING).update(
        status=ImportStatus.FAILED, error=message, ended_at=now
    )


def _import_batch(one: RunImport, now: datetime) -> None:
    try:
        desk = Desk(one, now)
    except NoLongerMember:
        one.status, one.error, one.ended_at = ImportStatus.FAILED, LEFT, now
        one.save(update_fields=["status", "error", "ended_at"])
        return
    batches = staged(run_import=one, after=one.last_row, only_due=True, batch=BATCH)
    rows = next(batches, None)
    if rows is None:
        _finish(one, one.created_by, now)
        return
    one.last_row = int(rows["row"][-1])
    reached = rows.filter(~desk.out_of_reach(rows))
    matched = desk.matched(reached)
    new = matched.filter(pl.col("outcome") == RowOutcome.NEW).sort("project_id", "external_id")
    changed = matched.filter(pl.col("outcome") == RowOutcome.CHANGED)
    by = one.created_by
    written: list[int] = changed["run_id"].to_list()
    if new.height:
        ids = record_frame(organisation=one.organisation, runs=new, run_import=one, by=by, now=now)
        written += ids.to_list()
    if changed.height:
        _change(one, changed, now)
    if one.source_kind in MATCHED:
        match_jobs(organisation=one.organisation, now=now, run_ids=written)
    one.imported_rows += new.height + changed.height
    one.save(update_fields=["last_row", "imported_rows"])
    write_audit_event(
        organisation=one.organisation,
        by=by,
        action="runs imported",
        instance=one,
        after={"new": new.height, "changed": changed.height, "up_to_row": one.last_row},
    )


def _change(one: RunImport, changed: pl.DataFrame, now: datetime) -> None:
    """Overwrite runs; their staged rows remember what stood before."""
    ids = changed["run_id"].to_list()
    pairs = ", ".join(f"'{name}', run.{name}" for name in CHANGED)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM emissions_run WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [ids]
        )
        cursor.execute(
            "UPDATE emissions_importrow staged"
            f" SET run_id = run.id, before = jsonb_build_object('at', %s::timestamptz, {pairs})"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS pair(row, run_id)"
            " JOIN emissions_run run ON run.id = pair.run_id"
            " WHERE staged.run_import_id = %s AND staged.row = pair.row",
            [now, changed["row"].to_list(), ids, one.pk],
        )
    with watching_nodes(organisation=one.organisation, run_ids=ids, by=one.created_by):
        change_frame(runs=changed, now=now)
    supersede_observations(run_ids=ids, source_kind=one.source_kind, now=now)
    write_observations(runs=changed.rename({"run_id": "id"}), source_kind=one.source_kind, now=now)
    queue_runs(
        runs=Run.objects.filter(pk__in=with_their_jobs(run_ids=ids)),
        by=one.created_by,
        cause=Cause.DATA,
        reason=f"Changed by the file {one.file_name}",
        priority=PendingCalculation.BULK,
    )


def _finish(one: RunImport, by: User | None, now: datetime) -> None:
    """Close an import; of its staged rows only what an undo or a person needs stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM emissions_importrow WHERE run_import_id = %s AND before IS NULL"
            " AND outcome <> 'refused'",
            [one.pk],
        )
    one.status, one.ended_at = ImportStatus.DONE, now
    one.save(update_fields=["status", "ended_at"])
    _audit(one, by, "import completed")


UNDO_CREATED = """
UPDATE emissions_run SET deleted_at = %(now)s, updated_at = %(now)s WHERE id IN (
  SELECT id FROM emissions_run WHERE run_import_id = %(import)s AND deleted_at IS NULL
    AND updated_at = created_at ORDER BY id LIMIT %(limit)s FOR UPDATE)
RETURNING id
"""
UNDO_CHANGED = f"""
WITH due AS (
  SELECT staged.row, staged.run_id, staged.before FROM emissions_importrow staged
  JOIN emissions_run run ON run.id = staged.run_id
  WHERE staged.run_import_id = %(import)s AND staged.before IS NOT NULL
    AND run.deleted_at IS NULL AND run.updated_at = (staged.before ->> 'at')::timestamptz
  ORDER BY run.id LIMIT %(limit)s FOR UPDATE OF run
), restored AS (
  UPDATE emissions_run run SET updated_at = %(now)s, ({", ".join(CHANGED)}) =
    (SELECT {", ".join(CHANGED)} FROM jsonb_populate_record(run, due.before))
  FROM due WHERE run.id = due.run_id RETURNING run.id
), withdrawn AS (
  UPDATE emissions_observation seen SET superseded_at = %(now)s
  FROM due WHERE seen.run_id = due.run_id AND seen.superseded_at IS NULL
    AND seen.recorded_at = (due.before ->> 'at')::timestamptz
), revived AS (
  UPDATE emissions_observation seen SET superseded_at = NULL
  FROM due WHERE seen.run_id = due.run_id
    AND seen.superseded_at = (due.before ->> 'at')::timestamptz
), cleared AS (
  UPDATE emissions_importrow staged SET before = NULL
  FROM due WHERE staged.run_import_id = %(import)s AND staged.row = due.row
)
SELECT id FROM restored
"""


def _undo_batch(one: RunImport, now: datetime) -> None:
    values: dict[str, int | datetime] = {"import": one.pk, "now": now, "limit": BATCH}
    changed = one.staged.filter(before__isnull=False).values_list("run_id", flat=True)
    watched = watching_nodes(
        organisation=one.organisation,
        run_ids=[run_id for run_id in changed if run_id is not None],
        by=one.created_by,
    )
    with watched, connection.cursor() as cursor:
        cursor.execute(UNDO_CHANGED, values)
        restored = [row[0] for row in cursor.fetchall()]
        cursor.execute(UNDO_CREATED, values)
        deleted = [row[0] for row in cursor.fetchall()]
    if not restored and not deleted:
        _finish_undo(one, now)
        return
    # As for a run that somebody deletes: other records of the same job count again.
    freed = release(kept=deleted, now=now)
    changed_runs = [*restored, *deleted, *freed]
    queue_runs(
        runs=Run.objects.filter(pk__in=with_their_jobs(run_ids=changed_runs)),
        by=one.created_by,
        cause=Cause.DATA,
        reason=f"Undone: the file {one.file_name}",
        priority=PendingCalculation.BULK,
    )
    match_jobs(organisation=one.organisation, now=now, run_ids=changed_runs)
    write_audit_event(
        organisation=one.organisation,
        by=one.created_by,
        action="import undone",
        instance=one,
        after={"deleted": len(deleted), "restored": len(restored)},
    )
    one.imported_rows = max(0, one.imported_rows - len(restored) - len(deleted))
    one.save(update_fields=["imported_rows"])


def _finish_undo(one: RunImport, now: datetime) -> None:
    left = Run.objects.alive().filter(run_import=one).count()
    kept = one.staged.filter(before__isnull=False)
    alive = Run.objects.alive().filter(pk__in=kept.values("run_id"))
    one.kept_rows = left + alive.count()
    one.status, one.ended_at = ImportStatus.UNDONE, now
    one.save(update_fields=["status", "ended_at", "kept_rows"])
    _audit(one, one.created_by, "undo of import completed")
