"""One factor set: what it is, what adopting or withdrawing it would change, and doing so."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from emissions.calculation.vocabulary import Headline, PreviewState
from emissions.charts import numbers
from emissions.forms.factors import AdoptionForm
from emissions.models import (
    AdoptionPreview,
    FactorSet,
    FactorSetAdoption,
    GridZone,
    Organisation,
    Team,
)
from emissions.permissions import Action, Member, member_required
from emissions.selectors.closings import Sets
from emissions.selectors.factor_hours import hours_of_set
from emissions.selectors.factor_list import adoptions_of, open_sets
from emissions.selectors.grid_mix import mixes_in_set
from emissions.services.factors.adopt import NotAdopted, adopt_factor_set, withdraw_factor_set
from emissions.services.factors.preview import (
    Difference,
    closed_quarters_kept,
    count_affected,
    preview_factors,
    sets_with,
    sets_without,
)
from emissions.services.factors.preview_jobs import (
    OPEN,
    cancel_preview,
    differences_of,
    find_preview,
    start_preview,
)
from emissions.services.pools.preview import count_pools

PREVIEW_UP_TO = 5_000
"""Runs and pools that are calculated twice while somebody waits for the page; more go to a
worker."""

ROUNDED_KG = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference with the names of its team and zone."""

    quarter: str
    team: str
    zone: str
    difference: Difference

    @property
    def visible(self) -> bool:
        """Whether it is more than what sharing a whole over teams rounds."""
        return max(abs(self.location_kg), abs(self.market_kg)) >= ROUNDED_KG

    @property
    def location_kg(self) -> Decimal:
        """New − old, location-based."""
        return self.difference.new_location_kg - self.difference.old_location_kg

    @property
    def market_kg(self) -> Decimal:
        """New − old, market-based."""
        return self.difference.new_market_kg - self.difference.old_market_kg


@member_required(Action.VIEW_FACTORS)
@require_safe
def factor_set(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Show a set: its edition, source and licence, and when it was in use."""
    shown = _factor_set(member, factor_set_id)
    adoptions = list(adoptions_of(organisation=member.organisation, factor_set=shown))
    hours = hours_of_set(factor_set=shown)
    context = {
        "set": shown,
        "factors": shown.factors.count(),
        "years_of_hours": len(hours),
        "hours": hours,
        "zones": shown.factors.order_by().values("zone").distinct().count(),
        "mixed": mixes_in_set(factor_set=shown),
        "adoptions": adoptions,
        "in_use": next((one for one in adoptions if one.withdrawn_at is None), None),
    }
    return render(request, "emissions/factors/set.html", context)


@dataclass(frozen=True, slots=True)
class Change:
    """What the address asks to preview: adopting at a precedence, or withdrawing."""

    factor_set: FactorSet
    current: FactorSetAdoption | None
    precedence: int | None
    proposed: int
    form: AdoptionForm
    after: Sets


def _change(member: Member, factor_set_id: int, asked: QueryDict) -> Change:
    organisation, shown = member.organisation, _factor_set(member, factor_set_id)
    current = FactorSetAdoption.objects.filter(
        organisation=organisation, factor_set=shown, withdrawn_at=None
    ).first()
    form = AdoptionForm(asked if "precedence" in asked else None)
    proposed = _precedence(organisation, current)
    if form.is_valid():
        proposed = form.cleaned_data["precedence"]
    if "withdraw" in asked and current is not None:
        without = sets_without(organisation=organisation, factor_set=shown)
        return Change(shown, current, None, proposed, form, without)
    after = sets_with(organisation=organisation, factor_set=shown, precedence=proposed)
    return Change(shown, current, proposed, proposed, form, after)


@member_required(Action.ADOPT_FACTORS)
@require_safe
def factor_set_preview(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Show what adopting a set (?precedence=) or withdrawing it (?withdraw) would change."""
    organisation = member.organisation
    change = _change(member, factor_set_id, request.GET)
    runs = count_affected(organisation=organisation, after=change.after)
    preview, found = None, None
    if runs + count_pools(organisation=organisation) <= PREVIEW_UP_TO:
        found = preview_factors(organisation=organisation, after=change.after).differences
    else:
        preview = find_preview(
            organisation=organisation,
            factor_set=change.factor_set,
            precedence=change.precedence,
        )
        if preview is not None and preview.state == PreviewState.DONE:
            found = differences_of(preview=preview)
    rows = [row for row in _named(organisation, found or []) if row.visible]
    context = {
        "set": change.factor_set,
        "current": change.current,
        "withdraw": change.precedence is None,
        "form": change.form,
        "precedence": change.proposed,
        "runs": runs,
        "preview": preview,
        "known": found is not None,
        "rows": rows,
        "hours_beside": organisation.headline != Headline.HOURLY
        and change.factor_set.hourly.exists(),
        "closed": closed_quarters_kept(organisation=organisation, after=change.after),
        "unit": numbers.mass_unit(
            kg
            for row in rows
            for kg in (row.difference.old_location_kg, row.difference.new_location_kg)
        ),
        "location_kg": sum((row.location_kg for row in rows), Decimal(0)),
        "market_kg": sum((row.market_kg for row in rows), Decimal(0)),
    }
    return render(request, "emissions/factors/preview.html", context)


@member_required(Action.ADOPT_FACTORS)
@require_POST
def preview_start(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Ask a worker for a preview that takes longer."""
    change = _change(member, factor_set_id, request.POST)
    start_preview(
        organisation=member.organisation,
        factor_set=change.factor_set,
        precedence=change.precedence,
        after=change.after,
        by=member.user,
        now=timezone.now(),
    )
    page = reverse("factor_set_preview", args=[member.organisation.slug, factor_set_id])
    asked = "withdraw" if change.precedence is None else f"precedence={change.precedence}"
    return redirect(f"{page}?{asked}")


@member_required(Action.ADOPT_FACTORS)
@require_safe
def preview_progress(request: HttpRequest, member: Member, preview_id: int) -> HttpResponse:
    """Show how far a preview is: what the page asks for until it is done."""
    preview = _preview(member, preview_id)
    context = {"preview": preview}
    response = render(request, "emissions/factors/_progress.html", context)
    if preview.state not in OPEN and request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"
    return response


@member_required(Action.ADOPT_FACTORS)
@require_POST
def preview_cancel(request: HttpRequest, member: Member, preview_id: int) -> HttpResponse:
    """Stop a preview."""
    preview = _preview(member, preview_id)
    cancel_preview(preview=preview, by=member.user)
    messages.info(request, "The preview was stopped.")
    return redirect("factor_set", member.organisation.slug, preview.factor_set_id)


def _preview(member: Member, preview_id: int) -> AdoptionPreview:
    previews = AdoptionPreview.objects.select_related("factor_set", "organisation")
    return get_object_or_404(previews, organisation=member.organisation, pk=preview_id)


@member_required(Action.ADOPT_FACTORS)
@require_POST
def adopt(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Use a set from now on, or ask it earlier or later."""
    shown = _factor_set(member, factor_set_id)
    form = AdoptionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give a precedence between 1 and 999.")
        return _to_list(member)
    adopt_factor_set(
        organisation=member.organisation,
        factor_set=shown,
        precedence=form.cleaned_data["precedence"],
        by=member.user,
        now=timezone.now(),
    )
    messages.info(
        request, f"{shown} is in use. Runs whose factors change are being calculated again."
    )
    return _to_list(member)


@member_required(Action.ADOPT_FACTORS)
@require_POST
def withdraw(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Stop using a set from now on."""
    shown = _factor_set(member, factor_set_id)
    try:
        withdraw_factor_set(
            organisation=member.organisation, factor_set=shown, by=member.user, now=timezone.now()
        )
    except NotAdopted:
        messages.info(request, f"{shown} was not in use.")
    else:
        messages.info(
            request,
            f"{shown} was withdrawn. Runs whose factors change are being calculated again.",
        )
    return _to_list(member)


def _precedence(organisation: Organisation, current: FactorSetAdoption | None) -> int:
    """Return the precedence to propose: as it is, or after all others."""
    if current is not None:
        return current.precedence
    last = (
        FactorSetAdoption.objects.filter(organisation=organisation, withdrawn_at=None)
        .order_by("-precedence")
        .values_list("precedence", flat=True)
        .first()
    )
    return min((last or 0) + 1, 999)


def _named(organisation: Organisation, found: Iterable[Difference]) -> list[DifferenceRow]:
    found = list(found)
    teams = dict(Team.objects.filter(organisation=organisation).values_list("pk", "name"))
    zones = dict(
        GridZone.objects.filter(pk__in={one.zone_id for one in found}).values_list("pk", "name")
    )
    return [
        DifferenceRow(
            f"{one.year}-Q{one.quarter}",
            teams.get(one.team_id, "No team") if one.team_id else "No team",
            zones.get(one.zone_id, "Unknown") if one.zone_id else "Unknown",
            one,
        )
        for one in found
    ]


def _factor_set(member: Member, factor_set_id: int) -> FactorSet:
    """Return a set that is shared or the organisation's own."""
    return get_object_or_404(open_sets(organisation=member.organisation), pk=factor_set_id)


def _to_list(member: Member) -> HttpResponse:
    return redirect("factor_list", organisation_slug=member.organisation.slug)
