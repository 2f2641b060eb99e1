"""Weighting a factor by the hours in which the electricity was used, in O(1) per run.

A series holds a zone's intensity for each hour. Its prefix sums give the integral between any
two instants from two look-ups, however long a run is. The sums are taken of the difference
to the series' own mean, in whole steps of 10 µg, so that they are exact, and constant hours
give their constant to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from emissions.calculation.arrays import Bools, Floats, Ints
from emissions.calculation.closed import Closed, tables_to_join

HOUR_US = 3_600_000_000
STEPS = 1e5
"""Steps of the sums in a gram: an hour of them in µs stays within an integer. [1/g]"""


@dataclass(frozen=True, slots=True)
class Hourly:
    """What the hours of m pieces give.

    Attributes
    ----------
    g_per_kwh : (m,) float64
        Average over the piece's time, hours without a value at the annual factor; NaN where
        none of its time has one. [g CO2e/kWh]
    gaps : (m,) bool
        Some of the piece's hours, but not all, have no value.
    """

    g_per_kwh: Floats
    gaps: Bools


@dataclass(frozen=True, slots=True)
class HourlyTable:
    """Series of hourly intensities: one for each zone and kind, gaps between years included.

    Attributes
    ----------
    zone : (s,) int64
        Grid zone of each series, in rising order of (zone, lifecycle).
    lifecycle : (s,) bool
        Whether the series counts upstream emissions, too.
    first_hour, hours, offset : (s,) int64
        First hour since 1970-01-01 UTC, number of hours, place in the sums. [h], [h], [1]
    mean : (s,) float64
        Mean of the known hours. [g CO2e/kWh]
    deviation : (t,) int64
        Sum of the known hours' differences to the mean, before each hour. [1e-5 g h/kWh]
    known : (t,) int64
        Known hours before each hour. [h]
    """

    zone: Ints
    lifecycle: Bools
    first_hour: Ints
    hours: Ints
    offset: Ints
    mean: Floats
    deviation: Ints
    known: Ints
    _own: int | None = field(default=None, repr=False)
    _closed: "tuple[Closed[HourlyTable], ...]" = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        *,
        zone: Sequence[int],
        lifecycle: Sequence[bool],
        first_hour: Sequence[int],
        values: Sequence[npt.ArrayLike],
    ) -> Self:
        """Build a table from arrays of hours, such as one for each zone and year.

        Parameters
        ----------
        zone, lifecycle
            Of each array. Arrays of the same zone and kind become one series; where they
            overlap the first one counts.
        first_hour
            First hour of each array, since 1970-01-01 UTC. [h]
        values
            Intensity of each hour; NaN where unknown. [g CO2e/kWh]

        Returns
        -------
        HourlyTable
        """
        keys = sorted(set(zip(zone, lifecycle, strict=True)))
        arrays = [np.asarray(one, dtype=np.float64) for one in values]
        series = [
            _joined(
                [
                    (start, array)
                    for z, kind, start, array in zip(
                        zone, lifecycle, first_hour, arrays, strict=True
                    )
                    if (z, kind) == key
                ]
            )
            for key in keys
        ]
        means = [_mean(one) for _, one in series]
        sizes = np.array([one.size for _, one in series], dtype=np.int64)
        sums = [_sums(one, mean) for (_, one), mean in zip(series, means, strict=True)]
        return cls(
            zone=np.array([key[0] for key in keys], dtype=np.int64),
            lifecycle=np.array([key[1] for key in keys], dtype=np.bool_),
            first_hour=np.array([start for start, _ in series], dtype=np.int64),
            hours=sizes,
            offset=np.cumsum(sizes + 1) - (sizes + 1),
            mean=np.array(means, dtype=np.float64),
            deviation=_concatenated([deviation for deviation, _ in sums]),
            known=_concatenated([known for _, known in sums]),
        )

    def with_closed(self, spans: "Sequence[tuple[int, int, HourlyTable]]") -> "HourlyTable":
        """Return a table that answers for pieces of some months from other tables.

        Parameters
        ----------
        spans : sequence of (first month, end month, HourlyTable)
            Half-open spans that do not overlap, year × 12 + month − 1, and the table that
            was in use when they were closed. [month]

        Returns
        -------
        HourlyTable
            Its series are those of this table, and then those of each other one.
        """
        if not spans:
            return self
        tables, closed = tables_to_join(self, spans, rows=lambda one: one.zone.size)
        before = np.cumsum([0, *(one.deviation.size for one in tables)])
        return replace(
            self,
            zone=np.concatenate([one.zone for one in tables]),
            lifecycle=np.concatenate([one.lifecycle for one in tables]),
            first_hour=np.concatenate([one.first_hour for one in tables]),
            hours=np.concatenate([one.hours for one in tables]),
            offset=np.concatenate([one.offset + before[at] for at, one in enumerate(tables)]),
            mean=np.concatenate([one.mean for one in tables]),
            deviation=np.concatenate([one.deviation for one in tables]),
            known=np.concatenate([one.known for one in tables]),
            _own=self.zone.size,
            _closed=closed,
        )

    def series_of(self, *, zone: Ints, lifecycle: Bools, month: Ints | None = None) -> Ints:
        """Return the series of each zone and kind, or −1.

        Parameters
        ----------
        zone : (m,) int64
            Grid zones.
        lifecycle : (m,) bool
            The kind that is asked for.
        month : (m,) int64, optional
            Month of each, year × 12 + month − 1, where some are closed. [month]

        Returns
        -------
        (m,) int64
        """
        found = self._series(zone, lifecycle)
        if month is None:
            return found
        for one in self._closed:
            there = np.flatnonzero((month >= one.starts_month) & (month < one.ends_month))
            if there.size:
                then = one.table.series_of(zone=zone[there], lifecycle=lifecycle[there])
                found[there] = np.where(then < 0, -1, one.first_row + then)
        return found

    def _series(self, zone: Ints, lifecycle: Bools) -> Ints:
        own = (self.zone * 2 + self.lifecycle)[: self._own]
        if not own.size:
            return np.full(zone.shape, -1, dtype=np.int64)
        asked = zone * 2 + lifecycle
        at = np.minimum(np.searchsorted(own, asked), own.size - 1)
        return np.where(own[at] == asked, at, -1)


def hourly_average(
    *,
    table: HourlyTable,
    zone: Ints,
    lifecycle: Bools,
    starts_us: Ints,
    ends_us: Ints,
    annual_g_per_kwh: Floats,
    month: Ints | None = None,
) -> Hourly:
    """Return the average intensity over the time of each piece.

    Parameters
    ----------
    table : HourlyTable
        What is known of the hours.
    zone : (m,) int64
        Grid zone of each piece; only its own hours count, not its parents'.
    lifecycle : (m,) bool
        Kind of the piece's annual factor: hours of the other kind are not comparable.
    starts_us, ends_us : (m,) int64
        Half-open time of each piece, since 1970-01-01 UTC. [µs]
    annual_g_per_kwh : (m,) float64
        What hours without a value count as; where it is NaN, none is weighted. [g CO2e/kWh]
    month : (m,) int64, optional
        Month of each piece, year × 12 + month − 1, where some are closed. [month]

    Returns
    -------
    Hourly
        Columns of shape (m,).

    Notes
    -----
    Energy is taken as even over the piece. A piece without length is not weighted.

    References
    ----------
    WRI, GHG Protocol Scope 2 Guidance (2015), section 6.8 on finer temporal data.
    """
    size = zone.shape[0]
    average, gaps = np.full(size, np.nan), np.zeros(size, dtype=np.bool_)
    series = table.series_of(zone=zone, lifecycle=lifecycle, month=month)
    rows = np.flatnonzero((series >= 0) & ~np.isnan(annual_g_per_kwh) & (ends_us > starts_us))
    if not rows.size:
        return Hourly(average, gaps)
    of, starts, ends = series[rows], starts_us[rows], ends_us[rows]
    length = (ends - starts).astype(np.float64)
    end, start = _until(table, of, ends), _until(table, of, starts)
    known_us = (end.known_hours - start.known_hours) * HOUR_US + end.known_us - start.known_us
    deviation = (end.whole - start.whole) + (end.part - start.part) / HOUR_US
    annual = annual_g_per_kwh[rows]
    share = known_us / length
    weighted = annual + share * (table.mean[of] - annual) + deviation / STEPS / (length / HOUR_US)
    has = known_us > 0
    average[rows] = np.where(has, weighted, np.nan)
    gaps[rows] = has & (known_us < ends - starts)
    return Hourly(average, gaps)


@dataclass(frozen=True, slots=True)
class _Until:
    """Sums of series before instants: of whole hours, and of the part of the hour begun."""

    known_hours: Ints
    known_us: Ints
    whole: Ints
    part: Ints


def _until(table: HourlyTable, series: Ints, at_us: Ints) -> _Until:
    hour, part = at_us // HOUR_US, at_us % HOUR_US
    place = hour - table.first_hour[series]
    last = table.hours[series]
    inside = (place >= 0) & (place < last)
    here = table.offset[series] + np.clip(place, 0, last)
    after = here + inside
    return _Until(
        known_hours=table.known[here],
        known_us=(table.known[after] - table.known[here]) * part,
        whole=table.deviation[here],
        part=(table.deviation[after] - table.deviation[here]) * part,
    )


def _joined(parts: list[tuple[int, Floats]]) -> tuple[int, Floats]:
    """Return one array over all parts, NaN between them; the first part counts."""
    start = min(first for first, _ in parts)
    end = max(first + array.size for first, array in parts)
    whole = np.full(end - start, np.nan)
    for first, array in parts:
        place = whole[first - start : first - start + array.size]
        place[:] = np.where(np.isnan(place), array, place)
    return start, whole


def _mean(values: Floats) -> float:
    """Return the mean of the known hours; of equal ones it is that hour, without rounding."""
    known = values[~np.isnan(values)]
    if not known.size:
        return 0.0
    least, most = float(known.min()), float(known.max())
    return least if least == most else float(known.mean())


def _sums(values: Floats, mean: float) -> tuple[Ints, Ints]:
    known = ~np.isnan(values)
    deviation = np.where(known, np.rint((np.where(known, values, mean) - mean) * STEPS), 0.0)
    return _before(deviation.astype(np.int64)), _before(known.astype(np.int64))


def _before(values: Ints) -> Ints:
    sums = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _concatenated(arrays: list[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)
