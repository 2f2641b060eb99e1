"""The hardware catalogue, and the organisation's own entries."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from emissions.calculation.vocabulary import HardwareKind
from emissions.forms.factors import TextSearchForm
from emissions.forms.inventory import HardwareForm
from emissions.models import HardwareModel
from emissions.models.choices import choices
from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import hardware_rows
from emissions.services.manage_hardware import create_hardware, edit_hardware
from emissions.views.inventory import inventory_tabs

PAGE_SIZE = 50


@member_required(Action.VIEW_INVENTORY)
@require_safe
def hardware_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Search the catalogue."""
    form = TextSearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    found = hardware_rows(
        organisation=member.organisation,
        text=asked.get("q", ""),
        kind=asked.get("kind", ""),
        own=asked.get("own", False),
    )
    context = {
        "asked": asked,
        "kinds": choices(HardwareKind),
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "tabs": inventory_tabs(member, "hardware_list"),
    }
    return render(request, "emissions/inventory/hardware_list.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def hardware_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Add an entry of the organisation's own."""
    form = HardwareForm(request.POST or None, organisation=member.organisation)
    if request.method == "POST" and form.is_valid():
        hardware = create_hardware(
            organisation=member.organisation,
            device=form.device(),
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"{hardware} was added to your catalogue.")
        return redirect("hardware_list", organisation_slug=member.organisation.slug)
    return _page(request, member, form, None)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def hardware_edit(request: HttpRequest, member: Member, hardware_id: int) -> HttpResponse:
    """Change an entry of the organisation's own; shared ones are not found here."""
    hardware = get_object_or_404(HardwareModel, organisation=member.organisation, pk=hardware_id)
    form = HardwareForm(request.POST or None, organisation=member.organisation, hardware=hardware)
    if request.method == "POST" and form.is_valid():
        edit_hardware(hardware=hardware, device=form.device(), by=member.user)
        messages.info(request, "Saved. The runs on it are calculated again.")
        return redirect("hardware_list", organisation_slug=member.organisation.slug)
    return _page(request, member, form, hardware)


def _page(
    request: HttpRequest, member: Member, form: HardwareForm, hardware: HardwareModel | None
) -> HttpResponse:
    context = {
        "form": form,
        "hardware": hardware,
        "tabs": inventory_tabs(member, "hardware_list"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/hardware_form.html", context, status=status)
