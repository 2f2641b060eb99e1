"""The tables of figures: the same numbers, with the digits that their intervals support."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from emissions.charts import numbers
from emissions.charts.cards import Bar, Cell, Column, Range, Table

INTERVAL = "95 % interval"
NO_CLEAR_CHANGE = "no clear change"


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


#: A series and a month; None is all months.
CellKey = tuple[str, date | None]


@dataclass(frozen=True)
class Summed:
    """A column of sums by month, with their intervals in the same order, and that of all."""

    label: str
    values: Sequence[float | None]
    ranges: Sequence[Range | None] = ()
    whole: Range | None = None

    def cells(self) -> dict[int | None, Range | None]:
        """Return the intervals by position; None is the sum."""
        return {None: self.whole, **dict(enumerate(self.ranges))}


def month_table(
    months: Sequence[date],
    groups: Sequence[Series],
    cells: Mapping[CellKey, Range | None],
    sums: Summed,
    compared: Summed | None,
    closed: Collection[date],
) -> Table:
    """Return months as rows and series as columns, with their total and what it is compared with.

    What is no total, and has no interval, has no more decimals than the total.
    """
    several = len(groups) > 1
    totals = sums.cells()
    shared = decimals_of(sums.values)

    def finest(at: int | None, value: float | None) -> int:
        found = totals.get(at)
        text = figure_text(value or 0, shared, found)
        return len(text.partition(".")[2]) if found else shared

    def row(at: int | None) -> list[Cell]:
        def of(values: Sequence[float | None]) -> float | None:
            return total(values) if at is None else values[at]

        month = None if at is None else months[at]
        whole = of(sums.values)
        decimals = finest(at, whole)
        found = [
            figure_cell(of(group.values), shared if around else decimals, around)
            for group in groups
            if several
            for around in [cells.get((group.label, month))]
        ]
        found.append(figure_cell(whole, shared, totals.get(at)))
        if compared is not None:
            found.append(figure_cell(of(compared.values), shared, compared.cells().get(at)))
        return found

    rows = [
        [Cell(f"{month:%b %Y}", note="closed" if month in closed else ""), *row(at)]
        for at, month in enumerate(months)
    ]
    note = INTERVAL if any(sums.ranges) else ""
    columns = [
        Column("Month"),
        *(
            Column(
                group.label,
                numeric=True,
                url=group.url,
                note=INTERVAL if cells and several else "" if several else note,
            )
            for group in groups
        ),
    ]
    if several:
        columns.append(Column(sums.label, numeric=True, note=note))
    if compared is not None:
        noted = INTERVAL if any(compared.ranges) else ""
        columns.append(Column(compared.label, numeric=True, note=noted))
    return Table(columns, rows, [Cell("Total"), *row(None)] if len(rows) > 1 else [])


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


def figure_text(value: float, decimals: int, found: Range | None) -> str:
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


def change_cell(
    current: numbers.Number,
    previous: numbers.Number,
    decimals: int,
    found: Range | None,
) -> Cell:
    """Return how a figure changed, with the interval of the difference under it.

    A difference that may as well be none is no clear change; of what the table's decimals round
    away there is no interval.
    """
    change = numbers.change(current, previous)
    if found is None or not found.low < found.high or change.direction == "same":
        return Cell(change.text, numeric=True)
    if max(-found.low, found.high) < 10**-decimals / 2:
        return Cell(change.text, numeric=True)
    note = NO_CLEAR_CHANGE
    if numbers.is_clear(found.low, found.high):
        note = numbers.signed_bounds_text(found.low, found.high)
    return Cell(change.text, numeric=True, note=note)


def decimals_of(values: Sequence[float | None]) -> int:
    """Return one number of decimals for a whole table: that of its largest figure."""
    return numbers.decimals_for(max((abs(v) for v in values if v is not None), default=0))


def total(values: Any) -> float | None:
    """Return the sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _share(value: float | None, whole: float | None) -> str | None:
    return numbers.share_text(value / whole) if value is not None and whole else None
