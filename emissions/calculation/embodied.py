"""Embodied emissions of hardware: bought in full, and shared over its life."""

from dataclasses import dataclass

import numpy as np

from emissions.calculation.arrays import NANO, Floats, Ints, known_or, quantise

HOURS_PER_YEAR = 8760
"""365 × 24. [h/a]"""

DAYS_PER_YEAR = 365
"""`HOURS_PER_YEAR` ÷ 24. [d/a]"""

NEVER = 3_652_059
"""9999-12-31: the day of what has not happened. [days since 0001-01-01]"""

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


@dataclass(frozen=True, slots=True)
class LifetimeBridge:
    """What became of hardware that was bought, up to a day.

    `bought = attributed + disposed + remaining`, exactly; all in 1e-9 kg CO2e.

    Attributes
    ----------
    bought : (n,) int64
        The whole footprint, once the hardware was bought.
    attributed : (n,) int64
        The lifetime share of the time that it has stood.
    disposed : (n,) int64
        What was left of it when it went before the end of its life.
    remaining : (n,) int64
        What the rest of its life will carry.
    """

    bought: Ints
    attributed: Ints
    disposed: Ints
    remaining: Ints


def purchase_nano(*, kg_per_node: Floats, node_count: Ints) -> Ints:
    """Return the whole footprint of nodes bought, as category 3.2 counts it.

    Parameters
    ----------
    kg_per_node : (n,) float64
        Cradle-to-gate emissions of one node; NaN (unknown) gives 0. [kg CO2e]
    node_count : (n,) int64
        Nodes alike.

    Returns
    -------
    (n,) int64
        [1e-9 kg CO2e]

    References
    ----------
    WRI, GHG Protocol Scope 3 Standard (2011), category 2: in full, in the year of purchase.
    """
    known = known_or(values=kg_per_node, default=0.0)
    return quantise(nano=known * node_count.astype(np.float64) * NANO)


def lifetime_bridge(
    *, bought_nano: Ints, bought_on: Ints, disposed_on: Ints, life_years: Floats, before: Ints
) -> LifetimeBridge:
    """Share the footprint of hardware over its life, up to a day.

    Parameters
    ----------
    bought_nano : (n,) int64
        See `purchase_nano`. [1e-9 kg CO2e]
    bought_on : (n,) int64
        Day of purchase. [days since 0001-01-01]
    disposed_on : (n,) int64
        Day on which it left, `NEVER` if it has not. [days since 0001-01-01]
    life_years : (n,) float64
        Installed life; NaN takes `LIFE_YEARS_DEFAULT`. [a]
    before : (n,) int64
        The day before which time counts: half-open. [days since 0001-01-01]

    Returns
    -------
    LifetimeBridge
        SCI's M = TE × TiR/EL, in proportion to time; idle hours carry their share. The shares
        of a whole life are the whole, to the last digit.

    References
    ----------
    ISO/IEC 21031:2024 (SCI), M = TE × TiR/EL × RR/ToR.
    """
    there = before > bought_on
    life_days = known_or(values=life_years, default=LIFE_YEARS_DEFAULT) * DAYS_PER_YEAR
    stood = np.maximum(np.minimum(before, disposed_on) - bought_on, 0).astype(np.float64)
    bought: Ints = np.where(there, bought_nano, 0)
    part = np.rint(bought.astype(np.float64) * np.minimum(stood / life_days, 1.0))
    attributed: Ints = np.where(
        stood >= life_days, bought, np.minimum(part.astype(np.int64), bought)
    )
    gone = there & (disposed_on < before)
    disposed: Ints = np.where(gone, bought - attributed, 0)
    return LifetimeBridge(bought, attributed, disposed, bought - attributed - disposed)
