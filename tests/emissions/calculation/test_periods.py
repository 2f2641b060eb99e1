from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emissions.calculation.periods import EPOCH, month_bounds_us, split_months

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland",
    "America/Sao_Paulo", "Pacific/Apia", "Africa/Cairo", "Asia/Amman",
]  # fmt: skip
HOUR = 3_600_000_000
INSTANTS = st.integers(us := 631_152_000_000_000, us + 50 * 365 * 24 * HOUR)


def at(text: str, zone: str = "UTC") -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (local - EPOCH) // timedelta(microseconds=1)


def month(year: int, number: int) -> int:
    return year * 12 + number - 1


def split(starts: list[int], ends: list[int], zone: str = "UTC") -> tuple[list[int], ...]:
    columns = split_months(
        starts_at_us=np.array(starts, dtype=np.int64),
        ends_at_us=np.array(ends, dtype=np.int64),
        time_zone=ZoneInfo(zone),
    )
    return tuple(column.tolist() for column in columns)


def test_a_run_within_a_month_is_one_piece() -> None:
    start = at("2025-03-10T08:00")

    assert split([start], [start + 5 * HOUR]) == ([0], [month(2025, 3)], [5 * HOUR], [start])


def test_a_run_across_new_year_is_split_by_time() -> None:
    start, end = at("2024-12-31T21:00"), at("2025-01-01T05:00")

    assert split([start], [end]) == (
        [0, 0],
        [month(2024, 12), month(2025, 1)],
        [3 * HOUR, 5 * HOUR],
        [start, at("2025-01-01T00:00")],
    )


def test_the_organisations_midnight_decides() -> None:
    start, end = at("2024-12-31T21:00"), at("2025-01-01T05:00")

    assert split([start], [end], "America/New_York")[2] == [8 * HOUR]
    assert split([start], [end], "Europe/Berlin")[2] == [2 * HOUR, 6 * HOUR]


def test_a_run_that_ends_at_midnight_does_not_touch_the_next_month() -> None:
    assert split([at("2025-01-31T23:00")], [at("2025-02-01T00:00")])[1] == [month(2025, 1)]


def test_a_run_without_length_is_in_the_month_of_its_start() -> None:
    instant = at("2025-02-01T00:00")

    assert split([instant], [instant]) == ([0], [month(2025, 2)], [0], [instant])


def test_a_month_with_a_clock_change_has_an_hour_less() -> None:
    _, months, weight, _ = split(
        [at("2025-02-01T00:00", "Europe/Berlin")], [at("2025-04-15T00:00", "Europe/Berlin")],
        "Europe/Berlin",
    )  # fmt: skip

    assert dict(zip(months, weight, strict=True))[month(2025, 3)] == (31 * 24 - 1) * HOUR


def test_where_midnight_is_skipped_the_month_begins_at_the_clock_change() -> None:
    """In Jordan the clocks went from 00:00 (UTC+2) to 01:00 (UTC+3) on 1 April 2016."""
    bounds = month_bounds_us(
        first_month=month(2016, 4), last_month=month(2016, 4), time_zone=ZoneInfo("Asia/Amman")
    )

    assert bounds[0] == at("2016-03-31T22:00")


def test_thirty_one_years_are_376_months() -> None:
    start = at("1990-06-15T00:00")
    run_index, months, weight, _ = split([start], [start + 274_120 * HOUR])

    assert sum(weight) == 274_120 * HOUR
    assert months == list(range(months[0], months[-1] + 1))
    assert len(run_index) == 376


def test_no_runs_have_no_pieces() -> None:
    assert split([], []) == ([], [], [], [])


def test_a_run_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        split([HOUR], [0])


@given(
    st.lists(st.tuples(INSTANTS, st.integers(0, 400 * 24 * HOUR)), min_size=1, max_size=6),
    st.sampled_from(ZONES),
)
def test_pieces_fill_the_run_without_gap_or_overlap(runs: list[tuple[int, int]], zone: str) -> None:
    starts, ends = [start for start, _ in runs], [start + length for start, length in runs]
    run_index, months, weight, piece_start = split(starts, ends, zone)

    cursor = dict(enumerate(starts))
    for run, length, begin in zip(run_index, weight, piece_start, strict=True):
        assert begin == cursor[run]
        cursor[run] += length
    assert list(cursor.values()) == ends
    assert run_index == sorted(run_index)
    pairs = list(zip(run_index, months, strict=True))
    assert pairs == sorted(set(pairs))


@given(INSTANTS, st.sampled_from(ZONES))
def test_the_month_is_the_one_on_the_organisations_calendar(instant: int, zone: str) -> None:
    local = (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))

    assert split([instant], [instant], zone)[1] == [month(local.year, local.month)]


@given(
    st.lists(st.tuples(INSTANTS, st.integers(0, 90 * 24 * HOUR)), min_size=1, max_size=5),
    st.sampled_from(ZONES),
)
def test_one_run_at_a_time_gives_the_same_pieces(runs: list[tuple[int, int]], zone: str) -> None:
    starts, ends = [start for start, _ in runs], [start + length for start, length in runs]
    together = list(zip(*split(starts, ends, zone), strict=True))

    alone = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        pieces = zip(*split([start], [end], zone), strict=True)
        alone += [(number, *piece[1:]) for piece in pieces]
    assert together == alone
