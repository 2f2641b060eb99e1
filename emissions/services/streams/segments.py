"""What the posts of trackers amount to: their hours, which of it counts, and the run it makes.

Only reads: `fold` writes what is found here, `show` shows it before that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.arrays import Floats
from emissions.calculation.components import counted_throughout
from emissions.calculation.vocabulary import DoubleState
from emissions.models import DoublePair, EnergyStream
from emissions.services.copying import read_frame
from emissions.services.doubles.superseded import merged_by_rule

HOUR_US = 3_600_000_000
DECIMALS = 12
ENERGIES = ("cpu_energy_kwh", "gpu_energy_kwh", "memory_energy_kwh", "energy_kwh", "reported_kg")

SEGMENT: dict[str, type[pl.DataType]] = {
    "stream_id": pl.Int64,
    "hour_us": pl.Int64,
    "starts_us": pl.Int64,
    "ends_us": pl.Int64,
    "seconds": pl.Float64,
    **dict.fromkeys(ENERGIES, pl.Float64),
}

# What a post covers ends when it was sent, but never after it was received: a client's clock
# may run ahead. A cumulative post covers what its predecessor did not. Clients cut off what is
# less than a second of a duration: a post that would begin within the second after its
# predecessor's end begins with it.
SEGMENTS = f"""
WITH said AS (
  SELECT post.stream_id, least(post.sent_at, post.received_at) AS ends,
    {{seconds}} AS said_seconds, stream.is_cumulative, post.id, {{energies}}
  FROM emissions_energypost post JOIN emissions_energystream stream ON stream.id = post.stream_id
  WHERE post.stream_id = ANY(%s)
  WINDOW before AS (PARTITION BY post.stream_id ORDER BY post.duration_seconds, post.id)
), follows AS (
  SELECT said.*, extract(epoch FROM ends - lag(ends) OVER in_order)::float8 AS since_last
  FROM said WINDOW in_order AS (PARTITION BY stream_id ORDER BY ends, id)
), timed AS (
  SELECT follows.*, CASE WHEN NOT is_cumulative AND said_seconds = floor(said_seconds)
    AND since_last > said_seconds AND since_last < said_seconds + 1
    THEN since_last ELSE said_seconds END AS seconds
  FROM follows
), span AS (
  SELECT timed.*, ends - make_interval(secs => seconds) AS starts FROM timed
), piece AS (
  SELECT span.*, greatest(starts, hour) AS piece_starts,
    least(ends, hour + interval '1 hour') AS piece_ends, hour
  FROM span CROSS JOIN LATERAL generate_series(
    date_trunc('hour', starts, 'UTC'), greatest(starts, ends - interval '1 microsecond'),
    interval '1 hour') AS hour
), shared AS (
  SELECT piece.*, CASE WHEN ends > starts
    THEN extract(epoch FROM piece_ends - piece_starts)::float8
      / extract(epoch FROM ends - starts)::float8 ELSE 1 END AS share
  FROM piece
)
SELECT stream_id, (extract(epoch FROM hour) * 1000000)::bigint,
  (extract(epoch FROM min(piece_starts)) * 1000000)::bigint,
  (extract(epoch FROM max(piece_ends)) * 1000000)::bigint,
  sum(seconds * share), {", ".join(f"sum({name} * share)" for name in ENERGIES)}
FROM shared GROUP BY stream_id, hour ORDER BY stream_id, hour
""".format(
    seconds="greatest(0, post.duration_seconds - CASE WHEN stream.is_cumulative"
    " THEN lag(post.duration_seconds, 1, 0::float8) OVER before ELSE 0 END)",
    energies=", ".join(
        f"post.{name} - CASE WHEN stream.is_cumulative"
        f" THEN lag(post.{name}, 1, 0::float8) OVER before ELSE 0 END AS {name}"
        for name in ENERGIES
    ),
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the posts of one stream amount to."""

    starts_at: datetime
    ends_at: datetime
    hours: float
    kwh: float
    double_kwh: float
    reported_kg: float
    measured: bool


def read_segments(*, stream_ids: Sequence[int]) -> pl.DataFrame:
    """Return what the posts of streams say, split at the hours: columns of `SEGMENT`.

    Rounded, since the order of a sum is the database's: a fold of the same posts changes nothing.
    """
    found = read_frame(SEGMENTS, [list(stream_ids)], SEGMENT)
    return found.with_columns(pl.col(name).round(DECIMALS) for name in ENERGIES)


def projected(*, stream: EnergyStream) -> dict[str, Any] | None:
    """Return the columns of a stream's run as its posts say now; None without any.

    What another tracker of the machine saw, too, is left out as it was at the last fold.
    """
    segments = read_segments(stream_ids=[stream.pk])
    if not segments.height:
        return None
    segments = segments.with_columns(pl.Series("counted", np.ones(segments.height)))
    summary = summarise(streams=[stream], segments=segments)[stream.pk]
    stated = stated_by(stream=stream, summary=summary)
    stated["energy_kwh"] = max(0.0, stated["energy_kwh"] - stream.double_kwh)
    return stated


def counted_shares(*, streams: Sequence[EnergyStream], segments: pl.DataFrame) -> Floats:
    """Return which share of each segment counts: what an earlier tracker saw, too, does not.

    Two trackers of a whole machine see the same energy. Where they overlap, the one that
    began first counts.
    """
    share = np.ones(segments.height)
    machines: dict[tuple[int, str], list[EnergyStream]] = {}
    by_rule = merged_by_rule(run_ids=[stream.run_id for stream in streams if stream.run_id])
    for stream in streams:
        counts = stream.run is None or (
            stream.run.deleted_at is None
            and (stream.run.superseded_by_id is None or stream.run_id in by_rule)
        )
        if stream.is_whole_machine and counts and not stream.experiment.separate_machines:
            machines.setdefault((stream.organisation_id, stream.host), []).append(stream)
    shared = [stream for group in machines.values() if len(group) > 1 for stream in group]
    if not shared:
        return share
    by_id = {stream.pk: stream for stream in shared}
    apart = _kept_apart(shared)
    rows = segments.with_row_index("row").filter(pl.col("stream_id").is_in(list(by_id)))
    seen: dict[Any, list[_Span]] = {}
    columns = rows.sort("stream_id").select("row", "stream_id", "hour_us", "starts_us", "ends_us")
    for row, stream_id, hour, starts, ends in columns.iter_rows():
        stream = by_id[stream_id]
        before = seen.setdefault((stream.organisation_id, stream.host, hour), [])
        others = [(low, high) for run, low, high in before if (run, stream.run_id) not in apart]
        if ends > starts:
            share[row] = 1 - _covered(others, starts, ends) / (ends - starts)
        before.append((stream.run_id, starts, ends))
    return share


_Span = tuple[int | None, int, int]
"""(run, from, to) in microseconds."""


def _kept_apart(streams: Sequence[EnergyStream]) -> set[tuple[int | None, int | None]]:
    """Return pairs of runs of which somebody said that they are two jobs, in both orders."""
    runs = [stream.run_id for stream in streams if stream.run_id is not None]
    pairs = DoublePair.objects.filter(state=DoubleState.KEPT, first__in=runs, second__in=runs)
    found = list(pairs.values_list("first_id", "second_id"))
    return {*found, *((second, first) for first, second in found)}


def _covered(spans: list[tuple[int, int]], starts: int, ends: int) -> int:
    """Return how much of a span others cover, in microseconds."""
    covered, reached = 0, starts
    for low, high in sorted(spans):
        low, high = max(low, reached), min(high, ends)
        if high > low:
            covered, reached = covered + high - low, high
    return covered


def summarise(*, streams: Sequence[EnergyStream], segments: pl.DataFrame) -> dict[int, Summary]:
    """Return what each stream's segments, with their `counted` share, amount to."""
    rows = segments.group_by("stream_id").agg(
        pl.col("starts_us").min(),
        pl.col("ends_us").max(),
        (pl.col("seconds") * pl.col("counted")).sum(),
        (pl.col("energy_kwh") * pl.col("counted")).sum().alias("kwh"),
        (pl.col("energy_kwh") * (1 - pl.col("counted"))).sum().alias("double"),
        pl.col("reported_kg").sum(),
        *(pl.col(f"{name}_energy_kwh").sum() for name in ("cpu", "gpu", "memory")),
    )
    counted_cpu = {stream.pk: stream.experiment.cpu_measured for stream in streams}
    gpu, cpu, memory = (rows[f"{name}_energy_kwh"].to_numpy() for name in ("gpu", "cpu", "memory"))
    measured = counted_throughout(
        gpu_kwh=gpu,
        cpu_kwh=cpu,
        memory_kwh=memory,
        cpu_counted=np.array([counted_cpu[pk] for pk in rows["stream_id"]], dtype=np.bool_),
    )
    return {
        row["stream_id"]: Summary(
            starts_at=_moment(row["starts_us"]),
            ends_at=_moment(row["ends_us"]),
            hours=row["seconds"] / 3600,
            kwh=_rounded(row["kwh"]),
            double_kwh=_rounded(row["double"]),
            reported_kg=_rounded(row["reported_kg"]),
            measured=bool(measured[at]),
        )
        for at, row in enumerate(rows.iter_rows(named=True))
    }


def _rounded(value: float) -> float:
    return max(round(value, DECIMALS), 0.0)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


def stated_by(*, stream: EnergyStream, summary: Summary) -> dict[str, Any]:
    """Return the columns of a run that follow from its posts."""
    devices = float(stream.gpu_count or 1)
    return {
        "started_at": summary.starts_at,
        "duration_hours": (summary.ends_at - summary.starts_at) / timedelta(hours=1),
        "device_hours": summary.hours * (stream.run.device_count if stream.run else devices),
        "energy_kwh": summary.kwh,
        "energy_measured": summary.measured,
        "reported_kg": summary.reported_kg,
    }
