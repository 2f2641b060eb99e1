"""Groups of totals as figures: a card for the page, and the same rows, exact, for its file."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from emissions.calculation.uncertainty import Interval
from emissions.charts import figures, numbers, theme
from emissions.charts.cards import Bar, Card, Cell, Column, Range, SeriesPoint, Table
from emissions.charts.tables import INTERVAL, decimals_of, figure_cell, figure_text
from emissions.selectors.periods import Comparison, Period
from emissions.selectors.totals import NONE, Group, Totals, total_of
from emissions.selectors.uncertainty import Ranges
from emissions.tabular import Value
from emissions.views.dashboards.address import Address
from emissions.views.downloads import Files
from emissions.views.spread import bounds

ZERO = Decimal(0)


@dataclass(frozen=True)
class Quantity:
    """What a figure shows of `Totals`: a column, its units and its words."""

    column: str
    words: str
    units: tuple[numbers.Unit, ...] = numbers.MASS
    suffix: str = " CO₂e"

    def of(self, totals: Totals) -> Decimal:
        """Return the quantity, exact."""
        value: Decimal = getattr(totals, self.column)
        return value

    def scale(self, groups: Sequence[Group]) -> "Scale":
        """Return the one unit that suits a table of groups."""
        return Scale.of((self.of(group.totals) for group in groups), self.units, self.suffix)


ENERGY = Quantity("energy_facility_kwh", "Energy", numbers.ENERGY, "")


@dataclass(frozen=True)
class Scale:
    """A unit, and exact amounts in it."""

    unit: str
    size: Decimal

    @classmethod
    def of(cls, values: Iterable[Decimal], units: tuple[numbers.Unit, ...], suffix: str) -> "Scale":
        """Return the unit that suits the largest of some base amounts."""
        found = numbers.unit_for(values, units)
        return cls(f"{found.symbol}{suffix}", Decimal(str(found.size)))

    def __call__(self, amount: Decimal) -> Decimal:
        """Return a base amount in this unit."""
        return amount / self.size

    def range(self, interval: Interval | None) -> Range | None:
        """Return an interval of a base amount in this unit; None where it is the amount."""
        if interval is None or not interval.low < interval.high:
            return None
        size = float(self.size)
        return Range(interval.low / size, interval.high / size)

    def bounds(self, interval: Interval | None) -> list[Value]:
        """Return both ends in this unit, for a file; empty where there are none."""
        return [end / self.size if isinstance(end, Decimal) else end for end in bounds(interval)]


@dataclass(frozen=True)
class Figure:
    """A card, and exactly what it shows as the rows of a file."""

    card: Card
    header: list[str]
    rows: list[list[Value]]


def cards_of(figures: Mapping[str, Figure], address: Address) -> list[dict[str, Any]]:
    """Return figures as pages include them, each with the address of its file."""
    return [
        {"card": figure.card, "csv_url": address.changed(format="csv", figure=name)}
        for name, figure in figures.items()
    ]


def exact(figures: Mapping[str, Figure]) -> Files:
    """Return what figures show as the rows of files."""
    return {name: (figure.header, figure.rows) for name, figure in figures.items()}


@dataclass(frozen=True)
class Shown:
    """What all figures of a page have in common."""

    quantity: Quantity
    period: Period
    comparison: Comparison


def by_month(
    *,
    id: str,
    title: str,
    shown: Shown,
    groups: Sequence[Group],
    before: Sequence[Group],
    urls: Mapping[str, str],
    ranges: Ranges,
    closed: Collection[date],
    note: str = "",
) -> Figure:
    """Stack groups by month; months without a run are zero, not missing."""
    of = shown.quantity.of
    months = shown.period.month_starts
    amounts: dict[str, dict[date, Decimal]] = {}
    for group in groups:
        amounts.setdefault(group.label, {})[group.month or months[0]] = of(group.totals)
    totals = {
        month: sum((series.get(month, ZERO) for series in amounts.values()), ZERO)
        for month in months
    }
    past = _aligned(shown, before)
    column = shown.quantity.column
    intervals = [ranges.of(column, month.isoformat()) for month in months]
    scale = Scale.of([*totals.values(), *(past or [])], numbers.MASS, shown.quantity.suffix)
    card = figures.by_month(
        [
            SeriesPoint(month, label, float(scale(series.get(month, ZERO))))
            for label, series in amounts.items()
            for month in months
        ],
        id=id,
        title=title,
        unit=scale.unit,
        urls=urls,
        comparison=[float(scale(amount)) for amount in past] if past else None,
        comparison_label=shown.comparison.label,
        note=note,
        ranges=[scale.range(one) for one in intervals] if amounts else (),
        whole=scale.range(ranges.whole.of(column)),
        closed=closed,
        colours=_of_nobody(groups),
    )
    header, rows = _month_rows(card, months, amounts, totals, past, scale)
    return Figure(
        card,
        header + bound_names("total", scale),
        [row + scale.bounds(one) for row, one in zip(rows, intervals, strict=True)],
    )


def ranked(
    *,
    id: str,
    title: str,
    noun: str,
    shown: Shown,
    groups: Sequence[Group],
    before: Sequence[Group],
    url_of: Callable[[Group], str],
    ranges: Ranges,
) -> Figure:
    """Rank groups by a quantity, with the period before beside each in the table."""
    of, scale = shown.quantity.of, shown.quantity.scale(groups)
    column = shown.quantity.column
    card = figures.ranked(
        [
            Bar(
                one.label,
                float(scale(of(one.totals))),
                url_of(one),
                scale.range(ranges.of(column, one.key)),
            )
            for one in groups
        ],
        id=id,
        title=title,
        unit=scale.unit,
        noun=noun,
        colours=_of_nobody(groups),
    )
    past = {one.key: one.totals for one in before} if shown.comparison.period else None
    gone = [
        Group(one.key, one.label, Totals())
        for one in before
        if one.key not in {group.key for group in groups}
    ]
    ordered = sorted(groups, key=lambda one: (-of(one.totals), one.label)) + gone
    table, header, rows = compared_table(
        noun=noun,
        groups=ordered,
        past=past,
        shown=shown,
        scale=scale,
        url_of=url_of,
        ranges=ranges,
    )
    return Figure(replace(card, table=table if groups else card.table), header, rows)


def _of_nobody(groups: Sequence[Group]) -> dict[str, str]:
    return {one.label: theme.QUIET for one in groups if one.key == NONE}


def compared_table(
    *,
    noun: str,
    groups: Sequence[Group],
    past: Mapping[str, Totals] | None,
    shown: Shown,
    scale: Scale,
    url_of: Callable[[Group], str],
    ranges: Ranges,
) -> tuple[Table, list[str], list[list[Value]]]:
    """Return a table of groups for the page, and its header and exact rows for the file."""
    of, name = shown.quantity.of, shown.quantity.column
    energy = ENERGY.scale(groups)
    beside = [energy] if name != ENERGY.column else []  # Or it stands there already.
    whole = total_of(groups)
    columns = [
        Column(noun),
        Column(shown.quantity.words, scale.unit, numeric=True, note=INTERVAL),
        Column("Share", numeric=True),
        *(Column("Energy", one.unit, numeric=True, note=INTERVAL) for one in beside),
        Column("Runs", numeric=True),
    ]
    if past is not None:
        columns += [
            Column(shown.comparison.label, scale.unit, numeric=True),
            Column("Change", numeric=True),
        ]
    digits = decimals_of([float(scale(of(one.totals))) for one in groups])
    energy_digits = decimals_of([float(energy(one.totals.energy_facility_kwh)) for one in groups])

    def around(column: str, key: str | None) -> Interval | None:
        return ranges.whole.of(column) if key is None else ranges.of(column, key)

    def cells(
        label: str, url: str, totals: Totals, before: Totals | None, key: str | None
    ) -> list[Cell]:
        share = of(totals) / of(whole) if of(whole) else None
        found = scale.range(around(name, key))
        kwh, kwh_found = totals.energy_facility_kwh, energy.range(around(ENERGY.column, key))
        row = [
            Cell(label, url),
            figure_cell(float(scale(of(totals))), digits, found),
            Cell(None if share is None else numbers.share_text(share), numeric=True),
            *(figure_cell(float(one(kwh)), energy_digits, kwh_found) for one in beside),
            Cell(f"{totals.runs:,}", numeric=True),
        ]
        if before is not None:
            row += [
                Cell(figure_text(float(scale(of(before))), digits, found), numeric=True),
                Cell(numbers.change(of(totals), of(before)).text, numeric=True),
            ]
        return row

    def values(group: Group, before: Totals | None) -> list[Value]:
        totals, found = group.totals, ranges.of(name, group.key)
        row: list[Value] = [
            group.label,
            scale(of(totals)),
            of(totals) / of(whole) if of(whole) else None,
            *(one(totals.energy_facility_kwh) for one in beside),
            totals.runs,
        ]
        if before is not None:
            row += [
                scale(of(before)),
                (of(totals) - of(before)) / abs(of(before)) if of(before) else None,
            ]
        row += scale.bounds(found)
        for one in beside:
            row += one.bounds(ranges.of(ENERGY.column, group.key))
        return row

    def earlier(group: Group) -> Totals | None:
        return None if past is None else past.get(group.key, Totals())

    footer_past = None if past is None else sum(past.values(), Totals())
    header = [
        f"{column.label} [{column.unit}]" if column.unit else column.label for column in columns
    ]
    header += bound_names(shown.quantity.words.lower(), scale)
    for one in beside:
        header += bound_names("energy", one)
    return (
        Table(
            columns,
            [cells(one.label, url_of(one), one.totals, earlier(one), one.key) for one in groups],
            cells("Total", "", whole, footer_past, None) if len(groups) > 1 else [],
        ),
        header,
        [values(one, earlier(one)) for one in groups],
    )


def bound_names(what: str, scale: Scale) -> list[str]:
    """Return the headings of both ends of an interval in a file."""
    return [f"95 % {end}, {what} [{scale.unit}]" for end in ("from", "to")]


def _aligned(shown: Shown, before: Sequence[Group]) -> list[Decimal] | None:
    """Return the compared months' amounts in the order of the months shown."""
    if shown.comparison.period is None:
        return None
    amounts = {group.month: shown.quantity.of(group.totals) for group in before}
    past = [amounts.get(month, ZERO) for month in shown.comparison.period.month_starts]
    return (past + [ZERO] * shown.period.months)[: shown.period.months]


def _month_rows(
    card: Card,
    months: Sequence[date],
    amounts: Mapping[str, Mapping[date, Decimal]],
    totals: Mapping[date, Decimal],
    past: Sequence[Decimal] | None,
    scale: Scale,
) -> tuple[list[str], list[list[Value]]]:
    """Return the table's own columns, with exact amounts."""
    labels = [column.label for column in card.table.columns[1:]]
    drawn = [label for label in labels if label in amounts]

    def column(label: str) -> list[Decimal]:
        if label in amounts:
            return [amounts[label].get(month, ZERO) for month in months]
        if label == figures.OTHER_LABEL:
            rest = [series for name, series in amounts.items() if name not in drawn]
            return [sum((one.get(month, ZERO) for one in rest), ZERO) for month in months]
        return [totals[month] for month in months] if label == "Total" else list(past or [])

    header = ["Month", *(f"{label} [{scale.unit}]" for label in labels)]
    columns = [[scale(amount) for amount in column(label)] for label in labels]
    rows = zip((f"{month:%Y-%m}" for month in months), *columns, strict=True)
    return header, [list(row) for row in rows]
