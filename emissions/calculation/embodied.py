"""Embodied emissions of hardware, shared over its life."""

from emissions.calculation.arrays import Floats, known_or

HOURS_PER_YEAR = 8760
"""365 × 24. [h/a]"""

LIFE_YEARS_DEFAULT = 4.0
"""Installed life where none is stated; operators depreciate over 3–6 years. [a]"""


def rate_per_device_hour(
    *, kg_per_device: Floats, life_years: Floats, expected_utilisation: Floats
) -> Floats:
    """Return the embodied emissions of one device-hour: kg ÷ (years × 8760 × utilisation).

    Parameters
    ----------
    kg_per_device : (n,) float64
        Cradle-to-gate emissions; NaN (unknown) gives 0. [kg CO2e]
    life_years : (n,) float64
        Installed life; NaN takes `LIFE_YEARS_DEFAULT`. [a]
    expected_utilisation : (n,) float64
        NaN counts as 1: idle hours carry their own share (SCI). Below 1 is BLOOM's variant,
        which gives idle hours nothing. [0–1]

    Returns
    -------
    (n,) float64
        [kg CO2e/h]

    References
    ----------
    ISO/IEC 21031:2024 (SCI), M = TE × TiR/EL × RR/ToR.
    Luccioni et al. 2022 (BLOOM), arXiv:2211.02001, section 4.1.
    """
    life = known_or(values=life_years, default=LIFE_YEARS_DEFAULT)
    used = known_or(values=expected_utilisation, default=1.0)
    return known_or(values=kg_per_device, default=0.0) / (life * HOURS_PER_YEAR * used)


def lifetime_share(*, device_hours: Floats, rate_kg_per_device_hour: Floats) -> Floats:
    """Return the embodied emissions of device-hours.

    Parameters
    ----------
    device_hours : (n,) float64
        Hours that devices were reserved, summed. [h]
    rate_kg_per_device_hour : (n,) float64
        See `rate_per_device_hour`. [kg CO2e/h]

    Returns
    -------
    (n,) float64
        Linear: nano-hours give nano-kg. [kg CO2e]
    """
    return device_hours * rate_kg_per_device_hour
