"""Tonne's own template: the columns of the API, by the same names."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import Table
from emissions.importers.columns import (
    COLUMNS,
    LONGEST,
    LONGEST_TEXT,
    READERS,
    Parsed,
    Reader,
    hours_of,
)

#: Column of the template: (column of the typed table, how it is read).
FIELDS: dict[str, tuple[str, str]] = {
    "external_id": ("external_id", "text"),
    "name": ("name", "text"),
    "project": ("project_name", "text"),
    "started_at": ("started_at", "moment"),
    "ended_at": ("", "moment"),
    "duration_hours": ("duration_hours", "number"),
    "stage": ("stage", "stage"),
    "status": ("status", "status"),
    "hardware": ("equipment_name", "text"),
    "node": ("equipment_name", "text"),
    "device_count": ("device_count", "number"),
    "device_hours": ("device_hours", "number"),
    "power_watts": ("stated_power_watts", "number"),
    "power_share": ("power_share", "number"),
    "utilisation": ("utilisation", "number"),
    "energy_kwh": ("energy_kwh", "number"),
    "energy_measured": ("energy_measured", "flag"),
    "pue_included": ("energy_includes_pue", "flag"),
    "cpu_cores": ("cpu_cores", "number"),
    "cpu_watts_per_core": ("cpu_watts_per_core", "number"),
    "memory_gb": ("memory_gb", "number"),
    "site": ("place_name", "text"),
    "cloud_region": ("place_name", "text"),
    "zone": ("place_name", "text"),
    "pue": ("stated_pue", "number"),
    "grid_g_per_kwh": ("stated_factor_g_per_kwh", "number"),
    "grid_source": ("stated_factor_source", "text"),
    "reported_kg": ("reported_kg", "number"),
    "ai_model": ("ai_model", "text"),
    "sweep": ("sweep", "text"),
    "tokens": ("tokens", "number"),
    "flop": ("flop", "number"),
    "metric_name": ("metric_name", "text"),
    "metric_value": ("metric_value", "number"),
    "notes": ("notes", "text"),
}
#: Columns of which a row states one at most, for they say the same.
ONE_OF = {"equipment_name": ("node", "hardware"), "place_name": ("site", "cloud_region", "zone")}

#: How far wall-clock hours may lie from the span between start and end. [h]
ROUNDING_HOURS = 1 / 3600
ROUNDING_SHARE = 0.01


def recognises(table: Table) -> bool:
    """Whether the file has the template's first columns."""
    return "started_at" in table.columns and bool(
        {"duration_hours", "device_hours", "ended_at", "energy_kwh"} & set(table.columns)
    )


def unknown_columns(table: Table) -> list[str]:
    """Return the names in the header that mean nothing to us."""
    plain = zip(table.header, table.columns, strict=True)
    return [name for name, column in plain if column not in FIELDS]


def read(table: Table, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the runs of the file, part by part."""
    for frame, errors in table.batches():
        yield _parsed(Reader(frame, zone), errors)


def _parsed(reader: Reader, errors: pl.DataFrame) -> Parsed:
    given = {
        field: _read(reader, field, kind)
        for field, (_, kind) in FIELDS.items()
        if reader.has(field)
    }
    columns = {FIELDS[field][0]: cells for field, cells in given.items() if FIELDS[field][0]}
    for column, fields in ONE_OF.items():
        stated = [given[field] for field in fields if field in given]
        if stated:
            columns[column] = _only_one(reader, stated, fields)
    columns["duration_hours"] = _hours(reader, given)
    if "started_at" not in given:
        columns["started_at"] = pl.Series([None] * reader.frame.height, dtype=COLUMNS["started_at"])
    missing = columns["started_at"].is_null()
    if "started_at" in given:
        missing = reader.frame["started_at"].is_null()
    reader.refuse("started_at", missing, NO_START)
    return reader.parsed(columns, errors)


NO_START = "Give when the run started, such as 2026-03-01T09:00:00Z."


def _read(reader: Reader, field: str, kind: str) -> pl.Series:
    if kind == "text":
        return reader.text(field, longest=LONGEST.get(FIELDS[field][0], LONGEST_TEXT))
    return READERS[kind](reader, field)


def _only_one(reader: Reader, stated: list[pl.Series], fields: tuple[str, ...]) -> pl.Series:
    frame = pl.DataFrame({str(at): cells for at, cells in enumerate(stated)})
    count = frame.select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
    reader.refuse(fields[0], count > 1, f"Give one of {', '.join(fields)}, not several.")
    return frame.select(pl.coalesce(pl.all())).to_series()


def _hours(reader: Reader, given: dict[str, pl.Series]) -> pl.Series:
    """Return wall-clock hours: as stated, else from start to end."""
    nothing = pl.Series([None] * reader.frame.height, dtype=pl.Float64)
    stated = given.get("duration_hours", nothing)
    if "ended_at" not in given or "started_at" not in given:
        return stated
    span = hours_of(given["ended_at"] - given["started_at"])
    reader.refuse("ended_at", span < 0, "The run ends before it starts.")
    apart = (stated - span).abs()
    allowed = (span * ROUNDING_SHARE).clip(lower_bound=ROUNDING_HOURS)
    reader.refuse(
        "ended_at",
        (span >= 0) & (apart > allowed),
        "From start to end are other hours than duration_hours.",
    )
    return stated.fill_null(span)
