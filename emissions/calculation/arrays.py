"""Array types of the core, and the one place where quantities become integers."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Months: TypeAlias = NDArray[np.int32]
Codes: TypeAlias = NDArray[np.int8]
Bools: TypeAlias = NDArray[np.bool_]

NANO = 1_000_000_000
"""Quantities are posted in integers of 1e-9: nano-kWh, µg CO2e, nano-litres."""

LARGEST = 9.0e18
"""The largest amount accepted, in nano-units: 9e9 kWh or kg. int64 ends at 9.22e18."""


def out_of_range(*, nano: Floats) -> Bools:
    """Tell which amounts cannot be kept as integers.

    Parameters
    ----------
    nano : (n,) float64
        Amounts. [1e-9 of the unit]

    Returns
    -------
    (n,) bool
        True where the amount is not a number, infinite, or beyond `LARGEST`.
    """
    return ~(np.abs(nano) <= LARGEST)


def quantise(*, nano: Floats) -> Ints:
    """Return amounts as integers, rounded half to even; 0 where `out_of_range`.

    Parameters
    ----------
    nano : (n,) float64
        Amounts. [1e-9 of the unit]

    Returns
    -------
    (n,) int64
        Amounts. [1e-9 of the unit]

    Notes
    -----
    Only IEEE multiplication, division and rounding lead here, never `exp`, `log`
    or a sum of floats, whose last digit may depend on a row's neighbours: a run
    calculated alone gives the same integers as within a batch of a million.
    """
    kept = np.where(out_of_range(nano=nano), 0.0, nano)
    return np.rint(kept).astype(np.int64)


def known_or(*, values: Floats, default: Floats | float) -> Floats:
    """Return `values` with `default` where they are not stated (NaN).

    Parameters
    ----------
    values : (n,) float64
        Any unit; NaN where not stated.
    default : (n,) float64 or float
        The same unit.

    Returns
    -------
    (n,) float64
        The same unit.
    """
    return np.where(np.isnan(values), default, values)


def flagged(*, where: Bools, bit: int) -> Ints:
    """Return a column of bits: `bit` where the condition holds, else 0.

    Parameters
    ----------
    where : (n,) bool
        The condition.
    bit : int
        An `Assumption`.

    Returns
    -------
    (n,) int64
    """
    return np.where(where, np.int64(bit), np.int64(0))
