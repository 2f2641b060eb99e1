"""Slurm accounting: `sacct --parsable2`, pipe-separated with a header.

The steps of a job (`123.batch`, `123.0`) are lines of their own and part of it: only where the
job's own line has no energy, the largest of its steps stands for it. They may stand anywhere in
the file, so their energy is gathered first and the jobs are read after it, part by part. Times
are local. Clusters ask for different columns: what one says under another name is understood.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.calculation.vocabulary import RunStatus
from emissions.importers.bulk import ROW, ImportRefused, Table
from emissions.importers.columns import NUMBER_ADVICE, Parsed, Reader, divided, hours_of

#: Our column: others of sacct that stand in for it where the file has it not.
STAND_INS = {
    "jobid": ("jobidraw",),
    "ncpus": ("alloccpus", "reqcpus"),
    "nnodes": ("allocnodes",),
    "alloctres": ("allocgres", "reqtres"),
}
LENGTHS = {"elapsed", "elapsedraw"}
#: Words of Slurm for “not there”.
NOTHING = ("Unknown", "None", "N/A", "None assigned", "INVALID")
LENGTH = r"^(?:(\d+)-)?(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)$"
LENGTH_ADVICE = "Give a length such as 1-02:03:04."
MEMORY = r"^([\d.]+)([KMGTP]?)B?([nc]?)$"
GB_OF = {"K": 1 / 1024**2, "M": 1 / 1024, "": 1 / 1024, "G": 1.0, "T": 1024.0, "P": 1024.0**2}
JOULES_PER_KWH = 3.6e6
ROUNDED = r"^([\d.]+)([KMGTP]?)$"
JOULES_OF = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
STATUS = {
    "COMPLETED": RunStatus.COMPLETED,
    "COMPLETING": RunStatus.RUNNING,
    "RUNNING": RunStatus.RUNNING,
    "SUSPENDED": RunStatus.RUNNING,
    "RESIZING": RunStatus.RUNNING,
    "STOPPED": RunStatus.RUNNING,
    "CANCELLED": RunStatus.CANCELLED,
    "PREEMPTED": RunStatus.CANCELLED,
    "REVOKED": RunStatus.CANCELLED,
    "FAILED": RunStatus.FAILED,
    "TIMEOUT": RunStatus.FAILED,
    "NODE_FAIL": RunStatus.FAILED,
    "OUT_OF_MEMORY": RunStatus.FAILED,
    "BOOT_FAIL": RunStatus.FAILED,
    "DEADLINE": RunStatus.FAILED,
    "LAUNCH_FAILED": RunStatus.FAILED,
    "REQUEUED": RunStatus.FAILED,
}
#: Slurm counts the two halves of these boards as devices; the data sheet's watts are the board's.
TWO_PER_BOARD = r"(?i)mi250x?"
NEVER_STARTED = "The job has not started: there is nothing to count."


def recognises(table: Table) -> bool:
    """Whether the file has sacct's columns."""
    names = set(table.columns)
    return (
        "state" in names
        and bool({"jobid", "jobidraw"} & names)
        and bool({"start", "end", *LENGTHS} & names)
    )


def read(table: Table, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the jobs of the file, part by part.

    Raises
    ------
    ImportRefused
        Nothing says when the jobs were, or for how long.
    """
    names = set(table.columns)
    if not {"start", "end"} & names or not ({"start", "end"} <= names or LENGTHS & names):
        raise ImportRefused(NO_TIMES)
    steps = _step_energy(table)
    for rows, ragged in table.batches():
        frame = _named(rows)
        jobs = frame.filter(~pl.col("step").fill_null(value=False))
        yield _parsed(Reader(jobs, zone), steps, ragged)


NO_TIMES = "This does not say when the jobs were: ask sacct for Start, End and Elapsed, too."


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with our names of columns, and `job` and `step` of their ids."""
    blank = pl.col([name for name in rows.columns if name != ROW]).replace(
        dict.fromkeys(NOTHING, None)
    )
    rows = rows.with_columns(blank)
    for name, others in STAND_INS.items():
        given = [one for one in (name, *others) if one in rows.columns]
        if given:
            rows = rows.with_columns(pl.coalesce(given).alias(name))
    return rows.with_columns(
        job=pl.col("jobid").str.extract(r"^([^.]+)", 1),
        step=pl.col("jobid").str.contains(".", literal=True),
    )


def _step_energy(table: Table) -> pl.DataFrame:
    """Return `job` and `step_joules`: the largest energy of its steps, where one has any.

    Only such jobs are held, so that the memory is of these and not of the file.
    """
    found = pl.DataFrame(schema={"job": pl.String, "step_joules": pl.Float64})
    if "consumedenergyraw" not in table.columns:
        return found
    joules = pl.col("consumedenergyraw").cast(pl.Float64, strict=False)
    for rows, _ in table.batches():
        energy = _named(rows.select([name for name in rows.columns if name in ENERGY_COLUMNS]))
        some = energy.filter(pl.col("step") & (joules > 0)).select("job", step_joules=joules)
        found = pl.concat([found, some]).group_by("job").agg(pl.col("step_joules").max())
    return found


ENERGY_COLUMNS = (ROW, "jobid", "jobidraw", "consumedenergyraw")


def _parsed(reader: Reader, steps: pl.DataFrame, ragged: pl.DataFrame) -> Parsed:
    start, end = reader.moment("start"), reader.moment("end")
    lasted = _hours(reader, start, end)
    if not reader.has("start"):
        start = _before(end, lasted)
    gpus = _gpus(reader)
    partition = reader.text("partition")
    partition = _labelled("partition ", partition)
    columns = {
        "external_id": reader.text("jobid"),
        "name": reader.text("jobname").fill_null(reader.text("jobid")),
        "project_name": reader.text("account"),
        "equipment_name": gpus["type"].zip_with(gpus["type"].is_not_null(), partition),
        "place_name": _labelled("cluster ", reader.text("cluster")).zip_with(
            reader.cells("partition").is_null(), partition
        ),
        "host": reader.text("nodelist", longest=10_000).str.slice(0, 200),
        "status": _status(reader),
        "started_at": start,
        "duration_hours": lasted,
        "device_count": gpus["count"].fill_null(1.0).replace(0.0, 1.0),
        "cpu_cores": _cores(reader),
        "memory_gb": _memory(reader),
        "energy_kwh": _energy(reader, steps),
    }
    columns["energy_measured"] = columns["energy_kwh"].is_not_null()
    columns["energy_includes_pue"] = pl.Series([False] * reader.frame.height, dtype=pl.Boolean)
    user = reader.text("user")
    columns["notes"] = _labelled("Slurm user ", user)
    reader.refuse("jobid", reader.cells("jobid").is_null(), "A job needs its JobID.")
    told = "start" if reader.has("start") else "end"
    reader.refuse(told, reader.cells(told).is_null(), NEVER_STARTED)
    return reader.parsed(columns, ragged)


def _labelled(prefix: str, cells: pl.Series) -> pl.Series:
    return pl.DataFrame({"cell": cells}).select(pl.concat_str(pl.lit(prefix), "cell")).to_series()


def _hours(reader: Reader, start: pl.Series, end: pl.Series) -> pl.Series:
    """Return wall-clock hours: Elapsed, for it leaves out suspensions; else start to end."""
    cells = reader.cells("elapsed")
    elapsed = _length(cells)
    reader.refuse("elapsed", cells.is_not_null() & elapsed.is_null(), LENGTH_ADVICE)
    span = hours_of(end - start)
    reader.refuse("end", span < 0, "The job ends before it starts.")
    hours = elapsed.fill_null(divided(reader.number("elapsedraw"), 3600)).fill_null(span)
    reader.refuse(
        "elapsed",
        hours.is_null() & (start.is_not_null() | end.is_not_null()) & cells.is_null(),
        "Give Elapsed or End: without either the hours are not known.",
    )
    return hours


def _before(end: pl.Series, hours: pl.Series) -> pl.Series:
    spans = pl.DataFrame({"end": end, "hours": hours})
    length = pl.duration(microseconds=(pl.col("hours") * 3.6e9).round())
    return spans.select(pl.col("end") - length).to_series()


def _length(cells: pl.Series) -> pl.Series:
    """Return [DD-]HH:MM:SS[.mmm] in hours; MM:SS, too."""
    parts = pl.DataFrame({"cell": cells}).select(
        *(
            pl.col("cell").str.extract(LENGTH, at).cast(pl.Float64, strict=False).alias(name)
            for at, name in enumerate(("days", "hours", "minutes", "seconds"), start=1)
        )
    )
    seconds = parts.select(
        (pl.col("days").fill_null(0) * 24 + pl.col("hours").fill_null(0)) * 3600
        + pl.col("minutes") * 60
        + pl.col("seconds")
    )
    return divided(seconds.to_series(), 3600)


def _status(reader: Reader) -> pl.Series:
    """Return how the job ended; `CANCELLED by 1001` has a suffix."""
    cells = reader.cells("state")
    word = cells.str.extract(r"^([A-Z_]+)", 1)
    known = {state: status.value for state, status in STATUS.items()}
    found = word.replace_strict(known, default=None, return_dtype=pl.String)
    waiting = word.is_in(["PENDING", "CONFIGURING", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"])
    reader.refuse("state", waiting, NEVER_STARTED)
    reader.refuse("state", found.is_null() & ~waiting.fill_null(value=False), "Unknown state.")
    return found


def _resources(reader: Reader) -> pl.Series:
    return reader.cells("alloctres")


def _gpus(reader: Reader) -> pl.DataFrame:
    """Return the type and count of devices: typed where they are, never both kinds summed.

    A job with several types counts as so many of its most frequent one.
    """
    frame = pl.DataFrame({ROW: reader.frame[ROW], "tres": _resources(reader)})
    pairs = (
        frame.select(
            ROW,
            entry=pl.col("tres").str.extract_all(r"(?:^|,)(?:gres/)?gpu(?::[^=,:]+)?[=:]\d+"),
        )
        .explode("entry", empty_as_null=True)
        .drop_nulls()
        .select(
            ROW,
            type=pl.col("entry").str.extract(r"gpu:([^=,:]+)[=:]", 1),
            count=pl.col("entry").str.extract(r"[=:](\d+)$", 1).cast(pl.Float64, strict=False),
        )
        .sort(ROW, "count", descending=[False, True], maintain_order=True)
    )
    pairs = pairs.with_columns(
        count=pl.when(pl.col("type").str.contains(TWO_PER_BOARD))
        .then(pl.col("count") / 2)
        .otherwise("count")
    )
    typed = pairs.filter(pl.col("type").is_not_null()).group_by(ROW, maintain_order=True)
    typed_sums = typed.agg(pl.col("type").first(), pl.col("count").sum())
    plain = pairs.filter(pl.col("type").is_null()).group_by(ROW).agg(pl.col("count").max())
    return (
        frame.select(ROW)
        .join(typed_sums, on=ROW, how="left", maintain_order="left")
        .join(plain, on=ROW, how="left", suffix="_plain", maintain_order="left")
        .select(ROW, "type", count=pl.coalesce("count", "count_plain"))
    )


def _cores(reader: Reader) -> pl.Series:
    stated = reader.number("ncpus")
    cores = _resources(reader).str.extract(r"(?:^|,)cpu=(\d+)", 1).cast(pl.Float64, strict=False)
    return cores.fill_null(stated)


def _memory(reader: Reader) -> pl.Series:
    """Return the job's memory in GB: allocated, else requested (per node n, per core c)."""
    frame = pl.DataFrame(
        {
            "allocated": _resources(reader).str.extract(r"(?:^|,)mem=([\d.]+[KMGTP]?)", 1),
            "requested": reader.cells("reqmem").str.replace("N$", "n").str.replace("C$", "c"),
            "nodes": reader.number("nnodes"),
            "cores": _cores(reader),
        }
    )
    found = frame.select(
        allocated=_gb("allocated"),
        requested=_gb("requested")
        * pl.when(pl.col("requested").str.ends_with("c"))
        .then("cores")
        .when(pl.col("requested").str.ends_with("n"))
        .then("nodes")
        .otherwise(1.0),
    )
    cells = reader.cells("reqmem")
    unreadable = cells.is_not_null() & frame.select(_gb("requested")).to_series().is_null()
    reader.refuse("reqmem", unreadable & (cells != "0"), "Give memory such as 64G, 4000Mc or 16Gn.")
    return found.select(pl.coalesce("allocated", "requested")).to_series()


def _gb(name: str) -> pl.Expr:
    number = pl.col(name).str.extract(MEMORY, 1).cast(pl.Float64, strict=False)
    unit = pl.col(name).str.extract(MEMORY, 2)
    return number * unit.replace_strict(GB_OF, default=None, return_dtype=pl.Float64)


def _energy(reader: Reader, steps: pl.DataFrame) -> pl.Series:
    """Return measured energy where there is some; 0 means that nothing measured.

    Of the job, else of its steps, else what its resources count, else the rounded column.
    """
    own = reader.number("consumedenergyraw")
    of_steps = reader.frame.select("job").join(steps, on="job", how="left", maintain_order="left")
    rounded = reader.cells("consumedenergy")
    frame = pl.DataFrame(
        {
            "own": own,
            "of_steps": of_steps["step_joules"],
            "counted": _resources(reader).str.extract(r"(?:^|,)energy=(\d+)", 1),
            "rounded": rounded.str.extract(ROUNDED, 1),
            "unit": rounded.str.extract(ROUNDED, 2).replace_strict(JOULES_OF, default=1.0),
        }
    ).select(
        "own",
        "of_steps",
        pl.col("counted").cast(pl.Float64, strict=False),
        (pl.col("rounded").cast(pl.Float64, strict=False) * pl.col("unit")).alias("rounded"),
    )
    some = [pl.when(pl.col(name) > 0).then(name) for name in frame.columns]
    joules = frame.select(pl.coalesce(some)).to_series()
    # Slurm writes 2^64 − 2 where a sensor gave nonsense.
    reader.refuse("consumedenergyraw", joules > 1e18, NUMBER_ADVICE)
    return divided(joules, JOULES_PER_KWH)
