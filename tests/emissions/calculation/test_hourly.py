"""Hours weighted by prefix sums are what a sum over the hours gives, and gaps fall back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.hourly import HOUR_US, HourlyTable, hourly_average

FIRST = 473_352  # 2024-01-01 00:00 UTC, in hours since 1970
ZONE = 7
GRAMS = st.floats(0, 2000, allow_nan=False).map(lambda value: round(value, 5))


def table(values, *, zone=ZONE, lifecycle=False, first=FIRST):
    return HourlyTable.of(
        zone=[zone], lifecycle=[lifecycle], first_hour=[first], values=[np.array(values, float)]
    )


def average(hours, starts, ends, *, annual=100.0, zone=ZONE, lifecycle=False):
    """Return the average and the gap of one piece, in hours since the table's first."""
    found = hourly_average(
        table=hours,
        zone=np.array([zone]),
        lifecycle=np.array([lifecycle]),
        starts_us=np.array([FIRST * HOUR_US + round(starts * HOUR_US)]),
        ends_us=np.array([FIRST * HOUR_US + round(ends * HOUR_US)]),
        annual_g_per_kwh=np.array([annual]),
    )
    return float(found.g_per_kwh[0]), bool(found.gaps[0])


def by_hand(values, starts, ends, annual):
    """Sum hour by hour."""
    total = 0.0
    step = 1 / 64
    at = starts
    while at < ends:
        hour = int(np.floor(at))
        known = 0 <= hour < len(values) and not np.isnan(values[hour])
        total += (values[hour] if known else annual) * step
        at += step
    return total / (ends - starts)


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.one_of(GRAMS, st.just(float("nan"))), min_size=1, max_size=30),
    starts=st.integers(-200, 2200),
    length=st.integers(1, 2500),
    annual=GRAMS,
)
def test_it_is_the_sum_over_the_hours(values, starts, length, annual):
    starts, ends = starts / 64, (starts + length) / 64
    found, gaps = average(table(values), starts, ends, annual=annual)
    touched = [
        0 <= hour < len(values) and not np.isnan(values[hour])
        for hour in range(int(np.floor(starts)), int(np.ceil(ends)))
    ]
    assert gaps is (any(touched) and not all(touched))
    if not any(touched):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(by_hand(values, starts, ends, annual), abs=2e-5, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    grams=GRAMS,
    starts=st.floats(0, 8000, allow_nan=False),
    length=st.floats(1e-9, 700, allow_nan=False),
)
def test_constant_hours_equal_the_annual_factor_to_the_last_bit(grams, starts, length):
    found, gaps = average(table([grams] * 8784), starts, starts + length, annual=grams)
    assert found == grams
    assert not gaps


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(GRAMS, min_size=48, max_size=48),
    cuts=st.lists(st.integers(1, 48 * 60 - 1), min_size=1, max_size=8, unique=True),
)
def test_arbitrary_splits_add_up(values, cuts):
    hours = table(values)
    bounds = [0, *sorted(cuts), 48 * 60]
    parts = [
        average(hours, start / 60, end / 60)[0] * (end - start) / 60
        for start, end in pairwise(bounds)
    ]
    assert sum(parts) == pytest.approx(average(hours, 0, 48)[0] * 48, rel=1e-12, abs=1e-3)


def test_years_follow_each_other_and_what_is_between_is_a_gap():
    hours = HourlyTable.of(
        zone=[ZONE, ZONE, ZONE],
        lifecycle=[False, False, True],
        first_hour=[FIRST, FIRST + 4, FIRST],
        values=[[10.0, 20.0], [30.0, 40.0], [500.0] * 6],
    )
    assert average(hours, 1, 5, annual=100.0) == (pytest.approx((20 + 100 + 100 + 30) / 4), True)
    assert average(hours, 0, 6, annual=1.0, lifecycle=True) == (500.0, False)
    assert np.isnan(average(hours, 2, 4)[0])


def test_the_first_of_two_arrays_of_the_same_hours_counts():
    hours = HourlyTable.of(
        zone=[ZONE, ZONE],
        lifecycle=[False, False],
        first_hour=[FIRST, FIRST],
        values=[[10.0, np.nan], [99.0, 30.0]],
    )
    assert average(hours, 0, 1)[0] == 10.0
    assert average(hours, 1, 2)[0] == 30.0


def test_another_zone_another_kind_and_no_annual_factor_are_not_weighted():
    hours = table([10.0])
    assert np.isnan(average(hours, 0, 1, zone=8)[0])
    assert np.isnan(average(hours, 0, 1, lifecycle=True)[0])
    assert np.isnan(average(hours, 0, 1, annual=float("nan"))[0])
    empty = HourlyTable.of(zone=[], lifecycle=[], first_hour=[], values=[])
    assert np.isnan(average(empty, 0, 1)[0])


def test_a_piece_without_length_is_not_weighted():
    assert np.isnan(average(table([10.0, 20.0]), 1.5, 1.5)[0])


def test_pieces_of_closed_months_take_the_hours_of_then():
    january, february = 2024 * 12, 2024 * 12 + 1
    now, then = table([10.0] * 1500), table([40.0] * 1500)
    joined = now.with_closed([(january, february, then)])
    elsewhere = now.with_closed([(january, february, table([5.0], zone=8))])

    def averages(hours):
        begins = np.array([FIRST, FIRST + 31 * 24])
        return hourly_average(
            table=hours,
            zone=np.array([ZONE, ZONE]),
            lifecycle=np.array([False, False]),
            starts_us=begins * HOUR_US,
            ends_us=(begins + 10) * HOUR_US,
            annual_g_per_kwh=np.array([100.0, 100.0]),
            month=np.array([january, february]),
        ).g_per_kwh.tolist()

    assert averages(joined) == [40.0, 10.0]
    assert np.isnan(averages(elsewhere)[0])
    assert averages(elsewhere)[1] == 10.0
    assert now.with_closed([]) is now
