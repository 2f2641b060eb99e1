"""Figures: rows in, a card out that a page includes as it is.

A card holds all of a figure: title, unit, the sentence that carries its conclusion, the
Plotly figure as plain JSON, the legend, and the table of the same numbers. Nothing here
knows the ORM; selectors return rows, views turn them into `SeriesPoint` and `Bar`.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import plotly.graph_objects as go

from emissions.charts import numbers, theme, words
from emissions.charts.cards import (
    Annotation,
    Band,
    Bar,
    Card,
    Cell,
    Column,
    LegendEntry,
    SeriesPoint,
    Table,
)

OTHER_LABEL = "Other"
NO_LABEL = "Not assigned"
BAR_PIXELS = 34
LONGEST_LABEL = 28
LABELLED_MONTHS = 13


@dataclass(frozen=True)
class Group:
    """A series as it is drawn: a value for each month, None where unknown."""

    label: str
    values: list[float | None]
    url: str = ""

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
    target: float | None = None,
    annotations: Sequence[Annotation] = (),
    conclusion: str | None = None,
    note: str = "",
) -> Card:
    """Stack at most six series and "Other" by month.

    `comparison` is a total per month, in the order of the months shown; `target` a level
    per month; both in the figure's unit. `urls` maps a series to the page that its
    legend entry, its column of the table and its bars lead to.
    """
    months = sorted({row.month for row in rows})
    groups = grouped(rows, months, urls or {})
    figure = _figure()
    for position, group in enumerate(groups):
        figure.add_bar(
            x=months,
            y=group.values,
            name=_safe(group.label),
            marker={"color": _colour(position, group), "line": _GAP},
            customdata=[group.url] * len(months),
            hovertemplate=_hover(unit),
        )
    if comparison is not None:
        figure.add_scatter(
            x=months,
            y=list(comparison),
            name=_safe(comparison_label),
            mode="lines",
            line={"color": theme.COMPARISON, "width": 2, "dash": "dot"},
            hovertemplate=_hover(unit),
        )
    if target is not None and months:
        _target(figure, months, target, unit)
    figure.update_layout(barmode="relative", **_time_axis(months))
    _annotate(figure, annotations)
    legend = [
        LegendEntry(group.label, _colour(position, group), group.url)
        for position, group in enumerate(groups)
    ]
    if comparison is not None:
        legend.append(LegendEntry(comparison_label, theme.COMPARISON, kind="swatch-dash"))
    if target is not None:
        legend.append(LegendEntry("Target", theme.TARGET, kind="swatch-line"))
    totals = [_sum(group.values[index] for group in groups) for index in range(len(months))]
    return Card(
        id=id,
        title=title,
        unit=unit,
        conclusion=words.by_month(months, totals, groups, unit)
        if conclusion is None
        else conclusion,
        plot=as_json(figure),
        table=_month_table(months, groups, totals, comparison, comparison_label),
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
        cells[row.month] = _sum([cells.get(row.month), row.value])
    groups = [
        Group(series or NO_LABEL, [cells.get(month) for month in months], urls.get(series, ""))
        for series, cells in values.items()
    ]
    groups.sort(key=lambda group: (-group.total, group.label))
    if len(groups) <= theme.SERIES_SHOWN:
        return groups
    shown, rest = groups[: theme.SERIES_SHOWN], groups[theme.SERIES_SHOWN :]
    columns = zip(*(group.values for group in rest), strict=True)
    return [*shown, Group(OTHER_LABEL, [_sum(column) for column in columns])]


def _month_table(
    months: Sequence[date],
    groups: Sequence[Group],
    totals: Sequence[float | None],
    comparison: Sequence[float | None] | None,
    comparison_label: str,
) -> Table:
    columns = [
        Column("Month"),
        *(Column(group.label, numeric=True, url=group.url) for group in groups),
    ]
    with_total = len(groups) > 1
    if with_total:
        columns.append(Column("Total", numeric=True))
    if comparison is not None:
        columns.append(Column(comparison_label, numeric=True))
    series = [group.values for group in groups]
    if with_total:
        series.append(list(totals))
    if comparison is not None:
        series.append(list(comparison))
    decimals = _decimals(totals)
    rows = [
        [Cell(f"{month:%b %Y}"), *(_cell(values[index], decimals) for values in series)]
        for index, month in enumerate(months)
    ]
    footer = [Cell("Total"), *(_cell(_sum(values), decimals) for values in series)]
    return Table(columns, rows, footer if len(rows) > 1 else [])


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
) -> Card:
    """Draw horizontal bars, largest first; what is past `limit` becomes "Other".

    `noun` heads the table's first column ("Team"). Labels and bars lead to their `url`.
    """
    bars = shortened(rows, limit)
    drawn = [bar for bar in bars if bar.value is not None]
    decimals = _decimals([bar.value for bar in drawn])
    figure = _figure()
    figure.add_bar(
        x=[bar.value for bar in drawn],
        y=list(range(len(drawn))),
        orientation="h",
        marker={
            "color": [
                theme.OTHER if bar.label == OTHER_LABEL else theme.PALETTE[0] for bar in drawn
            ],
            "cornerradius": 3,
        },
        customdata=[bar.url for bar in drawn],
        text=[_text(bar.value or 0, decimals) for bar in drawn],
        textposition="outside",
        textfont={"color": "var(--text-muted)", "size": 12},
        cliponaxis=False,
        hovertext=[_safe(bar.label) for bar in drawn],
        hovertemplate=f"%{{hovertext}}<br><b>%{{x:,.3~g}}</b> {_safe(unit)}<extra></extra>",
    )
    largest = max((abs(bar.value or 0) for bar in drawn), default=0)
    figure.update_layout(
        hovermode="closest",
        bargap=0.38,
        xaxis={"visible": False, "range": [0, largest * 1.14 or 1]},
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
        table=_ranked_table(rows, noun or title, unit),
        height=max(96, 24 + BAR_PIXELS * len(drawn)),
        note=note,
    )


def shortened(rows: Sequence[Bar], limit: int) -> list[Bar]:
    """Return the largest bars first, with all past the limit as one called "Other"."""
    bars = sorted(rows, key=lambda bar: (-(bar.value or 0), bar.label))
    if len(bars) <= limit:
        return bars
    return [*bars[: limit - 1], Bar(OTHER_LABEL, _sum(bar.value for bar in bars[limit - 1 :]))]


def _ranked_table(rows: Sequence[Bar], noun: str, unit: str) -> Table:
    total = _sum(bar.value for bar in rows)
    decimals = _decimals([bar.value for bar in rows])
    columns = [Column(noun), Column("Amount", unit, numeric=True), Column("Share", numeric=True)]
    cells = [
        [
            Cell(bar.label, bar.url),
            _cell(bar.value, decimals),
            Cell(_share(bar.value, total), numeric=True),
        ]
        for bar in sorted(rows, key=lambda bar: (-(bar.value or 0), bar.label))
    ]
    footer = [Cell("Total"), _cell(total, decimals), Cell(_share(total, total), numeric=True)]
    return Table(columns, cells, footer if len(cells) > 1 else [])


def _share(value: float | None, total: float | None) -> str | None:
    return numbers.percent_text(value / total) if value is not None and total else None


# --- trend --------------------------------------------------------------------------


def trend(
    rows: Sequence[SeriesPoint],
    *,
    id: str,
    title: str,
    unit: str,
    urls: Mapping[str, str] | None = None,
    forecast: Sequence[Band] = (),
    target: float | None = None,
    annotations: Sequence[Annotation] = (),
    conclusion: str | None = None,
    note: str = "",
) -> Card:
    """Draw lines by month where the shape matters, with target and forecast band."""
    months = sorted({row.month for row in rows})
    groups = grouped(rows, months, urls or {})
    figure = _figure()
    if forecast:
        _forecast(figure, forecast, unit)
    for position, group in enumerate(groups):
        colour = _colour(position, group)
        figure.add_scatter(
            x=months,
            y=group.values,
            name=_safe(group.label),
            mode="lines+markers",
            line={"color": colour, "width": 2.25},
            marker={"color": colour, "size": 5},
            connectgaps=False,
            customdata=[group.url] * len(months),
            hovertemplate=_hover(unit),
        )
    shown = sorted({*months, *(band.month for band in forecast)})
    if target is not None and shown:
        _target(figure, shown, target, unit)
    figure.update_layout(**_time_axis(shown))
    _annotate(figure, annotations)
    legend = [
        LegendEntry(group.label, _colour(position, group), group.url, "swatch-line")
        for position, group in enumerate(groups)
    ]
    if forecast:
        legend.append(LegendEntry("Forecast", theme.COMPARISON, kind="swatch-dash"))
    if target is not None:
        legend.append(LegendEntry("Target", theme.TARGET, kind="swatch-line"))
    totals = [_sum(group.values[index] for group in groups) for index in range(len(months))]
    sentence = words.trend(months, totals, unit, target) if conclusion is None else conclusion
    table = _month_table(months, groups, totals, None, "")
    return Card(
        id=id,
        title=title,
        unit=unit,
        conclusion=sentence,
        plot=as_json(figure),
        table=_with_forecast(table, forecast, len(groups)),
        legend=legend,
        note=note,
    )


def _with_forecast(table: Table, forecast: Sequence[Band], series: int) -> Table:
    if not forecast:
        return table
    blanks = len(table.columns) - 1
    rows = [
        [
            Cell(f"{band.month:%b %Y}"),
            *[Cell("", numeric=True)] * blanks,
            Cell(
                f"{numbers.number_text(band.value)} ({numbers.number_text(band.low)}–"
                f"{numbers.number_text(band.high)})",
                numeric=True,
            ),
        ]
        for band in forecast
    ]
    known = [[*row, Cell("", numeric=True)] for row in table.rows]
    footer = [*table.footer, Cell("", numeric=True)] if table.footer else []
    return Table([*table.columns, Column("Forecast", numeric=True)], [*known, *rows], footer)


def _forecast(figure: go.Figure, forecast: Sequence[Band], unit: str) -> None:
    months = [band.month for band in forecast]
    figure.add_scatter(
        x=[*months, *reversed(months)],
        y=[*(band.high for band in forecast), *(band.low for band in reversed(forecast))],
        fill="toself",
        fillcolor=theme.BAND,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=months,
        y=[band.value for band in forecast],
        name="Forecast",
        mode="lines",
        line={"color": theme.COMPARISON, "width": 2, "dash": "dot"},
        hovertemplate=_hover(unit),
    )


# --- what all figures share ---------------------------------------------------------

_GAP = {"color": theme.SURFACE, "width": 1}


def as_json(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as plain data for `json_script`."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    return plain


def _figure() -> go.Figure:
    return go.Figure(layout={"template": theme.template()})


def _colour(position: int, group: Group) -> str:
    return theme.OTHER if group.label == OTHER_LABEL else theme.colour_of(position)


def _safe(text: str) -> str:
    """Escape what Plotly would read as markup."""
    return html.escape(text, quote=False)


def _label(bar: Bar) -> str:
    text = bar.label if len(bar.label) <= LONGEST_LABEL else f"{bar.label[: LONGEST_LABEL - 1]}…"
    if not bar.url:
        return _safe(text)
    return f'<a href="{html.escape(bar.url)}" target="_top">{_safe(text)}</a>'


def _hover(unit: str) -> str:
    return f"<b>%{{y:,.3~g}}</b> {_safe(unit)}"


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


def _target(figure: go.Figure, months: Sequence[date], level: float, unit: str) -> None:
    figure.add_scatter(
        x=list(months),
        y=[level] * len(months),
        name="Target",
        mode="lines",
        line={"color": theme.TARGET, "width": 1.5},
        hovertemplate=_hover(unit),
    )


def _annotate(figure: go.Figure, annotations: Sequence[Annotation]) -> None:
    for annotation in annotations:
        figure.add_vline(
            x=annotation.month.isoformat(),
            line={"color": "var(--line-strong)", "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            x=annotation.month.isoformat(),
            y=1,
            yref="paper",
            text=_safe(annotation.text),
            showarrow=False,
            xanchor="left",
            yanchor="top",
            xshift=4,
            font={"size": 12, "color": "var(--text-muted)"},
        )


def _sum(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _decimals(values: Sequence[float | None]) -> int:
    """One number of decimals for a whole table: that of its largest figure."""
    return numbers.decimals_for(max((abs(v) for v in values if v is not None), default=0))


def _cell(value: float | None, decimals: int) -> Cell:
    return Cell(None if value is None else _text(value, decimals), numeric=True)


def _text(value: float, decimals: int) -> str:
    """Return a number with a table's decimals; what they would round away is "<1"."""
    least = 10**-decimals
    if 0 < value < least / 2:
        return f"<{numbers.number_text(least, decimals)}"
    return numbers.number_text(value, decimals)
