"""Splitting time into calendar months of the organisation's time zone."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from emissions.calculation.arrays import Ints, Months

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000


def split_months(
    *, starts_at_us: Ints, ends_at_us: Ints, time_zone: ZoneInfo
) -> tuple[Ints, Months, Ints, Ints]:
    """Split runs over the calendar months that they touch.

    Parameters
    ----------
    starts_at_us, ends_at_us : (n,) int64
        Half-open time of each run, since 1970-01-01 UTC. [µs]
    time_zone : ZoneInfo
        The organisation's time zone; its midnights begin the months.

    Returns
    -------
    run_index : (m,) int64
        Row of the run; pieces are ordered by run, then month.
    month : (m,) int32
        year × 12 + month − 1. [month]
    weight : (m,) int64
        Time of the run in the month; adds up to the run's. [µs]
    piece_start_us : (m,) int64
        Beginning of the piece, since 1970-01-01 UTC. [µs]

    Raises
    ------
    ValueError
        If a run ends before it starts.

    Notes
    -----
    A run without length has one piece, of weight 0, in the month of its start.
    """
    if np.any(ends_at_us < starts_at_us):
        raise ValueError("a run must not end before it starts")
    if not starts_at_us.size:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty.astype(np.int32), empty, empty
    first_month, bounds = _bounds_around(starts_at_us.min(), ends_at_us.max(), time_zone)
    first = np.searchsorted(bounds, starts_at_us, side="right") - 1
    last = np.maximum(np.searchsorted(bounds, ends_at_us, side="left") - 1, first)
    count = last - first + 1
    run_index = np.repeat(np.arange(starts_at_us.size, dtype=np.int64), count)
    place_in_run = np.arange(run_index.size) - np.repeat(np.cumsum(count) - count, count)
    nth = first[run_index] + place_in_run
    piece_start_us = np.maximum(starts_at_us[run_index], bounds[nth])
    piece_end_us = np.minimum(ends_at_us[run_index], bounds[nth + 1])
    month = (nth + first_month).astype(np.int32)
    return run_index, month, piece_end_us - piece_start_us, piece_start_us


def month_bounds_us(*, first_month: int, last_month: int, time_zone: ZoneInfo) -> Ints:
    """Return the beginnings of months, and the end of the last one.

    Parameters
    ----------
    first_month, last_month : int
        Both included: year × 12 + month − 1. [month]
    time_zone : ZoneInfo
        The organisation's time zone.

    Returns
    -------
    (last_month − first_month + 2,) int64
        Local midnights of the first days, since 1970-01-01 UTC. [µs]

    Notes
    -----
    Where a clock change removes or repeats that midnight, the month begins at the change,
    or at the first of the two.
    """
    return np.array(
        [
            midnight_us(day=date(month // 12, month % 12 + 1, 1), time_zone=time_zone)
            for month in range(first_month, last_month + 2)
        ],
        dtype=np.int64,
    )


def midnight_us(*, day: date, time_zone: ZoneInfo) -> int:
    """Return when a day begins.

    Parameters
    ----------
    day : date
        The day.
    time_zone : ZoneInfo
        The organisation's time zone.

    Returns
    -------
    int
        Local midnight, since 1970-01-01 UTC. [µs]
    """
    return (datetime(day.year, day.month, day.day, tzinfo=time_zone) - EPOCH) // MICROSECOND


def elapsed_days(day: date, *, time_zone: ZoneInfo) -> float:
    """Return when a day begins, in days of 24 hours.

    Parameters
    ----------
    day : date
        The day.
    time_zone : ZoneInfo
        The organisation's time zone.

    Returns
    -------
    float
        Local midnight, since 1970-01-01 UTC. [d]
    """
    return midnight_us(day=day, time_zone=time_zone) / DAY_US


def _bounds_around(earliest_us: int, latest_us: int, time_zone: ZoneInfo) -> tuple[int, Ints]:
    """Return the first month and the bounds of whole years that hold both instants."""
    first_year = (EPOCH + int(earliest_us) * MICROSECOND).year - 1
    last_year = (EPOCH + int(latest_us) * MICROSECOND).year + 1
    return first_year * 12, _year_bounds(first_year, last_year, time_zone)


@lru_cache(maxsize=64)
def _year_bounds(first_year: int, last_year: int, time_zone: ZoneInfo) -> Ints:
    bounds = month_bounds_us(
        first_month=first_year * 12, last_month=last_year * 12 + 11, time_zone=time_zone
    )
    bounds.flags.writeable = False
    return bounds
