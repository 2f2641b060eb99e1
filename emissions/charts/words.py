"""The sentence under a figure's title: what it shows, in plain words."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from emissions.charts import numbers
from emissions.charts.cards import Range


class Labelled(Protocol):
    """Something with a name and an amount."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...


class Series(Labelled, Protocol):
    """A series with the sum of what is known of it."""

    @property
    def total(self) -> float:
        """What is known of it, summed."""
        ...


class Amount(Labelled, Protocol):
    """A bar with its value."""

    @property
    def value(self) -> float | None:
        """How much it is."""
        ...


def by_month(
    months: Sequence[date],
    totals: Sequence[float | None],
    series: Sequence[Series],
    unit: str,
    ranges: Sequence[Range | None] = (),
    whole: Range | None = None,
) -> str:
    """Say what the months add up to, which was the largest, and what leads.

    `ranges` are the 95 % intervals of the months, and `whole` that of their sum.
    """
    around = list(ranges) or [None] * len(months)
    known = [
        (month, value, found)
        for month, value, found in zip(months, totals, around, strict=True)
        if value is not None
    ]
    total = sum(value for _, value, _ in known)
    if not known or total <= 0:
        return "Nothing was recorded in this period."
    peak_month, peak, found = max(known, key=lambda one: one[1])
    sentence = f"{_figure(total, whole)} {unit} in {_months(len(months))}"
    if len(known) > 1:
        sentence += f", most in {peak_month:%B %Y} ({_figure(peak, found)} {unit})"
    first = max(series, key=lambda one: one.total)
    if len(series) > 1 and first.total > 0:
        sentence += f". {first.label}: {_share(first.total / total)}"
    return f"{sentence}."


def ranked(bars: Sequence[Amount], other: str) -> str:
    """Say who leads and how much of the whole the first few are."""
    amounts = [bar.value or 0 for bar in bars]
    total = sum(amounts)
    named = [bar for bar in bars if bar.label != other]
    if total <= 0 or not named:
        return "Nothing was recorded in this period."
    lead = f"{named[0].label}: {_share((named[0].value or 0) / total)}"
    if len(named) < 4:
        return f"{lead}."
    three = sum(bar.value or 0 for bar in named[:3]) / total
    return f"{lead}, the first three together {_share(three)}."


def _figure(value: float, found: Range | None) -> str:
    """Return a figure with the digits that its interval supports."""
    if found is None:
        return numbers.number_text(value)
    return numbers.significant(value, numbers.digits_supported(value, found.low, found.high))


def _share(share: float) -> str:
    return f"{numbers.number_text(share * 100, 0)}%"


def _months(count: int) -> str:
    return "one month" if count == 1 else f"{count} months"
