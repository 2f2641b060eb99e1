"""One factor, and one grid zone with the history of its factors: what they are, who uses them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from emissions.charts import numbers
from emissions.charts.factor_history import Card, HistoryPoint, factor_history, span_text
from emissions.models import EmissionFactor, GridZone, Organisation
from emissions.permissions import Action, Member, member_required
from emissions.selectors.factor_hours import hours_of_zone
from emissions.selectors.factor_list import Valid, history_of_zone, open_factors
from emissions.selectors.factor_use import (
    Use,
    Uses,
    largest_runs_of_factor,
    uses_of_factor,
    uses_of_zone,
)
from emissions.selectors.grid_mix import Mixes, mixes_of_zone
from emissions.tabular import csv_bytes
from emissions.views import spread
from emissions.views.downloads import download
from emissions.views.today import local_today

HISTORY_COLUMNS = (
    "zone", "valid_from", "valid_before", "g_co2e_per_kwh", "kind", "use", "set", "edition",
    "published", "in_use", "source", "licence",
)  # fmt: skip


@member_required(Action.VIEW_FACTORS)
@require_safe
def factor(request: HttpRequest, member: Member, factor_id: int) -> HttpResponse:
    """Show a factor: its value, what it counts, where it is from, what stands on it."""
    found = open_factors(organisation=member.organisation).select_related(
        "zone", "site", "factor_set"
    )
    shown: EmissionFactor = get_object_or_404(found, pk=factor_id)
    uses = uses_of_factor(organisation=member.organisation, factor=shown)
    context = {
        "factor": shown,
        "validity": span_text(shown.starts_on, shown.ends_before),
        "mix": Mixes(organisation=member.organisation).choose(
            zone_id=shown.zone_id, month=shown.starts_on
        ),
        "uses": uses,
        "runs": largest_runs_of_factor(
            factor=shown, uses=uses, visible=member.runs(Action.VIEW_RUNS)
        ),
        **_stands_on(uses, member.organisation),
    }
    return render(request, "emissions/factors/factor.html", context)


@member_required(Action.VIEW_FACTORS)
@require_safe
def factor_zone(request: HttpRequest, member: Member, zone_code: str) -> HttpResponse:
    """Show a zone's factors over time, its editions side by side; or the same as CSV."""
    organisation = member.organisation
    zone = get_object_or_404(GridZone.objects.select_related("parent"), code=zone_code)
    history = history_of_zone(organisation=organisation, zone=zone)
    if request.GET.get("format") == "csv":
        return _csv(zone, history)
    uses = uses_of_zone(organisation=organisation, zone=zone)
    context = {
        "zone": zone,
        "history": history,
        "card": _card(zone, history, organisation) if history else None,
        "hours": hours_of_zone(organisation=organisation, zone=zone),
        "mixes": mixes_of_zone(organisation=organisation, zone=zone),
        "chosen_mix": Mixes(organisation=organisation).choose(
            zone_id=zone.pk, month=local_today(organisation)
        ),
        "uses": uses,
        **_stands_on(uses, organisation),
    }
    return render(request, "emissions/factors/zone.html", context)


def _card(zone: GridZone, history: list[Valid], organisation: Organisation) -> Card:
    points = [
        HistoryPoint(
            series=_series(row.factor),
            kind=_counts(row.factor),
            starts_on=row.factor.starts_on,
            ends_before=row.factor.ends_before,
            g_co2e_per_kwh=row.factor.g_co2e_per_kwh,
            in_use=row.in_use,
            url=reverse("factor", args=[organisation.slug, row.factor.pk]),
        )
        for row in history
    ]
    return factor_history(points, zone=zone.name)


def _series(factor: EmissionFactor) -> str:
    """Return the name of a factor's line: its edition, and what it counts."""
    return f"{factor.factor_set}, {_counts(factor)}"


def _counts(factor: EmissionFactor) -> str:
    """Return a factor's kind, and its use if not the usual one."""
    use = "" if factor.role == "location" else f", {factor.get_role_display().lower()}"
    site = f", {factor.site.name}" if factor.site else ""
    return f"{factor.get_kind_display().lower()}{use}{site}"


def _csv(zone: GridZone, history: list[Valid]) -> HttpResponse:
    rows = [
        (
            zone.code,
            row.factor.starts_on,
            row.factor.ends_before,
            row.factor.g_co2e_per_kwh,
            row.factor.kind,
            row.factor.role,
            row.factor.factor_set.name,
            row.factor.factor_set.edition,
            row.factor.factor_set.published_on,
            "yes" if row.in_use else "no",
            row.factor.source,
            row.factor.licence,
        )
        for row in history
    ]
    return download(csv_bytes(header=HISTORY_COLUMNS, rows=rows), f"factors-{zone.code}.csv")


def _stands_on(uses: Uses, organisation: Organisation) -> dict[str, Any]:
    """Return what stands on a factor or a zone: figures in one unit, projects with their pages."""
    rows = [*uses.projects, *uses.quarters]
    units = {
        "kg": numbers.mass_unit(numbers.typical(use.location_based_kg for use in rows)),
        "kwh": numbers.energy_unit(numbers.typical(use.energy_facility_kwh for use in rows)),
    }
    return {
        "units": units,
        "project_uses": [
            (
                use,
                _shown(use, units),
                reverse("project", args=[organisation.slug, use.project_slug])
                if use.project_slug
                else "",
            )
            for use in uses.projects
        ],
        "quarter_uses": [(use, _shown(use, units)) for use in uses.quarters],
    }


def _shown(use: Use, units: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return energy and emissions with the digits that their intervals support, and those."""
    return {
        name: {
            "figure": spread.figure_in(getattr(use, name), found, name, unit),
            "range": spread.bounds_in(found, name, unit),
        }
        for name, found in use.intervals.items()
        for unit in [units[name.rpartition("_")[2]]]
    }
