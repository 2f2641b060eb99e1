"""Write whole columns of activity data: what `record_runs` does, for a hundred thousand runs.

The rows are the same ones: the run, its state, its place in the queue, and an observation of
measured energy. A test holds the two together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import polars as pl
from django.db import connection

from emissions.calculation.vocabulary import Boundary, Cause
from emissions.models import Organisation, PendingCalculation, Run, RunImport, User
from emissions.services.copying import write_frame
from emissions.services.invalidate import run_moved
from emissions.services.queue import nudge
from emissions.services.receive_runs import STATED
from emissions.services.record_runs import BULK_FROM

UNKNOWN = ("unknown_project", "unknown_equipment", "unknown_place")
WRITTEN = ("project_id", "external_id", *STATED, *UNKNOWN)
COMPONENTS = (
    "gpu_energy_kwh", "gpu_basis", "cpu_energy_kwh", "cpu_basis", "memory_energy_kwh",
    "memory_basis",
)  # fmt: skip


def record_frame(
    *,
    organisation: Organisation,
    runs: pl.DataFrame,
    run_import: RunImport,
    by: User | None,
    now: datetime,
) -> pl.Series:
    """Store new runs within the caller's transaction and queue them; return their ids.

    `runs` has the columns of `WRITTEN`, completed, and `host`.

    Raises
    ------
    django.db.IntegrityError
        A run of the same project and external id is there already.
    """
    ids = _next_ids(runs.height)
    runs = runs.with_columns(ids)
    moment = pl.lit(now).cast(pl.Datetime("us", "UTC"))
    write_frame(
        runs.select(
            "id",
            *WRITTEN,
            organisation_id=pl.lit(organisation.pk),
            source_kind=pl.lit(run_import.source_kind),
            run_import_id=pl.lit(run_import.pk),
            created_by_id=pl.lit(by.pk if by else None, dtype=pl.Int64),
            created_at=moment,
            updated_at=moment,
        ),
        "emissions_run",
    )
    write_frame(runs.select("node_id", run_id="id", error=pl.lit("")), "emissions_runstate")
    write_observations(runs=runs, source_kind=run_import.source_kind, now=now)
    queue_frame(organisation=organisation, ids=ids, rows=run_import.rows, by=by)
    return ids


def write_observations(*, runs: pl.DataFrame, source_kind: str, now: datetime) -> None:
    """Keep energy that somebody stated or measured, and of which components: it is evidence."""
    seen = runs.filter(pl.col("energy_kwh").is_not_null())
    if not seen.height:
        return
    lasted = pl.duration(microseconds=(pl.col("duration_hours") * 3.6e9).round().cast(pl.Int64))
    write_frame(
        seen.select(
            "started_at",
            "energy_kwh",
            "energy_includes_pue",
            "client_pue",
            *COMPONENTS,
            run_id="id",
            source_kind=pl.lit(source_kind),
            source_id="external_id",
            host=pl.col("host").fill_null(""),
            boundary=pl.col("boundary").fill_null(Boundary.DEVICE.value),
            ended_at=pl.col("started_at") + lasted,
            recorded_at=pl.lit(now).cast(pl.Datetime("us", "UTC")),
        ),
        "emissions_observation",
    )


def supersede_observations(*, run_ids: Sequence[int], source_kind: str, now: datetime) -> None:
    """Let what a source has said of runs before count no more: it says it anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emissions_observation seen SET superseded_at = %s FROM emissions_run run"
            " WHERE seen.run_id = run.id AND run.id = ANY(%s) AND seen.source_kind = %s"
            " AND seen.source_id = run.external_id AND seen.superseded_at IS NULL",
            [now, list(run_ids), source_kind],
        )


def queue_frame(*, organisation: Organisation, ids: pl.Series, rows: int, by: User | None) -> None:
    """Queue new runs; of a small file somebody waits for the figures."""
    priority = PendingCalculation.WAITING if rows < BULK_FROM else PendingCalculation.BULK
    write_frame(
        pl.DataFrame({"run_id": ids}).with_columns(
            organisation_id=pl.lit(organisation.pk),
            priority=pl.lit(priority),
            cause=pl.lit(Cause.DATA.value),
            reason=pl.lit("Run imported"),
            by_id=pl.lit(by.pk if by else None, dtype=pl.Int64),
            attempts=pl.lit(0),
            last_error=pl.lit(""),
        ),
        "emissions_pendingcalculation",
    )
    nudge(priority=priority)


def _next_ids(count: int) -> pl.Series:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('emissions_run', 'id'))"
            " FROM generate_series(1, %s)",
            [count],
        )
        return pl.Series("id", [row[0] for row in cursor.fetchall()], dtype=pl.Int64)


@contextmanager
def watching_nodes(
    *, organisation: Organisation, run_ids: Sequence[int], by: User | None
) -> Iterator[None]:
    """Mark the idle hours of nodes that runs leave or come to within the block."""
    runs = Run.objects.filter(pk__in=run_ids).order_by()
    before = dict(runs.values_list("pk", "node_id"))
    yield
    for pk, node_id in runs.values_list("pk", "node_id"):
        if node_id != before[pk]:
            run = Run(pk=pk, organisation=organisation)
            run_moved(run=run, node_ids=(node_id, before[pk]), by=by)


def change_frame(*, runs: pl.DataFrame, now: datetime) -> None:
    """Overwrite the stated columns of stored runs within the caller's transaction.

    `runs` has `run_id` and the columns of `WRITTEN`, completed.
    """
    columns: Sequence[str] = [name for name in WRITTEN if name != "external_id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE changing ON COMMIT DROP AS SELECT id, {', '.join(columns)}"
            " FROM emissions_run LIMIT 0"
        )
        write_frame(runs.select("run_id", *columns).rename({"run_id": "id"}), "changing")
        pairs = ", ".join(f"{name} = changing.{name}" for name in columns)
        cursor.execute(
            f"UPDATE emissions_run run SET {pairs}, updated_at = %s"
            " FROM changing WHERE run.id = changing.id",
            [now],
        )
        cursor.execute("DROP TABLE changing")
