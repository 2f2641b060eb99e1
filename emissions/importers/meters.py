"""Read what meters said from a table: bills, a row each, or energy by interval of the clock."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from emissions.importers.cells import day_of, matched, number_of
from emissions.importers.tables import Table

ENERGY = ("kwh", "energy", "consumption", "consumption kwh")
BILLS: dict[str, tuple[str, ...]] = {
    "month": ("period", "billing month"),
    "from": ("start", "starts on", "from date"),
    "to": ("end", "last day", "until", "to date"),
    "energy_kwh": (*ENERGY, *(f"{name} mwh" for name in ("energy", "consumption")), "mwh"),
    "other_load_kwh": ("other load", "other kwh", "other load mwh"),
    "source": ("bill", "invoice", "meter", "reference"),
}
INTERVALS: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "start", "interval start", "datetime", "date time", "from"),
    "energy_kwh": (*ENERGY, "value", "energy mwh", "consumption mwh", "mwh"),
}
#: What a table with a row for each day, and a column for each half-hour, calls its days.
DAYS: dict[str, tuple[str, ...]] = {"date": ("day", "reading date", "settlement date")}
CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)(:00)?")
BILL_EXAMPLES = (
    ("2026-01", "", "", "412350.5", "18000", "Invoice 2026-0117"),
    ("", "2026-02-01", "2026-02-28", "398114", "18000", "Invoice 2026-0244"),
)
MOST_KWH = 9.0e9
#: Steps of the clock that meters write at, in minutes.
STEPS = (1, 5, 10, 15, 20, 30, 60)
#: Days with missing intervals that are named one by one.
NAMED_DAYS = 20


class NoReadings(Exception):
    """The table holds no readings; the message says what to do about it."""


@dataclass(slots=True)
class ReadingLine:
    """Energy of some days [kWh]: its row (of a bill), and what is wrong with it."""

    number: int | None = None
    starts_on: date | None = None
    ends_before: date | None = None
    energy_kwh: Decimal = Decimal(0)
    other_load_kwh: Decimal = Decimal(0)
    source: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def last_day(self) -> date | None:
        """The last of its days."""
        return self.ends_before - timedelta(days=1) if self.ends_before else None


@dataclass(frozen=True, slots=True)
class Intervals:
    """Interval data, added up: whole days only, in stretches that end with each month."""

    lines: list[ReadingLine]
    step_minutes: int
    incomplete_days: list[str]


def read_bills(table: Table, *, factor: Decimal = Decimal(1)) -> list[ReadingLine]:
    """Return what each bill says; `factor` is the kWh of one unit of the file.

    A column that calls itself MWh is in MWh, whatever `factor` says.

    Raises
    ------
    NoReadings
        There is no column of energy, or none of time.
    """
    columns = matched(table.header, BILLS)
    if "energy_kwh" not in columns or not {"month", "from"} & set(columns):
        words = "Give a column energy_kwh, and month (2026-03) or from and to."
        if "time" in matched(table.header, INTERVALS):
            words += " Or is this meter data? Then choose that."
        raise NoReadings(words)
    at = {name: table.header.index(column) for name, column in columns.items()}
    whole = _factor(columns["energy_kwh"], factor)
    other = columns.get("other_load_kwh", "")
    factors = (whole, _factor(other, factor if "kwh" in other.casefold() else whole))
    return [
        _bill(
            row.number,
            {name: row.cells[index] for name, index in at.items()},
            factors,
            table.decimal_comma,
        )
        for row in table.rows
    ]


def _factor(column: str, factor: Decimal) -> Decimal:
    return Decimal(1000) if "mwh" in column.casefold() else factor


def _bill(
    number: int, cells: Mapping[str, str], factors: tuple[Decimal, Decimal], decimal_comma: bool
) -> ReadingLine:
    line = ReadingLine(number, source=cells.get("source", "")[:250])
    line.starts_on, line.ends_before = _period(cells, line.errors)
    energy = _amount(cells.get("energy_kwh", ""), factors[0], decimal_comma)
    if energy is None:
        line.errors.append("Give the energy, a number that is not negative.")
    else:
        line.energy_kwh = energy
    if cells.get("other_load_kwh"):
        other = _amount(cells["other_load_kwh"], factors[1], decimal_comma)
        if other is None:
            line.errors.append("Give the other load as a number that is not negative.")
        elif energy is not None and other > energy:
            line.errors.append("The other load is more than the metered energy.")
        else:
            line.other_load_kwh = other
    return line


def _period(cells: Mapping[str, str], errors: list[str]) -> tuple[date | None, date | None]:
    month = cells.get("month", "")
    if month:
        first = day_of(f"{month}-01") or day_of(month)
        if first is None or not 1990 <= first.year <= 2100:
            errors.append(f"Give the month as 2026-03, not “{month}”.")
            return None, None
        first = first.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    first, last = day_of(cells.get("from", "")), day_of(cells.get("to", ""))
    if first is None or last is None or not 1990 <= first.year <= last.year <= 2100:
        errors.append("Give the month, or the first and the last day as 2026-03-31.")
        return None, None
    if last < first:
        errors.append("The last day lies before the first.")
        return None, None
    return first, last + timedelta(days=1)


def _amount(text: str, factor: Decimal, decimal_comma: bool) -> Decimal | None:
    number = number_of(text, decimal_comma=decimal_comma)
    if number is None or not 0 <= number * float(factor) <= MOST_KWH:
        return None
    return round(Decimal(repr(number)) * factor, 9)


def read_intervals(
    table: Table, *, zone: ZoneInfo, days_in: ZoneInfo, factor: Decimal = Decimal(1)
) -> Intervals:
    """Return interval data added up to days, and those to stretches of whole days.

    Parameters
    ----------
    table
        A row for each interval: its start, and the energy within it. Or a row for each day: its
        date, and a column for each interval, named by its start on the clock (00:00 … 23:30) or
        by its end (00:30 … 24:00).
    zone
        The clock of times that name no offset. The hour that it repeats in autumn is there
        twice, in order.
    days_in
        The time zone whose days and months are meant: the organisation's.
    factor
        kWh of one unit of the file.

    Raises
    ------
    NoReadings
        A row cannot be read, two are of the same time, or there is no regular step.
    """
    energy: dict[datetime, Decimal] = {}
    cells, unit = _cells(table, zone)
    for number, time, text in cells:
        amount = _amount(text, _factor(unit, factor), table.decimal_comma)
        moment = _moment(time, zone, energy)
        if moment is None:
            raise NoReadings(f"Row {number}: give the time as 2026-03-31 18:30, not “{time[:40]}”.")
        if amount is None:
            raise NoReadings(f"Row {number}: give the energy, a number that is not negative.")
        if moment in energy:
            raise NoReadings(f"Row {number}: there is a row of this time already.")
        energy[moment] = amount
    step = _step(energy)
    return _added_up(energy, step, days_in)


def _cells(table: Table, zone: ZoneInfo) -> tuple[Iterable[tuple[int, str, str]], str]:
    """Return each interval's row, time and energy as they are written; and the energy's column."""
    columns = matched(table.header, INTERVALS)
    clock = {at: CLOCK.fullmatch(name.strip()) for at, name in enumerate(table.header)}
    minutes = {at: int(one[1]) * 60 + int(one[2]) for at, one in clock.items() if one}
    days = matched(table.header, DAYS)
    if len(minutes) >= 24 and days:
        return _across(table, table.header.index(days["date"]), minutes, zone), ""
    if set(columns) != set(INTERVALS):
        raise NoReadings(
            "Give two columns: time, the start of each interval, and energy_kwh. Or a row for each"
            " day: date, and a column for each half-hour, 00:00 to 23:30."
        )
    time_at, energy_at = (table.header.index(columns[name]) for name in ("time", "energy_kwh"))
    found = ((row.number, row.cells[time_at], row.cells[energy_at]) for row in table.rows)
    return found, columns["energy_kwh"]


def _across(
    table: Table, day_at: int, minutes: Mapping[int, int], zone: ZoneInfo
) -> Iterator[tuple[int, str, str]]:
    """Yield the intervals of a table of days; none for empty cells and hours that no clock had."""
    ordered = sorted(minutes.values())
    late = ordered[1] - ordered[0] if ordered[0] else 0
    for row in table.rows:
        day = day_of(row.cells[day_at])
        if day is None:
            raise NoReadings(
                f"Row {row.number}: give the date as 2026-03-31, not “{row.cells[day_at][:40]}”."
            )
        for at, minute in minutes.items():
            text = row.cells[at].strip()
            wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute - late)  # noqa: DTZ001 - the zone follows
            skipped = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
            if text and not (skipped.replace(tzinfo=None) != wall and not text.strip("0.,")):
                yield row.number, wall.isoformat(), text


def _moment(text: str, zone: ZoneInfo, seen: Mapping[datetime, Any]) -> datetime | None:
    parsed = _parsed(text)
    if parsed is None or not 1990 <= parsed.year <= 2100:
        return None
    parsed = (parsed + timedelta(seconds=30)).replace(second=0, microsecond=0)
    if parsed.tzinfo is not None:
        return parsed.astimezone(UTC)
    first = parsed.replace(tzinfo=zone).astimezone(UTC)
    again = parsed.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return again if first in seen and again != first else first


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the file's clock is asked for
        except ValueError:
            continue
    return None


def _step(moments: Iterable[datetime]) -> int:
    """Return the minutes between most intervals and the next."""
    gaps = Counter(
        (after - before) // timedelta(minutes=1) for before, after in pairwise(sorted(moments))
    )
    step = gaps.most_common(1)[0][0] if gaps else 0
    if step not in STEPS:
        raise NoReadings("The times have no regular step of an hour or less. Are these bills?")
    return step


def _added_up(energy: Mapping[datetime, Decimal], step: int, days_in: ZoneInfo) -> Intervals:
    """Add intervals up to days; a day counts where none of its intervals is missing."""
    sums: dict[date, Decimal] = {}
    counts: Counter[date] = Counter()
    for moment, amount in energy.items():
        day = moment.astimezone(days_in).date()
        sums[day] = sums.get(day, Decimal(0)) + amount
        counts[day] += 1
    incomplete, lines = [], list[ReadingLine]()
    for day in sorted(sums):
        expected = _minutes(day, days_in) // step
        if counts[day] != expected:
            incomplete.append(f"{day:%Y-%m-%d}: {counts[day]} of {expected}")
            continue
        last = lines[-1] if lines else None
        if last is not None and last.ends_before == day and day.day != 1:
            last.ends_before = day + timedelta(days=1)
            last.energy_kwh += sums[day]
        else:
            lines.append(
                ReadingLine(
                    starts_on=day,
                    ends_before=day + timedelta(days=1),
                    energy_kwh=sums[day],
                    source=f"Meter data every {step} minutes",
                )
            )
    if not lines:
        raise NoReadings("No day is complete: some of its intervals are missing.")
    return Intervals(lines, step, incomplete)


def _minutes(day: date, zone: ZoneInfo) -> int:
    """Return the minutes of a day: 23 or 25 hours where the clocks change."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=zone)
    return (end.astimezone(UTC) - start.astimezone(UTC)) // timedelta(minutes=1)
