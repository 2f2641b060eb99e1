"""Meter data: bills by row, and intervals added up to days, whatever the clock does."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.importers.meters import NoReadings, read_bills, read_intervals
from emissions.importers.tables import read_table

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def bills(text: str, **values):
    return read_bills(read_table(text.encode()), **values)


def intervals(text: str, zone: ZoneInfo = STOCKHOLM, **values):
    return read_intervals(read_table(text.encode()), zone=zone, days_in=STOCKHOLM, **values)


def half_hours(first: datetime, count: int, *, kwh: str = "0.5") -> list[tuple[str, str]]:
    return [
        ((first + timedelta(minutes=30 * n)).isoformat(timespec="minutes"), kwh)
        for n in range(count)
    ]


def as_csv(rows: list[tuple[str, str]]) -> str:
    return "time,energy_kwh\n" + "".join(f"{time},{kwh}\n" for time, kwh in rows)


class TestBills:
    def test_months_and_periods(self):
        first, second = bills(
            "Billing month;From;To;Energy;Other load;Invoice\n"
            "2026-01;;;412.350,5;18000;A-1\n"
            ";15.02.2026;14.03.2026;1000;;\n"
        )
        assert (first.starts_on, first.ends_before) == (date(2026, 1, 1), date(2026, 2, 1))
        assert (first.energy_kwh, first.other_load_kwh) == (Decimal("412350.5"), Decimal(18000))
        assert first.source == "A-1"
        assert (second.starts_on, second.ends_before) == (date(2026, 2, 15), date(2026, 3, 15))
        assert not first.errors + second.errors

    def test_megawatt_hours(self):
        (line,) = bills("month,energy_kwh\n2026-01,1.5\n", factor=Decimal(1000))
        assert line.energy_kwh == 1500

    def test_a_column_knows_its_unit_better_than_the_form(self):
        (line,) = bills("month,energy MWh,other_load_kwh\n2026-01,1.5,20\n")
        assert (line.energy_kwh, line.other_load_kwh) == (1500, 20)
        (line,) = bills("month,Consumption (MWh),other load\n2026-01,1.5,0.5\n")
        assert (line.energy_kwh, line.other_load_kwh) == (1500, 500)

    def test_other_load_is_a_part_of_the_whole(self):
        (line,) = bills("month,energy_kwh,other_load_kwh\n2026-01,15,20\n")
        assert "more than the metered" in line.errors[0]

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("soon,,,1", "Give the month as"),
            (",,,1", "first and the last day"),
            (",2026-02-10,2026-02-01,1", "before the first"),
            ("2026-01,,,", "Give the energy"),
            ("2026-01,,,-5", "Give the energy"),
            ("2026-01,,,1e30", "Give the energy"),
        ],
    )
    def test_what_is_wrong_with_a_row(self, row, words):
        (line,) = bills(f"month,from,to,energy_kwh\n{row}\n")
        assert any(words in error for error in line.errors)

    def test_no_readings_at_all(self):
        with pytest.raises(NoReadings, match="energy_kwh"):
            bills("month,colour\n2026-01,red\n")
        with pytest.raises(NoReadings, match="is this meter data"):
            bills("time,kwh\n2026-01-01 00:00,1\n")


class TestIntervals:
    def test_half_hours_are_added_up_and_split_by_months(self):
        text = as_csv(half_hours(datetime(2026, 4, 29), 48 * 4))  # noqa: DTZ001
        found = intervals(text)
        assert found.step_minutes == 30
        assert [(one.starts_on, one.ends_before, one.energy_kwh) for one in found.lines] == [
            (date(2026, 4, 29), date(2026, 5, 1), 48),
            (date(2026, 5, 1), date(2026, 5, 3), 48),
        ]

    @pytest.mark.parametrize(("day", "count"), [((2026, 3, 29), 46), ((2026, 10, 25), 50)])
    def test_days_on_which_the_clocks_change_are_whole(self, day, count):
        start = datetime(*day, tzinfo=STOCKHOLM).astimezone(UTC)
        moments = [start + timedelta(minutes=30 * n) for n in range(count)]
        on_the_wall = [one.astimezone(STOCKHOLM).strftime("%Y-%m-%d %H:%M") for one in moments]
        for times in ([one.isoformat() for one in moments], on_the_wall):
            found = intervals(as_csv([(time, "2") for time in times]))
            assert not found.incomplete_days
            assert [line.energy_kwh for line in found.lines] == [2 * count]

    def test_a_day_with_a_gap_is_left_out_and_named(self):
        rows = half_hours(datetime(2026, 5, 1), 48 * 3)  # noqa: DTZ001
        del rows[60]
        found = intervals(as_csv(rows))
        assert found.incomplete_days == ["2026-05-02: 47 of 48"]
        assert [line.starts_on.day for line in found.lines] == [1, 3]

    def test_the_clock_of_the_file_is_asked_for(self):
        text = as_csv(half_hours(datetime(2026, 5, 1), 48 * 2))  # noqa: DTZ001
        found = intervals(text, ZoneInfo("UTC"))
        assert found.incomplete_days == ["2026-05-01: 44 of 48", "2026-05-03: 4 of 48"]
        assert [line.energy_kwh for line in found.lines] == [24]

    @pytest.mark.parametrize("first", [0, 30])
    def test_a_row_for_each_day_has_a_column_for_each_half_hour(self, first):
        """Named by when they start, or by when they end. In spring one hour was on no clock."""
        clock = [f"{m // 60:02d}:{m % 60:02d}" for m in range(first, 1440 + first, 30)]
        spring = ["0" if 4 <= n < 6 else "2" for n in range(48)]
        text = f"Date,{','.join(clock)}\n2026-03-29,{','.join(spring)}\n2026-03-30{',1' * 48}\n"
        found = intervals(text)
        assert found.step_minutes == 30
        assert not found.incomplete_days
        assert [line.energy_kwh for line in found.lines] == [46 * 2 + 48]
        assert intervals(text.replace(",1\n", ",\n")).incomplete_days == ["2026-03-30: 47 of 48"]
        with pytest.raises(NoReadings, match="Row 2: give the date"):
            intervals(text.replace("2026-03-29", "3/29/26"))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a,b\n1,2\n", "two columns"),
            ("time,kwh\nsoon,1\n", "Row 2: give the time"),
            ("time,kwh\n2026-05-01 00:00,x\n", "Row 2: give the energy"),
            ("time,kwh\n2026-05-01 00:00,1\n2026-05-01 00:00,1\n", "Row 3: there is a row"),
            ("time,kwh\n2026-05-01,1\n2026-06-01,1\n", "no regular step"),
            ("time,kwh\n2026-05-01 00:00,1\n2026-05-01 00:30,1\n", "No day is complete"),
        ],
    )
    def test_what_is_no_meter_data_says_so(self, text, words):
        with pytest.raises(NoReadings, match=words):
            intervals(text)

    @given(
        st.integers(1, 9),
        st.sampled_from([15, 30, 60]),
        st.sampled_from(["Europe/Stockholm", "UTC", "America/St_Johns"]),
    )
    @settings(max_examples=20, deadline=None)
    def test_whole_days_lose_nothing(self, days, step, name):
        zone = ZoneInfo(name)
        start = datetime(2026, 10, 20, tzinfo=zone).astimezone(UTC)
        end = datetime(2026, 10, 20 + days, tzinfo=zone).astimezone(UTC)
        moments = []
        while start < end:
            moments.append(start)
            start += timedelta(minutes=step)
        rows = [(one.isoformat(), f"0.{n % 97:02d}") for n, one in enumerate(moments)]
        found = read_intervals(
            read_table(as_csv(rows).encode()), zone=ZoneInfo("UTC"), days_in=zone
        )
        assert sum(line.energy_kwh for line in found.lines) == sum(Decimal(kwh) for _, kwh in rows)
        assert sum((line.ends_before - line.starts_on).days for line in found.lines) == days
