"""eco2AI's emission.csv: one row per run, or per epoch of it; its “power” is energy."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ROW, Table
from emissions.importers.columns import Parsed, Reader, divided

NEEDED = {"id", "project_name", "start_time", "duration(s)", "power_consumption(kwh)"}
DEVICES = r"(\d+)\s*device"
NOTHING = ("N/A", "None", "nan", "")


def recognises(table: Table) -> bool:
    """Whether the file has eco2AI's columns."""
    return set(table.columns) >= NEEDED


def read(table: Table, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the runs of the file, part by part."""
    for frame, errors in table.batches():
        texts = pl.col([name for name in frame.columns if name != ROW])
        reader = Reader(frame.with_columns(texts.replace(dict.fromkeys(NOTHING, None))), zone)
        yield _parsed(reader, errors)


def _parsed(reader: Reader, errors: pl.DataFrame) -> Parsed:
    epoch, project = reader.text("epoch"), reader.text("project_name")
    gpu, cpu = reader.text("gpu_name"), reader.text("cpu_name")
    seconds = reader.number("duration(s)")
    reader.refuse("duration(s)", seconds < 0, "The run ends before it starts.")
    for name in ("start_time", "duration(s)", "power_consumption(kwh)"):
        reader.refuse(name, reader.cells(name).is_null(), "Without it nothing can be counted.")
    known = pl.DataFrame(
        {
            "id": reader.text("id"),
            "epoch": epoch,
            "project": project,
            "description": reader.text("experiment_description"),
            "gpu": gpu,
            "cpu": cpu,
            "place": reader.text("region/country"),
        }
    )
    made = known.select(
        external_id=pl.coalesce(pl.concat_str("id", pl.lit(":"), "epoch"), "id"),
        name=pl.coalesce("description", "project", pl.lit("eco2AI run")),
        project_name="project",
        equipment_name=pl.coalesce(_model("gpu"), _model("cpu")),
        # IN/Gujarat is said here as elsewhere: the region, then its country.
        place_name=pl.col("place").str.replace(r"^([A-Z]{2})/(.+)$", "${2}, ${1}"),
        device_count=pl.coalesce(
            pl.col("gpu").str.extract(DEVICES, 1).cast(pl.Float64, strict=False), pl.lit(1.0)
        ).replace(0.0, 1.0),
    )
    columns = {name: made[name] for name in made.columns}
    columns |= {
        "started_at": reader.moment("start_time"),
        "duration_hours": divided(seconds, 3600),
        "energy_kwh": reader.number("power_consumption(kwh)"),
        "reported_kg": reader.number("co2_emissions(kg)"),
    }
    return reader.parsed(columns, errors)


def _model(name: str) -> pl.Expr:
    """Return the model of “Tesla V100 2 device(s)” or “Intel(R) Xeon(R)/1 device(s), TDP:150”."""
    return (
        pl.col(name).str.replace(r"[/\s]*\d+\s*device.*$", "").str.strip_chars().replace("", None)
    )
