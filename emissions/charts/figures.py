"""Figures: rows in, a card out that a page includes as it is.

A card holds all of a figure: title, unit, the sentence that carries its conclusion, the
Plotly figure as plain JSON, the legend, and the table of the same numbers. Nothing here
knows the ORM; selectors return rows, views turn them into `SeriesPoint` and `Bar`.
"""

import html
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go

from emissions.charts import numbers, theme, words
from emissions.charts.cards import (
    Bar,
    Card,
    LegendEntry,
    Range,
    SeriesPoint,
)
from emissions.charts.tables import (
    INTERVAL,
    CellKey,
    Summed,
    decimals_of,
    figure_text,
    month_table,
    ranked_table,
    total,
)

OTHER_LABEL = "Other"
NO_LABEL = "Not assigned"
BAR_PIXELS = 34
RangeOf = Callable[[Sequence[str]], Range | None]
LONGEST_LABEL = 28
LABELLED_MONTHS = 13
HALF_A_MONTH = timedelta(days=15)


@dataclass(frozen=True)
class Group:
    """A series as it is drawn: a value for each month, None where unknown.

    `of` are the series that it is the sum of.
    """

    label: str
    values: list[float | None]
    url: str = ""
    of: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The sum of what is known."""
        return sum(value for value in self.values if value is not None)


# --- by month -----------------------------------------------------------------------


def by_month(
    rows: Sequence[SeriesPoint],
    *,
    id: str,
    title: str,
    unit: str,
    urls: Mapping[str, str] | None = None,
    comparison: Sequence[float | None] | None = None,
    comparison_label: str = "Period before",
    conclusion: str | None = None,
    note: str = "",
    ranges: Sequence[Range | None] = (),
    whole: Range | None = None,
    cells: Mapping[CellKey, Range | None] | None = None,
    comparison_ranges: Sequence[Range | None] = (),
    comparison_whole: Range | None = None,
    closed: Collection[date] = (),
    colours: Mapping[str, str] | None = None,
) -> Card:
    """Stack at most six series and "Other" by month.

    `comparison` is a total per month in the figure's unit, in the order of the months shown.
    `urls` maps a series to the page that its legend entry, its column of the table and its
    bars lead to. `ranges` are the 95 % intervals of the months' totals, in their order, and
    `whole` that of their sum; `cells` are those of a series as it is drawn in a month, or in all
    (None). `closed` months are marked. `colours` are those of series that have one of their own;
    what belongs to nobody is quiet, and stands on top.
    """
    months = sorted({row.month for row in rows})
    own = colours or {}
    groups = sorted(
        grouped(rows, months, urls or {}), key=lambda one: own.get(one.label) == theme.QUIET
    )
    paint = _colours(groups, own)
    figure = _figure()
    for group in groups:
        figure.add_bar(
            x=months,
            y=group.values,
            name=_safe(group.label),
            marker={"color": paint[group.label], "line": _GAP},
            customdata=[group.url] * len(months),
            hovertemplate=_hover(unit, 2 if any(ranges) else 3),
        )
    if comparison is not None:
        figure.add_scatter(
            x=months,
            y=list(comparison),
            name=_safe(comparison_label),
            mode="lines",
            line={"color": theme.COMPARISON, "width": 2, "dash": "dot"},
            hovertemplate=_hover(unit, 2 if any(ranges) else 3),
        )
    totals = [total(group.values[index] for group in groups) for index in range(len(months))]
    if any(ranges):
        _whiskers(figure, months, totals, ranges, unit)
    figure.update_layout(barmode="relative", **_time_axis(months))
    _mark_closed(figure, months, closed)
    legend = [LegendEntry(group.label, paint[group.label], group.url) for group in groups]
    if comparison is not None:
        legend.append(LegendEntry(comparison_label, theme.COMPARISON, kind="swatch-dash"))
    if any(ranges):
        legend.append(LegendEntry(INTERVAL, theme.WHISKER, kind="swatch-whisker"))
    return Card(
        id=id,
        title=title,
        unit=unit,
        conclusion=words.by_month(months, totals, groups, unit, ranges, whole)
        if conclusion is None
        else conclusion,
        plot=as_json(figure),
        table=month_table(
            months,
            groups,
            cells or {},
            Summed("Total", totals, ranges, whole),
            None
            if comparison is None
            else Summed(comparison_label, comparison, comparison_ranges, comparison_whole),
            closed,
        ),
        legend=legend,
        note=note,
    )


def grouped(
    rows: Sequence[SeriesPoint], months: Sequence[date], urls: Mapping[str, str]
) -> list[Group]:
    """Return the largest six series, largest first, and all the rest as "Other"."""
    values: dict[str, dict[date, float | None]] = {}
    for row in rows:
        cells = values.setdefault(row.series, {})
        cells[row.month] = total([cells.get(row.month), row.value])
    groups = [
        Group(
            series or NO_LABEL,
            [cells.get(month) for month in months],
            urls.get(series, ""),
            (series,),
        )
        for series, cells in values.items()
    ]
    groups.sort(key=lambda group: (-group.total, group.label))
    if len(groups) <= theme.SERIES_SHOWN:
        return groups
    shown, rest = groups[: theme.SERIES_SHOWN], groups[theme.SERIES_SHOWN :]
    columns = zip(*(group.values for group in rest), strict=True)
    of = tuple(series for group in rest for series in group.of)
    return [*shown, Group(OTHER_LABEL, [total(column) for column in columns], of=of)]


# --- ranked -------------------------------------------------------------------------


def ranked(
    rows: Sequence[Bar],
    *,
    id: str,
    title: str,
    unit: str,
    noun: str = "",
    limit: int = 12,
    conclusion: str | None = None,
    note: str = "",
    colours: Mapping[str, str] | None = None,
    other: RangeOf | None = None,
) -> Card:
    """Draw horizontal bars, largest first; what is past `limit` becomes "Other".

    `noun` heads the table's first column ("Team"). Labels and bars lead to their `url`. A bar
    with an interval has it as a whisker; its figure stands beyond. `colours` are those of bars
    that have one of their own.
    """
    own = {OTHER_LABEL: theme.OTHER, **(colours or {})}
    bars = shortened(rows, limit, other)
    drawn = [bar for bar in bars if bar.value is not None]
    decimals = decimals_of([bar.value for bar in drawn])
    figure = _figure()
    figure.add_bar(
        x=[bar.value for bar in drawn],
        y=list(range(len(drawn))),
        orientation="h",
        marker={
            "color": [own.get(bar.label, theme.PALETTE[0]) for bar in drawn],
            "cornerradius": 3,
        },
        customdata=[bar.url for bar in drawn],
        error_x=_errors([bar.value for bar in drawn], [bar.range for bar in drawn]),
        hovertext=[_safe(bar.label) for bar in drawn],
        text=[_in_words(bar.value, bar.range, decimals, unit) for bar in drawn],
        textposition="none",
        hovertemplate="%{hovertext}<br>%{text}<extra></extra>",
    )
    ends = [max(bar.value or 0, bar.range.high if bar.range else 0) for bar in drawn]
    figure.add_scatter(
        x=ends,
        y=list(range(len(drawn))),
        mode="text",
        text=[f" {figure_text(bar.value or 0, decimals, bar.range)}" for bar in drawn],
        textposition="middle right",
        textfont={"color": "var(--text-muted)", "size": 12},
        cliponaxis=False,
        hoverinfo="skip",
    )
    largest = max(ends, default=0)
    lowest = min((bar.range.low if bar.range else bar.value or 0 for bar in drawn), default=0)
    figure.update_layout(
        hovermode="closest",
        bargap=0.38 if len(drawn) > 1 else 0.66,
        xaxis={"visible": False, "range": [min(0, lowest), largest * 1.16 or 1]},
        yaxis={
            "tickvals": list(range(len(drawn))),
            "ticktext": [_label(bar) for bar in drawn],
            "showgrid": False,
            "zeroline": False,
            "rangemode": "normal",
            "autorange": "reversed",
            "tickfont": {"color": "var(--text)", "size": 13},
        },
    )
    return Card(
        id=id,
        title=title,
        unit=unit,
        conclusion=words.ranked(drawn, OTHER_LABEL) if conclusion is None else conclusion,
        plot=as_json(figure),
        table=ranked_table(rows, noun or title, unit),
        height=max(96, 24 + BAR_PIXELS * len(drawn)),
        note=note,
    )


def shortened(rows: Sequence[Bar], limit: int, other: RangeOf | None = None) -> list[Bar]:
    """Return the largest bars first, with all past the limit as one called "Other".

    `other` answers with the interval of the sum of the bars with some labels.
    """
    bars = sorted(rows, key=lambda bar: (-(bar.value or 0), bar.label))
    if len(bars) <= limit:
        return bars
    rest = bars[limit - 1 :]
    found = other([bar.label for bar in rest]) if other else None
    return [*bars[: limit - 1], Bar(OTHER_LABEL, total(bar.value for bar in rest), range=found)]


# --- what all figures share ---------------------------------------------------------

_GAP = {"color": theme.SURFACE, "width": 1}


def as_json(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as plain data for `json_script`."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    return plain


def _figure() -> go.Figure:
    return go.Figure(layout={"template": theme.template()})


def _colours(groups: Sequence[Group], own: Mapping[str, str]) -> dict[str, str]:
    """Return each series' colour: its own one, else the palette's next that is nobody's own."""
    free = iter([colour for colour in theme.PALETTE if colour not in own.values()])
    return {
        group.label: theme.OTHER
        if group.label == OTHER_LABEL
        else own.get(group.label) or next(free, theme.OTHER)
        for group in groups
    }


def _safe(text: str) -> str:
    """Escape what Plotly would read as markup."""
    return html.escape(text, quote=False)


def _label(bar: Bar) -> str:
    text = bar.label if len(bar.label) <= LONGEST_LABEL else f"{bar.label[: LONGEST_LABEL - 1]}…"
    if not bar.url:
        return _safe(text)
    return f'<a href="{html.escape(bar.url)}" target="_top">{_safe(text)}</a>'


def _hover(unit: str, digits: int) -> str:
    return f"<b>%{{y:,.{digits}~r}}</b> {_safe(unit)}"


def _time_axis(months: Sequence[date]) -> dict[str, Any]:
    """Label the months, each year once; the page leaves out more where it is narrow."""
    step = next((step for step in (1, 2, 3, 6) if len(months) <= LABELLED_MONTHS * step), 12)
    shown = [month for month in months if (month.month - 1) % step == 0] or list(months)
    labels = [
        f"{month:%b}<br>{month:%Y}"
        if before is None or before.year != month.year
        else f"{month:%b}"
        for before, month in zip([None, *shown], shown, strict=False)
    ]
    axis = {
        "type": "date",
        "hoverformat": "%B %Y",
        "tickvals": [month.isoformat() for month in shown],
        "ticktext": labels,
        "tickangle": 0,
        "unifiedhovertitle": {"text": "%{x|%B %Y}"},
    }
    return {"xaxis": axis, "yaxis": {"nticks": 6, "tickformat": ",~g"}}


def _mark_closed(figure: go.Figure, months: Sequence[date], closed: Collection[date]) -> None:
    """Shade months of closed quarters, each unbroken stretch with one word above it."""
    stretches: list[list[date]] = []
    for before, month in zip([None, *months], months, strict=False):
        if month in closed:
            if before not in closed:
                stretches.append([])
            stretches[-1].append(month)
    for stretch in stretches:
        figure.add_vrect(
            x0=(stretch[0] - HALF_A_MONTH).isoformat(),
            x1=(stretch[-1] + HALF_A_MONTH).isoformat(),
            fillcolor=theme.CLOSED,
            line_width=0,
            layer="below",
            annotation={
                "text": "Closed",
                "font": {"size": 11, "color": "var(--text-muted)"},
                "yanchor": "bottom",
            },
            annotation_position="top left",
        )
    if stretches:
        figure.update_layout(margin_t=22)


def _whiskers(
    figure: go.Figure,
    months: Sequence[date],
    totals: Sequence[float | None],
    ranges: Sequence[Range | None],
    unit: str,
) -> None:
    decimals = decimals_of(totals)
    figure.add_scatter(
        x=list(months),
        y=list(totals),
        name="Total",
        mode="markers",
        marker={"opacity": 0, "size": 1},
        error_y=_errors(totals, ranges),
        text=[
            _in_words(value, found, decimals, unit)
            for value, found in zip(totals, ranges, strict=True)
        ],
        hovertemplate="%{text}",
    )


def _errors(values: Sequence[float | None], ranges: Sequence[Range | None]) -> dict[str, Any]:
    """Return an interval around each value; none is as long as nothing."""
    pairs = list(zip(values, ranges, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, one.high - (value or 0)) if one else 0 for value, one in pairs],
        "arrayminus": [max(0.0, (value or 0) - one.low) if one else 0 for value, one in pairs],
        "color": theme.WHISKER,
        "thickness": 1.25,
        "width": 3 if any(ranges) else 0,
    }


def _in_words(value: float | None, found: Range | None, decimals: int, unit: str) -> str:
    figure = f"<b>{figure_text(value or 0, decimals, found)}</b> {_safe(unit)}"
    if found is None or not found.low < found.high:
        return figure
    return f"{figure} (95 %: {numbers.bounds_text(found.low, found.high)})"
