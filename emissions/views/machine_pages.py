"""A site's and a node's page: what it is, what the ledger holds of it, and what is metered."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from emissions.calculation.uncertainty import EMBODIED_BAND
from emissions.charts import numbers
from emissions.models import Node, NodeLife, NodePlacement, Site, SiteConditions
from emissions.permissions import Action, Member, member_required
from emissions.selectors import machines as selector
from emissions.selectors.instruments import SiteUse, uses_at
from emissions.selectors.inventory import (
    conditions_history,
    life_history,
    placement_history,
)
from emissions.selectors.lives import lives_of_node
from emissions.selectors.metering import node_months, readings_of, reconciliations
from emissions.selectors.spread import Uncertainty
from emissions.selectors.totals import Filters
from emissions.selectors.uncertainty import spread_of, spread_of_node
from emissions.tabular import Value
from emissions.views import spread
from emissions.views.closed import ClosedQuarters
from emissions.views.dashboards.address import Address
from emissions.views.dashboards.cards import Figure, cards_of, exact
from emissions.views.downloads import Files, file_of
from emissions.views.inventory import inventory_tabs
from emissions.views.machine_figures import (
    coverage_figure,
    hours_figure,
    parts_figure,
    reconciliation_figure,
)

READINGS_SHOWN = 12


@member_required(Action.VIEW_INVENTORY)
@require_safe
def site(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """Show a site."""
    sites = Site.objects.select_related("cloud_region", "organisation")
    shown = get_object_or_404(sites, organisation=member.organisation, slug=site_slug)
    address = Address(request, member.organisation)
    period = address.period.until(address.today)
    parts = selector.site_by_month(site=shown, period=period)
    closed = ClosedQuarters(member.organisation, period, "location_based_kg")
    found_spread = spread_of(
        organisation=member.organisation, period=period, filters=Filters(sites=(shown.pk,))
    )
    reconciled = reconciliations(
        organisation=member.organisation,
        sites=[shown.pk],
        starts_on=period.starts_on,
        ends_before=period.ends_before,
    )
    figures = {
        "energy": parts_figure(
            parts, id="energy", title="Energy at the meter", column="energy_facility_kwh",
            units=numbers.ENERGY, period=period, spread=found_spread, closed=closed.months,
        ),
        "emissions": parts_figure(
            parts, id="emissions", title="Emissions, location-based",
            column="location_based_kg", units=numbers.MASS, suffix=" CO₂e", period=period,
            spread=found_spread, closed=closed.months,
        ),
    }  # fmt: skip
    if reconciled:
        figures = {"reconciliation": reconciliation_figure(reconciled), **figures}
    span = {"starts_on": period.starts_on, "ends_before": period.ends_before}
    uses, electricity = uses_at(site=shown, **span)
    if any(use.by_month for use in uses):
        figures["instruments"] = coverage_figure(uses, electricity, period)
    readings = readings_of(site=shown)
    placed = selector.nodes_at(site=shown, on=address.today)
    conditions = list(conditions_history(site=shown))
    files: Files = {
        **exact(figures),
        "conditions": (CONDITIONS, [_condition(fact) for fact in conditions]),
        "nodes": (NODES, [_placed(fact) for fact in placed]),
        "readings": (READINGS, [_reading(row) for row in readings]),
        "held": (INSTRUMENTS, [_held(use) for use in uses]),
    }
    stem = f"{member.organisation.slug}_{shown.slug}_{period.slug}"
    found = file_of(request, files, stem)
    if found is not None:
        return found
    whole = [row for row in reconciled if row.complete]
    metered = sum(row.metered_kwh for row in whole)
    current = [fact for fact in conditions if _holds(fact, address)]
    context = {
        **_shared(member, address, figures),
        "site": shown,
        "current": current[0] if current else None,
        "conditions": [fact for fact in conditions if fact.superseded_at is None],
        "placed": placed,
        "devices": sum(one.node.device_count * one.node.node_count for one in placed),
        "readings": readings if "readings" in request.GET else readings[:READINGS_SHOWN],
        "readings_stored": readings.count(),
        "uses": uses,
        "runs": selector.latest_runs_at(runs=member.runs(Action.VIEW_RUNS), site=shown),
        "location_beside": spread.beside(
            member.organisation,
            sum(part.location_based_kg for part in parts),
            sum(part.location_other_kg for part in parts),
            found_spread.whole.location_based_kg,
        ),
        **_rounded(parts, found_spread.whole),
        "closed": closed.within(),
        "explained": sum(row.explained_kwh for row in whole) / metered if metered else None,
        "metered_months": len(whole),
    }
    return render(request, "emissions/inventory/site.html", context)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def node(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Show a node."""
    nodes = Node.objects.select_related("hardware", "organisation")
    shown = get_object_or_404(nodes, organisation=member.organisation, slug=node_slug)
    address = Address(request, member.organisation)
    period = address.period.until(address.today)
    parts = selector.node_by_month(node=shown, period=period)
    closed = ClosedQuarters(member.organisation, period, "location_based_kg")
    found_spread = spread_of_node(node=shown, period=period)
    months = node_months(
        organisation=member.organisation,
        nodes=[shown],
        starts_on=period.starts_on,
        ends_before=period.ends_before,
    )
    settled = [one for one in months if one.idle_hours]
    figures = {
        "hours": hours_figure(
            months,
            note="Idle hours are posted once a month has ended."
            if len(settled) < len(months)
            else "",
        ),
        "energy": parts_figure(
            parts, id="energy", title="Energy at the meter", column="energy_facility_kwh",
            units=numbers.ENERGY, period=period, spread=found_spread, closed=closed.months,
        ),
        "hardware": parts_figure(
            parts, id="hardware", title="Lifetime share of hardware", column="embodied_kg",
            units=numbers.MASS, suffix=" CO₂e", period=period, spread=found_spread,
            closed=closed.months,
        ),
    }  # fmt: skip
    history = list(placement_history(node=shown))
    lives = lives_of_node(shown)
    files: Files = {
        **exact(figures),
        "placements": (PLACEMENTS, [_placement(fact) for fact in history]),
        "lives": (LIVES, [_life(fact) for fact in life_history(node=shown)]),
    }
    found = file_of(request, files, f"{member.organisation.slug}_{shown.slug}_{period.slug}")
    if found is not None:
        return found
    available = sum(one.available_hours for one in settled)
    current = [fact for fact in history if _holds(fact, address)]
    context = {
        **_shared(member, address, figures),
        "node": shown,
        "current": current[0] if current else None,
        "history": [fact for fact in history if fact.superseded_at is None],
        "devices": shown.device_count * shown.node_count,
        "life": lives.on(address.today),
        "lives": lives.shown,
        **_footprint(selector.footprint_of(node=shown)),
        "runs": selector.latest_runs(runs=member.runs(Action.VIEW_RUNS).filter(node=shown)),
        **_rounded(parts, found_spread.whole),
        "closed": closed.within(),
        "allocated": sum(one.allocated_hours for one in settled) / available if available else None,
        "age_years": _age(shown, address),
    }
    return render(request, "emissions/inventory/node.html", context)


def _footprint(found: selector.Footprint) -> dict[str, Any]:
    """Return a node's footprint and what of it is used, with the band of published footprints."""
    amounts = {"whole": found.whole_kg, "used": found.used_kg}
    intervals = {name: spread.within_band(kg, EMBODIED_BAND) for name, kg in amounts.items()}
    return {"footprint": found, "footprint_shown": spread.shown(amounts, intervals)}


def _rounded(parts: Sequence[selector.MonthPart], found: Uncertainty) -> dict[str, Any]:
    """Return the sums of parts with the digits that their intervals support, and those."""
    names = ("energy_facility_kwh", "location_based_kg")
    if not parts:
        return {"rounded": dict.fromkeys(names), "ranges": {}}
    amounts = {name: sum(getattr(part, name) for part in parts) for name in names}
    return {
        "rounded": spread.all_rounded(amounts, found),
        "ranges": {name: spread.words(found.of(name), name) for name in names},
    }


CONDITIONS = [
    "From", "Until before", "Electricity grid", "PUE", "PUE source", "WUE [L/kWh]", "IT run by",
    "Building run by", "Recorded", "Replaced",
]  # fmt: skip
NODES = ["Node", "Hardware", "Devices in one", "Nodes alike", "Team", "Held", "Since"]
READINGS = ["From", "Until before", "Measured at", "Energy [kWh]", "Other load [kWh]", "Source"]
INSTRUMENTS = [
    "Instrument", "Kind", "Vintage", "From", "Until before", "Status", "Rate [g CO2e/kWh]",
    "Used here in the period [MWh]", "Months",
]  # fmt: skip
LIVES = ["Service life [years]", "From", "Until before", "Recorded", "Replaced"]
PLACEMENTS = ["Site", "Team", "Held", "From", "Until before", "Recorded", "Replaced"]


def _condition(fact: SiteConditions) -> list[Value]:
    return [
        fact.starts_on, fact.ends_before, str(fact.zone), fact.pue, fact.pue_source,
        fact.wue_litres_per_kwh, fact.it_control, fact.overhead_control, fact.recorded_at.date(),
        fact.superseded_at.date() if fact.superseded_at else None,
    ]  # fmt: skip


def _placed(fact: NodePlacement) -> list[Value]:
    return [
        fact.node.name, fact.node.hardware.name, fact.node.device_count, fact.node.node_count,
        fact.owner.name if fact.owner else "", fact.tenure, fact.starts_on,
    ]  # fmt: skip


def _reading(row: Any) -> list[Value]:
    return [
        row.starts_on, row.ends_before, row.measuring_point, row.energy_kwh, row.other_load_kwh,
        row.source,
    ]  # fmt: skip


def _held(use: SiteUse) -> list[Value]:
    one = use.instrument
    return [
        one.name, one.kind, one.vintage, one.starts_on, one.ends_before, one.status,
        one.rate_g_per_kwh, use.used_mwh, len(use.by_month),
    ]  # fmt: skip


def _placement(fact: NodePlacement) -> list[Value]:
    return [
        fact.site.name, fact.owner.name if fact.owner else "", fact.tenure, fact.starts_on,
        fact.ends_before, fact.recorded_at.date(),
        fact.superseded_at.date() if fact.superseded_at else None,
    ]  # fmt: skip


def _life(fact: NodeLife) -> list[Value]:
    return [
        fact.life_years, fact.starts_on, fact.ends_before, fact.recorded_at.date(),
        fact.superseded_at.date() if fact.superseded_at else None,
    ]  # fmt: skip


def _holds(fact: SiteConditions | NodePlacement, address: Address) -> bool:
    """Whether a fact is believed and holds today."""
    begun = fact.superseded_at is None and fact.starts_on <= address.today
    return begun and (fact.ends_before is None or fact.ends_before > address.today)


def _age(node: Node, address: Address) -> float | None:
    if node.purchased_on is None:
        return None
    return max(0.0, ((node.disposed_on or address.today) - node.purchased_on).days / 365.25)


def _shared(member: Member, address: Address, figures: dict[str, Figure]) -> dict[str, Any]:
    return {
        "address": address,
        "cards": cards_of(figures, address),
        "zip_url": address.changed(format="zip"),
        "csv_url": {
            name: address.changed(format="csv", figure=name)
            for name in ("conditions", "nodes", "readings", "held", "placements")
        },
        "tabs": inventory_tabs(member, "inventory"),
    }
