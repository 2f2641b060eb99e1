"""What sources saw of runs, and which of it counts: one row per run, for `resolve`.

Evidence is an observation that says how its energy is known (`Observation.energy_basis` of
the whole run, or a component's own) and that nothing has superseded.

Within a run, rows of one kind of source are parts: hours, hosts, devices. They add up, but
whole-machine rows of one host that overlap saw the same energy: their mean power counts for
the time that they cover. Different kinds of source are alternatives: for each component the
best basis counts, of equals the one that covers more time.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from emissions.calculation.vocabulary import Basis, Boundary
from emissions.services.copying import read_frame

PARTS = ("total", "gpu", "cpu", "memory")

#: What `best_evidence` adds to a frame of runs. Energies are null where nothing was seen;
#: `…_at_meter` says that the client's PUE is inside and not known; `evidence_share` is the
#: part of the run's time that the least covering of them saw.
EVIDENCE_COLUMNS: dict[str, type[pl.DataType]] = {
    **{f"{part}_kwh": pl.Float64 for part in PARTS},
    **{f"{part}_basis": pl.Int8 for part in PARTS},
    **{f"{part}_at_meter": pl.Boolean for part in PARTS},
    "evidence_share": pl.Float64,
}

WHOLE_TIME = 0.95
"""Evidence of no less of a run's time than this is of all of it; see `best_evidence`."""

#: Runs that a rule has merged into others (`match_jobs`): what they saw is evidence of those.
JOINED = (
    "emissions_doublepair pair JOIN emissions_run run"
    " ON run.id = pair.superseded_id AND pair.rule <> '' AND run.deleted_at IS NULL"
)

WHOLE_MACHINE = (Boundary.NODE.value, Boundary.MACHINE.value)
HOUR_US = 3_600_000_000

#: Columns of an observation as `read_evidence` returns them.
OBSERVED: dict[str, type[pl.DataType]] = {
    "run_id": pl.Int64,
    "kind": pl.String,
    "source": pl.String,
    "host": pl.String,
    "boundary": pl.String,
    "starts_us": pl.Int64,
    "ends_us": pl.Int64,
    "includes_pue": pl.Boolean,
    "client_pue": pl.Float64,
    **{f"{part}_kwh": pl.Float64 for part in PARTS},
    **{f"{part}_basis": pl.Int8 for part in PARTS},
}


def with_evidence(*, runs: pl.DataFrame, chosen: str, params: Sequence[Any]) -> pl.DataFrame:
    """Return runs, of the columns `id` and `duration_hours` at least, with `EVIDENCE_COLUMNS`.

    One query, by an index that holds evidence alone; `chosen` is the SQL of the runs' ids.
    Where there is none the frame comes back as it was.
    """
    observed = read_evidence(chosen=chosen, params=params)
    if not observed.height:
        return runs
    found = best_evidence(observed=observed, runs=runs)
    return runs.join(found, left_on="id", right_on="run_id", how="left", maintain_order="left")


def read_evidence(*, chosen: str, params: Sequence[Any]) -> pl.DataFrame:
    """Return the observations of runs that can count, with the columns of `OBSERVED`."""
    seen = (
        " (extract(epoch FROM one.started_at) * 1000000)::bigint,"
        " (extract(epoch FROM one.ended_at) * 1000000)::bigint,"
        " one.energy_includes_pue, one.client_pue,"
        " one.energy_kwh, one.gpu_energy_kwh, one.cpu_energy_kwh, one.memory_energy_kwh,"
        " one.energy_basis, one.gpu_basis, one.cpu_basis, one.memory_basis"
    )
    counts = (
        "one.superseded_at IS NULL AND (one.energy_basis IS NOT NULL OR one.gpu_basis IS NOT NULL"
        " OR one.cpu_basis IS NOT NULL OR one.memory_basis IS NOT NULL)"
    )
    return read_frame(
        f"(SELECT one.run_id, one.source_kind, one.source_id, one.host, one.boundary, {seen}"
        f" FROM emissions_observation one WHERE {counts} AND one.run_id IN ({chosen}) ORDER BY id)"
        # Of records that a rule has merged: what two trackers of a machine saw both is left
        # out of one of them already, so each is a machine of its own.
        " UNION ALL (SELECT run.superseded_by_id, one.source_kind, one.source_id,"
        f" split_part(one.source_id, '/', 1), one.boundary, {seen}"
        f" FROM {JOINED} JOIN emissions_observation one ON one.run_id = run.id WHERE {counts}"
        f" AND run.superseded_by_id IN ({chosen}) ORDER BY one.id)"
        # Those without observations that count state the energy of the whole run.
        " UNION ALL (SELECT run.superseded_by_id, run.source_kind, run.external_id, '', 'node',"
        " (extract(epoch FROM run.started_at) * 1000000)::bigint,"
        " (extract(epoch FROM run.started_at) * 1000000 + run.duration_hours * 3600000000)::bigint,"
        " run.energy_includes_pue, NULL, run.energy_kwh, NULL, NULL, NULL,"
        f" CASE WHEN run.energy_measured THEN {int(Basis.DEVICE_COUNTER)}"
        f" ELSE {int(Basis.ESTIMATED)} END, NULL, NULL, NULL"
        f" FROM {JOINED} WHERE run.energy_kwh IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM emissions_energystream stream WHERE stream.run_id = run.id)"
        f" AND run.superseded_by_id IN ({chosen}) ORDER BY run.id)",
        [*params, *params, *params],
        OBSERVED,
    )


def best_evidence(*, observed: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per run that has evidence: `run_id` and `EVIDENCE_COLUMNS`.

    Parameters
    ----------
    observed : pl.DataFrame
        The columns of `OBSERVED`.
    runs : pl.DataFrame
        `id` and `duration_hours` of the runs.

    Notes
    -----
    Where the best evidence covers less than `WHOLE_TIME` of a run's time, the mean power that
    was seen stands for the rest, and the energy is at best `Basis.ESTIMATED`.
    """
    series = _series(_long(observed))
    hours = runs.select(pl.col("id").alias("run_id"), pl.col("duration_hours"))
    share = (pl.col("hours") / pl.col("duration_hours")).clip(0.0, 1.0)
    unknown = (pl.col("hours") <= 0) | ~(pl.col("duration_hours") > 0)
    best = (
        series.join(hours, on="run_id")
        .sort("run_id", "part", "basis", -pl.col("hours"), -pl.col("kwh"), "kind", "boundary")
        .unique(["run_id", "part"], keep="first", maintain_order=True)
        .with_columns(share=pl.when(unknown).then(1.0).otherwise(share))
        .with_columns(partly=pl.col("share") < WHOLE_TIME)
        .with_columns(
            kwh=pl.when("partly").then(pl.col("kwh") / pl.col("share")).otherwise("kwh"),
            basis=pl.when("partly")
            .then(pl.max_horizontal("basis", pl.lit(int(Basis.ESTIMATED))))
            .otherwise("basis"),
        )
    )
    found = best.group_by("run_id", maintain_order=True).agg(
        *(
            pl.col(name).filter(pl.col("part") == part).first().alias(f"{part}_{name}")
            for name in ("kwh", "basis", "at_meter")
            for part in PARTS
        ),
        evidence_share=pl.col("share").min(),
    )
    return found.select("run_id", *(pl.col(name).cast(t) for name, t in EVIDENCE_COLUMNS.items()))


def _long(observed: pl.DataFrame) -> pl.DataFrame:
    """Return a row per observation and part that was seen; a PUE that is known is divided out."""
    facility = pl.col("includes_pue")
    divisor = pl.when(facility & pl.col("client_pue").is_not_null()).then("client_pue")
    parts = [
        observed.select(
            "run_id",
            "kind",
            "boundary",
            "starts_us",
            "ends_us",
            part=pl.lit(part),
            # Without a host each source is taken for a machine of its own.
            host=pl.when(pl.col("host") == "").then("source").otherwise("host").fill_null(""),
            at_meter=facility & pl.col("client_pue").is_null(),
            kwh=pl.col(f"{part}_kwh") / divisor.otherwise(1.0),
            basis=pl.col(f"{part}_basis"),
        )
        for part in PARTS
    ]
    return pl.concat(parts).filter(
        pl.col("kwh").is_finite() & (pl.col("kwh") >= 0) & pl.col("basis").is_not_null()
    )


def _series(rows: pl.DataFrame) -> pl.DataFrame:
    """Add up the rows of one kind of source: energy, worst basis, hours covered."""
    kind = ["run_id", "part", "kind", "boundary", "at_meter"]
    ordered = rows.sort(*kind, "host", "starts_us", "ends_us", "kwh")
    by_host = (
        ordered.with_columns(new=_beyond([*kind, "host"]))
        .group_by(*kind, "host", maintain_order=True)
        .agg(
            pl.col("kwh").sum(),
            pl.col("basis").max(),
            pl.col("new").sum(),
            long=(pl.col("ends_us") - pl.col("starts_us")).sum(),
        )
        .with_columns(
            kwh=pl.when(pl.col("boundary").is_in(WHOLE_MACHINE) & (pl.col("long") > 0))
            .then(pl.col("kwh") * pl.col("new") / pl.col("long"))
            .otherwise("kwh")
        )
        .group_by(kind, maintain_order=True)
        .agg(pl.col("kwh").sum(), pl.col("basis").max())
    )
    covered = (
        rows.sort(*kind, "starts_us", "ends_us")
        .with_columns(new=_beyond(kind))
        .group_by(kind, maintain_order=True)
        .agg(hours=pl.col("new").sum() / HOUR_US)
    )
    return by_host.join(covered, on=kind)


def _beyond(group: list[str]) -> pl.Expr:
    """Return the µs of a row's span that no earlier row of its group covers, in order of start."""
    reached = pl.col("ends_us").cum_max().shift(1).over(group)
    starts = pl.max_horizontal("starts_us", reached)
    return (pl.col("ends_us") - starts).clip(lower_bound=0)
