"""The working of an estimate: each step with its formula, the values in it, and its result.

Somebody who has the values of a step can work out its result by hand: where the months of a
run have different factors, the values are those of each month.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO, Floats, Ints
from emissions.calculation.embodied import LIFE_YEARS_DEFAULT
from emissions.calculation.energy import (
    FULL_POWER,
    HOST_SHARE_DEFAULT,
    IDLE_SHARE_DEFAULT,
    POWER_SHARE_DEFAULT,
)
from emissions.calculation.vocabulary import Basis, Preset
from emissions.services.resolving.evidence import WHOLE_TIME
from emissions.services.resolving.resolve import Resolved

if TYPE_CHECKING:
    from emissions.services.estimate import Estimate

MONTHS_SHOWN = 6
"""With more different values than these a step shows their mean by energy."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the working: what was multiplied by what.

    `quantity` names the ledger's quantity that the result is; empty for what leads to one.
    """

    label: str
    formula: str
    values: str
    result: float
    unit: str
    source: str = ""
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the values of a run's last month come from, in words; empty where there is none."""

    location: str = ""
    market: str = ""
    upstream: str = ""
    losses: str = ""
    life: str = ""


def steps_of(
    row: int, runs: pl.DataFrame, resolved: Resolved, estimate: "Estimate", sources: Sources
) -> list[Step]:
    """Write down how the figures follow from one another, with the values that were used."""
    at = np.flatnonzero(resolved.pieces.run_index == row)
    return [
        *_energy_steps(row, runs, resolved, estimate),
        _facility_step(at, resolved, estimate),
        *_emission_steps(at, resolved, estimate, sources),
        *_water_step(at, resolved, estimate),
        *_embodied_step(row, at, resolved, estimate, sources),
    ]


def plain(value: float) -> str:
    """Return a value with up to six digits, never as a power of ten: 1,082,990 or 0.3725."""
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.6g}"


# --- energy ---


def _energy_steps(
    row: int, runs: pl.DataFrame, resolved: Resolved, estimate: "Estimate"
) -> list[Step]:
    """Return the steps from hours and power, or from stated energy, to IT energy."""
    components = _component_steps(row, runs, resolved)
    if components:
        values = f"{' + '.join(plain(step.result) for step in components)} kWh"
        source = f"{estimate.basis.label}: the worst basis of what matters in it"
        return [*components, _it_step("sum of the components", values, estimate, source)]
    stated = float(resolved.activity.energy_kwh[row])
    if not np.isnan(stated):
        within = bool(resolved.activity.energy_includes_pue[row])
        formula = "stated energy ÷ PUE" if within else "stated energy"
        values = f"{plain(stated)} kWh" + (f" ÷ {estimate.pue:.4g}" if within else "")
        source = "Device counter" if estimate.basis == Basis.DEVICE_COUNTER else "As stated"
        return [_it_step(formula, values, estimate, source)]
    return [
        _hours_step(row, resolved, estimate),
        Step(
            "Average power of one device",
            *_power(row, resolved),
            estimate.watts_per_device or 0.0,
            "W",
        ),
        _modelled_step(row, resolved, estimate),
    ]


def _hours_step(row: int, resolved: Resolved, estimate: "Estimate") -> Step:
    activity = resolved.activity
    count = float(activity.device_count[row])
    hours = float(activity.duration_hours[row])
    devices = 1.0 if np.isnan(count) else count
    product = devices * hours
    told = not bool(activity.count_assumed[row])
    if told and not np.isnan(product) and abs(product - estimate.device_hours) <= 1e-6 * product:
        formula, values = "devices × wall-clock hours", f"{plain(devices)} × {plain(hours)} h"
    else:
        formula = "as stated, summed over the devices"
        values = f"{plain(estimate.device_hours)} h, no further multiplied"
    return Step("Device-hours", formula, values, estimate.device_hours, "h")


def _modelled_step(row: int, resolved: Resolved, estimate: "Estimate") -> Step:
    host = float(resolved.figures.host_factor[row])
    parts = float(resolved.figures.parts_kwh[row])
    formula = "device-hours × power ÷ 1000"
    watts = estimate.watts_per_device or 0.0
    values = f"{plain(estimate.device_hours)} h × {plain(watts)} W ÷ 1000"
    if host != 1.0:
        formula, values = f"{formula} × host share", f"{values} × {host:.4g}"
    if parts:
        formula = f"{formula} + processor cores and memory"
        values = f"{values} + {plain(parts)} kWh"
    return _it_step(formula, values, estimate, "")


def _it_step(formula: str, values: str, estimate: "Estimate", source: str) -> Step:
    return Step(
        "Energy at the IT equipment",
        formula,
        values,
        estimate.energy_it_kwh,
        "kWh",
        source,
        "energy_it_kwh",
    )


COMPONENTS = {"gpu": "Accelerators", "cpu": "Processors", "memory": "Memory"}


def _component_steps(row: int, runs: pl.DataFrame, resolved: Resolved) -> list[Step]:
    """Return a step for each component, where the energy of at least one was observed."""
    figures, activity = resolved.figures, resolved.activity
    found = []
    for part, label in COMPONENTS.items():
        kwh = float(getattr(figures, f"{part}_kwh")[row])
        basis = int(getattr(activity, f"{part}_basis")[row])
        if not kwh:
            continue
        source = Basis(basis).label if basis else "Estimated: nothing was observed of it"
        found.append(Step(label, "as observed" if basis else "as modelled", "", kwh, "kWh", source))
    host = float(figures.host_kwh[row])
    if host:
        formula = f"accelerators × {HOST_SHARE_DEFAULT - 1:.4g}"
        found.append(Step("Rest of the node", formula, "", host, "kWh", "Default host share"))
    if found and "evidence_share" in runs.columns:
        share = runs["evidence_share"][row]
        if share is not None and share < WHOLE_TIME:
            found[0] = replace(
                found[0],
                source=f"{found[0].source}; seen for {share:.0%} of the time, the rest by its mean",
            )
    return found


def _power(row: int, resolved: Resolved) -> tuple[str, str]:
    """Return the formula and the values of a device's average power.

    The rated and idle power of a run on a node are the node's own per device, where it has them.
    """
    activity = resolved.activity
    if not np.isnan(activity.power_watts[row]):
        return "as stated", f"{plain(float(activity.power_watts[row]))} W"
    most = float(activity.device_max_watts[row])
    if np.isnan(most):
        return "not known", ""
    share, used = float(activity.power_share[row]), float(activity.utilisation[row])
    if not np.isnan(share):
        return "rated power × average power, % of maximum", f"{plain(most)} W × {share:.4g}"
    if np.isnan(used):
        assumed = FULL_POWER if activity.preset[row] == Preset.MLCO2 else POWER_SHARE_DEFAULT
        return "rated power × assumed share", f"{plain(most)} W × {assumed:.4g}"
    stated = float(activity.device_idle_watts[row])
    idle = plain(IDLE_SHARE_DEFAULT * most if np.isnan(stated) else stated)
    return (
        "idle + utilisation × (rated − idle)",
        f"{idle} W + {used:.4g} × ({plain(most)} − {idle}) W",
    )


def _facility_step(at: Ints, resolved: Resolved, estimate: "Estimate") -> Step:
    it = resolved.figures.energy_it_kwh_nano[at] / NANO
    return Step(
        "Energy at the meter",
        "IT energy × PUE",
        _products(it, resolved.figures.pue[at], ""),
        estimate.energy_facility_kwh,
        "kWh",
        estimate.pue_source,
        "energy_facility_kwh",
    )


# --- emissions ---

GRAMS = "g CO₂e/kWh"


def _emission_steps(
    at: Ints, resolved: Resolved, estimate: "Estimate", sources: Sources
) -> list[Step]:
    """Return the steps from the energy at the meter to emissions."""
    place = resolved.place
    kwh: Floats = resolved.figures.energy_facility_kwh_nano[at] / NANO
    location, market = place.location_g_per_kwh[at], place.market_g_per_kwh[at]
    uncovered = np.where(np.isnan(market), location, market)
    steps = [
        _emissions(
            "Location-based", "grid factor", _products(kwh, location, GRAMS),
            estimate.location_based_annual_kg, sources.location, "location_based_kg",
        )
    ]  # fmt: skip
    if estimate.location_based_hourly_kg is not None:
        steps.append(_hourly_step(at, kwh, resolved, estimate))
    steps.append(
        _emissions(
            "Market-based, uncovered", "residual mix", _products(kwh, uncovered, GRAMS),
            estimate.market_based_kg,
            sources.market or "No residual mix published: the location-based factor",
            "market_based_kg",
        )
    )  # fmt: skip
    if estimate.upstream_kg:
        counted = np.where(
            place.factor_includes_upstream[at] | place.factor_lifecycle[at],
            0.0,
            place.upstream_g_per_kwh[at],
        )
        steps.append(
            _emissions(
                "Upstream", "upstream factor", _products(kwh, counted, GRAMS),
                estimate.upstream_kg, sources.upstream, "upstream_kg",
            )
        )  # fmt: skip
    if estimate.losses_kg:
        steps.append(_losses_step(at, kwh, resolved, estimate, sources))
    return steps


def _emissions(
    label: str, factor: str, values: str, result: float, source: str, quantity: str
) -> Step:
    formula = f"facility energy × {factor} ÷ 1000"
    return Step(label, formula, f"{values} ÷ 1000", result, "kg CO₂e", source, quantity)


def _hourly_step(at: Ints, kwh: Floats, resolved: Resolved, estimate: "Estimate") -> Step:
    """Return the step that weights the factor by the hours of the run."""
    place = resolved.place
    hourly = place.hourly_g_per_kwh[at]
    weighted = np.where(np.isnan(hourly), place.location_g_per_kwh[at], hourly)
    gaps = " Hours without a value count at the factor of the year." * bool(
        place.hourly_gaps[at].any()
    )
    return _emissions(
        "Location-based, by the hour", "mean of the run's hours", _products(kwh, weighted, GRAMS),
        estimate.location_based_hourly_kg or 0.0, f"Hourly intensities of the zone.{gaps}",
        "location_based_kg",
    )  # fmt: skip


def _losses_step(
    at: Ints, kwh: Floats, resolved: Resolved, estimate: "Estimate", sources: Sources
) -> Step:
    place = resolved.place
    share = np.where(place.factor_includes_losses[at], 0.0, place.loss_share[at])
    factor = place.location_g_per_kwh[at]
    values = _products(kwh, factor * share / (1 - share), GRAMS)
    if np.unique(share).size == 1 and np.unique(factor).size == 1:
        loss = float(share[0])
        values = (
            f"{plain(float(kwh.sum()))} kWh × {plain(float(factor[0]))} {GRAMS} × "
            f"{loss:.6g} ÷ {1 - loss:.6g}"
        )
    return Step(
        "Transmission and distribution losses",
        "facility energy × grid factor × L ÷ (1 − L) ÷ 1000",
        f"{values} ÷ 1000",
        estimate.losses_kg,
        "kg CO₂e",
        sources.losses,
        "losses_kg",
    )


def _water_step(at: Ints, resolved: Resolved, estimate: "Estimate") -> list[Step]:
    """Return the step of the water, each part where it is known."""
    if not estimate.water_known or not estimate.water_litres:
        return []
    place, figures = resolved.place, resolved.figures
    it, facility = (
        column[at] / NANO
        for column in (figures.energy_it_kwh_nano, figures.energy_facility_kwh_nano)
    )
    parts, formula = [], []
    for kwh, litres, words in (
        (it, place.wue_litres_per_kwh[at], "IT energy × WUE"),
        (facility, place.grid_water_litres_per_kwh[at], "facility energy × water of electricity"),
    ):
        if not np.isnan(litres).all():
            parts.append(_products(kwh, litres, "l/kWh"))
            formula.append(words)
    return [
        Step(
            "Water",
            " + ".join(formula),
            " + ".join(parts),
            estimate.water_litres,
            "l",
            f"Known of {estimate.water_known}",
            "water_litres",
        )
    ]


def _embodied_step(
    row: int, at: Ints, resolved: Resolved, estimate: "Estimate", sources: Sources
) -> list[Step]:
    if estimate.embodied_kg is None:
        return []
    activity = resolved.activity
    use = float(activity.expected_utilisation[row])
    share = "" if np.isnan(use) else f" × {use:.0%} expected use"
    life = float(activity.life_years[row])
    scheduled = resolved.place.spread_years[at]
    years = np.where(np.isnan(scheduled), LIFE_YEARS_DEFAULT if np.isnan(life) else life, scheduled)
    hours = resolved.figures.device_hours_nano[at] / NANO
    kg = plain(float(activity.embodied_kg_per_device[row]))
    parts = []
    for one in dict.fromkeys(years.tolist()):
        rate = f"{kg} kg ÷ ({one:.6g} years × 8,760 h{share})" if np.isfinite(one) else "0 kg/h"
        parts.append(f"{rate} × {plain(float(hours[years == one].sum()))} h")
    return [
        Step(
            "Lifetime share of hardware",
            "footprint of one device ÷ hours of its life × device-hours",
            _sum(parts),
            estimate.embodied_kg,
            "kg CO₂e",
            sources.life,
            "embodied_kg",
        )
    ]


def _products(kwh: Floats, values: Floats, unit: str) -> str:
    """Return "a kWh × f", summed over the months whose values differ.

    A value that is not known counts nothing.
    """
    known = np.nan_to_num(values)
    parts: list[tuple[float, float]] = []
    for amount, value in zip(kwh.tolist(), known.tolist(), strict=True):
        if parts and parts[-1][1] == value:
            parts[-1] = parts[-1][0] + amount, value
        else:
            parts.append((amount, value))
    unit = f" {unit}" if unit else ""
    if len(parts) > MONTHS_SHOWN:
        whole = float(kwh.sum())
        mean = float((kwh * known).sum()) / whole if whole else 0.0
        return f"{plain(whole)} kWh × {plain(mean)}{unit} (mean of {kwh.size} months)"
    texts = [f"{plain(amount)} kWh × {plain(value)}{unit}" for amount, value in parts]
    return _sum(texts)


def _sum(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({' + '.join(texts)})"
