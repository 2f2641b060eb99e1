"""What runs ran on, what it did, and what was seen of its energy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.arrays import Codes, Floats, Ints
from emissions.calculation.footprint import Activity
from emissions.calculation.vocabulary import (
    Basis,
    HardwareKind,
)
from emissions.services.factors.tables import NONE
from emissions.services.resolving.columns import column, first_known, floats, ids_of
from emissions.services.resolving.facts import Facts
from emissions.services.resolving.pieces import Split


@dataclass(frozen=True, slots=True)
class Devices:
    """Columns per run of what it ran on."""

    hardware_id: Ints
    node_id: Ints
    columns: dict[str, Any]


def devices_of(runs: pl.DataFrame, facts: Facts) -> Devices:
    """Look up each run's device: of the run, or of its node; a node's own figures come first."""
    node_id = ids_of(runs, "node_id")
    node = facts.nodes.rows(node_id)
    own = ids_of(runs, "hardware_id")
    hardware_id = np.where(own >= 0, own, facts.nodes.ints("hardware_id", node))
    row = facts.hardware.rows(hardware_id)
    in_node = np.maximum(facts.nodes.floats("device_count", node), 1.0)
    node_max = facts.nodes.floats("max_watts", node) / in_node
    node_idle = facts.nodes.floats("idle_watts", node) / in_node
    kind = facts.hardware.text("kind", row)
    whole = ~np.isnan(node_max)
    return Devices(
        hardware_id=hardware_id,
        node_id=node_id,
        columns={
            "device_max_watts": first_known(node_max, facts.hardware.floats("max_watts", row)),
            "device_idle_watts": np.where(
                whole, node_idle, facts.hardware.floats("idle_watts", row)
            ),
            "host_included": whole
            | np.isin(kind, [HardwareKind.MACHINE.value, HardwareKind.CPU.value]),
            "memory_included": whole | (kind == HardwareKind.MACHINE.value),
            "embodied_kg_per_device": first_known(
                facts.nodes.floats("embodied_kg", node) / in_node,
                facts.hardware.floats("embodied_kg", row),
            ),
            "life_years": facts.hardware.floats("life_years", row),
        },
    )


def lives_of_pieces(
    runs: pl.DataFrame, split: Split, hardware: Devices, facts: Facts
) -> tuple[Ints, Floats]:
    """Return the row of each piece's node's lives, and in how many years its device is spread.

    A run's life is that which holds when it begins: how it is known does not move with what
    is recorded of a later time.
    """
    node = facts.lives.at(keys=hardware.node_id[split.run_index], days=split.day)
    of_model = np.where(hardware.node_id >= 0, NONE, hardware.hardware_id)
    model = facts.hardware_lives.at(keys=of_model[split.run_index], days=split.day)
    life = hardware.columns["life_years"]
    for table, rows in ((facts.lives, node), (facts.hardware_lives, model)):
        begun = split.first & (rows >= 0)
        life[split.run_index[begun]] = table.floats("life_years", rows[begun])
    spread_years = first_known(
        facts.lives.floats("spread_years", node),
        facts.hardware_lives.floats("spread_years", model),
    )
    own = ~np.isnan(floats(runs, "life_years"))[split.run_index]
    return node, np.where(own, np.nan, spread_years)


def activity_of(runs: pl.DataFrame, hardware: Devices, preset: Codes, pue: Floats) -> Activity:
    """Return what runs did; `pue` divides what a client measured at the meter, or made so."""
    known = dict(hardware.columns)
    for name in ("embodied_kg_per_device", "life_years"):
        known[name] = first_known(floats(runs, name), known[name])
    known |= _evidence(runs, pue)
    return Activity.of(
        runs.height,
        device_count=floats(runs, "device_count"),
        count_assumed=column(runs, "count_assumed", missing=False, dtype=np.bool_),
        duration_hours=floats(runs, "duration_hours"),
        device_hours=floats(runs, "device_hours"),
        power_watts=floats(runs, "stated_power_watts"),
        power_share=floats(runs, "power_share"),
        utilisation=floats(runs, "utilisation"),
        cpu_cores=floats(runs, "cpu_cores"),
        cpu_watts_per_core=floats(runs, "cpu_watts_per_core"),
        memory_gb=floats(runs, "memory_gb"),
        preset=preset,
        expected_utilisation=floats(runs, "expected_utilisation"),
        **known,
    )


def _evidence(runs: pl.DataFrame, pue: Floats) -> dict[str, Any]:
    """Return the energy columns of runs: as stated, or as observed where that is better known."""
    kwh = floats(runs, "energy_kwh")
    measured = column(runs, "energy_measured", missing=False, dtype=np.bool_)
    includes_pue = column(runs, "energy_includes_pue", missing=False, dtype=np.bool_)
    if "total_kwh" not in runs.columns:
        return {
            "energy_kwh": kwh,
            "energy_measured": measured,
            "energy_includes_pue": includes_pue,
        }
    observed = floats(runs, "total_kwh")
    counted = column(runs, "total_basis", missing=0, dtype=np.int8) <= Basis.SITE_METER
    better = ~np.isnan(observed) & (np.isnan(kwh) | (counted & ~measured))
    at_meter = column(runs, "total_at_meter", missing=False, dtype=np.bool_)
    found: dict[str, Any] = {
        "energy_kwh": np.where(better, observed, kwh),
        "energy_measured": np.where(better, counted, measured),
        "energy_includes_pue": np.where(better, at_meter, includes_pue),
    }
    for part in ("gpu", "cpu", "memory"):
        at_meter = column(runs, f"{part}_at_meter", missing=False, dtype=np.bool_)
        found[f"{part}_kwh"] = floats(runs, f"{part}_kwh") / np.where(at_meter, pue, 1.0)
        found[f"{part}_basis"] = column(runs, f"{part}_basis", missing=0, dtype=np.int8)
    return found
