"""The tables of figures: the same numbers, with the digits that their intervals support."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Protocol

from emissions.charts import numbers
from emissions.charts.cards import Bar, Cell, Column, Range, Table

INTERVAL = "95 % interval"


class Series(Protocol):
    """A series with a value for each month."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...

    @property
    def url(self) -> str:
        """Where its heading leads."""
        ...

    @property
    def values(self) -> list[float | None]:
        """By month, None where unknown."""
        ...


def month_table(
    months: Sequence[date],
    groups: Sequence[Series],
    comparison: Sequence[float | None] | None,
    comparison_label: str,
    ranges: Sequence[Range | None],
    whole: Range | None,
    closed: Collection[date] = (),
) -> Table:
    """Return months as rows and series as columns, with a total that has its interval."""
    note = INTERVAL if any(ranges) else ""
    several = len(groups) > 1
    columns = [
        Column("Month"),
        *(
            Column(group.label, numeric=True, url=group.url, note="" if several else note)
            for group in groups
        ),
    ]
    if several:
        columns.append(Column("Total", numeric=True, note=note))
    if comparison is not None:
        columns.append(Column(comparison_label, numeric=True))
    totals = [total(group.values[index] for group in groups) for index in range(len(months))]
    series = [group.values for group in groups]
    if several:
        series.append(totals)
    summed = len(series) - 1
    if comparison is not None:
        series.append(list(comparison))
    shared = decimals_of(totals)
    around = list(ranges) or [None] * len(months)

    def cells(values: Sequence[float | None], found: Range | None) -> list[Cell]:
        if not values:
            return []
        # What is not the total has no more decimals than it.
        text = figure_text(values[summed] or 0, shared, found)
        decimals = len(text.partition(".")[2]) if found else shared
        return [
            figure_cell(
                value, shared if at == summed else decimals, found if at == summed else None
            )
            for at, value in enumerate(values)
        ]

    rows = [
        [
            Cell(f"{month:%b %Y}", note="closed" if month in closed else ""),
            *cells([values[at] for values in series], around[at]),
        ]
        for at, month in enumerate(months)
    ]
    footer = [Cell("Total"), *cells([total(values) for values in series], whole)]
    return Table(columns, rows, footer if len(rows) > 1 else [])


def ranked_table(rows: Sequence[Bar], noun: str, unit: str) -> Table:
    """Return bars with their shares, largest first."""
    whole = total(bar.value for bar in rows)
    shared = decimals_of([bar.value for bar in rows])
    note = INTERVAL if any(bar.range for bar in rows) else ""
    columns = [
        Column(noun),
        Column("Amount", unit, numeric=True, note=note),
        Column("Share", numeric=True),
    ]
    cells = [
        [
            Cell(bar.label, bar.url),
            figure_cell(bar.value, shared, bar.range),
            Cell(_share(bar.value, whole), numeric=True),
        ]
        for bar in sorted(rows, key=lambda bar: (-(bar.value or 0), bar.label))
    ]
    footer = [Cell("Total"), figure_cell(whole, shared), Cell(_share(whole, whole), numeric=True)]
    return Table(columns, cells, footer if len(cells) > 1 else [])


def figure_cell(value: float | None, decimals: int, found: Range | None = None) -> Cell:
    """Return a figure with its interval under it; no interval where it is rounded away."""
    if value is None:
        return Cell(None, numeric=True)
    text = figure_text(value, decimals, found)
    shown = found is not None and found.low < found.high and not text.startswith("<")
    note = numbers.bounds_text(found.low, found.high) if found and shown else ""
    return Cell(text, numeric=True, note=note)


def figure_text(value: float, decimals: int, found: Range | None = None) -> str:
    """Return a number with a table's decimals, or the digits that its interval supports.

    What the decimals would round away is "<1".
    """
    least = 10**-decimals
    if 0 < value < least / 2:
        return f"<{numbers.number_text(least, decimals)}"
    if found is None or not found.low < found.high:
        return numbers.number_text(value, decimals)
    digits = numbers.digits_supported(value, found.low, found.high)
    return numbers.significant(value, digits)


def decimals_of(values: Sequence[float | None]) -> int:
    """Return one number of decimals for a whole table: that of its largest figure."""
    return numbers.decimals_for(max((abs(v) for v in values if v is not None), default=0))


def total(values: Any) -> float | None:
    """Return the sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _share(value: float | None, whole: float | None) -> str | None:
    return numbers.share_text(value / whole) if value is not None and whole else None
