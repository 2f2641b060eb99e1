"""What people type into the fields that several forms share."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from emissions.forms.fields import LocalDateTimeField, NumberField


def field(zone: str) -> LocalDateTimeField:
    found = LocalDateTimeField()
    found.zone = ZoneInfo(zone)
    return found


class TestLocalDateTimeField:
    @pytest.mark.parametrize(
        ("zone", "typed"),
        [
            ("Asia/Tokyo", "0001-01-01T00:00"),
            ("America/New_York", "9999-12-31T23:59"),
            ("UTC", "0001-01-01T00:00+14:00"),
            ("UTC", "9999-12-31T23:59-12:00"),
        ],
    )
    def test_a_time_beyond_the_calendar_is_an_error_of_the_field(self, zone: str, typed: str):
        with pytest.raises(ValidationError, match="Give a date and time"):
            field(zone).clean(typed)

    def test_an_hour_that_the_clocks_repeat_is_its_first(self):
        found = field("Europe/Paris").clean("2026-10-25T02:30")
        assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_an_hour_that_the_clocks_skip_never_was(self):
        with pytest.raises(ValidationError, match="The clocks went forward"):
            field("Europe/Paris").clean("2026-03-29T02:30")
        found = field("Europe/Paris").clean("2026-03-29T03:30")
        assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)

    def test_an_offset_is_taken_as_it_is_stated(self):
        found = field("Europe/Paris").clean("2026-05-04T08:00+09:00")
        assert found == datetime(2026, 5, 3, 23, 0, tzinfo=UTC)


class TestNumberField:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("1234.5", 1234.5), ("1,082,990", 1082990), ("1 082 990.5", 1082990.5),
            ("400 W", 400), ("-5", -5), ("1e3", 1000), ("", None),
        ],
    )  # fmt: skip
    def test_what_is_plain(self, typed: str, meant: float | None) -> None:
        assert NumberField(unit="W").clean(typed) == meant

    @pytest.mark.parametrize(
        "typed",
        ["10,5", "1.000,5", "0,385", "1,00", "0.4 kW", "10 5", "NaN", "1e999", "P2D"],
    )
    def test_what_could_mean_another_number_is_refused_and_never_changed(self, typed: str) -> None:
        with pytest.raises(ValidationError, match="Give a plain number with a decimal point"):
            NumberField(unit="W").clean(typed)

    def test_the_control_drops_nothing(self) -> None:
        """A control of numbers makes 105 of a typed 10,5 in Chromium."""
        assert 'type="text"' in NumberField().widget.render("pue", "10,5")
