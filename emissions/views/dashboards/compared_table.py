"""Groups of totals as a table: with shares, energy, and what they were in another period."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers
from emissions.charts.cards import Cell, Column, Table
from emissions.charts.tables import INTERVAL, change_cell, decimals_of, figure_cell
from emissions.selectors.totals import Group, Totals, total_of
from emissions.selectors.uncertainty import Compared, Ranges
from emissions.tabular import Value
from emissions.views.dashboards.quantities import ENERGY, Scale, Shown, bound_names


@dataclass(frozen=True)
class ComparedTable:
    """The rows of a table for the page, and exact ones for its file.

    `past` are the totals of the compared period by key; without them, there is none.
    """

    noun: str
    groups: Sequence[Group]
    past: Mapping[str, Totals] | None
    shown: Shown
    scale: Scale
    url_of: Callable[[Group], str]
    ranges: Ranges
    compared: Compared | None

    @cached_property
    def table(self) -> Table:
        """The page's table."""
        footer: list[Cell] = []
        if len(self.groups) > 1:
            past = None if self.past is None else sum(self.past.values(), Totals())
            footer = self._cells(Cell("Total"), self._whole, past, None)
        rows = [
            self._cells(Cell(one.label, self.url_of(one)), one.totals, self._before(one), one.key)
            for one in self.groups
        ]
        return Table(self._columns, rows, footer)

    @property
    def header(self) -> list[str]:
        """The headings of the file."""
        header = [
            f"{column.label} [{column.unit}]" if column.unit else column.label
            for column in self._columns
        ]
        header += bound_names(self.shown.quantity.words.lower(), self.scale)
        for one in self._beside:
            header += bound_names("energy", one)
        if self.past is not None:
            header += bound_names(self.shown.comparison.label, self.scale)
            header += bound_names("change", self.scale)
        return header

    @property
    def rows(self) -> list[list[Value]]:
        """The rows of the file."""
        return [self._values(one, self._before(one)) for one in self.groups]

    @cached_property
    def _whole(self) -> Totals:
        return total_of(self.groups)

    @cached_property
    def _energy(self) -> Scale:
        return ENERGY.scale(self.groups)

    @property
    def _beside(self) -> list[Scale]:
        """The energy beside the quantity, unless it is that."""
        return [self._energy] if self.shown.quantity.column != ENERGY.column else []

    @cached_property
    def _columns(self) -> list[Column]:
        quantity, unit = self.shown.quantity, self.scale.unit
        columns = [
            Column(self.noun),
            Column(quantity.words, unit, numeric=True, note=INTERVAL),
            Column("Share", numeric=True),
            *(Column("Energy", one.unit, numeric=True, note=INTERVAL) for one in self._beside),
            Column("Runs", numeric=True),
        ]
        if self.past is not None:
            columns += [
                Column(self.shown.comparison.label, unit, numeric=True, note=INTERVAL),
                Column("Change", numeric=True, note=f"{INTERVAL}, {unit}"),
            ]
        return columns

    @cached_property
    def _digits(self) -> int:
        of = self.shown.quantity.of
        return decimals_of([float(self.scale(of(one.totals))) for one in self.groups])

    @cached_property
    def _energy_digits(self) -> int:
        kwh = [one.totals.energy_facility_kwh for one in self.groups]
        return decimals_of([float(self._energy(one)) for one in kwh])

    def _before(self, group: Group) -> Totals | None:
        return None if self.past is None else self.past.get(group.key, Totals())

    def _cells(
        self, name: Cell, totals: Totals, before: Totals | None, key: str | None
    ) -> list[Cell]:
        of, scale, column = self.shown.quantity.of, self.scale, self.shown.quantity.column
        amount, whole = of(totals), of(self._whole)
        kwh = totals.energy_facility_kwh
        kwh_within = self._energy.range(_within(self.ranges, ENERGY.column, key))
        row = [
            name,
            figure_cell(
                float(scale(amount)), self._digits, scale.range(_within(self.ranges, column, key))
            ),
            Cell(numbers.share_text(amount / whole) if whole else None, numeric=True),
            *(
                figure_cell(float(one(kwh)), self._energy_digits, kwh_within)
                for one in self._beside
            ),
            Cell(f"{totals.runs:,}", numeric=True),
        ]
        if before is not None:
            past, change = self._compared(key)
            row += [
                figure_cell(float(scale(of(before))), self._digits, scale.range(past)),
                change_cell(amount, of(before), self._digits, scale.range(change)),
            ]
        return row

    def _values(self, group: Group, before: Totals | None) -> list[Value]:
        of, scale, column = self.shown.quantity.of, self.scale, self.shown.quantity.column
        amount, whole = of(group.totals), of(self._whole)
        row: list[Value] = [
            group.label,
            scale(amount),
            amount / whole if whole else None,
            *(one(group.totals.energy_facility_kwh) for one in self._beside),
            group.totals.runs,
        ]
        if before is not None:
            past = of(before)
            row += [scale(past), (amount - past) / abs(past) if past else None]
        row += scale.bounds(self.ranges.of(column, group.key))
        for one in self._beside:
            row += one.bounds(self.ranges.of(ENERGY.column, group.key))
        if before is not None:
            for found in self._compared(group.key):
                row += scale.bounds(found)
        return row

    def _compared(self, key: str | None) -> tuple[Interval | None, Interval | None]:
        """Return the intervals of what was before, and of the change."""
        if self.compared is None:
            return None, None
        column = self.shown.quantity.column
        return (
            _within(self.compared.before, column, key),
            _within(self.compared.change, column, key),
        )


def _within(ranges: Ranges, column: str, key: str | None) -> Interval | None:
    return ranges.whole.of(column) if key is None else ranges.of(column, key)
