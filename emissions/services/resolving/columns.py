"""The columns of a frame of runs, and how they become arrays."""

from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.arrays import Floats, Ints
from emissions.services.factors.tables import NONE

#: What a frame of runs holds: name → type. Absent or null means “not stated”.
RUN_COLUMNS: dict[str, type[pl.DataType]] = {
    "id": pl.Int64,
    "project_id": pl.Int64,
    "hardware_id": pl.Int64,
    "node_id": pl.Int64,
    "site_id": pl.Int64,
    "cloud_region_id": pl.Int64,
    "zone_id": pl.Int64,
    "stage": pl.String,
    "status": pl.String,
    "source_kind": pl.String,
    "started_at_us": pl.Int64,
    "duration_hours": pl.Float64,
    "device_count": pl.Float64,
    "count_assumed": pl.Boolean,
    "device_hours": pl.Float64,
    "energy_kwh": pl.Float64,
    "energy_includes_pue": pl.Boolean,
    "energy_measured": pl.Boolean,
    "stated_power_watts": pl.Float64,
    "power_share": pl.Float64,
    "utilisation": pl.Float64,
    "cpu_cores": pl.Float64,
    "cpu_watts_per_core": pl.Float64,
    "memory_gb": pl.Float64,
    "stated_pue": pl.Float64,
    "stated_factor_g_per_kwh": pl.Float64,
}
#: What only the calculator states.
CALCULATOR_COLUMNS: dict[str, type[pl.DataType]] = {
    "preset": pl.Int8,
    "embodied_kg_per_device": pl.Float64,
    "life_years": pl.Float64,
    "expected_utilisation": pl.Float64,
    "span_hours": pl.Float64,  # over which months it counts, where not over its whole length
}


def column(frame: pl.DataFrame, name: str, *, missing: Any, dtype: Any) -> Any:
    """Return a frame's column as an array, with `missing` for null and for an absent column."""
    if name not in frame.columns:
        return np.full(frame.height, missing, dtype=dtype)
    series = frame[name]
    if series.null_count():
        series = series.fill_null(missing)
    return series.to_numpy().astype(dtype)


def floats(runs: pl.DataFrame, name: str) -> Floats:
    """Return a column of amounts; NaN where nothing is stated."""
    values: Floats = column(runs, name, missing=float("nan"), dtype=np.float64)
    return values


def ids_of(runs: pl.DataFrame, name: str) -> Ints:
    """Return a column of ids; NONE where nothing is stated."""
    values: Ints = column(runs, name, missing=NONE, dtype=np.int64)
    return values


def nullable(ids: Ints) -> pl.Series:
    """Return ids as a column, null for NONE."""
    return pl.Series(ids).replace(NONE, None)


def first_known(first: Floats, second: Floats) -> Floats:
    """Return the first amounts, and the second ones where those are not known."""
    return np.where(np.isnan(first), second, first)
