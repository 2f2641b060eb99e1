"""Exact integer arithmetic of the ledger: splitting a whole, and what is left to post."""

import numpy as np

from emissions.calculation.arrays import Bools, Ints

WEIGHT_BITS = 52
"""Weights of one whole are reduced until their sum has this many bits; see `_floor_share`."""


def apportion(*, totals: Ints, group: Ints, weights: Ints) -> Ints:
    """Split each total over its parts in proportion to weights, exactly.

    Parameters
    ----------
    totals : (n,) int64
        The wholes; may be negative. [1e-9 of the unit]
    group : (m,) int64
        Row in `totals` that a part belongs to.
    weights : (m,) int64
        Weights of the parts, 0 or more.

    Returns
    -------
    (m,) int64
        The parts: `sign × floor(|total| × weight ÷ Σ weight)`, and what is left on the
        part with the largest weight (of equals, the last one). They add up to the total;
        where all weights are zero the last part takes it all. [1e-9 of the unit]

    Raises
    ------
    ValueError
        If a weight is negative.
    """
    if not group.size:
        return np.zeros(0, dtype=np.int64)
    if weights.min() < 0:
        raise ValueError("weights must not be negative")
    if np.any(group[1:] < group[:-1]):
        order = np.argsort(group, kind="stable")
        parts = np.empty(group.size, dtype=np.int64)
        parts[order] = _apportion_sorted(totals, group[order], weights[order])
        return parts
    return _apportion_sorted(totals, group, weights)


def _apportion_sorted(totals: Ints, group: Ints, weights: Ints) -> Ints:
    starts = group_starts(group=group)
    if starts.size == group.size:
        return np.asarray(totals[group])
    rank = np.cumsum(_is_start(starts, group.size)) - 1
    whole = totals[group[starts]]
    weights = _reduced(weights, starts, rank)
    weight_sum = np.add.reduceat(weights, starts)
    shares: Ints = (
        _floor_share(np.abs(whole)[rank], weights, np.maximum(weight_sum, 1)[rank])
        * np.sign(whole)[rank]
    )
    rest: Ints = whole - np.add.reduceat(shares, starts)
    largest = np.maximum.reduceat(weights, starts)[rank] == weights
    receiver = np.maximum.reduceat(np.where(largest, np.arange(group.size), -1), starts)
    shares[receiver] += rest
    return shares


def group_starts(*, group: Ints) -> Ints:
    """Return the first row of each group of equal numbers.

    Parameters
    ----------
    group : (m,) int64
        Sorted group numbers.

    Returns
    -------
    (g,) int64
        Row numbers, as `numpy.ufunc.reduceat` takes them.
    """
    changes = np.ones(group.size, dtype=np.bool_)
    changes[1:] = group[1:] != group[:-1]
    return np.flatnonzero(changes).astype(np.int64)


def _is_start(starts: Ints, size: int) -> Bools:
    marks = np.zeros(size, dtype=np.bool_)
    marks[starts] = True
    return marks


def _reduced(weights: Ints, starts: Ints, rank: Ints) -> Ints:
    """Halve the weights of a whole until their sum is below 2**WEIGHT_BITS."""
    rough = np.add.reduceat(weights.astype(np.float64), starts)
    shift = np.maximum(np.frexp(rough)[1] - WEIGHT_BITS, 0).astype(np.int64)
    return weights >> shift[rank] if shift.any() else weights


def _floor_share(whole: Ints, weight: Ints, weight_sum: Ints) -> Ints:
    """Return floor(whole × weight ÷ weight_sum) without the 128-bit product.

    With whole = q·W + r the share is q·w + floor(r·w ÷ W). A float estimates the last
    quotient to within one or two; the remainder r·w − estimate·W is then small, and int64
    arithmetic, which wraps, gives it exactly.
    """
    quotient, rest = np.divmod(whole, weight_sum)
    estimate = np.floor(
        rest.astype(np.float64) * weight.astype(np.float64) / weight_sum.astype(np.float64)
    ).astype(np.int64)
    error = rest * weight - estimate * weight_sum
    return quotient * weight + estimate + np.floor_divide(error, weight_sum)


def difference(
    *, wanted_keys: Ints, wanted: Ints, present_keys: Ints, present: Ints
) -> tuple[Ints, Ints]:
    """Return what must be posted so that what stands becomes what should stand.

    Parameters
    ----------
    wanted_keys, present_keys : (w, c), (p, c) int64
        Key of each line, such as run, month and cell. Lines with equal keys are added.
    wanted, present : (w, k), (p, k) int64
        Quantities that should stand, and that stand. [1e-9 of the units]

    Returns
    -------
    keys : (d, c) int64
        Keys with a difference, unique and in rising order.
    deltas : (d, k) int64
        wanted − present; no row is all zero. [1e-9 of the units]
    """
    if present_keys.shape[0]:
        keys = np.concatenate([wanted_keys, present_keys])
        amounts = np.concatenate([wanted, -present])
    else:
        keys, amounts = wanted_keys, wanted
    if not keys.shape[0]:
        return keys.copy(), amounts.copy()
    keys, amounts = _summed(keys, amounts)
    changed = amounts.any(axis=1)
    return keys[changed], amounts[changed]


def _summed(keys: Ints, amounts: Ints) -> tuple[Ints, Ints]:
    """Sort the rows by key and add up those with equal keys."""
    if not _rises(keys):
        order = np.lexsort(keys.T[::-1])
        keys, amounts = keys[order], amounts[order]
        fresh = np.ones(keys.shape[0], dtype=np.bool_)
        fresh[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        starts = np.flatnonzero(fresh)
        keys, amounts = keys[starts], np.add.reduceat(amounts, starts, axis=0)
    return keys, amounts


def _rises(keys: Ints) -> bool:
    """Tell whether every key is greater than the one before."""
    greater = np.zeros(keys.shape[0] - 1, dtype=np.bool_)
    for column in reversed(range(keys.shape[1])):
        before, after = keys[:-1, column], keys[1:, column]
        greater = (after > before) | ((after == before) & greater)
    return bool(greater.all())
