"""The figures of a site's and a node's page: charts with their tables and files."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal

from emissions.calculation.vocabulary import PoolKind
from emissions.charts import figures, numbers, theme
from emissions.charts.figures import SeriesPoint
from emissions.selectors.instruments import SiteUse
from emissions.selectors.machines import MonthPart
from emissions.selectors.metering import NodeMonth, Reconciliation
from emissions.selectors.periods import Period
from emissions.selectors.spread import Spread
from emissions.tabular import Value
from emissions.views.dashboards.cards import Figure, Scale, bound_names

ZERO = Decimal(0)
RUNS, IDLE, NOT_COVERED = "Runs", "Idle", "Not covered"
OTHER_LOAD, UNEXPLAINED = "Other known load", "Unexplained"
#: The same thing has the same colour in all charts of a page.
COLOURS = {
    RUNS: theme.PALETTE[0],
    UNEXPLAINED: theme.PALETTE[1],
    PoolKind.METER_REMAINDER.label: theme.PALETTE[1],
    OTHER_LOAD: theme.PALETTE[2],
    IDLE: theme.QUIET,
    PoolKind.NODE_IDLE.label: theme.QUIET,
    NOT_COVERED: theme.QUIET,
}


def parts_figure(
    parts: Sequence[MonthPart],
    *,
    id: str,
    title: str,
    column: str,
    units: tuple[numbers.Unit, ...],
    period: Period,
    spread: Spread,
    closed: Collection[date],
    suffix: str = "",
) -> Figure:
    """Stack what parts posted by month, with its interval; months without a line are zero."""
    months = period.month_starts
    names = list(dict.fromkeys(part.part for part in parts if getattr(part, column)))
    amounts = {(one.part, one.month): getattr(one, column) for one in parts}
    totals = [sum((amounts.get((n, m), ZERO) for n in names), ZERO) for m in months]
    scale = Scale.of(totals, units, suffix)
    points = [
        SeriesPoint(month, name, float(scale(amounts.get((name, month), ZERO))))
        for name in names
        for month in months
    ]
    found = spread.regrouped(lambda row: row["month"]).of(column)
    card = figures.by_month(
        points,
        id=id,
        title=title,
        unit=scale.unit,
        ranges=[scale.range(found.get(month)) for month in months] if names else (),
        whole=scale.range(spread.whole.of(column)),
        closed=closed,
        colours=COLOURS,
    )
    unit = f"{units[0].symbol}{suffix}"
    base = Scale(unit, Decimal(str(units[0].size)))
    header = ["Month", *(f"{name} [{unit}]" for name in names), *bound_names("total", base)]
    rows: list[list[Value]] = [
        [
            month.isoformat()[:7],
            *(base(amounts.get((name, month), ZERO)) for name in names),
            *base.bounds(found.get(month)),
        ]
        for month in months
    ]
    return Figure(card, header, rows)


def hours_figure(rows: Sequence[NodeMonth], *, note: str) -> Figure:
    """Stack allocated and idle device-hours by month; available is both."""
    points = [
        SeriesPoint(row.month, label, float(value))
        for row in rows
        for label, value in ((RUNS, row.allocated_hours), (IDLE, row.idle_hours))
    ]
    settled = [row for row in rows if row.idle_hours]
    available = sum((row.available_hours for row in settled), ZERO)
    given = sum((row.allocated_hours for row in settled), ZERO)
    used = given / available if available else None
    conclusion = (
        f"Runs were given {numbers.percent_text(used)} of the available device-hours."
        if used is not None
        else ""
    )
    card = figures.by_month(
        points,
        id="hours",
        title="Hours available",
        unit="device-hours",
        conclusion=conclusion,
        note=note,
        colours=COLOURS,
    )
    header = ["Month", "Available [h]", "Allocated [h]", "Idle [h]", "Idle energy [kWh]"]
    return Figure(
        card,
        header,
        [
            [
                f"{row.month:%Y-%m}",
                row.available_hours,
                row.allocated_hours,
                row.idle_hours,
                row.idle_kwh,
            ]
            for row in rows
        ],
    )


def coverage_figure(
    uses: Sequence[SiteUse], electricity: Mapping[date, Decimal], period: Period
) -> Figure:
    """Stack by month what instruments cover of a site's electricity, and what none does."""
    months = period.month_starts
    rows: dict[str, list[Decimal]] = {
        use.instrument.name: [use.by_month.get(month, ZERO) for month in months]
        for use in uses
        if use.by_month
    }
    used = [sum(column, ZERO) for column in zip(*rows.values(), strict=True)]
    whole = [electricity.get(month, ZERO) for month in months]
    rows[NOT_COVERED] = [all_ - one for all_, one in zip(whole, used, strict=True)]
    scale = Scale.of(whole, numbers.ENERGY, "")
    points = [
        SeriesPoint(month, name, float(scale(value)))
        for name, values in rows.items()
        for month, value in zip(months, values, strict=True)
    ]
    consumed = sum(whole, ZERO)
    card = figures.by_month(
        points,
        id="instruments",
        title="Electricity that instruments cover",
        unit=scale.unit,
        conclusion=f"Instruments cover {numbers.percent_text(sum(used, ZERO) / consumed)} of all"
        " electricity of the site."
        if consumed > 0
        else "",
        note="Other known load takes its share. What is not retired yet counts provisionally.",
        colours={NOT_COVERED: theme.QUIET},
    )
    header = ["Month", *(f"{name} [kWh]" for name in rows)]
    return Figure(
        card,
        header,
        [
            [f"{month:%Y-%m}", *(values[at] for values in rows.values())]
            for at, month in enumerate(months)
        ],
    )


def reconciliation_figure(rows: Sequence[Reconciliation]) -> Figure:
    """Stack what explains the meter, and what is left of it, by month."""
    scale = Scale.of((row.metered_kwh for row in rows), numbers.ENERGY, "")
    points = []
    for row in rows:
        values = {RUNS: row.runs_kwh, IDLE: row.idle_kwh, OTHER_LOAD: row.other_kwh}
        if row.remainder_kwh is not None:
            values[UNEXPLAINED] = row.remainder_kwh
        points += [SeriesPoint(row.month, name, float(scale(one))) for name, one in values.items()]
    whole = [row for row in rows if row.complete]
    metered = sum((row.metered_kwh for row in whole), ZERO)
    explained = sum((row.explained_kwh for row in whole), ZERO)
    card = figures.by_month(
        points,
        id="reconciliation",
        title="Metered energy, and what explains it",
        unit=scale.unit,
        comparison=[float(scale(row.metered_kwh)) for row in rows],
        comparison_label="Metered",
        conclusion=f"{numbers.percent_text(explained / metered)} of the metered energy is"
        " explained."
        if metered
        else "No month is metered as a whole.",
        note="All parts add up to the meter.",
        colours=COLOURS,
    )
    return Figure(card, RECONCILIATION, [reconciled(row) for row in rows])


RECONCILIATION = [
    "Month",
    "Measured at",
    "Metered [kWh]",
    "Runs [kWh]",
    "Idle [kWh]",
    "Other known load [kWh]",
    "Unexplained [kWh]",
    "Metered energy explained [share]",
    "Days covered",
]


def reconciled(row: Reconciliation) -> list[Value]:
    """Return a month of a site as a row of a file."""
    return [
        f"{row.month:%Y-%m}",
        row.point.value,
        row.metered_kwh,
        row.runs_kwh,
        row.idle_kwh,
        row.other_kwh,
        row.remainder_kwh,
        row.explained_share,
        row.days,
    ]
