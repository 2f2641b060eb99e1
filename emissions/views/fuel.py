"""Fuel that sites burn: scope 1."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.uncertainty import FUEL_BAND
from emissions.forms.fuel import FuelForm
from emissions.models import FuelUse
from emissions.permissions import Action, Member, member_required
from emissions.selectors.fuel import fuel_factors, fuel_uses
from emissions.services.record_fuel import record_fuel, remove_fuel
from emissions.views import spread
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today


@member_required(Action.VIEW_INVENTORY)
@require_safe
def fuel_list(request: HttpRequest, member: Member) -> HttpResponse:
    """List what was burnt, with the published factors beneath."""
    context = {
        "uses": [
            (use, spread.rounded(use.kg, within, "kg"), spread.words(within, "kg"))
            for use in fuel_uses(organisation=member.organisation)
            for within in [spread.within_band(use.kg, FUEL_BAND)]
        ],
        "factors": fuel_factors(),
        "tabs": inventory_tabs(member, "fuel_list"),
    }
    return render(request, "emissions/inventory/fuel_list.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def fuel_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Record an amount of fuel."""
    organisation = member.organisation
    form = FuelForm(
        request.POST or None, organisation=organisation, today=local_today(organisation)
    )
    if request.method == "POST" and form.is_valid():
        use = record_fuel(
            site=form.cleaned_data["site"],
            burnt=form.burnt(),
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"{use} was recorded.")
        return redirect("fuel_list", organisation_slug=organisation.slug)
    context = {
        "form": form,
        "sites": form.fields["site"].queryset.exists(),  # type: ignore[attr-defined]
        "tabs": inventory_tabs(member, "fuel_list"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/fuel_create.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def fuel_remove(request: HttpRequest, member: Member, fuel_id: int) -> HttpResponse:
    """Take an entry back."""
    uses = FuelUse.objects.filter(organisation=member.organisation, removed_at=None)
    use = get_object_or_404(uses, pk=fuel_id)
    remove_fuel(use=use, by=member.user, now=timezone.now())
    messages.info(request, f"{use} was taken back.")
    return redirect("fuel_list", organisation_slug=member.organisation.slug)
