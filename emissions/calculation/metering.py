"""What meters say by month, and what runs do not explain of it; exact integers."""

import numpy as np

from emissions.calculation.arrays import Ints
from emissions.calculation.ledger import apportion

FIRST_MONTH = np.datetime64("0000-01")


def split_by_days(
    *, starts_on: Ints, ends_before: Ints, totals: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Split metered energy over calendar months, in proportion to days.

    Parameters
    ----------
    starts_on, ends_before : (n,) int64
        Half-open period of each reading, days since 1970-01-01. [d]
    totals : (n, k) int64
        Energies of each reading. [1e-9 kWh]

    Returns
    -------
    index : (m,) int64
        Row of the reading; pieces are ordered by reading, then month.
    month : (m,) int64
        year × 12 + month − 1. [month]
    days : (m,) int64
        Days of the reading in the month. [d]
    parts : (m, k) int64
        Energies; those of a reading add up to it exactly. [1e-9 kWh]
    """
    first, last = _months(starts_on), _months(ends_before - 1)
    count = last - first + 1
    index = np.repeat(np.arange(starts_on.size, dtype=np.int64), count)
    nth = np.arange(index.size) - np.repeat(np.cumsum(count) - count, count)
    month = first[index] + nth
    begins, ends = first_days(month=month), first_days(month=month + 1)
    days = np.minimum(ends, ends_before[index]) - np.maximum(begins, starts_on[index])
    parts = [
        apportion(totals=np.ascontiguousarray(column), group=index, weights=days)
        for column in totals.T
    ]
    return index, month, days, np.column_stack(parts)


def first_days(*, month: Ints) -> Ints:
    """Return the first day of months.

    Parameters
    ----------
    month : (m,) int64
        year × 12 + month − 1. [month]

    Returns
    -------
    (m,) int64
        Days since 1970-01-01. [d]
    """
    months = (FIRST_MONTH + month.astype("timedelta64[M]")).astype("datetime64[D]")
    return months.astype(np.int64)


def _months(days: Ints) -> Ints:
    months = days.astype("datetime64[D]").astype("datetime64[M]") - FIRST_MONTH
    return np.asarray(months.astype(np.int64))
