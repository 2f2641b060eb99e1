"""What is known of a run's energy by component: GPU, CPU and memory."""

import numpy as np

from emissions.calculation.arrays import Bools, Floats

MATERIAL_SHARE = 0.05
"""A component with no more of the energy than this does not decide how the run's is known."""


def counted_throughout(
    *, gpu_kwh: Floats, cpu_kwh: Floats, memory_kwh: Floats, cpu_counted: Bools
) -> Bools:
    """Tell whether all that matters of a run's energy was read from counters.

    Parameters
    ----------
    gpu_kwh, cpu_kwh, memory_kwh : Floats
        What a tracker saw of each component, shape (n,). [kWh]
    cpu_counted : Bools
        Whether the machine let it read the processor's counters, shape (n,).

    Returns
    -------
    Bools
        Shape (n,). A GPU's energy is its counter's; the memory's is always modelled.
    """
    material = MATERIAL_SHARE * (gpu_kwh + cpu_kwh + memory_kwh)
    cpu_matters, memory_matters = cpu_kwh > material, memory_kwh > material
    return np.asarray((material > 0) & (cpu_counted | ~cpu_matters) & ~memory_matters)
