"""The period of a page and what it is compared with, read from its address.

Totals are kept by month, so every period is a half-open run of whole months. An unfinished
period is compared like for like: October and November with the first two months of the
quarter before, not with all three. Pure: today is passed in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.utils.dates import MONTHS_3

LAST_12_MONTHS = "last-12-months"
CUSTOM = "custom"
EARLIEST_YEAR, LATEST_YEAR = 1970, 2200
LONGEST_MONTHS = 600

_YEAR = re.compile(r"(\d{4})", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-[Qq]([1-4])", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_DAY = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-\d{2})?", re.ASCII)


class Compare(StrEnum):
    """What a period is compared with, as the address says it."""

    PREVIOUS = "previous"
    LAST_YEAR = "last-year"
    NOTHING = "none"


class InvalidPeriod(ValueError):
    """The address names no period."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a menu: what it says and what it writes in the address."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Period:
    """Whole months from `starts_on` to, but not including, `ends_before`."""

    value: str
    starts_on: date
    ends_before: date

    @property
    def first_month(self) -> int:
        """Year × 12 + month − 1 of the first month."""
        return month_number(self.starts_on)

    @property
    def months(self) -> int:
        """How many months it has."""
        return month_number(self.ends_before) - self.first_month

    @property
    def month_starts(self) -> list[date]:
        """The first day of each month, in order."""
        return [first_day(self.first_month + step) for step in range(self.months)]

    @property
    def last_day(self) -> date:
        """The last day that belongs to the period."""
        return self.ends_before - timedelta(days=1)

    @property
    def label(self) -> str:
        """The period in words: "2026", "Q3 2026", "Jul–Aug 2026", "Dec 2025–Nov 2026"."""
        first, last = self.starts_on, first_day(month_number(self.ends_before) - 1)
        if self.months == 12 and first.month == 1:
            return str(first.year)
        if self.months == 3 and first.month % 3 == 1:
            return f"Q{first.month // 3 + 1} {first.year}"
        if self.months == 1:
            return _month_words(first)
        if first.year == last.year:
            return f"{MONTHS_3[first.month].title()}–{_month_words(last)}"
        return f"{_month_words(first)}–{_month_words(last)}"

    @property
    def slug(self) -> str:
        """The period as part of a file's name."""
        if self.value not in (LAST_12_MONTHS, CUSTOM):
            return self.value
        return f"{self.starts_on:%Y-%m}_{self.last_day:%Y-%m}"

    def open_on(self, today: date) -> bool:
        """Whether some of the period is still to come."""
        return self.ends_before > first_day(month_number(today))

    def until(self, today: date) -> "Period":
        """The part of the period up to the present month; all of one that lies ahead."""
        end = first_day(month_number(today) + 1)
        if self.starts_on >= end or self.ends_before <= end:
            return self
        return Period(value=CUSTOM, starts_on=self.starts_on, ends_before=end)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What stands beside the period's figures; no period means no comparison."""

    value: str
    period: Period | None

    @property
    def label(self) -> str:
        """What it is compared with, in words."""
        return self.period.label if self.period else ""

    @property
    def choices(self) -> list[Choice]:
        """What a person can choose."""
        return [
            Choice("The period before", Compare.PREVIOUS.value),
            Choice("The same period last year", Compare.LAST_YEAR.value),
            Choice("No comparison", Compare.NOTHING.value),
        ]


def month_number(day: date) -> int:
    """Return year × 12 + month − 1."""
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """Return the first day of a month numbered as by `month_number`."""
    return date(month // 12, month % 12 + 1, 1)


def of_months(*, value: str, first: int, months: int) -> Period:
    """Return the period of a number of months from the first one on."""
    if first < EARLIEST_YEAR * 12 or first + months > LATEST_YEAR * 12:
        raise InvalidPeriod(value)
    return Period(value=value, starts_on=first_day(first), ends_before=first_day(first + months))


def quarter(*, year: int, number: int) -> Period:
    """Return a calendar quarter, 1 to 4."""
    return of_months(value=f"{year}-Q{number}", first=year * 12 + number * 3 - 3, months=3)


def quarter_of(day: date) -> Period:
    """Return the calendar quarter of a day."""
    return quarter(year=day.year, number=(day.month - 1) // 3 + 1)


def parse_value(value: str, *, today: date) -> Period:
    """Return the period that a value such as 2026-Q3, 2026, 2026-07 or last-12-months names.

    Raises
    ------
    InvalidPeriod
        If it names none.
    """
    if value == LAST_12_MONTHS:
        return of_months(value=value, first=month_number(today) - 11, months=12)
    if match := _QUARTER.fullmatch(value):
        return quarter(year=int(match[1]), number=int(match[2]))
    if match := _MONTH.fullmatch(value):
        return of_months(value=value, first=int(match[1]) * 12 + int(match[2]) - 1, months=1)
    if match := _YEAR.fullmatch(value):
        return of_months(value=value, first=int(match[1]) * 12, months=12)
    raise InvalidPeriod(value)


def parse_period(params: Mapping[str, str], *, today: date) -> Period:
    """Return the period of an address (?period=…&from=…&to=…), whole months.

    Raises
    ------
    InvalidPeriod
        If the address names none; without any it is the last 12 months.
    """
    value = params.get("period") or (CUSTOM if params.get("from") else LAST_12_MONTHS)
    if value != CUSTOM:
        return parse_value(value, today=today)
    first, last = _month_of(params.get("from", "")), _month_of(params.get("to", ""))
    if last < first or last - first >= LONGEST_MONTHS:
        raise InvalidPeriod(f"{params.get('from')} to {params.get('to')}")
    return of_months(value=CUSTOM, first=first, months=last - first + 1)


def parse_comparison(params: Mapping[str, str], *, period: Period, today: date) -> Comparison:
    """Return what an address compares its period with (?compare=previous|last-year|none|2025-Q1).

    What it does not understand is the period before.
    """
    value = params.get("compare") or Compare.PREVIOUS.value
    if value == Compare.NOTHING:
        return Comparison(value=value, period=None)
    shown = period.until(today)
    try:
        if value == Compare.LAST_YEAR:
            return Comparison(value=value, period=_earlier(shown, 12))
        if value != Compare.PREVIOUS:
            return Comparison(value=value, period=parse_value(value, today=today))
    except InvalidPeriod:
        value = Compare.PREVIOUS.value
    try:
        return Comparison(value=Compare.PREVIOUS.value, period=_earlier(shown, period.months))
    except InvalidPeriod:
        return Comparison(value=Compare.NOTHING.value, period=None)


def period_choices(*, today: date) -> list[Choice]:
    """Return the periods that a page's menu offers."""
    now = quarter_of(today)
    before = quarter_of(now.starts_on - timedelta(days=1))
    return [
        Choice("Last 12 months", LAST_12_MONTHS),
        Choice(f"This quarter, {now.label}", now.value),
        Choice(f"Last quarter, {before.label}", before.value),
        Choice(f"This year, {today.year}", str(today.year)),
        Choice(f"Last year, {today.year - 1}", str(today.year - 1)),
        Choice(str(today.year - 2), str(today.year - 2)),
    ]


def quarters(*, first: date, last: date) -> list[Period]:
    """Return the calendar quarters from that of one day to that of another, latest first."""
    found, one = [], quarter_of(last)
    while one.ends_before > first:
        found.append(one)
        one = quarter_of(one.starts_on - timedelta(days=1))
    return found


def _earlier(period: Period, months: int) -> Period:
    first, length = period.first_month - months, period.months
    if length == 3 and first % 3 == 0:
        return quarter(year=first // 12, number=first % 12 // 3 + 1)
    if length == 12 and first % 12 == 0:
        return of_months(value=str(first // 12), first=first, months=12)
    return of_months(value=CUSTOM, first=first, months=length)


def _month_of(text: str) -> int:
    match = _DAY.fullmatch(text)
    if match is None:
        raise InvalidPeriod(text)
    return int(match[1]) * 12 + int(match[2]) - 1


def _month_words(day: date) -> str:
    return f"{MONTHS_3[day.month].title()} {day.year}"
