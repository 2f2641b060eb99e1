"""Which trackers may be of which Slurm jobs, and which certainly are: from the runs alone."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
from django.db import connection

from emissions.calculation.vocabulary import MergeRule
from emissions.services.copying import read_frame

TOLERANCE = timedelta(minutes=5)
"""How far the clocks of a tracker and of the scheduler may be apart."""

LONGEST = timedelta(days=31)
"""Jobs that began longer ago than this are not looked at."""

LEAST_SHARE = 0.5
"""Of less of a job's time than this a tracker is not certain to be the job's."""

DAY_US = 86_400_000_000
TOLERANCE_US = TOLERANCE // timedelta(microseconds=1)
LONGEST_US = LONGEST // timedelta(microseconds=1)

RECORD: dict[str, type[pl.DataType]] = {
    "id": pl.Int64,
    "project_id": pl.Int64,
    "starts": pl.Int64,
    "ends": pl.Int64,
    "length": pl.Int64,
    "chip": pl.String,
    "devices": pl.Float64,
    "placed": pl.Boolean,
    "job_id": pl.String,
    "host": pl.String,
}
PAIR: dict[str, type[pl.DataType]] = {"tracker": pl.Int64, "job": pl.Int64}

# Runs that count, or are merged by a rule alone. A job that goes on has no end yet. Trackers
# that never share a machine are a machine each; so are records without a stream. Slurm names a
# chip (gpu:a100) where a tracker names its board (A100-SXM4-40GB): the chip is compared.
RECORDS = """
SELECT run.id, run.project_id, (extract(epoch FROM run.started_at) * 1000000)::bigint,
  (extract(epoch FROM run.started_at + make_interval(secs => run.duration_hours * 3600))
    * 1000000)::bigint + CASE WHEN run.status = 'running' AND run.source_kind = 'sacct'
    THEN %(longest)s ELSE 0 END,
  (run.duration_hours * 3600000000)::bigint,
  coalesce(upper(substring(hardware.name FROM '[A-Za-z]+[0-9]+[A-Za-z]*')), hardware.id::text),
  run.device_count,
  coalesce(run.node_id, run.site_id, run.cloud_region_id, run.zone_id) IS NOT NULL,
  CASE WHEN run.source_kind = 'sacct' THEN run.external_id ELSE coalesce(stream.job_id, '') END,
  CASE WHEN stream.id IS NULL OR experiment.separate_machines THEN run.id::text
    ELSE stream.host END
FROM unnest(%(projects)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    AS span (project_id, low, high)
  JOIN emissions_run run ON run.project_id = span.project_id
    AND run.started_at BETWEEN to_timestamp(span.low / 1e6) AND to_timestamp(span.high / 1e6)
  LEFT JOIN emissions_node node ON node.id = run.node_id
  LEFT JOIN emissions_hardwaremodel hardware
    ON hardware.id = coalesce(run.hardware_id, node.hardware_id)
  LEFT JOIN emissions_energystream stream ON stream.run_id = run.id
  LEFT JOIN emissions_experiment experiment ON experiment.id = stream.experiment_id
WHERE run.deleted_at IS NULL AND run.source_kind = %(kind)s
  AND (run.superseded_by_id IS NULL OR EXISTS (SELECT FROM emissions_doublepair pair
    WHERE pair.superseded_id = run.id AND pair.rule <> ''))
ORDER BY run.id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Merges that should stand, (superseded, kept) → rule, and pairs that a person should see."""

    merges: dict[tuple[int, int], MergeRule]
    asked: set[tuple[int, int]]


def read_records(kind: str, spans: pl.DataFrame, before_us: int) -> pl.DataFrame:
    """Return the runs of a kind that began in the spans, or up to so long before or after."""
    params = {
        "kind": kind,
        "longest": LONGEST_US,
        "projects": spans["project_id"].to_list(),
        "lows": (spans["low"] - before_us).to_list(),
        "highs": (spans["high"] + LONGEST_US).to_list(),
    }
    with connection.cursor() as cursor:
        query = cursor.mogrify(RECORDS, params).decode()
    return read_frame(query, (), RECORD).with_columns(pl.col("job_id", "host").fill_null(""))


def within_spans(jobs: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Tell which jobs overlap what was touched: of these all trackers are known, too."""
    found = jobs.join(spans, on="project_id", how="left", maintain_order="left")
    return found.select(
        ((pl.col("starts") <= pl.col("high")) & (pl.col("ends") >= pl.col("low"))).fill_null(
            value=False
        )
    ).to_series()


def contained(trackers: pl.DataFrame, jobs: pl.DataFrame, apart: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of which the tracker can be of the job: in time, and of no other chip."""
    days = jobs.with_columns(
        day=pl.int_ranges(
            (pl.col("starts") - TOLERANCE_US) // DAY_US,
            pl.min_horizontal(
                pl.col("ends") + TOLERANCE_US, pl.col("starts") + LONGEST_US + TOLERANCE_US
            )
            // DAY_US
            + 1,
        )
    ).explode("day")
    pairs = trackers.with_columns(day=pl.col("starts") // DAY_US).join(
        days, on=["project_id", "day"], suffix="_of_job"
    )
    unlike = pl.col("chip") != pl.col("chip_of_job")
    return (
        pairs.filter(
            (pl.col("starts") >= pl.col("starts_of_job") - TOLERANCE_US)
            & (pl.col("ends") <= pl.col("ends_of_job") + TOLERANCE_US)
            & ~unlike.fill_null(value=False)
        )
        .rename({"id": "tracker", "id_of_job": "job"})
        .join(apart, on=["tracker", "job"], how="anti")
        .sort("tracker", "job")
    )


def wanted_matches(trackers: pl.DataFrame, jobs: pl.DataFrame, within: pl.DataFrame) -> Wanted:
    """Return the merges that should stand, and for each other tracker the nearest job."""
    named = _named(trackers, jobs)
    # A tracker that names a job is of no other; but it is one of those within its own.
    counts = within.filter(
        (pl.col("job_id") == "") | (pl.col("job_id") == pl.col("job_id_of_job"))
    ).with_columns(
        jobs=pl.len().over("tracker"),
        trackers=pl.len().over("job"),
        share=pl.col("length") / pl.max_horizontal("length_of_job", 1),
    )
    unnamed = counts.filter(pl.col("job_id") == "")
    only = unnamed.filter(
        (pl.col("jobs") == 1)
        & (pl.col("trackers") == 1)
        & (pl.col("devices") == pl.col("devices_of_job"))
        & (pl.col("share") >= LEAST_SHARE)
    )
    whole = named.filter("whole")
    merges = _merges(whole, MergeRule.JOB_ID) | _merges(only, MergeRule.ONLY_ONE)
    nearest = unnamed.join(only, on=["tracker", "job"], how="anti").with_columns(
        apart=(pl.col("starts") - pl.col("starts_of_job")).abs()
        + (pl.col("ends") - pl.col("ends_of_job")).abs()
    )
    nearest = nearest.sort("apart", "tracker", "job").unique("tracker", keep="first")
    asked = pl.concat(
        [one.select("tracker", "job") for one in (named.filter(~pl.col("whole")), nearest)]
    )
    return Wanted(merges, {in_order(*pair) for pair in asked.iter_rows()})


def _named(trackers: pl.DataFrame, jobs: pl.DataFrame) -> pl.DataFrame:
    """Return the trackers that name a job and began while it ran; `whole`: they see all of it."""
    pairs = (
        trackers.filter(pl.col("job_id") != "")
        .join(jobs, on=["project_id", "job_id"], suffix="_of_job")
        .filter(
            (pl.col("starts") >= pl.col("starts_of_job") - TOLERANCE_US)
            & (pl.col("starts") <= pl.col("ends_of_job") + TOLERANCE_US)
        )
        .rename({"id": "tracker", "id_of_job": "job"})
    )
    seen = (
        pairs.group_by("job", "host")
        .agg(pl.col("devices").max())
        .group_by("job")
        .agg(seen=pl.col("devices").sum())
    )
    return pairs.join(seen, on="job").with_columns(
        whole=pl.col("seen") >= pl.col("devices_of_job"),
        alone=pl.len().over("job") == 1,
    )


def _merges(pairs: pl.DataFrame, rule: MergeRule) -> dict[tuple[int, int], MergeRule]:
    """Return (superseded, kept): the job is kept, unless only the tracker's place is known."""
    found = {}
    for row in pairs.iter_rows(named=True):
        turned = row["placed"] and not row["placed_of_job"] and row.get("alone", True)
        pair = (row["job"], row["tracker"]) if turned else (row["tracker"], row["job"])
        found[pair] = rule
    return found


def in_order(one: int, other: int) -> tuple[int, int]:
    """Return two runs as a pair names them."""
    return (one, other) if one < other else (other, one)
