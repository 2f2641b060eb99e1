"""The columns that `footprint` takes: what was done, over which months, in which place."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from emissions.calculation.arrays import Bools, Codes, Floats, Ints
from emissions.calculation.vocabulary import Fit, Preset


def _fill(table: type, size: int, columns: dict[str, Any]) -> dict[str, Any]:
    """Return all columns of `table` as arrays of shape (size,), absent ones with their default."""
    names = {field.name: field.type for field in fields(table)}
    unknown = sorted(set(columns) - set(names))
    if unknown:
        raise TypeError(f"{table.__name__} has no column {', '.join(unknown)}")
    return {name: _column(name, kind, size, columns) for name, kind in names.items()}


def _column(name: str, kind: Any, size: int, columns: dict[str, Any]) -> NDArray[Any]:
    dtype, default = DEFAULTS.get(name) or KINDS[kind]
    given = columns.get(name)
    array: NDArray[Any] = np.asarray(default if given is None else given, dtype=dtype)
    if array.shape not in ((), (size,)):
        raise ValueError(f"{name} has shape {array.shape}, not ({size},)")
    return np.broadcast_to(array, (size,))


KINDS: dict[Any, tuple[type, Any]] = {
    Floats: (np.float64, np.nan),
    Bools: (np.bool_, False),
}
DEFAULTS: dict[str, tuple[type, Any]] = {
    "preset": (np.int8, int(Preset.TONNE)),
    "gpu_basis": (np.int8, 0),
    "cpu_basis": (np.int8, 0),
    "memory_basis": (np.int8, 0),
    "fit": (np.int8, int(Fit.STATED)),
}


@dataclass(frozen=True, slots=True)
class Activity:
    """What runs did: one row per run, every column of shape (n,); NaN means not stated.

    Attributes
    ----------
    device_count : (n,) float64
        Devices working at the same time; NaN counts as one. [1]
    count_assumed : (n,) bool
        Only device-hours are stated: `device_count` and `duration_hours` were made from them.
    duration_hours : (n,) float64
        Wall-clock time of the run. [h]
    device_hours : (n,) float64
        Sum over the devices; NaN gives `device_count` × `duration_hours`. [h]
    device_max_watts, device_idle_watts : (n,) float64
        Thermal design power and idle power of one device. [W]
    power_watts : (n,) float64
        Stated average power of one device; nothing is added to it. [W]
    power_share : (n,) float64
        Average power as a share of the maximum. [0–1]
    utilisation : (n,) float64
        Share of time or of capacity at work. [0–1]
    energy_kwh : (n,) float64
        Stated energy of the whole run; nothing is added to it. [kWh]
    energy_includes_pue : (n,) bool
        The stated energy is facility energy.
    energy_measured : (n,) bool
        The stated energy comes from a device counter.
    gpu_kwh, cpu_kwh, memory_kwh : (n,) float64
        Observed energy of a component at the IT equipment; NaN where nothing was. [kWh]
    gpu_basis, cpu_basis, memory_basis : (n,) int8
        `Basis` of that energy; 0 where there is none.
    cpu_cores, memory_gb : (n,) float64
        Totals of the run, not per device. [1], [GB]
    cpu_watts_per_core : (n,) float64
        Thermal design power per core. [W]
    cpu_use : (n,) float64
        Average use of the cores; NaN counts as 1. [0–1]
    host_included : (n,) bool
        The device is a CPU or a whole machine: no host share, and cores are not added again.
    memory_included : (n,) bool
        The device's power contains its memory (a whole machine): `memory_gb` is not added.
    node_idle_watts, node_max_watts : (n,) float64
        Power model of a whole node; where stated it replaces the sum of the parts, and
        `device_count` and `device_hours` count nodes. [W]
    preset : (n,) int8
        `Preset`: what is assumed where nothing is known.
    embodied_kg_per_device : (n,) float64
        Cradle-to-gate emissions of one device. [kg CO2e]
    life_years : (n,) float64
        Installed life. [a]
    expected_utilisation : (n,) float64
        BLOOM's variant: share of the life that is expected in use; NaN counts as 1. [0–1]
    """

    device_count: Floats
    count_assumed: Bools
    duration_hours: Floats
    device_hours: Floats
    device_max_watts: Floats
    device_idle_watts: Floats
    power_watts: Floats
    power_share: Floats
    utilisation: Floats
    energy_kwh: Floats
    energy_includes_pue: Bools
    energy_measured: Bools
    gpu_kwh: Floats
    gpu_basis: Codes
    cpu_kwh: Floats
    cpu_basis: Codes
    memory_kwh: Floats
    memory_basis: Codes
    cpu_cores: Floats
    cpu_watts_per_core: Floats
    cpu_use: Floats
    memory_gb: Floats
    host_included: Bools
    memory_included: Bools
    node_idle_watts: Floats
    node_max_watts: Floats
    preset: Codes
    embodied_kg_per_device: Floats
    life_years: Floats
    expected_utilisation: Floats

    @classmethod
    def of(cls, n: int, **columns: Any) -> Self:
        """Build `n` rows from the columns that are known; numbers are repeated, None is NaN."""
        return cls(**_fill(cls, n, columns))


@dataclass(frozen=True, slots=True)
class Pieces:
    """The parts of runs that fall in one month each, ordered by run, then month.

    Attributes
    ----------
    run_index : (m,) int64
        Row of the run in `Activity`; never falls.
    weight : (m,) int64
        Share of the piece in its run, such as microseconds; where all weights of a
        run are zero its last piece takes the whole. [any, 0 or more]
    """

    run_index: Ints
    weight: Ints

    @classmethod
    def whole(cls, n: int) -> Self:
        """Return one piece for each of `n` runs."""
        return cls(run_index=np.arange(n, dtype=np.int64), weight=np.ones(n, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Place:
    """Where pieces ran and which factors hold there; every column of shape (m,).

    Attributes
    ----------
    pue : (m,) float64
        Power usage effectiveness; NaN takes the preset's default. [kWh/kWh]
    location_g_per_kwh : (m,) float64
        Location-based factor; NaN means there is none. [g CO2e/kWh]
    market_g_per_kwh : (m,) float64
        Factor at the uncovered rate (residual mix); NaN takes the location-based one. [g CO2e/kWh]
    upstream_g_per_kwh : (m,) float64
        Well-to-tank factor of the electricity; NaN counts as 0. [g CO2e/kWh]
    loss_share : (m,) float64
        Share of generation lost in transmission and distribution; NaN counts as 0. [0–1)
    factor_includes_upstream, factor_includes_losses, factor_lifecycle : (m,) bool
        What the location-based factor already counts.
    fit : (m,) int8
        `Fit` of the location-based factor.
    hourly_g_per_kwh : (m,) float64
        The location-based factor weighted by the hours of the piece; NaN where no hours are
        known. [g CO2e/kWh]
    hourly_gaps : (m,) bool
        Some of the piece's hours are not known and count at the factor of the year.
    wue_litres_per_kwh, grid_water_litres_per_kwh : (m,) float64
        Water of the site per kWh of IT, and of the grid per kWh of electricity. [l/kWh]
    spread_years : (m,) float64
        In how many years the device's whole footprint would be spread at the rate that holds
        then, see `embodied.Schedule`; NaN takes the run's `life_years`. [a]
    """

    pue: Floats
    location_g_per_kwh: Floats
    market_g_per_kwh: Floats
    upstream_g_per_kwh: Floats
    loss_share: Floats
    factor_includes_upstream: Bools
    factor_includes_losses: Bools
    factor_lifecycle: Bools
    fit: Codes
    hourly_g_per_kwh: Floats
    hourly_gaps: Bools
    wue_litres_per_kwh: Floats
    grid_water_litres_per_kwh: Floats
    spread_years: Floats

    @classmethod
    def of(cls, m: int, **columns: Any) -> Self:
        """Build `m` rows from the columns that are known; numbers are repeated, None is NaN."""
        return cls(**_fill(cls, m, columns))
