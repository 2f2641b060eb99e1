"""Groups of totals as figures: a card for the page, and the same rows, exact, for its file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from emissions.charts import figures, numbers
from emissions.charts.figures import Bar, Card, Cell, Column, SeriesPoint, Table
from emissions.selectors.periods import Comparison, Period
from emissions.selectors.totals import Group, Totals, total_of
from emissions.tabular import Value, csv_bytes

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


@dataclass(frozen=True)
class Figure:
    """A card, and exactly what it shows as the rows of a file."""

    card: Card
    header: list[str]
    rows: list[list[Value]]

    @property
    def csv(self) -> bytes:
        """The figure's file."""
        return csv_bytes(header=self.header, rows=self.rows)


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
    )
    return Figure(card, *_month_rows(card, months, amounts, totals, past, scale))


def ranked(
    *,
    id: str,
    title: str,
    noun: str,
    shown: Shown,
    groups: Sequence[Group],
    before: Sequence[Group],
    url_of: Callable[[Group], str],
) -> Figure:
    """Rank groups by a quantity, with the period before beside each in the table."""
    of, scale = shown.quantity.of, shown.quantity.scale(groups)
    card = figures.ranked(
        [Bar(one.label, float(scale(of(one.totals))), url_of(one)) for one in groups],
        id=id,
        title=title,
        unit=scale.unit,
        noun=noun,
    )
    past = {one.key: one.totals for one in before} if shown.comparison.period else None
    gone = [
        Group(one.key, one.label, Totals())
        for one in before
        if one.key not in {group.key for group in groups}
    ]
    ordered = sorted(groups, key=lambda one: (-of(one.totals), one.label)) + gone
    table, header, rows = compared_table(
        noun=noun, groups=ordered, past=past, shown=shown, scale=scale, url_of=url_of
    )
    return Figure(replace(card, table=table if groups else card.table), header, rows)


def compared_table(
    *,
    noun: str,
    groups: Sequence[Group],
    past: Mapping[str, Totals] | None,
    shown: Shown,
    scale: Scale,
    url_of: Callable[[Group], str],
) -> tuple[Table, list[str], list[list[Value]]]:
    """Return a table of groups for the page, and its header and exact rows for the file."""
    of = shown.quantity.of
    energy = ENERGY.scale(groups)
    whole = total_of(groups)
    columns = [
        Column(noun),
        Column(shown.quantity.words, scale.unit, numeric=True),
        Column("Share", numeric=True),
        Column("Energy", energy.unit, numeric=True),
        Column("Runs", numeric=True),
    ]
    if past is not None:
        columns += [
            Column(shown.comparison.label, scale.unit, numeric=True),
            Column("Change", numeric=True),
        ]
    digits = _decimals(scale(of(one.totals)) for one in groups)
    energy_digits = _decimals(energy(one.totals.energy_facility_kwh) for one in groups)

    def cells(label: str, url: str, totals: Totals, before: Totals | None) -> list[Cell]:
        share = of(totals) / of(whole) if of(whole) else None
        texts: list[str | None] = [
            numbers.number_text(scale(of(totals)), digits),
            None if share is None else numbers.percent_text(share),
            numbers.number_text(energy(totals.energy_facility_kwh), energy_digits),
            f"{totals.runs:,}",
        ]
        if before is not None:
            texts += [
                numbers.number_text(scale(of(before)), digits),
                numbers.change(of(totals), of(before)).text,
            ]
        return [Cell(label, url), *(Cell(text, numeric=True) for text in texts)]

    def values(label: str, totals: Totals, before: Totals | None) -> list[Value]:
        row: list[Value] = [
            label,
            scale(of(totals)),
            of(totals) / of(whole) if of(whole) else None,
            energy(totals.energy_facility_kwh),
            totals.runs,
        ]
        if before is not None:
            row += [
                scale(of(before)),
                (of(totals) - of(before)) / abs(of(before)) if of(before) else None,
            ]
        return row

    def earlier(group: Group) -> Totals | None:
        return None if past is None else past.get(group.key, Totals())

    footer_past = None if past is None else sum(past.values(), Totals())
    return (
        Table(
            columns,
            [cells(one.label, url_of(one), one.totals, earlier(one)) for one in groups],
            cells("Total", "", whole, footer_past) if len(groups) > 1 else [],
        ),
        [f"{column.label} [{column.unit}]" if column.unit else column.label for column in columns],
        [values(one.label, one.totals, earlier(one)) for one in groups],
    )


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


def _decimals(values: Iterable[Decimal]) -> int:
    return numbers.decimals_for(max((abs(one) for one in values), default=ZERO))
