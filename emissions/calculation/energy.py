"""Energy at the IT equipment, in kWh: what was stated, or hours × power."""

from dataclasses import dataclass, fields, replace

import numpy as np

from emissions.calculation.arrays import Bools, Codes, Floats, Ints, flagged, known_or
from emissions.calculation.inputs import Activity
from emissions.calculation.vocabulary import Assumption, Basis, Preset

POWER_SHARE_DEFAULT = 0.75
"""Average power ÷ TDP where nothing is known; published averages are 0.70–0.76,
from 0.43 (BERT on V100) to 0.92. [W/W]"""

FULL_POWER = 1.0
"""The same in ML CO2 Impact (Lacoste et al. 2019, arXiv:1910.09700). [W/W]"""

HOST_SHARE_DEFAULT = 1.35
"""Power of a node ÷ power of its accelerators, which draw about 74 % of it. [W/W]"""

IDLE_SHARE_DEFAULT = 0.12
"""Idle power ÷ TDP; 0.11–0.15 is typical and rarely published. [W/W]"""

MEMORY_WATTS_PER_GB = 0.3725
"""Lannelongue et al. 2021, Green Algorithms, doi:10.1002/advs.202100707. [W/GB]"""

CPU_WATTS_PER_CORE_DEFAULT = 12.0
"""Green Algorithms' value for any CPU ("Any" in its table TDP_cpu). [W]"""


MATERIAL_SHARE = 0.05
"""A component with no more of the energy than this does not decide how the run's is known."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of each run at the IT equipment, and how it is known; columns of shape (n,).

    Attributes
    ----------
    kwh : (n,) float64
        Stated energy as it was stated (facility energy where `includes_pue`), else the
        IT equipment's. 0 where it cannot be known. [kWh]
    includes_pue : (n,) bool
        Whether `kwh` is facility energy.
    device_hours : (n,) float64
        0 where not known. [h]
    watts_per_device : (n,) float64
        Average power of a device, without host; NaN where energy is stated. [W]
    host_factor : (n,) float64
        What the devices' energy was multiplied by for their host. [kWh/kWh]
    parts_kwh : (n,) float64
        Energy of the stated cores and memory. [kWh]
    basis : (n,) int8
        `Basis`.
    assumptions : (n,) int64
        `Assumption` bits.
    gpu_kwh, cpu_kwh, memory_kwh, host_kwh : (n,) float64
        Energy by component; "host" is the default share of the rest of a node. 0 unless the
        run's energy is a sum of components of which one was observed. [kWh]
    """

    kwh: Floats
    includes_pue: Bools
    device_hours: Floats
    watts_per_device: Floats
    host_factor: Floats
    parts_kwh: Floats
    basis: Codes
    assumptions: Ints
    gpu_kwh: Floats
    cpu_kwh: Floats
    memory_kwh: Floats
    host_kwh: Floats


def power_at_share(*, max_watts: Floats, power_share: Floats) -> Floats:
    """Return average power from a share of the maximum: P = share × max.

    Parameters
    ----------
    max_watts : (n,) float64
        Thermal design power. [W]
    power_share : (n,) float64
        Average power ÷ maximum. [0–1]

    Returns
    -------
    (n,) float64
        Average power. [W]
    """
    return power_share * max_watts


def power_at_utilisation(*, idle_watts: Floats, max_watts: Floats, utilisation: Floats) -> Floats:
    """Return average power from utilisation: P(u) = idle + u × (max − idle).

    Parameters
    ----------
    idle_watts, max_watts : (n,) float64
        Idle and maximum power of a device or of a node. [W]
    utilisation : (n,) float64
        Average utilisation. [0–1]

    Returns
    -------
    (n,) float64
        Average power. [W]

    References
    ----------
    Fan, Weber, Barroso 2007, doi:10.1145/1250662.1250665 (linear power model).
    """
    return idle_watts + utilisation * (max_watts - idle_watts)


def parts_power(
    *, cpu_cores: Floats, cpu_watts_per_core: Floats, cpu_use: Floats, memory_gb: Floats
) -> Floats:
    """Return the power of cores and memory: cores × W/core × use + GB × 0.3725.

    Parameters
    ----------
    cpu_cores, memory_gb : (n,) float64
        What the run was given; NaN counts as none. [1], [GB]
    cpu_watts_per_core : (n,) float64
        NaN takes `CPU_WATTS_PER_CORE_DEFAULT`. [W]
    cpu_use : (n,) float64
        NaN counts as 1. [0–1]

    Returns
    -------
    (n,) float64
        Power. [W]

    References
    ----------
    Lannelongue et al. 2021, Green Algorithms, doi:10.1002/advs.202100707.
    """
    per_core = known_or(values=cpu_watts_per_core, default=CPU_WATTS_PER_CORE_DEFAULT)
    cores = known_or(values=cpu_cores, default=0.0) * per_core
    memory = known_or(values=memory_gb, default=0.0) * MEMORY_WATTS_PER_GB
    return cores * known_or(values=cpu_use, default=1.0) + memory


def device_hours(*, device_count: Floats, duration_hours: Floats, device_hours: Floats) -> Floats:
    """Return device-hours: as stated, else count × wall-clock hours.

    Parameters
    ----------
    device_count : (n,) float64
        NaN counts as one device. [1]
    duration_hours, device_hours : (n,) float64
        Wall-clock hours of the run, and hours summed over its devices. [h]

    Returns
    -------
    (n,) float64
        NaN where neither is stated. [h]
    """
    counted = known_or(values=device_count, default=1.0) * duration_hours
    return known_or(values=device_hours, default=counted)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """By which of the ways a run's energy is found; each run is in one, or in none."""

    energy: Bools
    power: Bools
    node: Bools
    device: Bools
    parts: Bools


def _kinds(activity: Activity) -> _Kinds:
    energy = ~np.isnan(activity.energy_kwh)
    power = ~energy & ~np.isnan(activity.power_watts)
    node = ~energy & ~power & ~np.isnan(activity.node_max_watts)
    modelled = ~(energy | power | node)
    cores = ~np.isnan(activity.cpu_cores) & ~activity.host_included
    memory = ~np.isnan(activity.memory_gb) & ~activity.memory_included
    return _Kinds(
        energy=energy,
        power=power,
        node=node,
        device=modelled & ~np.isnan(activity.device_max_watts),
        parts=modelled & (cores | memory),
    )


def _watts(activity: Activity, kinds: _Kinds) -> tuple[Floats, Ints]:
    """Return the average power of a device [W], NaN where energy is stated, and assumptions."""
    maximum = np.where(kinds.node, activity.node_max_watts, activity.device_max_watts)
    stated_idle = np.where(kinds.node, activity.node_idle_watts, activity.device_idle_watts)
    idle = known_or(values=stated_idle, default=IDLE_SHARE_DEFAULT * maximum)
    no_share = np.isnan(activity.power_share)
    guessed = no_share & np.isnan(activity.utilisation) & (kinds.node | kinds.device)
    full = activity.preset == Preset.MLCO2
    share = known_or(
        values=activity.power_share, default=np.where(full, FULL_POWER, POWER_SHARE_DEFAULT)
    )
    load = np.where(no_share & ~guessed, activity.utilisation, share)
    linear = kinds.node | (kinds.device & no_share & ~guessed)
    watts = np.where(
        linear,
        power_at_utilisation(idle_watts=idle, max_watts=maximum, utilisation=load),
        power_at_share(max_watts=maximum, power_share=share),
    )
    watts = np.where(kinds.power, activity.power_watts, watts)
    flags = (
        flagged(where=guessed & ~full, bit=Assumption.POWER_SHARE_DEFAULT)
        | flagged(where=guessed & full, bit=Assumption.FULL_POWER)
        | flagged(where=linear & np.isnan(stated_idle), bit=Assumption.IDLE_POWER_DEFAULT)
    )
    known = kinds.power | kinds.node | kinds.device
    return np.where(known, watts, np.nan), flags


def _parts(activity: Activity, kinds: _Kinds, hours: Floats) -> tuple[Floats, Ints]:
    """Return the energy of stated cores and memory [kWh], and assumptions."""
    watts = parts_power(
        cpu_cores=np.where(activity.host_included, 0.0, activity.cpu_cores),
        cpu_watts_per_core=activity.cpu_watts_per_core,
        cpu_use=activity.cpu_use,
        memory_gb=np.where(activity.memory_included, 0.0, activity.memory_gb),
    )
    cores = known_or(values=activity.cpu_cores, default=0.0) > 0
    guessed = kinds.parts & cores & ~activity.host_included & np.isnan(activity.cpu_watts_per_core)
    kwh = np.where(kinds.parts, watts * hours / 1000, 0.0)
    return kwh, flagged(where=guessed, bit=Assumption.CPU_POWER_DEFAULT)


ASSUMED_POWER = int(
    Assumption.POWER_SHARE_DEFAULT
    | Assumption.FULL_POWER
    | Assumption.HOST_SHARE_DEFAULT
    | Assumption.CPU_POWER_DEFAULT
    | Assumption.ENERGY_UNKNOWN
)
"""Assumptions that make the basis of a run's energy `Basis.DEFAULT`."""


def at_it_equipment(*, activity: Activity) -> Energy:
    """Return each run's energy by the best of what is known about it.

    Parameters
    ----------
    activity : Activity
        Columns of shape (n,).

    Returns
    -------
    Energy
        Columns of shape (n,).

    Notes
    -----
    In this order: stated energy; stated average power × device-hours; the node's power
    model; `power_share` × TDP; utilisation between idle power and TDP; the preset's share
    of TDP. Only the last three get a host: the stated cores and memory, else, with the
    preset TONNE and an accelerator, `HOST_SHARE_DEFAULT`. A run with cores or memory and
    no device has theirs alone.

    Where the energy of a component was observed, it supersedes that component's estimate,
    and the run's energy is the sum of its components: see `_of_components`. A stated energy
    of the whole run stands unless that sum rests on better evidence.
    """
    whole = _of_whole(activity)
    observed = _observed(activity)
    if not observed.any():
        return whole
    parts = _of_components(activity, observed)
    better = observed & (np.isnan(activity.energy_kwh) | (parts.basis < whole.basis))
    columns = {
        one.name: np.where(better, getattr(parts, one.name), getattr(whole, one.name))
        for one in fields(Energy)
    }
    return Energy(**columns)


def _observed(activity: Activity) -> Bools:
    """Tell which runs have a component whose energy was observed."""
    return (
        ~np.isnan(activity.gpu_kwh) | ~np.isnan(activity.cpu_kwh) | ~np.isnan(activity.memory_kwh)
    )


def _of_whole(activity: Activity) -> Energy:
    """Return each run's energy from what was stated of it, or from its hardware."""
    kinds = _kinds(activity)
    hours = device_hours(
        device_count=activity.device_count,
        duration_hours=activity.duration_hours,
        device_hours=activity.device_hours,
    )
    run_hours = known_or(
        values=activity.duration_hours,
        default=hours / known_or(values=activity.device_count, default=1.0),
    )
    watts, flags = _watts(activity, kinds)
    parts_kwh, parts_flags = _parts(activity, kinds, run_hours)
    bare = np.isnan(activity.cpu_cores) & np.isnan(activity.memory_gb)
    hosted = kinds.device & bare & ~activity.host_included & (activity.preset == Preset.TONNE)
    host_factor = np.where(hosted, HOST_SHARE_DEFAULT, 1.0)
    no_device = kinds.parts & ~kinds.device
    modelled = np.where(no_device, 0.0, hours * watts / 1000 * host_factor) + parts_kwh
    kwh = np.where(kinds.energy, activity.energy_kwh, modelled)
    unknown = np.isnan(kwh)
    flags = (
        flags
        | parts_flags
        | flagged(where=hosted, bit=Assumption.HOST_SHARE_DEFAULT)
        | flagged(where=unknown, bit=Assumption.ENERGY_UNKNOWN)
    )
    return Energy(
        kwh=np.where(unknown, 0.0, kwh),
        includes_pue=kinds.energy & activity.energy_includes_pue,
        device_hours=known_or(values=hours, default=0.0),
        watts_per_device=watts,
        host_factor=host_factor,
        parts_kwh=known_or(values=parts_kwh, default=0.0),
        basis=_basis(flags, measured=kinds.energy & activity.energy_measured),
        assumptions=flags,
        gpu_kwh=np.zeros(hours.size),
        cpu_kwh=np.zeros(hours.size),
        memory_kwh=np.zeros(hours.size),
        host_kwh=np.zeros(hours.size),
    )


DEVICE_FLAGS = int(
    Assumption.POWER_SHARE_DEFAULT | Assumption.FULL_POWER | Assumption.IDLE_POWER_DEFAULT
)
"""Assumptions about the power of a device: void once its energy was observed."""


def _of_components(activity: Activity, observed: Bools) -> Energy:
    """Return energies as sums of components, each by the best that is known of it.

    Notes
    -----
    GPU, CPU and memory: as observed; else the device's model, the stated cores, the stated
    memory. Where nothing at all is known of CPU and memory, an accelerator gets the default
    host share of its energy (preset TONNE). A CPU or a whole machine is one model: it is
    superseded by the CPU's or the GPU's observation. The basis is the worst of the material
    components, those with more than `MATERIAL_SHARE` of the energy.
    """
    bare = replace(activity, energy_kwh=np.where(observed, np.nan, activity.energy_kwh))
    kinds = _kinds(bare)
    whole = _of_whole(bare)
    run_hours = known_or(
        values=activity.duration_hours,
        default=whole.device_hours / known_or(values=activity.device_count, default=1.0),
    )
    device = known_or(values=whole.device_hours * whole.watts_per_device / 1000, default=0.0)
    device = np.where(kinds.parts & ~kinds.device, 0.0, device)
    no_memory = replace(bare, memory_gb=np.full(device.size, np.nan))
    cores, parts_flags = _parts(no_memory, kinds, run_hours)
    memory = known_or(values=whole.parts_kwh, default=0.0) - cores
    gpu_seen, cpu_seen, memory_seen = (
        ~np.isnan(one) for one in (activity.gpu_kwh, activity.cpu_kwh, activity.memory_kwh)
    )
    one_model = activity.host_included
    superseded = gpu_seen | (cpu_seen & one_model)
    device = np.where(superseded, 0.0, device)
    device_flags = np.where(superseded | (device == 0), 0, whole.assumptions & DEVICE_FLAGS)
    device_basis = _basis(device_flags, measured=np.zeros(device.size, dtype=np.bool_))
    gpu = np.where(gpu_seen, activity.gpu_kwh, np.where(one_model, 0.0, device))
    cpu = np.where(cpu_seen, activity.cpu_kwh, np.where(one_model, device, cores))
    within = activity.memory_included & ~superseded
    memory = np.where(within, 0.0, np.where(memory_seen, activity.memory_kwh, memory))
    unknown = np.isnan(activity.cpu_cores) & np.isnan(activity.memory_gb) & ~cpu_seen & ~memory_seen
    hosted = unknown & ~one_model & (gpu > 0) & (activity.preset == Preset.TONNE)
    hosted &= np.isnan(activity.power_watts) | gpu_seen
    host = np.where(hosted, (HOST_SHARE_DEFAULT - 1) * gpu, 0.0)
    cores_used = ~cpu_seen & ~one_model & (cores > 0)
    flags = (
        device_flags
        | np.where(cores_used, parts_flags, 0)
        | flagged(where=hosted, bit=Assumption.HOST_SHARE_DEFAULT)
    )
    cores_basis = np.where(parts_flags != 0, int(Basis.DEFAULT), int(Basis.ESTIMATED))
    kwh = np.column_stack([gpu, cpu, memory, host])
    basis = np.column_stack(
        [
            np.where(gpu_seen, activity.gpu_basis, device_basis),
            np.where(cpu_seen, activity.cpu_basis, np.where(one_model, device_basis, cores_basis)),
            np.where(memory_seen, activity.memory_basis, int(Basis.ESTIMATED)),
            np.full(device.size, int(Basis.DEFAULT)),
        ]
    )
    # Column by column: a sum over rows could depend on a row's neighbours.
    total = gpu + cpu + memory + host
    material = kwh > MATERIAL_SHARE * total[:, np.newaxis]
    seen = np.column_stack([gpu_seen, cpu_seen, memory_seen, np.zeros(device.size, np.bool_)])
    decides: Bools = np.where(material.any(axis=1, keepdims=True), material, seen)
    return Energy(
        kwh=total,
        includes_pue=np.zeros(device.size, dtype=np.bool_),
        device_hours=whole.device_hours,
        watts_per_device=np.where(superseded, np.nan, whole.watts_per_device),
        host_factor=np.ones(device.size),
        parts_kwh=np.where(cores_used, cores, 0.0) + np.where(memory_seen, 0.0, memory),
        basis=np.where(decides, basis, 0).max(axis=1).astype(np.int8),
        assumptions=flags,
        gpu_kwh=gpu,
        cpu_kwh=cpu,
        memory_kwh=memory,
        host_kwh=host,
    )


def _basis(flags: Ints, *, measured: Bools) -> Codes:
    assumed = np.where((flags & ASSUMED_POWER) != 0, int(Basis.DEFAULT), int(Basis.ESTIMATED))
    return np.where(measured, int(Basis.DEVICE_COUNTER), assumed).astype(np.int8)
