"""CodeCarbon's emissions.csv, of any version: 29 to 38 columns, matched by name.

A row holds totals since its run began; a run that was flushed has several, and the last one
counts. The timestamp is the run's end, in the local time of the machine. `emissions_rate` has
changed its unit over the versions and is not read. Energies have the client's PUE applied.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ROW, Table, last_of_each, within
from emissions.importers.columns import Parsed, Reader, divided

NEEDED = {"timestamp", "project_name", "duration", "emissions", "energy_consumed"}
TEXTS = (
    "project_name", "run_id", "country_name", "country_iso_code", "region", "on_cloud",
    "cloud_provider", "cloud_region", "cpu_model", "gpu_model", "tracking_mode",
    "codecarbon_version",
)  # fmt: skip
NUMBERS = (
    "duration", "emissions", "energy_consumed", "cpu_energy", "gpu_energy", "ram_energy",
    "gpu_count", "pue",
)  # fmt: skip
#: CodeCarbon writes the country's name where it has one, and these where it has none.
NOTHING = ("None", "nan", "NaN", "null")


def recognises(table: Table) -> bool:
    """Whether the file has CodeCarbon's columns."""
    return set(table.columns) >= NEEDED


def read(table: Table, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the runs of the file, part by part: of each the last row."""
    last = last_of_each(table, _identity)
    for rows, ragged in table.batches():
        yield _parsed(Reader(_blanked(within(rows, last)), zone), ragged)


def _identity(frame: pl.DataFrame) -> pl.Series:
    """Return what tells runs apart: their id, else project, end and duration."""
    frame = _blanked(frame)
    stated = pl.concat_str(
        "project_name", "timestamp", "duration", separator="\n", ignore_nulls=True
    )
    run_id = [pl.col("run_id")] if "run_id" in frame.columns else []
    return frame.select(pl.coalesce(*run_id, stated)).to_series()


def _blanked(frame: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name in frame.columns if name != ROW]
    return frame.with_columns(pl.col(texts).replace(dict.fromkeys(NOTHING, None)))


def _parsed(reader: Reader, ragged: pl.DataFrame) -> Parsed:
    text = {name: reader.text(name) for name in TEXTS}
    number = {name: reader.number(name) for name in NUMBERS}
    end = reader.moment("timestamp")
    for name in ("timestamp", "duration", "energy_consumed"):
        reader.refuse(name, reader.cells(name).is_null(), f"Without {name} nothing can be counted.")
    reader.refuse("duration", number["duration"] < 0, "The run ends before it starts.")
    text["gpu_model"] = _gpu(text["gpu_model"])
    hours = divided(number["duration"], 3600)
    known = pl.DataFrame({ROW: reader.frame[ROW], **text, **number, "end": end, "hours": hours})
    runs = known.select(
        ROW,
        external_id=pl.coalesce("run_id", _without_id()),
        name=pl.coalesce("project_name", pl.lit("CodeCarbon run")),
        project_name="project_name",
        equipment_name=pl.coalesce("gpu_model", "cpu_model"),
        place_name=_place(),
        started_at=pl.col("end") - pl.duration(microseconds=(pl.col("duration") * 1e6).round()),
        duration_hours="hours",
        device_count=pl.when(pl.col("gpu_count") > 0).then("gpu_count").otherwise(1.0),
        energy_kwh="energy_consumed",
        energy_includes_pue=pl.col("pue").fill_null(1.0) > 1,
        # The memory is always modelled and the processor often: not all of it was measured.
        energy_measured=pl.lit(value=False),
        stated_pue=pl.when(pl.col("pue") > 1).then("pue"),
        reported_kg="emissions",
        status=pl.lit("completed"),
        notes=pl.format(
            "CodeCarbon {}, {} mode",
            pl.col("codecarbon_version").fill_null("of an unknown version"),
            pl.col("tracking_mode").fill_null("unknown"),
        ),
    )
    columns = {name: runs[name] for name in runs.columns if name != ROW}
    return reader.parsed(columns, ragged)


def _without_id() -> pl.Expr:
    """Return what stands for an id where there is none: project, end and duration."""
    return pl.format(
        "{} {} {}",
        pl.col("project_name").fill_null("run"),
        pl.col("end").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").fill_null(""),
        pl.col("duration").cast(pl.String).fill_null(""),
    ).str.slice(0, 200)


def _gpu(model: pl.Series) -> pl.Series:
    """Return the model of “8 x NVIDIA H100”."""
    return model.str.replace(r"^\s*\d+\s*x\s+", "")


def _place() -> pl.Expr:
    """Return the cloud region, else the region of the country, else the country."""
    cloud = pl.concat_str("cloud_provider", pl.lit(":"), "cloud_region")
    country = pl.coalesce("country_name", "country_iso_code")
    return pl.coalesce(cloud, pl.concat_str("region", pl.lit(", "), country), country)
