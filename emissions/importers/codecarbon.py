"""CodeCarbon's emissions.csv, of any version: 29 to 38 columns, matched by name.

A row holds totals since its run began; a run that was flushed has several, and the last one
counts. The timestamp is the run's end, in the local time of the machine. `emissions_rate` has
changed its unit over the versions and is not read. Energies have the client's PUE applied,
which is divided out. What is known of each component is what a tracker's posts tell, too: the
GPUs' energy from their counters, the memory's modelled, the processor's estimated, since the
client does not say.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from emissions.calculation.components import counted_throughout
from emissions.calculation.vocabulary import Basis, Boundary
from emissions.importers.bulk import ROW, Table, last_of_each, within
from emissions.importers.columns import Parsed, Reader, divided

NEEDED = {"timestamp", "project_name", "duration", "emissions", "energy_consumed"}
TEXTS = (
    "project_name", "run_id", "experiment_id", "country_name", "country_iso_code", "region",
    "on_cloud", "cloud_provider", "cloud_region", "cpu_model", "gpu_model", "tracking_mode",
    "codecarbon_version",
)  # fmt: skip
NUMBERS = (
    "duration", "emissions", "energy_consumed", "cpu_energy", "gpu_energy", "ram_energy",
    "gpu_count", "pue",
)  # fmt: skip
COMPONENTS = ("gpu_energy", "cpu_energy", "ram_energy")
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
    for name in ("energy_consumed", *COMPONENTS):
        number[name] = _at_equipment(number[name], number["pue"])
    for name in COMPONENTS:
        number[name] = number[name].set(number[name] < 0, None)
    text["gpu_model"] = _gpu(text["gpu_model"])
    hours = divided(number["duration"], 3600)
    known = pl.DataFrame(
        {
            ROW: reader.frame[ROW],
            **text,
            **number,
            "end": end,
            "hours": hours,
            "measured": _measured(number),
        }
    )
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
        energy_includes_pue=pl.lit(value=False),
        energy_measured="measured",
        stated_pue=pl.when(pl.col("pue") > 1).then("pue"),
        client_pue=pl.when(pl.col("pue") > 1).then("pue"),
        experiment="experiment_id",
        boundary=pl.when(pl.col("tracking_mode").str.to_lowercase() == "process")
        .then(pl.lit(Boundary.DEVICE.value))
        .otherwise(pl.lit(Boundary.MACHINE.value)),
        gpu_energy_kwh="gpu_energy",
        gpu_basis=_basis("gpu_energy", Basis.DEVICE_COUNTER),
        cpu_energy_kwh="cpu_energy",
        cpu_basis=_basis("cpu_energy", Basis.ESTIMATED),
        memory_energy_kwh="ram_energy",
        memory_basis=_basis("ram_energy", Basis.ESTIMATED),
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


def _at_equipment(energy: pl.Series, pue: pl.Series) -> pl.Series:
    """Return an energy without the PUE that the client multiplied it by."""
    applied = pue.set(~(pue > 1).fill_null(value=False), 1.0)
    return energy / applied


def _basis(energy: str, basis: Basis) -> pl.Expr:
    return pl.when(pl.col(energy).is_not_null()).then(pl.lit(int(basis)))


def _measured(number: dict[str, pl.Series]) -> pl.Series:
    """Return which runs are known from counters but for what does not matter."""
    gpu, cpu, memory = (number[name].fill_null(0.0).to_numpy() for name in COMPONENTS)
    counted = np.zeros(gpu.size, dtype=np.bool_)
    return pl.Series(
        counted_throughout(gpu_kwh=gpu, cpu_kwh=cpu, memory_kwh=memory, cpu_counted=counted)
    )


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
