from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emissions.charts import numbers

NB = numbers.NO_BREAK_SPACE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1234.5, "1,234"),
        (999.6, "1,000"),
        (12.34, "12.3"),
        (9.996, "10.0"),
        (0.01234, "0.0123"),
        (-12.34, "−12.3"),
        (Decimal("1.005"), "1.00"),
        (1_234_567, "1,234,567"),
    ],
)
def test_number_text_keeps_three_significant_digits(value, text):
    assert numbers.number_text(value) == text


def test_number_text_with_stated_decimals():
    assert numbers.number_text(12.345, 1) == "12.3"
    assert numbers.number_text(-0.001, 1) == "0.0"


@pytest.mark.parametrize(
    ("kilograms", "text"),
    [
        (0, f"0{NB}kg"),
        (0.0532, f"53.2{NB}g"),
        (0.532, f"0.532{NB}kg"),
        (8.66, f"8.66{NB}kg"),
        (999, f"999{NB}kg"),
        (12_345, f"12.3{NB}t"),
        (Decimal("284019.4"), f"284{NB}t"),
        (-1500, f"−1.50{NB}t"),
    ],
)
def test_mass_text_chooses_the_unit(kilograms, text):
    assert numbers.mass_text(kilograms) == text


def test_mass_text_keeps_to_a_unit_that_is_named():
    assert numbers.mass_text(8.66, "t") == f"0.00866{NB}t"


@pytest.mark.parametrize(
    ("kilowatt_hours", "text"),
    [
        (0.02, f"20.0{NB}Wh"),
        (41.2, f"41.2{NB}kWh"),
        (412_345, f"412{NB}MWh"),
        (1_287_000, f"1.29{NB}GWh"),
    ],
)
def test_energy_text_chooses_the_unit(kilowatt_hours, text):
    assert numbers.energy_text(kilowatt_hours) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, f"0{NB}h"),
        (0.5, f"30{NB}min"),
        (0.001, f"0.060{NB}min"),
        (12.5, f"12.5{NB}h"),
        (24, f"24{NB}h"),
        (274_120, f"274,120{NB}h"),
    ],
)
def test_hours_text(hours, text):
    assert numbers.hours_text(hours) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.1234, "12.3%"), (0.5, "50%"), (1, "100%"), (0.00012, "0.01%")]
)
def test_percent_text(share, text):
    assert numbers.percent_text(share) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.3, "30.0%"), (0.0449, "4.5%"), (0.0004, "<0.1%"), (1, "100%")]
)
def test_shares_of_a_column_have_one_decimal(share, text):
    assert numbers.share_text(share) == text


def test_one_unit_for_a_table_is_that_of_its_largest_quantity():
    assert numbers.mass_unit([3.0, None, 4200.0]) == "t"
    assert numbers.mass_unit([None]) == "kg"
    assert numbers.energy_unit([0.01]) == "Wh"


@pytest.mark.parametrize(
    ("current", "previous", "text", "words"),
    [
        (112, 100, "+12%", "12% more"),
        (96, 100, "−4.0%", "4.0% less"),
        (100, 100, "0%", "unchanged"),
        (100.01, 100, "0%", "unchanged"),
        (5, 0, "new", "none before"),
        (0, 0, "0%", "unchanged"),
        (300, 100, "+200%", "200% more"),
    ],
)
def test_change(current, previous, text, words):
    found = numbers.change(current, previous)
    assert (found.text, found.words) == (text, words)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_number_text_is_within_half_a_digit(value):
    shown = float(numbers.number_text(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.0051)


def test_a_list_s_unit_suits_its_middle():
    assert numbers.energy_unit(numbers.typical([0.04, None, 12, 90, 2_000])) == "kWh"
    assert numbers.energy_unit(numbers.typical([None])) == "kWh"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (8.2, 16.3, "8.2–16"),
        (96.1, 104.2, "96–104"),
        (1234.0, 1246.0, "1,234–1,246"),
        (0.5, 2.0, "0.50–2.0"),
        (110_400, 143_210, "110,000–140,000"),
    ],
)
def test_bounds_have_the_digits_that_tell_them_apart(low, high, text):
    assert numbers.bounds_text(low, high) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(-2.04, 6.13, "−2.0 to 6.1"), (0.003, 10, "0–10"), (-6.1, -2.0, "−6.1 to −2.0")],
)
def test_bounds_below_zero_are_not_joined_by_a_dash(low, high, text):
    assert numbers.bounds_text(low, high) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (800, 2100, "+0.80 to +2.1\xa0t"),
        (-14e3, -2600, "−14 to −2.6\xa0t"),
        (0, 9, "0 to +9.0\xa0kg"),
    ],
)
def test_the_interval_of_a_change_has_signs(low, high, text):
    assert numbers.signed_range_text(low, high, numbers.MASS) == text
