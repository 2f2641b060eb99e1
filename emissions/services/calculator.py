"""The calculator's question, as columns: its page and its API ask in the same words.

Both hand over rows under the public API's names; figures come from `estimate_columns`,
so that a page and an answer of the API can never differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from emissions.calculation.embodied import HOURS_PER_YEAR
from emissions.calculation.vocabulary import HardwareKind
from emissions.models import GridZone, HardwareModel, Organisation
from emissions.services.check_run import check_run, complete_run, stated
from emissions.services.estimate import Estimate, estimate_columns

#: The public API's name → the column of a run that it states.
COLUMNS = {
    "hardware_id": "hardware_id",
    "zone_id": "zone_id",
    "cloud_region_id": "cloud_region_id",
    "device_count": "device_count",
    "duration_hours": "duration_hours",
    "device_hours": "device_hours",
    "power_watts": "stated_power_watts",
    "energy_kwh": "energy_kwh",
    "pue_included": "energy_includes_pue",
    "power_share": "power_share",
    "utilisation": "utilisation",
    "cpu_cores": "cpu_cores",
    "cpu_watts_per_core": "cpu_watts_per_core",
    "memory_gb": "memory_gb",
    "pue": "stated_pue",
    "grid_g_per_kwh": "stated_factor_g_per_kwh",
    "preset": "preset",
    "embodied_kg_per_device": "embodied_kg_per_device",
    "life_years": "life_years",
    "expected_utilisation": "expected_utilisation",
}
_PUBLIC = {column: name for name, column in COLUMNS.items()} | {"hardware": "hardware"}
_SCHEMA: dict[str, Any] = {
    column: pl.Int64 if column.endswith("_id") else pl.Float64 for column in COLUMNS.values()
} | {"energy_includes_pue": pl.Boolean, "preset": pl.Int8}
EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
#: Field: (more than, at most, what to do about a number outside).
RANGES: dict[str, tuple[float, float, str]] = {
    "embodied_kg_per_device": (-1, 1e9, "Give kg CO2e per device, 0 or more."),
    "life_years": (0, 100, "Give years above 0, at most 100."),
    "expected_utilisation": (0, 1, "Give a share above 0, at most 1: 0.85 is 85%."),
}


def check_calculation(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with a row, by the public API's names; {} if nothing."""
    values = {column: row.get(name) for name, column in COLUMNS.items()}
    values |= {"hardware": row.get("hardware_id"), "stated_factor_source": "Stated"}
    errors = {_PUBLIC[field]: messages for field, messages in check_run(values).items()}
    for name, (above, most, advice) in RANGES.items():
        if stated(row, name) and not above < float(row[name]) <= most:
            errors.setdefault(name, []).append(advice)
    year = row.get("year")
    if year is not None and not EARLIEST_YEAR <= int(year) <= LATEST_YEAR:
        errors.setdefault("year", []).append("Give a year between 1990 and 2100.")
    return errors


def calculate(
    *,
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    organisation: Organisation | None = None,
) -> list[Estimate]:
    """Return the figures of checked rows, in one call of the core.

    A run begins with its year; without one, with the present year. However long, it counts in
    that year alone: the question is about the factor of one year.
    """
    frame = calculator_frame(rows=rows, now=now)
    return estimate_columns(columns=frame, organisation=organisation)


def calculator_frame(*, rows: Sequence[Mapping[str, Any]], now: datetime) -> pl.DataFrame:
    """Return checked rows as columns of runs; null where not stated."""
    full = [
        complete_run({column: row.get(name) for name, column in COLUMNS.items()}) for row in rows
    ]
    starts = [datetime(int(row.get("year") or now.year), 1, 1, tzinfo=UTC) for row in rows]
    frame = pl.DataFrame(
        {column: [one.get(column) for one in full] for column in _SCHEMA},
        schema=_SCHEMA,
        strict=False,
    )
    return frame.with_columns(
        pl.Series("started_at", starts, dtype=pl.Datetime("us", "UTC")),
        pl.col("energy_includes_pue").fill_null(False),
        pl.min_horizontal("duration_hours", pl.lit(float(HOURS_PER_YEAR))).alias("span_hours"),
    )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same energy in another place, or the same work on other hardware."""

    label: str
    key: str
    estimate: Estimate
    device_hours: float | None = None


#: Places that show how far apart grids are.
PLACES = (
    "SE", "FR", "CA-QC", "GB", "ES", "US-CA", "DE", "US", "JP", "CN", "PL", "IN", "WORLD",
)  # fmt: skip
#: Hardware that people weigh against each other, where the catalogue has it.
MODELS = (
    "NVIDIA Tesla V100 SXM2 32 GB", "NVIDIA Tesla T4", "NVIDIA L40S",
    "NVIDIA A100 SXM4 80 GB", "NVIDIA H100 SXM5 80GB", "NVIDIA H200 SXM 141GB", "NVIDIA B200",
    "AMD Instinct MI250X", "AMD Instinct MI300X", "Intel Gaudi 2", "Google TPU v3 (chip)",
    "Google TPU v4 (chip)", "Google TPU v5p (chip)", "AWS Trainium2",
)  # fmt: skip
SLOWEST_TFLOPS = 5.0
"""Below this a model has no fast 16-bit arithmetic: its peak says nothing about training."""


def elsewhere(
    *,
    estimate: Estimate,
    started_at: datetime,
    duration_hours: float,
    organisation: Organisation | None,
    codes: Sequence[str] = PLACES,
) -> list[Elsewhere]:
    """Return the same energy, at the same PUE and time, in other grid zones; lowest first."""
    zones = list(GridZone.objects.filter(code__in=codes).order_by("code"))
    size = len(zones)
    columns = pl.DataFrame(
        {
            "zone_id": [zone.pk for zone in zones],
            "energy_kwh": [estimate.energy_it_kwh] * size,
            "stated_pue": [estimate.pue] * size,
            "started_at": [started_at.astimezone(UTC)] * size,
            "duration_hours": [duration_hours] * size,
            "device_hours": [estimate.device_hours] * size,
        },
        schema={
            "zone_id": pl.Int64,
            "energy_kwh": pl.Float64,
            "stated_pue": pl.Float64,
            "started_at": pl.Datetime("us", "UTC"),
            "duration_hours": pl.Float64,
            "device_hours": pl.Float64,
        },
    )
    figures = estimate_columns(columns=columns, organisation=organisation)
    found = [
        Elsewhere(label=zone.name, key=zone.code, estimate=one)
        for zone, one in zip(zones, figures, strict=True)
        if one.factor is not None
    ]
    return sorted(found, key=lambda one: one.estimate.location_based_kg)


def on_other_hardware(
    *, row: Mapping[str, Any], models: Sequence[HardwareModel], now: datetime
) -> list[Elsewhere]:
    """Return the same work on other hardware, lowest first.

    Device-hours follow the peak speed at 16 bit, at the same share of the peak. Models
    without a published peak are left out, and everything where the run's own has none.
    """
    own = next((model for model in models if model.pk == row.get("hardware_id")), None)
    if own is None or (own.peak_fp16_tflops or 0.0) < SLOWEST_TFLOPS:
        return []
    work = float(complete_run(row)["device_hours"]) * (own.peak_fp16_tflops or 0.0)
    if not work:
        return []
    fast = [model for model in models if (model.peak_fp16_tflops or 0.0) >= SLOWEST_TFLOPS]
    scaled = [work / (model.peak_fp16_tflops or 1.0) for model in fast]
    kept = {
        name: value
        for name, value in row.items()
        if name not in ("power_watts", "energy_kwh", "pue_included", "duration_hours")
        and name not in ("embodied_kg_per_device", "life_years", "expected_utilisation")
    }
    rows = [
        {**kept, "hardware_id": model.pk, "device_hours": device_hours}
        for model, device_hours in zip(fast, scaled, strict=True)
    ]
    found = [
        Elsewhere(label=model.name, key=str(model.pk), estimate=one, device_hours=device_hours)
        for model, one, device_hours in zip(
            fast, calculate(rows=rows, now=now), scaled, strict=True
        )
    ]
    return sorted(found, key=lambda one: one.estimate.location_based_kg)


#: Kinds that a run can be compared on.
ACCELERATORS = (HardwareKind.GPU, HardwareKind.TPU, HardwareKind.AI_ACCELERATOR)
