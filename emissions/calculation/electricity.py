"""Electricity at the meter, and its emissions: location-based, market-based, losses.

The functions are linear: amounts in nano-kWh give nano-kg.
"""

import numpy as np

from emissions.calculation.arrays import Bools, Codes, Floats, known_or
from emissions.calculation.vocabulary import Preset

PUE_DEFAULT = 1.54
"""World survey average: Uptime Institute, Global Data Center Survey 2025. [kWh/kWh]"""

PUE_MLCO2 = 1.0
"""ML CO2 Impact applies none (Lacoste et al. 2019, arXiv:1910.09700). [kWh/kWh]"""


def pue_or_default(*, pue: Floats, preset: Codes) -> Floats:
    """Return the power usage effectiveness, assumed by the preset where not stated.

    Parameters
    ----------
    pue : (n,) float64
        NaN where not known. [kWh/kWh]
    preset : (n,) int8
        `Preset`.

    Returns
    -------
    (n,) float64
        [kWh/kWh]
    """
    return known_or(values=pue, default=np.where(preset == Preset.MLCO2, PUE_MLCO2, PUE_DEFAULT))


def facility_energy(*, energy_it_kwh: Floats, pue: Floats) -> Floats:
    """Return the energy at the facility's meter: IT energy × PUE.

    Parameters
    ----------
    energy_it_kwh : (n,) float64
        Energy at the IT equipment. [kWh]
    pue : (n,) float64
        Power usage effectiveness. [kWh/kWh]

    Returns
    -------
    (n,) float64
        Energy at the meter. [kWh]

    References
    ----------
    ISO/IEC 30134-2:2016, Power usage effectiveness.
    """
    return energy_it_kwh * pue


def it_energy(*, energy_facility_kwh: Floats, pue: Floats) -> Floats:
    """Return the IT equipment's part of facility energy: energy ÷ PUE.

    Parameters
    ----------
    energy_facility_kwh : (n,) float64
        Energy at the meter. [kWh]
    pue : (n,) float64
        Power usage effectiveness. [kWh/kWh]

    Returns
    -------
    (n,) float64
        Energy at the IT equipment. [kWh]
    """
    return energy_facility_kwh / pue


def location_based(*, energy_kwh: Floats, factor_g_per_kwh: Floats) -> Floats:
    """Return the location-based emissions of electricity: energy × factor ÷ 1000.

    Parameters
    ----------
    energy_kwh : (n,) float64
        Electricity at the meter, PUE included. [kWh]
    factor_g_per_kwh : (n,) float64
        Average factor of the grid; NaN gives 0. [g CO2e/kWh]

    Returns
    -------
    (n,) float64
        Emissions. [kg CO2e]

    References
    ----------
    WRI, GHG Protocol Scope 2 Guidance (2015), chapter 6.
    """
    return energy_kwh * known_or(values=factor_g_per_kwh, default=0.0) / 1000


def market_based(
    *, energy_kwh: Floats, factor_g_per_kwh: Floats, location_g_per_kwh: Floats
) -> Floats:
    """Return the market-based emissions of electricity that no instrument covers.

    Parameters
    ----------
    energy_kwh : (n,) float64
        Electricity at the meter, PUE included. [kWh]
    factor_g_per_kwh : (n,) float64
        Residual mix of the zone; NaN takes the location-based factor. [g CO2e/kWh]
    location_g_per_kwh : (n,) float64
        Average factor of the grid. [g CO2e/kWh]

    Returns
    -------
    (n,) float64
        Emissions at the uncovered rate; instruments act later, per site and month. [kg CO2e]

    References
    ----------
    WRI, GHG Protocol Scope 2 Guidance (2015), chapter 6, table 6.3.
    """
    factor = known_or(values=factor_g_per_kwh, default=location_g_per_kwh)
    return energy_kwh * known_or(values=factor, default=0.0) / 1000


def losses(
    *, energy_kwh: Floats, factor_g_per_kwh: Floats, loss_share: Floats, included: Bools
) -> Floats:
    """Return the emissions of transmission and distribution: E × factor × L ÷ (1 − L).

    Parameters
    ----------
    energy_kwh : (n,) float64
        Electricity at the meter, PUE included. [kWh]
    factor_g_per_kwh : (n,) float64
        Factor per kWh generated; NaN gives 0. [g CO2e/kWh]
    loss_share : (n,) float64
        L, the share of generation lost on the way; NaN counts as 0. [0–1)
    included : (n,) bool
        Whether the factor counts losses already.

    Returns
    -------
    (n,) float64
        Emissions, category 3.3 (0 where included). [kg CO2e]

    References
    ----------
    US EPA, eGRID Technical Guide, section on estimated losses (grid gross loss).
    """
    share = np.where(included, 0.0, known_or(values=loss_share, default=0.0))
    # A share of 1 or more makes infinity, which the caller reports as out of range.
    beyond = share >= 1
    ratio = np.where(beyond, np.inf, share / np.where(beyond, 1.0, 1 - share))
    factor = known_or(values=factor_g_per_kwh, default=0.0)
    amount = energy_kwh * factor / 1000
    return np.where(beyond, np.inf, amount * np.where(beyond, 0.0, ratio))
