"""Fold posts into hourly observations of a run, and the run's energy and hours from them.

Set-based: one statement splits the posts of many streams at the hours, another writes what
changed. A run is computed anew from all its posts, so that late, repeated or unordered ones
change nothing else, and a fold that was killed has not happened.

A tracker posts every two minutes, but its run is calculated at its first post, then once in
every hour, and when it closes: what came since is shown on its page. One fold runs at a time.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db import InterfaceError, OperationalError, connection, transaction

from emissions.calculation.vocabulary import (
    Basis,
    Boundary,
    Cause,
    NameKind,
    RunStatus,
    SourceKind,
)
from emissions.models import EnergyStream, Node, Organisation, PendingCalculation, Run
from emissions.services.copying import read_frame, write_frame
from emissions.services.doubles.match_jobs import match_jobs
from emissions.services.doubles.superseded import with_their_jobs
from emissions.services.imports.names import Names
from emissions.services.queue import queue_runs
from emissions.services.record_runs import record_runs
from emissions.services.streams.segments import (
    DECIMALS,
    ENERGIES,
    HOUR_US,
    Summary,
    counted_shares,
    read_segments,
    stated_by,
    summarise,
)

logger = logging.getLogger(__name__)

FOLD_LOCK = 7_460_003
"""The advisory lock of the one fold that runs at a time."""

BATCH = 200
CLOSE_AFTER = timedelta(hours=6)
"""Without a post for so long a run has ended: trackers post every two minutes by default."""


def fold_streams(
    *,
    now: datetime,
    close_after: timedelta = CLOSE_AFTER,
    organisation: Organisation | None = None,
    stream_ids: Sequence[int] | None = None,
    at_once: bool = False,
) -> int:
    """Fold what is due and close what has ended; return how many streams were folded.

    Parameters
    ----------
    now : datetime
        The time of asking.
    close_after : timedelta
        Without a post for so long a run has ended.
    organisation, stream_ids
        Fold only these.
    at_once : bool
        Fold everything that came, without waiting for the hour: before a close of a period.
    """
    if stream_ids is not None:
        return _fold_all(list(stream_ids), now, close_after)[0]
    folded, failed = 0, list[int]()
    while due := _due(now, close_after, organisation, at_once, failed):
        done, refused = _fold_all(due, now, close_after)
        folded += done
        failed += refused
    return folded


def _fold_all(due: list[int], now: datetime, close_after: timedelta) -> tuple[int, list[int]]:
    """Fold streams; one that cannot be folded holds up no other. Return how many, and which not."""
    try:
        _fold_batch(due, now, close_after)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(due) == 1:
            logger.exception("Stream %s cannot be folded", due[0])
            return 0, due
        middle = len(due) // 2
        halves = [_fold_all(half, now, close_after) for half in (due[:middle], due[middle:])]
        return sum(done for done, _ in halves), [one for _, failed in halves for one in failed]
    return len(due), []


@transaction.atomic
def _fold_batch(due: list[int], now: datetime, close_after: timedelta) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FOLD_LOCK])
        streams = _with_neighbours(cursor, due)
        waiting = _waiting(cursor, streams)
    _fold(streams, now=now, close_after=close_after)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM emissions_unfoldedpost WHERE post_id = ANY(%s)", [waiting])


def _due(
    now: datetime,
    close_after: timedelta,
    organisation: Organisation | None,
    at_once: bool,
    failed: list[int],
) -> list[int]:
    """Return streams to fold: with posts (new, of a new hour, late), with new facts; to close."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    of = "" if organisation is None else "AND organisation_id = %s"
    own = [] if organisation is None else [organisation.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM (SELECT id FROM emissions_energystream"
            "   WHERE (%s OR run_id IS NULL OR folded_at < %s OR NOT is_open)"
            f"   {of} AND id IN (SELECT stream_id FROM emissions_unfoldedpost)"
            f"  UNION SELECT id FROM emissions_energystream WHERE to_be_folded {of}"
            "  UNION SELECT id FROM emissions_energystream"
            f"   WHERE is_open AND coalesce(last_received_at, received_at) < %s {of}) due"
            " WHERE id <> ALL(%s) ORDER BY id LIMIT %s",
            [at_once, hour, *own, *own, now - close_after, *own, failed, BATCH],
        )
        return [row[0] for row in cursor.fetchall()]


def _with_neighbours(cursor: Any, due: list[int]) -> list[int]:
    """Add the other whole-machine trackers of the same machines, as far as they overlap."""
    cursor.execute(
        "WITH due AS (SELECT stream.organisation_id, stream.host, stream.id,"
        "  min(least(post.sent_at, post.received_at)"
        "    - make_interval(secs => post.duration_seconds + 1)) AS starts,"
        "  max(post.received_at) AS ends"
        "  FROM emissions_energystream stream JOIN emissions_energypost post"
        "    ON post.stream_id = stream.id"
        "  WHERE stream.id = ANY(%s) AND is_whole_machine GROUP BY stream.id)"
        " SELECT DISTINCT other.id FROM due JOIN emissions_energystream other"
        "  ON other.organisation_id = due.organisation_id AND other.host = due.host"
        " WHERE other.is_whole_machine AND other.run_id IS NOT NULL"
        "  AND other.first_at < due.ends AND other.last_at > due.starts",
        [due],
    )
    return sorted({*due, *(row[0] for row in cursor.fetchall())})


def _waiting(cursor: Any, streams: list[int]) -> list[int]:
    """Return the posts that this fold takes; what comes from now on waits for the next."""
    cursor.execute(
        "SELECT post_id FROM emissions_unfoldedpost WHERE stream_id = ANY(%s)", [streams]
    )
    return [row[0] for row in cursor.fetchall()]


def _fold(stream_ids: list[int], *, now: datetime, close_after: timedelta) -> None:
    streams = list(
        EnergyStream.objects.filter(pk__in=stream_ids)
        .select_related("organisation", "experiment__project", "created_by", "run")
        .order_by("pk")
    )
    segments = read_segments(stream_ids=stream_ids)
    segments = segments.with_columns(
        pl.Series("counted", counted_shares(streams=streams, segments=segments))
    )
    summaries = summarise(streams=streams, segments=segments)
    _record_new(streams, summaries, now)
    _write_observations(streams, segments)
    _update_runs(streams, summaries, now)
    _mark(streams, summaries, now, close_after)
    _match(streams, now)


def _match(streams: Sequence[EnergyStream], now: datetime) -> None:
    """Find the jobs that came by another entrance, too."""
    runs: dict[int, list[int]] = {}
    for stream in streams:
        if stream.run_id is not None:
            runs.setdefault(stream.organisation_id, []).append(stream.run_id)
    organisations = {stream.organisation_id: stream.organisation for stream in streams}
    for pk in sorted(runs):
        match_jobs(organisation=organisations[pk], now=now, run_ids=runs[pk])


def _record_new(
    streams: Sequence[EnergyStream], summaries: dict[int, Summary], now: datetime
) -> None:
    """Record the runs of streams that have none yet, by organisation and by whose token."""
    new: dict[tuple[int, int | None], list[EnergyStream]] = {}
    for stream in streams:
        if stream.run_id is None and stream.pk in summaries:
            new.setdefault((stream.organisation_id, stream.created_by_id), []).append(stream)
    for group in new.values():
        organisation, by = group[0].organisation, group[0].created_by
        names, taken = Names(organisation), _taken(organisation, group)
        runs = [_run(stream, summaries[stream.pk], names, taken) for stream in group]
        record_runs(organisation=organisation, runs=runs, by=by, now=now, observed=False)
        for stream, run in zip(group, runs, strict=True):
            stream.run = run


def _taken(organisation: Organisation, streams: Sequence[EnergyStream]) -> set[str]:
    """Return ids under which somebody has recorded a run by another entrance: it keeps them."""
    ids = [str(stream.uuid) for stream in streams]
    runs = Run.objects.of(organisation).filter(external_id__in=ids)
    return set(runs.values_list("external_id", flat=True))


def _run(stream: EnergyStream, summary: Summary, names: Names, taken: set[str]) -> Run:
    experiment = stream.experiment
    hardware_id, unknown = _hardware(stream, names)
    name = stream.name or f"{experiment.name} {summary.starts_at:%Y-%m-%d %H:%M}"
    return Run(
        project=experiment.project,
        external_id="" if str(stream.uuid) in taken else str(stream.uuid),
        name=name[:200],
        source_kind=SourceKind.CODECARBON,
        status=RunStatus.RUNNING,
        device_count=float(stream.gpu_count or 1),
        hardware_id=hardware_id,
        unknown_equipment=unknown,
        site_id=experiment.site_id,
        cloud_region_id=experiment.cloud_region_id,
        zone_id=experiment.zone_id,
        **stated_by(stream=stream, summary=summary),
    )


def _hardware(stream: EnergyStream, names: Names) -> tuple[int | None, str]:
    """Return the accelerator that a tracker saw, or else the processor, and its name if unknown.

    A mixed machine names several models: then it is unknown.
    """
    model = stream.gpu_model if stream.gpu_count else stream.cpu_model
    if stream.gpu_count and " x " not in model.partition(" x ")[2]:
        model = model.partition(" x ")[2] or model
    if not model:
        return None, ""
    hardware_id, node_id = names.find(NameKind.EQUIPMENT, model)
    if node_id is not None:
        hardware_id = Node.objects.values_list("hardware_id", flat=True).get(pk=node_id)
    return hardware_id, "" if hardware_id else model


def _write_observations(streams: Sequence[EnergyStream], segments: pl.DataFrame) -> None:
    """Replace the hours of runs that changed; the posts themselves stay as they came.

    An hour holds what counts of it: not what an earlier tracker of the machine saw, too.
    """
    known = {stream.pk: stream for stream in streams if stream.run_id is not None}
    if not known:
        return
    facts = pl.DataFrame(
        [
            {
                "stream_id": stream.pk,
                "run_id": stream.run_id,
                "uuid": str(stream.uuid),
                "host": stream.host,
                "boundary": (
                    Boundary.MACHINE if stream.is_whole_machine else Boundary.DEVICE
                ).value,
                "cpu_basis": _cpu_basis(stream),
            }
            for stream in known.values()
        ]
    )
    rows = segments.join(facts, on="stream_id").with_columns(
        *(
            (pl.col(name) * pl.col("counted")).clip(lower_bound=0.0).round(DECIMALS)
            for name in ENERGIES
        ),
        source_id=pl.format("{}/{}", "uuid", pl.col("hour_us") // HOUR_US),
    )
    present = read_frame(
        "SELECT id, source_id, (extract(epoch FROM started_at) * 1000000)::bigint,"
        " (extract(epoch FROM ended_at) * 1000000)::bigint, energy_kwh, cpu_basis"
        " FROM emissions_observation"
        " WHERE run_id = ANY(%s) AND source_kind = 'codecarbon' AND source_id LIKE '%%/%%'",
        [facts["run_id"].to_list()],
        {
            "id": pl.Int64,
            "source_id": pl.String,
            "starts_us": pl.Int64,
            "ends_us": pl.Int64,
            "energy_kwh": pl.Float64,
            "cpu_basis": pl.Int64,
        },
    )
    same = ["source_id", "starts_us", "ends_us", "energy_kwh", "cpu_basis"]
    fresh = rows.join(present, on=same, how="anti")
    stale = present.join(rows, on=same, how="anti")["id"].to_list()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM emissions_observation WHERE id = ANY(%s)", [stale])
    if fresh.height:
        write_frame(_observations(fresh), "emissions_observation")


def _cpu_basis(stream: EnergyStream) -> int:
    measured = stream.experiment.cpu_measured
    return int(Basis.DEVICE_COUNTER if measured else Basis.ESTIMATED)


def _observations(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "run_id",
        "source_id",
        "host",
        "boundary",
        *(
            pl.from_epoch(name, "us").dt.replace_time_zone("UTC").alias(column)
            for name, column in (("starts_us", "started_at"), ("ends_us", "ended_at"))
        ),
        "energy_kwh",
        "cpu_energy_kwh",
        "cpu_basis",
        "gpu_energy_kwh",
        "memory_energy_kwh",
        source_kind=pl.lit(SourceKind.CODECARBON.value),
        energy_includes_pue=pl.lit("f"),
        gpu_basis=pl.lit(int(Basis.DEVICE_COUNTER)),
        memory_basis=pl.lit(int(Basis.ESTIMATED)),
        recorded_at=pl.lit("now"),
    )


def _update_runs(
    streams: Sequence[EnergyStream], summaries: dict[int, Summary], now: datetime
) -> None:
    """Write what follows from the posts; what people said of the run stays theirs."""
    rows = [
        (stream.run_id, stated_by(stream=stream, summary=summaries[stream.pk]))
        for stream in streams
        if stream.run_id is not None and stream.pk in summaries
    ]
    if not rows:
        return
    names = list(rows[0][1])
    types = {"started_at": "timestamptz", "energy_measured": "boolean"}
    arrays = ", ".join(f"%s::{types.get(name, 'float8')}[]" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE emissions_run run SET {', '.join(f'{n} = said.{n}' for n in names)},"
            " updated_at = %s"
            f" FROM unnest(%s::bigint[], {arrays}) AS said(id, {', '.join(names)})"
            " WHERE run.id = said.id AND run.deleted_at IS NULL AND ("
            + " OR ".join(f"run.{name} IS DISTINCT FROM said.{name}" for name in names)
            + ") RETURNING run.id",
            [now, [row[0] for row in rows], *([row[1][name] for row in rows] for name in names)],
        )
        changed = [row[0] for row in cursor.fetchall()]
    _queue(changed, "CodeCarbon posts folded")


def _mark(
    streams: Sequence[EnergyStream],
    summaries: dict[int, Summary],
    now: datetime,
    close_after: timedelta,
) -> None:
    """Note how far each stream is folded, and whether its run goes on."""
    ids = [stream.pk for stream in streams]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stream_id, max(received_at) FROM emissions_energypost"
            " WHERE stream_id = ANY(%s) GROUP BY stream_id",
            [ids],
        )
        last = dict(cursor.fetchall())
    for stream in streams:
        found = summaries.get(stream.pk)
        stream.folded_at, stream.to_be_folded = now, False
        stream.last_received_at = last.get(stream.pk)
        stream.is_open = (stream.last_received_at or stream.received_at) >= now - close_after
        if found is not None:
            stream.first_at, stream.last_at = found.starts_at, found.ends_at
            stream.double_kwh = found.double_kwh
    EnergyStream.objects.bulk_update(
        streams,
        [
            "run", "folded_at", "to_be_folded", "last_received_at", "is_open", "first_at",
            "last_at", "double_kwh",
        ],
    )  # fmt: skip
    _set_status(streams, is_open=True, old=RunStatus.COMPLETED, new=RunStatus.RUNNING, now=now)
    _set_status(streams, is_open=False, old=RunStatus.RUNNING, new=RunStatus.COMPLETED, now=now)


def _set_status(
    streams: Sequence[EnergyStream],
    *,
    is_open: bool,
    old: RunStatus,
    new: RunStatus,
    now: datetime,
) -> None:
    """Close or reopen runs; one that somebody called failed or cancelled stays so."""
    ids = [stream.run_id for stream in streams if stream.run_id and stream.is_open == is_open]
    runs = Run.objects.alive().filter(pk__in=ids, status=old)
    changed = list(runs.order_by("pk").values_list("pk", flat=True))
    if changed:
        Run.objects.filter(pk__in=changed).update(status=new, updated_at=now)
        _queue(changed, "CodeCarbon run closed" if not is_open else "CodeCarbon run goes on")


def _queue(run_ids: Sequence[int], reason: str) -> None:
    if run_ids:
        queue_runs(
            runs=Run.objects.filter(pk__in=with_their_jobs(run_ids=run_ids)),
            by=None,
            cause=Cause.DATA,
            reason=reason,
            priority=PendingCalculation.BULK,
        )
