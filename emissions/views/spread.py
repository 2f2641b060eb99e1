"""Intervals as pages and files show them: rounded on the screen, exact in files."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isclose
from typing import Any

from emissions.calculation.uncertainty import Band, Interval
from emissions.calculation.vocabulary import Assumption, Headline
from emissions.charts import numbers
from emissions.charts.cards import Cell, Column, Table
from emissions.models import Organisation
from emissions.selectors.spread import AMOUNTS, NotPosted, Uncertainty
from emissions.services.estimate import ASSUMED, Estimate
from emissions.tabular import Value


def _units(name: str) -> tuple[numbers.Unit, ...]:
    if name.endswith("_litres"):
        return numbers.WATER
    return numbers.ENERGY if name.endswith("_kwh") else numbers.MASS


def _of_what(name: str) -> str:
    return f"{numbers.NO_BREAK_SPACE}CO₂e" if name.endswith("kg") else ""


def digits(interval: Interval | None) -> int:
    """Return how many digits of a total its interval supports; three where none is known."""
    if interval is None:
        return numbers.SIGNIFICANT_DIGITS
    return numbers.digits_supported(interval.total, interval.low, interval.high)


def rounded(total: numbers.Number, interval: Interval | None, name: str) -> str:
    """Return a total with the digits that its interval supports."""
    return numbers.rounded_text(total, _units(name), digits(interval)) + _of_what(name)


def figure_in(
    total: numbers.Number | None, interval: Interval | None, name: str, symbol: str
) -> str:
    """Return the same without its unit, for a table whose heading names it; "" if unknown."""
    if total is None:
        return ""
    text = numbers.rounded_text(total, _units(name), digits(interval), symbol)
    return text.partition(numbers.NO_BREAK_SPACE)[0]


def all_rounded(
    amounts: Mapping[str, numbers.Number | None], found: Uncertainty | None
) -> dict[str, str | None]:
    """Return amounts by their names, each with the digits that its interval supports."""
    return {
        name: None if value is None else rounded(value, found.of(name) if found else None, name)
        for name, value in amounts.items()
    }


def within_band(total: numbers.Number | None, band: Band) -> Interval:
    """Return the interval of what rests on one input."""
    amount = float(total or 0)
    return Interval(amount, amount * band.low, amount * band.high)


def shown(
    amounts: Mapping[str, numbers.Number | None], intervals: Mapping[str, Interval]
) -> dict[str, Any]:
    """Return masses with the digits that their intervals support, and those: `rounded`, `ranges`.

    An interval of another amount (not all of it is posted yet) is not shown.
    """
    its = {
        name: found
        for name, found in intervals.items()
        if isclose(float(amounts[name] or 0), found.total, rel_tol=1e-6)
    }
    return {
        "rounded": {
            name: None if value is None else rounded(value, its.get(name), "kg")
            for name, value in amounts.items()
        },
        "ranges": {name: words(its.get(name), "kg") for name in amounts},
    }


def least_rounded(kilograms: numbers.Number) -> str:
    """Return a part of a total whose own interval is not known, with the fewest digits."""
    return f"{numbers.rounded_text(kilograms, numbers.MASS, 2)}{numbers.NO_BREAK_SPACE}CO₂e"


def beside(
    organisation: Organisation,
    first: numbers.Number,
    other: numbers.Number,
    interval: Interval | None,
) -> str:
    """Return the other location-based figure in words, "" where it is the same.

    It has the digits that the first one's interval supports.
    """
    if first == other:
        return ""
    hourly = organisation.headline == Headline.HOURLY
    name = "at the factor of the year" if hourly else "by the hour of the grid"
    return f"{rounded(other, interval, 'location_based_kg')} {name}"


def words(interval: Interval | None, name: str) -> str:
    """Return an interval: "8.2–16 t"; nothing where it is the figure itself."""
    if interval is None or not interval.low < interval.high:
        return ""
    return numbers.range_text(interval.low, interval.high, _units(name))


def signed_words(interval: Interval | None, name: str) -> str:
    """Return the interval of a difference: "+0.8 to +2.1 t"; nothing where it is none."""
    if interval is None or not interval.low < interval.high:
        return ""
    return numbers.signed_range_text(interval.low, interval.high, _units(name))


def of_estimate(estimate: Estimate, *, hardware: str = "") -> Uncertainty:
    """Return how far the figures of a run that is not posted may be off."""
    factor = estimate.factor
    return NotPosted(
        amounts={name: getattr(estimate, name, None) or 0.0 for name in AMOUNTS},
        basis=estimate.basis,
        fit=estimate.fit,
        zone=factor.zone_name if factor else "",
        hardware=hardware,
        pue_default=ASSUMED[Assumption.PUE_DEFAULT] in estimate.assumptions,
    ).uncertainty


def all_words(found: Uncertainty) -> dict[str, str]:
    """Return all intervals, by the names of totals."""
    return {name: words(found.of(name), name) for name in AMOUNTS}


def mostly_from(found: Uncertainty, most: int = 3) -> str:
    """Return the inputs that the location-based interval comes from most, in words."""
    named = [one for one in found.sources[:most] if one.share >= 0.05]
    return ", ".join(f"{one.name} ({numbers.share_text(one.share)})" for one in named)


def bounds_in(interval: Interval | None, name: str, symbol: str) -> str:
    """Return an interval without its unit, for a table whose heading names it."""
    if interval is None or not interval.low < interval.high:
        return ""
    size = next(one.size for one in _units(name) if one.symbol == symbol)
    return numbers.bounds_text(interval.low / size, interval.high / size)


def moved(
    now: numbers.Number | None, before: numbers.Number | None, found: Interval | None, name: str
) -> numbers.Moved | None:
    """Return how a figure changed, and the 95 % interval of the difference; None if unknown."""
    if now is None or before is None:
        return None
    change = numbers.change(now, before)
    if found is None or not found.low < found.high:
        return numbers.Moved(change, True, "")
    clear = numbers.is_clear(found.low, found.high)
    return numbers.Moved(change, clear, signed_words(found, name))


def bounds(interval: Interval | None) -> Sequence[Value]:
    """Return both ends for a file; empty where there are none."""
    if interval is None or not interval.low < interval.high:
        return ("", "")
    return (Decimal(repr(interval.low)), Decimal(repr(interval.high)))


def table(found: Uncertainty) -> Table:
    """Return the inputs that the location-based interval comes from."""
    return Table(
        columns=[Column("Input"), Column("Share of the uncertainty", numeric=True)],
        rows=[
            [Cell(one.name), Cell(numbers.share_text(one.share), numeric=True)]
            for one in found.sources
        ],
    )


def exact(found: Uncertainty) -> tuple[list[str], list[list[Value]]]:
    """Return the same for a file: header and rows."""
    header = ["Kind", "Input", "Share of the variance of location-based emissions"]
    return header, [[one.input, one.name, Decimal(repr(one.share))] for one in found.sources]
