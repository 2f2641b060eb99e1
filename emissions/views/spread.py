"""Intervals as pages and files show them: rounded on the screen, exact in files."""

from collections.abc import Sequence
from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers
from emissions.charts.cards import Cell, Column, Table
from emissions.selectors.uncertainty import Uncertainty
from emissions.tabular import Value, csv_bytes


def _units(name: str) -> tuple[numbers.Unit, ...]:
    return numbers.ENERGY if name.endswith("_kwh") else numbers.MASS


def _of_what(name: str) -> str:
    return "" if name.endswith("_kwh") else f"{numbers.NO_BREAK_SPACE}CO₂e"


def rounded(total: Decimal | float, interval: Interval | None, name: str) -> str:
    """Return a total with the digits that its interval supports."""
    digits = numbers.SIGNIFICANT_DIGITS
    if interval is not None:
        digits = numbers.digits_supported(interval.total, interval.low, interval.high)
    return numbers.rounded_text(total, _units(name), digits) + _of_what(name)


def words(interval: Interval | None, name: str) -> str:
    """Return an interval: "8.2–16 t"; nothing where it is the figure itself."""
    if interval is None or not interval.low < interval.high:
        return ""
    return numbers.range_text(interval.low, interval.high, _units(name))


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
            [Cell(one.name), Cell(numbers.percent_text(one.share), numeric=True)]
            for one in found.sources
        ],
    )


def csv(found: Uncertainty) -> bytes:
    """Return the same as a file."""
    header = ["Kind", "Input", "Share of the variance of location-based emissions"]
    rows: list[list[Value]] = [
        [one.input, one.name, Decimal(repr(one.share))] for one in found.sources
    ]
    return csv_bytes(header=header, rows=rows)
