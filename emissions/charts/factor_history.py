"""The history of a zone's factors: one line for each edition, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import plotly.graph_objects as go

from emissions.charts import numbers, theme
from emissions.charts.cards import Card, Cell, Column, LegendEntry, Table
from emissions.charts.figures import as_json

UNIT = "g CO₂e/kWh"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """A factor as it is drawn: its edition, what it counts, when it holds."""

    series: str
    kind: str
    starts_on: date
    ends_before: date
    g_co2e_per_kwh: float
    in_use: bool
    url: str = ""


def factor_history(points: Sequence[HistoryPoint], *, zone: str) -> Card:
    """Return the chart of a zone's factors over time, by edition.

    Six editions are coloured: those in use first, then those with the most factors. A factor
    that holds for a year is drawn as a level over that year, so that gaps show as gaps.
    """
    series = _series(points)
    figure = go.Figure(layout={"template": theme.template()})
    legend = []
    for position, name in enumerate(series):
        own = sorted((p for p in points if p.series == name), key=lambda p: p.starts_on)
        colour = theme.colour_of(position)
        dash = "solid" if own[0].in_use else "dot"
        xs, ys = _levels(own)
        figure.add_scatter(
            x=xs,
            y=ys,
            name=name.replace("<", "&lt;"),
            mode="lines+markers",
            marker={"size": 4, "color": colour},
            line={"color": colour, "width": 2, "dash": dash},
            connectgaps=False,
            hovertemplate=f"<b>%{{y:,.4~g}}</b> {UNIT}",
        )
        kind = "swatch-line" if own[0].in_use else "swatch-dash"
        legend.append(LegendEntry(name, colour, kind=kind))
    figure.update_layout(
        xaxis={"type": "date", "hoverformat": "%B %Y", "tickformat": "%Y"},
        yaxis={"nticks": 6, "tickformat": ",~g"},
    )
    return Card(
        id="history",
        title=f"Factors of {zone}",
        unit=UNIT,
        conclusion=_conclusion(points),
        plot=as_json(figure),
        table=_table(points, series),
        legend=legend,
        note="Solid lines are editions in use; dotted ones are not.",
    )


def _series(points: Sequence[HistoryPoint]) -> list[str]:
    counts: dict[str, tuple[bool, int, str]] = {}
    for point in points:
        _, count, _ = counts.get(point.series, (False, 0, ""))
        counts[point.series] = (not point.in_use, count - 1, point.series)
    return sorted(counts, key=lambda name: counts[name])


def _levels(own: Sequence[HistoryPoint]) -> tuple[list[str | None], list[float | None]]:
    """Return the corners of a line that stays level while a factor holds."""
    xs: list[str | None] = []
    ys: list[float | None] = []
    for before, point in zip([None, *own], own, strict=False):
        if before is not None and before.ends_before < point.starts_on:
            xs.append(before.ends_before.isoformat())
            ys.append(None)
        xs += [point.starts_on.isoformat(), (point.ends_before - DAY).isoformat()]
        ys += [point.g_co2e_per_kwh, point.g_co2e_per_kwh]
    return xs, ys


def _conclusion(points: Sequence[HistoryPoint]) -> str:
    """Say how far apart the editions are for the latest year that several state."""
    for starts_on in sorted({point.starts_on for point in points}, reverse=True):
        for kind in sorted({point.kind for point in points}):
            values = [
                p.g_co2e_per_kwh for p in points if p.starts_on == starts_on and p.kind == kind
            ]
            if len(values) < 2 or not min(values):
                continue
            apart = max(values) / min(values) - 1
            if not apart:
                return f"{len(values)} editions agree on {starts_on.year} ({kind})."
            return (
                f"{len(values)} editions give {numbers.number_text(min(values))} to"
                f" {numbers.number_text(max(values))} for {starts_on.year} ({kind}):"
                f" {numbers.percent_text(apart)} apart."
            )
    return ""


def _table(points: Sequence[HistoryPoint], series: Sequence[str]) -> Table:
    """Put the editions side by side, a row for each time in which a factor holds."""
    spans = sorted({(p.starts_on, p.ends_before) for p in points}, reverse=True)
    values = {(p.starts_on, p.ends_before, p.series): p for p in points}
    rows = []
    for starts_on, ends_before in spans:
        row = [Cell(span_text(starts_on, ends_before))]
        for name in series:
            point = values.get((starts_on, ends_before, name))
            row.append(
                Cell(numbers.number_text(point.g_co2e_per_kwh, 1), url=point.url, numeric=True)
                if point
                else Cell(None, numeric=True)
            )
        rows.append(row)
    columns = [Column("Valid"), *(Column(name, numeric=True) for name in series)]
    return Table(columns, rows)


def span_text(starts_on: date, ends_before: date) -> str:
    """Return a validity in words: a year, a month, or its first and last day."""
    if starts_on.day == 1 == ends_before.day:
        months = (ends_before.year - starts_on.year) * 12 + ends_before.month - starts_on.month
        if months == 12 and starts_on.month == 1:
            return str(starts_on.year)
        if months == 1:
            return f"{starts_on:%B %Y}"
    return f"{starts_on.isoformat()} – {(ends_before - DAY).isoformat()}"
