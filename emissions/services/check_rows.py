"""`check_run` and `complete_run` for whole columns: the same rules for a million rows.

`suspicious` is no second set of rules. It picks out, by columns, every row that `check_run`
might refuse, and `check_run` alone decides about these.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from emissions.calculation.vocabulary import RunStatus, Stage
from emissions.services.check_run import (
    EARLIEST_START,
    LONGEST_AHEAD,
    MOST_DEVICES,
    MOST_KWH,
    RANGES,
    ROUNDING,
    YEAR_HOURS,
    check_run,
)

#: The column of an id → what `check_run` calls the thing.
THINGS = {
    "hardware_id": "hardware",
    "node_id": "node",
    "site_id": "site",
    "cloud_region_id": "cloud_region",
}
TEXTS = ("external_id", "ai_model", "stated_factor_source", "sweep", "metric_name", "notes")


def counted(rows: pl.DataFrame, *, devices_in_node: Mapping[int, float]) -> pl.DataFrame:
    """Fill in how many devices: of the node, or as many as the hours need (`devices_of`)."""
    in_node = pl.col("node_id").replace_strict(
        dict(devices_in_node), default=None, return_dtype=pl.Float64
    )
    wall, hours = pl.col("duration_hours"), pl.col("device_hours")
    needed = (
        pl.when((wall > 0) & hours.is_not_null())
        .then(pl.max_horizontal(hours / wall, pl.lit(1.0)))
        .when(wall.is_null() & hours.is_not_null())
        .then(pl.max_horizontal((hours / YEAR_HOURS).ceil(), pl.lit(1.0)))
    )
    count = pl.when(pl.col("node_id").is_not_null()).then(in_node).otherwise(needed)
    known = pl.any_horizontal(pl.col("device_count", "node_id", "duration_hours").is_not_null())
    assumed = ~known & hours.is_not_null()
    if "count_assumed" in rows.columns:  # It was filled in before.
        assumed |= pl.col("count_assumed")
    return rows.with_columns(device_count=pl.coalesce("device_count", count), count_assumed=assumed)


def completed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with what follows from their values, as `complete_run` does for one."""
    wall, hours = pl.col("duration_hours"), pl.col("device_hours")
    measured = pl.col("energy_kwh").is_not_null()
    rows = rows.with_columns(device_count=pl.col("device_count").fill_null(1.0))
    rows = rows.with_columns(
        duration_hours=pl.coalesce(wall, hours / pl.col("device_count"), pl.lit(0.0))
    )
    return rows.with_columns(
        device_hours=hours.fill_null(wall * pl.col("device_count")),
        energy_includes_pue=pl.col("energy_includes_pue").fill_null(value=False) & measured,
        energy_measured=pl.col("energy_measured").fill_null(value=False) & measured,
        stage=pl.col("stage").fill_null(Stage.PRE_TRAINING.value),
        status=pl.col("status").fill_null(RunStatus.COMPLETED.value),
        name=pl.coalesce("name", "external_id", pl.lit("Run")),
    ).with_columns(pl.col(TEXTS).fill_null(""))


def suspicious(
    rows: pl.DataFrame, *, devices_of_node: Mapping[int, float], now: datetime
) -> pl.Series:
    """Return which rows `check_run` might refuse: all that it does, and a few more."""
    wall, hours, count = (
        pl.col(name) for name in ("duration_hours", "device_hours", "device_count")
    )
    energy, watts = pl.col("energy_kwh"), pl.col("stated_power_watts")
    number = count.fill_null(1.0)
    full = pl.coalesce(hours, wall * number, pl.lit(0.0))
    known = [
        pl.col(name).is_not_null()
        for name in ("hardware_id", "node_id", "equipment_name", "stated_power_watts", "energy_kwh")
    ]
    known.append((pl.col("cpu_cores") > 0).fill_null(value=False))
    present = pl.col("node_id").replace_strict(
        dict(devices_of_node), default=0.0, return_dtype=pl.Float64
    )
    doubts = [
        *(~pl.col(name).is_between(least, most) for name, (least, most, _) in RANGES.items()),
        ~((count > 0) & (count <= MOST_DEVICES)),
        ~pl.any_horizontal(known),
        wall.is_null() & hours.is_null() & energy.is_null(),
        hours > wall * number * ROUNDING * 0.999,
        hours / number > RANGES["duration_hours"][1] * 0.999,
        pl.col("power_share").is_not_null() & pl.col("utilisation").is_not_null(),
        pl.col("stated_factor_g_per_kwh").is_not_null(),
        pl.col("node_id").is_not_null() & pl.col("hardware_id").is_not_null(),
        pl.col("node_id").is_not_null() & (count > present),
        pl.col("site_id").is_not_null() & pl.col("cloud_region_id").is_not_null(),
        ~pl.col("started_at").is_between(EARLIEST_START, now + LONGEST_AHEAD),
        watts * full / 1000 * pl.col("stated_pue").fill_null(1.0) > MOST_KWH * 0.999,
    ]
    return rows.select(
        pl.any_horizontal([doubt.fill_null(value=False) for doubt in doubts])
    ).to_series()


def refusals(
    rows: pl.DataFrame, *, nodes: Mapping[int, Any], now: datetime
) -> list[tuple[int, str, str]]:
    """Return (row, column, what to do about it) of each row that `check_run` refuses."""
    devices = {key: float(node.device_count * node.node_count) for key, node in nodes.items()}
    doubtful = rows.filter(suspicious(rows, devices_of_node=devices, now=now))
    found = []
    for values in doubtful.iter_rows(named=True):
        known = {**values, **{name: values[column] for column, name in THINGS.items()}}
        known["node"] = nodes.get(values["node_id"])
        # A name that we do not know is placed later, and refuses nothing.
        known["hardware"] = known["hardware"] or (
            None if known["node"] is not None else values["equipment_name"]
        )
        for column, messages in check_run(known, now=now).items():
            found.append((int(values["row"]), column, messages[0]))
            break
    return found
