from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emissions.selectors.periods import (
    CUSTOM,
    LAST_12_MONTHS,
    InvalidPeriod,
    parse_comparison,
    parse_period,
    parse_value,
    period_choices,
    quarters,
)

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("params", "starts_on", "ends_before", "label"),
    [
        ({}, date(2025, 12, 1), date(2026, 12, 1), "Dec 2025–Nov 2026"),
        ({"period": "last-12-months"}, date(2025, 12, 1), date(2026, 12, 1), "Dec 2025–Nov 2026"),
        ({"period": "2026-Q3"}, date(2026, 7, 1), date(2026, 10, 1), "Q3 2026"),
        ({"period": "2026-q4"}, date(2026, 10, 1), date(2027, 1, 1), "Q4 2026"),
        ({"period": "2025"}, date(2025, 1, 1), date(2026, 1, 1), "2025"),
        ({"period": "2026-12"}, date(2026, 12, 1), date(2027, 1, 1), "Dec 2026"),
        (
            {"period": "custom", "from": "2026-02-14", "to": "2026-05-01"},
            date(2026, 2, 1),
            date(2026, 6, 1),
            "Feb–May 2026",
        ),
        (
            {"from": "2025-11", "to": "2026-01"},
            date(2025, 11, 1),
            date(2026, 2, 1),
            "Nov 2025–Jan 2026",
        ),
    ],
)
def test_period_of_an_address(params, starts_on, ends_before, label):
    period = parse_period(params, today=TODAY)
    assert (period.starts_on, period.ends_before, period.label) == (starts_on, ends_before, label)
    assert len(period.month_starts) == period.months


@pytest.mark.parametrize(
    "params",
    [
        {"period": "2026-Q5"},
        {"period": "2026-13"},
        {"period": "yesterday"},
        {"period": "0001"},
        {"period": "9999"},
        {"period": "٢٠٢٦-Q9"},
        {"period": "custom"},
        {"period": "custom", "from": "2026-05-01", "to": "2026-04-01"},
        {"period": "custom", "from": "1970-01", "to": "2199-12"},
        {"period": "custom", "from": "2026-05-01'--", "to": "2026-04-01"},
    ],
)
def test_what_names_no_period_is_refused(params):
    with pytest.raises(InvalidPeriod):
        parse_period(params, today=TODAY)


@pytest.mark.parametrize(
    ("period", "compare", "label"),
    [
        ("2026-Q3", None, "Q2 2026"),
        ("2026-Q3", "last-year", "Q3 2025"),
        ("2026-Q1", "previous", "Q4 2025"),
        ("2026-Q3", "2024-Q3", "Q3 2024"),
        ("2026-Q3", "nonsense", "Q2 2026"),
        ("2025", None, "2024"),
        ("2026-07", None, "Jun 2026"),
        ("last-12-months", "previous", "Dec 2024–Nov 2025"),
        # Unfinished: only the months that have begun are compared.
        ("2026-Q4", "previous", "Jul–Aug 2026"),
        ("2026-Q4", "last-year", "Oct–Nov 2025"),
        ("2026", "previous", "Jan–Nov 2025"),
    ],
)
def test_comparison(period, compare, label):
    params = {"compare": compare} if compare else {}
    found = parse_comparison(params, period=parse_value(period, today=TODAY), today=TODAY)
    assert found.label == label


def test_no_comparison():
    period = parse_value("2026-Q3", today=TODAY)
    found = parse_comparison({"compare": "none"}, period=period, today=TODAY)
    assert (found.period, found.label) == (None, "")


def test_before_the_first_year_there_is_nothing_to_compare_with():
    period = parse_value("1970", today=TODAY)
    assert parse_comparison({}, period=period, today=TODAY).period is None


@given(st.dates(min_value=date(1975, 1, 1), max_value=date(2190, 1, 1)))
def test_every_choice_can_be_parsed_and_holds_whole_months(today):
    for choice in period_choices(today=today):
        period = parse_value(choice.value, today=today)
        assert period.starts_on.day == period.ends_before.day == 1
        assert period.starts_on < period.ends_before


@given(st.dates(min_value=date(1975, 1, 1), max_value=date(2190, 1, 1)))
def test_the_last_twelve_months_end_with_the_present_one(today):
    period = parse_value(LAST_12_MONTHS, today=today)
    assert period.starts_on <= today < period.ends_before
    assert period.months == 12
    assert period.until(today) == period


def test_quarters_latest_first():
    found = [one.value for one in quarters(first=date(2025, 12, 31), last=TODAY)]
    assert found == ["2026-Q4", "2026-Q3", "2026-Q2", "2026-Q1", "2025-Q4"]


def test_file_names_say_the_months():
    period = parse_period({"from": "2026-02", "to": "2026-05"}, today=TODAY)
    assert (period.value, period.slug) == (CUSTOM, "2026-02_2026-05")
    assert parse_value("2026-Q3", today=TODAY).slug == "2026-Q3"
