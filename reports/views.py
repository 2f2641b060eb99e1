"""The list of quarters, and a quarter as a file."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from emissions.charts import numbers
from emissions.models import Team
from emissions.permissions import Action, Member, Reach, member_required, reach
from emissions.selectors.closings import closings
from emissions.selectors.periods import InvalidPeriod, Period, parse_value
from emissions.selectors.spread import Uncertainty
from emissions.selectors.totals import Filters, Totals
from emissions.selectors.uncertainty import uncertainty_of_periods
from emissions.views import spread
from emissions.views.today import local_today
from reports.definitions.quarter import quarter_tables
from reports.definitions.tables import Table
from reports.renderers import csv, xlsx
from reports.selectors.cover import QuarterTotals, quarters_with_totals

RENDERERS = {"csv": csv, "xlsx": xlsx}


@member_required(Action.EXPORT)
@require_safe
def report_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show every quarter with its totals and what can be downloaded."""
    found = quarters_of(member)
    closed = {one.period.value: one for one in closings(organisation=member.organisation)}
    masses = [
        mass for one in found for mass in (one.totals.location_based_kg, one.totals.market_based_kg)
    ]
    units = {
        "kg": numbers.mass_unit(masses),
        "kwh": numbers.energy_unit(one.totals.energy_facility_kwh for one in found),
    }
    intervals = uncertainty_of_periods(
        organisation=member.organisation,
        filters=filters_of(member),
        periods=[one.period for one in found],
    )
    context = {
        "quarters": [
            (
                one,
                _shown(one.totals, spread_of, units) | {"moved": _moved(one, change)},
                closed.get(one.period.value),
            )
            for one, (spread_of, change) in zip(found, intervals, strict=True)
        ],
        "next_to_close": _next_to_close([one for one in found if one.period.value not in closed]),
        "team": team_of(member),
        "mass_unit": units["kg"],
        "energy_unit": units["kwh"],
    }
    return render(request, "reports/report_list.html", context)


def _next_to_close(open_quarters: list[QuarterTotals]) -> Period | None:
    """Return the earliest quarter that has ended: quarters are closed in order."""
    ended = [one.period for one in open_quarters if not (one.unfinished or one.totals.empty)]
    return ended[-1] if ended else None


def _moved(one: QuarterTotals, change: Uncertainty | None) -> numbers.Moved | None:
    """Return how a quarter's location-based figure changed against the one before."""
    return spread.moved(
        one.totals.location_based_kg,
        one.before.location_based_kg if one.before else None,
        change.location_based_kg if change else None,
        "location_based_kg",
    )


def _shown(totals: Totals, found: Uncertainty, units: dict[str, str]) -> dict[str, Any]:
    """Return a quarter's figures with the digits that their intervals support, and those."""
    return {
        name: {
            "figure": spread.figure_in(
                getattr(totals, name), found.of(name), name, units[name.rpartition("_")[2]]
            ),
            "range": spread.words(found.of(name), name),
        }
        for name in ("location_based_kg", "market_based_kg", "energy_facility_kwh")
    }


@member_required(Action.EXPORT)
@require_safe
def report_export(
    request: HttpRequest, member: Member, quarter: str, file_format: str
) -> HttpResponse:
    """Send a quarter as a file."""
    return file_of(member, quarter_named(quarter), file_format)


def quarters_of(member: Member) -> list[QuarterTotals]:
    """Return every quarter that the member may export with its totals, latest first."""
    return quarters_with_totals(
        organisation=member.organisation,
        filters=filters_of(member),
        today=local_today(member.organisation),
    )


def tables_of(member: Member, period: Period) -> list[Table]:
    """Return a quarter's tables: a manager gets their own team's, as it was."""
    return quarter_tables(
        organisation=member.organisation,
        period=period,
        today=local_today(member.organisation),
        team=team_of(member),
    )


def file_of(member: Member, period: Period, file_format: str) -> HttpResponse:
    """Return a quarter as a file of a format, or raise 404."""
    renderer, team = RENDERERS.get(file_format), team_of(member)
    if renderer is None:
        raise Http404
    stem = "_".join([member.organisation.slug, *([team.slug] if team else []), period.value])
    return HttpResponse(
        renderer.render(tables=tables_of(member, period)),
        content_type=renderer.CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{stem}.{renderer.EXTENSION}"'},
    )


def team_of(member: Member) -> Team | None:
    """Return the team that the member's exports are confined to; None means no limit."""
    if reach(member.role, Action.EXPORT) is Reach.ORGANISATION:
        return None
    if member.team is None:
        raise Http404
    return member.team


def filters_of(member: Member) -> Filters:
    """Return the filters that confine the member's exports."""
    team = team_of(member)
    return Filters(teams=(team.pk,)) if team else Filters()


def quarter_named(value: str) -> Period:
    """Return the quarter of an address, such as 2026-Q2, or raise 404."""
    try:
        period = parse_value(value, today=timezone.localdate())
    except InvalidPeriod as error:
        raise Http404 from error
    if period.value != value or "-Q" not in value:
        raise Http404
    return period
