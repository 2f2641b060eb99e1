"""What a dashboard's figure consists of: the runs, and what they share."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from emissions.charts import numbers
from emissions.charts.cards import Cell, Column, Table
from emissions.charts.tables import INTERVAL
from emissions.models import Organisation
from emissions.permissions import Action, Member, member_required
from emissions.selectors.behind import SHOWN, Amounts, Behind, PoolRow
from emissions.selectors.behind import behind as rows_behind
from emissions.selectors.spread import Uncertainty
from emissions.selectors.uncertainty import spread_of, uncertainty_of_runs
from emissions.views import spread
from emissions.views.dashboards.address import Address
from emissions.views.run_rows import in_columns

HEADINGS = {
    "energy_facility_kwh": "Energy at the meter",
    "location_based_kg": "Location-based",
    "market_based_kg": "Market-based",
    "embodied_kg": "Lifetime share",
}


@member_required(Action.VIEW_TOTALS)
@require_safe
def behind(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the largest runs, the others, and the pools; they add up to the figure."""
    address = Address(request, member.organisation)
    found = rows_behind(
        organisation=member.organisation,
        period=address.period,
        filters=address.filters,
        visible=member.runs(Action.VIEW_RUNS),
        order=address.method.column,
    )
    whole = spread_of(
        organisation=member.organisation, period=address.period, filters=address.filters
    ).whole
    context = {
        "address": address,
        "menus": address.dimensions,
        "found": found,
        "table": _table(found, whole, member.organisation, address.method.column),
    }
    return render(request, "emissions/behind.html", context)


def _table(
    found: Behind, whole: Uncertainty | None, organisation: Organisation, order: str
) -> Table:
    """Return the rows, largest first, in one unit: that of most runs, else of the whole."""
    known = uncertainty_of_runs(runs=[run for run, _ in found.runs])
    rows = [amounts for _, amounts in found.runs] or [found.whole]
    units = {
        "kg": numbers.mass_unit(numbers.typical(one.location_based_kg for one in rows)),
        "kwh": numbers.energy_unit(numbers.typical(one.energy_facility_kwh for one in rows)),
    }

    def cells(amounts: Amounts, within: Uncertainty | None = None) -> list[Cell]:
        figures = in_columns(amounts, within, units, SHOWN)
        return [
            Cell(
                figures[name],
                numeric=True,
                note=spread.bounds_in(within.of(name), name, units[name.rpartition("_")[2]])
                if within
                else "",
            )
            for name in SHOWN
        ]

    def page(name: str, **key: Any) -> str:
        return reverse(name, kwargs={"organisation_slug": organisation.slug, **key})

    runs = [
        [
            Cell(run.name, page("run", run_id=run.pk)),
            Cell(run.project.name, page("project", project_slug=run.project.slug))
            if run.project
            else Cell(""),
            *cells(amounts, known.get(run.pk)),
        ]
        for run, amounts in found.runs
    ]
    others = []
    if not found.others.nothing:
        count = f"{found.other_runs:,} run{'' if found.other_runs == 1 else 's'}"
        name = "All other runs" if found.runs else "All runs"
        others = [[Cell(name), Cell(f"{count} begun in this period"), *cells(found.others)]]
    pools = [
        [
            Cell(row.kind.label),
            Cell(row.of, _page_of(row, page), note=_by_hour(row, organisation)),
            *cells(row.amounts),
        ]
        for row in found.pools
    ]
    columns = [Column("Run or pool"), Column("Project or place")] + [
        Column(
            HEADINGS[name],
            f"{units['kg']} CO₂e" if name.endswith("kg") else units["kwh"],
            numeric=True,
            note=INTERVAL,
        )
        for name in SHOWN
    ]
    amounts = [one for _, one in found.runs] + [row.amounts for row in found.pools]
    ranked = sorted(
        zip(amounts, runs + pools, strict=True), key=lambda one: -abs(getattr(one[0], order))
    )
    total = [Cell("Total"), Cell(numbers.NO_BREAK_SPACE), *cells(found.whole, whole)]
    return Table(columns, [line for _, line in ranked] + others, total)


def _page_of(row: PoolRow, page: Any) -> str:
    address: str = ""
    if row.node:
        address = page("node", node_slug=row.node)
    elif row.site:
        address = page("site", site_slug=row.site)
    return address


def _by_hour(row: PoolRow, organisation: Organisation) -> str:
    if not row.by_hour:
        return ""
    other = f"{numbers.mass_text(row.location_other_kg)}{numbers.NO_BREAK_SPACE}CO₂e"
    hourly = organisation.headline == "hourly"
    return f"{other} {'at the factor of the year' if hourly else 'by the hour of the grid'}"
