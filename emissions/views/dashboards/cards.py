"""Groups of totals as figures: a card for the page, and the same rows, exact, for its file."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from emissions.calculation.uncertainty import Interval
from emissions.charts import figures, numbers, theme
from emissions.charts.cards import Bar, Card, Range, SeriesPoint
from emissions.selectors.totals import NONE, Group, Totals
from emissions.selectors.uncertainty import Compared, Ranges
from emissions.tabular import Value
from emissions.views.dashboards.address import Address
from emissions.views.dashboards.compared_table import ComparedTable
from emissions.views.dashboards.quantities import Scale, Shown, bound_names
from emissions.views.downloads import Files

ZERO = Decimal(0)


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


def by_month(
    *,
    id: str,
    title: str,
    shown: Shown,
    groups: Sequence[Group],
    before: Sequence[Group],
    urls: Mapping[str, str],
    ranges: Ranges,
    cells: Ranges,
    compared: Compared | None,
    closed: Collection[date],
    note: str = "",
) -> Figure:
    """Stack groups by month; months without a run are zero, not missing.

    `ranges` are those of months, `cells` of a month and a group's key.
    """
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
    points = [
        SeriesPoint(month, label, float(scale(series.get(month, ZERO))))
        for label, series in amounts.items()
        for month in months
    ]
    drawn = {
        label: group.label for group in figures.grouped(points, months, urls) for label in group.of
    }
    parts = _parts(cells, column, groups, drawn)
    earlier = _earlier(shown, compared)
    card = figures.by_month(
        points,
        id=id,
        title=title,
        unit=scale.unit,
        urls=urls,
        comparison=[float(scale(amount)) for amount in past] if past else None,
        comparison_label=shown.comparison.label,
        note=note,
        ranges=[scale.range(one) for one in intervals] if amounts else (),
        whole=scale.range(ranges.whole.of(column)),
        cells={key: scale.range(one) for key, one in parts.items()},
        comparison_ranges=[scale.range(one) for one in earlier],
        comparison_whole=scale.range(compared.before.whole.of(column)) if compared else None,
        closed=closed,
        colours=_of_nobody(groups),
    )
    header, rows = _month_rows(card, months, amounts, totals, past, scale)
    several = len(drawn) > 1
    named = dict.fromkeys(drawn.values()) if several else {}
    around: dict[str, Sequence[Interval | None]] = {
        label: [parts.get((label, month)) for month in months] for label in named
    }
    around["total"] = intervals
    if any(earlier):
        around[shown.comparison.label] = earlier
    header += [name for label in around for name in bound_names(label, scale)]
    bounds_of = [
        [end for found in around.values() for end in scale.bounds(found[at])]
        for at in range(len(months))
    ]
    return Figure(card, header, [row + ends for row, ends in zip(rows, bounds_of, strict=True)])


def _parts(
    cells: Ranges, column: str, groups: Sequence[Group], drawn: Mapping[str, str]
) -> Mapping[figures.CellKey, Interval]:
    """Return the intervals of series as they are drawn, by month and of all months (None)."""
    labels = {group.key: drawn[group.label] for group in groups}
    by_month = {(group.month, group.key): (drawn[group.label], group.month) for group in groups}
    whole = {key: (labels[key[1]], None) for key in by_month}
    return {**cells.merged(column, by_month), **cells.merged(column, whole)}


def _earlier(shown: Shown, compared: Compared | None) -> list[Interval | None]:
    """Return the intervals of the compared months, in the order of the months shown."""
    if compared is None or shown.comparison.period is None:
        return []
    found = compared.before.groups(shown.quantity.column)
    past = [found.get(month.isoformat()) for month in shown.comparison.period.month_starts]
    return [*past, *[None] * shown.period.months][: shown.period.months]


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
    compared: Compared | None,
) -> Figure:
    """Rank groups by a quantity, with the period before beside each in the table."""
    of, scale = shown.quantity.of, shown.quantity.scale(groups)
    column = shown.quantity.column

    def other(labels: Collection[str]) -> Range | None:
        among = {one.key: "" for one in groups if one.label in labels}
        return scale.range(ranges.merged(column, among).get(""))

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
        other=other,
    )
    past = {one.key: one.totals for one in before} if shown.comparison.period else None
    gone = [
        Group(one.key, one.label, Totals())
        for one in before
        if one.key not in {group.key for group in groups}
    ]
    ordered = sorted(groups, key=lambda one: (-of(one.totals), one.label)) + gone
    found = ComparedTable(
        noun=noun,
        groups=ordered,
        past=past,
        shown=shown,
        scale=scale,
        url_of=url_of,
        ranges=ranges,
        compared=compared,
    )
    table = found.table if groups else card.table
    return Figure(replace(card, table=table), found.header, found.rows)


def _of_nobody(groups: Sequence[Group]) -> dict[str, str]:
    return {one.label: theme.QUIET for one in groups if one.key == NONE}


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
