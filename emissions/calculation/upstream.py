"""Upstream emissions of electricity (well to tank), category 3.3."""

import numpy as np

from emissions.calculation.arrays import Bools, Floats, known_or


def upstream(*, energy_kwh: Floats, factor_g_per_kwh: Floats, included: Bools) -> Floats:
    """Return the emissions of producing and bringing the fuels: energy × factor ÷ 1000.

    Parameters
    ----------
    energy_kwh : (n,) float64
        Electricity at the meter, PUE included. [kWh]
    factor_g_per_kwh : (n,) float64
        The zone's well-to-tank factor of generation; NaN counts as 0. [g CO2e/kWh]
    included : (n,) bool
        Whether the location-based factor counts them already, as a lifecycle factor does.

    Returns
    -------
    (n,) float64
        Emissions (0 where included). Linear: nano-kWh give nano-kg. [kg CO2e]

    References
    ----------
    WRI, GHG Protocol Scope 3 Calculation Guidance (2013), category 3, activity B.
    """
    factor = np.where(included, 0.0, known_or(values=factor_g_per_kwh, default=0.0))
    return energy_kwh * factor / 1000
