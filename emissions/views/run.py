"""A run's page: its figures, how they are made, and what they would be elsewhere."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from emissions.charts import numbers
from emissions.models import Organisation, Run
from emissions.permissions import Action, Member, member_required
from emissions.selectors import run_coverage
from emissions.selectors import runs as selector
from emissions.selectors.doubles import any_by_rule, merge_of
from emissions.selectors.reported import Discrepancy, discrepancy
from emissions.selectors.spread import AMOUNTS, Uncertainty
from emissions.selectors.uncertainty import uncertainty_of_run
from emissions.services.calculator import elsewhere
from emissions.services.estimate import Estimate, estimate_runs
from emissions.services.streams.show import show_stream
from emissions.services.working import plain
from emissions.views import spread
from emissions.views.comparisons import places_card
from emissions.views.run_rows import in_columns
from emissions.views.working import exact, notes, shown_steps

LINES_SHOWN = 100


@member_required(Action.VIEW_RUNS)
@require_safe
def run(request: HttpRequest, member: Member, run_id: int) -> HttpResponse:
    """Show a run."""
    shown = _run(member, run_id)
    context = _headline(shown, member)
    estimate: Estimate = context["estimate"]
    places = elsewhere(
        estimate=estimate,
        started_at=shown.started_at,
        duration_hours=shown.duration_hours,
        organisation=member.organisation,
    )
    found: Uncertainty | None = context["uncertainty"]
    months = selector.months_of_run(run=shown)
    lines = Paginator(selector.lines_of_run(run=shown), LINES_SHOWN).get_page(
        request.GET.get("lines")
    )
    units = {
        "kg": numbers.mass_unit(month.location_based_kg for month in months),
        "kwh": numbers.energy_unit(month.energy_facility_kwh for month in months),
    }
    context |= {
        "steps": shown_steps(estimate, found, factor="#emission-factor"),
        "exact": exact(context["shown"], embodied_kg=context["embodied_kg"]),
        "streaming": show_stream(
            run=shown, estimate=estimate, visible=member.runs(Action.VIEW_RUNS)
        ),
        "facts": _facts(shown),
        "may_edit": member.runs(Action.EDIT_RUNS).filter(pk=shown.pk).exists(),
        "months": [(month, in_columns(month, found, units, COLUMNS)) for month in months],
        "mass_unit": units["kg"],
        "energy_unit": units["kwh"],
        "merge": merge_of(run=shown) if shown.superseded_by_id else None,
        **_also(shown, member),
        "lines": lines,
        "rows": [(line, in_columns(line, found, units, COLUMNS)) for line in lines],
        "elsewhere": places_card(
            places, here=estimate, digits=spread.digits(found.location_based_kg if found else None)
        ),
    }
    return render(request, "emissions/run.html", context)


@member_required(Action.VIEW_RUNS)
@require_safe
def run_figures(request: HttpRequest, member: Member, run_id: int) -> HttpResponse:
    """Show a run's headline figures: what the page asks for until they are posted."""
    context = _headline(_run(member, run_id), member)
    response = render(request, "emissions/_run_figures.html", context)
    if not context["posting"] and request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"  # Months and ledger lines are there now, too.
    return response


def _run(member: Member, run_id: int) -> Run:
    runs = selector.with_names(member.runs(Action.VIEW_RUNS))
    run = get_object_or_404(runs.select_related("retry_of", "superseded_by"), pk=run_id)
    run.organisation = member.organisation
    return run


def _also(run: Run, member: Member) -> dict[str, Any]:
    """Return the other records of the same job that a member may see."""
    others = list(member.runs(Action.VIEW_RUNS).filter(superseded_by=run).order_by("pk"))
    return {"also": others, "also_measured": any_by_rule(runs=others)}


def _headline(run: Run, member: Member) -> dict[str, Any]:
    """Return the ledger's figures; before they are posted those that will be."""
    (estimate,) = estimate_runs(runs=[run], organisation=member.organisation)
    figures = selector.figures_of_run(run=run)
    unposted = not figures.posted and run.superseded_by_id is None
    posting = (figures.pending or unposted) and not figures.error
    settled = figures.posted and not posting
    spread_of = uncertainty_of_run(run=run) if settled else None
    shown = figures if figures.posted and not posting else estimate
    embodied = None if estimate.embodied_kg is None else _embodied(figures, estimate)
    amounts = {name: getattr(shown, name) for name in ROUNDED}
    return {
        "run": run,
        "uncertainty": spread_of,
        "rounded": spread.all_rounded({**amounts, "embodied_kg": embodied}, spread_of),
        "ranges": {
            name: spread.words(spread_of.of(name), name) if spread_of else "" for name in AMOUNTS
        },
        "sources": spread.table(spread_of) if spread_of else None,
        "discrepancy": _discrepancy(run, figures) if settled else None,
        "figures": figures,
        "estimate": estimate,
        "posting": posting,
        **_coverage(run, posting, spread_of),
        "shown": shown,
        "embodied_kg": embodied,
        "location_note": _location_note(member.organisation, estimate, spread_of),
        **notes(estimate, spread_of),
    }


def _location_note(
    organisation: Organisation, estimate: Estimate, found: Uncertainty | None
) -> str:
    """Return what the location-based figure is, and the other one where hours are known."""
    if estimate.location_based_hourly_kg is None:
        return "at the grid's average"
    first = estimate.location_based_kg
    both = estimate.location_based_annual_kg, estimate.location_based_hourly_kg
    other = both[0] if first == both[1] else both[1]
    if first == other:
        return "by the hour, as at the factor of the year"
    interval = found.location_based_kg if found else None
    return f"beside {spread.beside(organisation, first, other, interval)}"


def _coverage(run: Run, posting: bool, found: Uncertainty | None) -> dict[str, Any]:
    """Return the run's share of what instruments cover, with the digits of its market figure."""
    coverage = None if posting else run_coverage.coverage_of_run(run=run)
    if coverage is None:
        return {"coverage": None}
    interval = found.market_based_kg if found else None
    covered = spread.rounded(coverage.market_based_kg, interval, "market_based_kg")
    return {"coverage": coverage, "covered": covered}


#: What stands above a run's page, each with the digits that its interval supports.
ROUNDED = (
    "location_based_kg",
    "market_based_kg",
    "energy_facility_kwh",
    "upstream_kg",
    "losses_kg",
    "water_litres",
)
COLUMNS = ("energy_facility_kwh", "location_based_kg", "market_based_kg", "embodied_kg")


def _embodied(figures: selector.RunFigures, estimate: Estimate) -> Any:
    settled = figures.posted and not figures.pending
    return figures.embodied_kg if settled else estimate.embodied_kg


def _discrepancy(run: Run, figures: selector.RunFigures) -> Discrepancy | None:
    """Return how what the client reported differs from what stands in the ledger."""
    kg = figures.totals
    return discrepancy(
        run=run,
        location_based_kg=kg["location_based_kg"],
        energy_it_kwh=kg["energy_it_kwh"],
        energy_facility_kwh=kg["energy_facility_kwh"],
        with_upstream_kg=kg["location_based_kg"] + kg["upstream_kg"] + kg["losses_kg"],
    )


def _facts(run: Run) -> list[tuple[str, str, str]]:
    """Return what was stated of a run in words, with the page of what has one."""
    found: list[tuple[str, object, str]] = [
        _equipment(run),
        ("Devices", "" if run.count_assumed else plain(run.device_count), ""),
        ("Wall-clock hours", "" if run.count_assumed else _with_unit(run.duration_hours, "h"), ""),
        ("Device-hours", _with_unit(run.device_hours, "h"), ""),
        ("Average power", _with_unit(run.stated_power_watts, "W per device"), ""),
        ("Measured energy" if run.energy_measured else "Energy", _energy(run), ""),
        ("Average power, % of maximum", _percent(run.power_share), ""),
        ("Utilisation", _percent(run.utilisation), ""),
        ("CPU cores", _with_unit(run.cpu_cores), ""),
        ("Power per core", _with_unit(run.cpu_watts_per_core, "W"), ""),
        ("Memory", _with_unit(run.memory_gb, "GB"), ""),
        _place(run),
        ("PUE", _with_unit(run.stated_pue), ""),
        ("Emission factor", _with_unit(run.stated_factor_g_per_kwh, "g/kWh"), ""),
        ("Its source", run.stated_factor_source, ""),
        ("AI model", run.ai_model, ""),
        ("External ID", run.external_id, ""),
        ("Sweep", run.sweep, ""),
        ("Retry of", run.retry_of, _page(run, "run", run_id=run.retry_of_id)),
        ("Tokens", _with_unit(run.tokens), ""),
        ("Floating-point operations", _with_unit(run.flop), ""),
        (run.metric_name or "Metric", _with_unit(run.metric_value), ""),
        ("Reported by the client", _with_unit(run.reported_kg, "kg CO₂e"), ""),
        ("Entered by", run.get_source_kind_display(), ""),
        ("Logged by", run.created_by, ""),
        ("Notes", run.notes, ""),
    ]
    return [(label, str(value), url) for label, value, url in found if value not in (None, "")]


def _equipment(run: Run) -> tuple[str, object, str]:
    if run.node:
        return (
            "Node",
            f"{run.node} ({run.node.hardware})",
            _page(run, "node", node_slug=run.node.slug),
        )
    return "Hardware", run.hardware, _page(run, "hardware", hardware_id=run.hardware_id)


def _place(run: Run) -> tuple[str, object, str]:
    if run.site:
        return "Site", run.site, _page(run, "site", site_slug=run.site.slug)
    if run.cloud_region:
        return "Cloud region", run.cloud_region, ""
    zone = run.zone.code if run.zone else None
    return "Grid zone", run.zone, _page(run, "factor_zone", zone_code=zone)


def _page(run: Run, name: str, **key: Any) -> str:
    """Return the address of a page within the run's organisation; none without its key."""
    if not all(key.values()):
        return ""
    return reverse(name, kwargs={"organisation_slug": run.organisation.slug, **key})


def _with_unit(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{plain(value)} {unit}".strip()


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.4g}%"


def _energy(run: Run) -> str:
    words = _with_unit(run.energy_kwh, "kWh")
    return f"{words}, PUE included" if words and run.energy_includes_pue else words
