"""The hardware catalogue, and the organisation's own entries."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.vocabulary import HardwareKind
from emissions.forms.factors import TextSearchForm
from emissions.forms.hardware import AliasForm, HardwareForm
from emissions.models import HardwareAlias, HardwareModel
from emissions.models.choices import choices
from emissions.permissions import Action, Member, member_required
from emissions.selectors.catalogue import hardware_of, similar_hardware
from emissions.selectors.inventory import aliases_of, hardware_rows, hardware_use
from emissions.services.manage_hardware import (
    SpellingTaken,
    add_alias,
    create_hardware,
    edit_hardware,
    remove_alias,
)
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today

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
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    asked_for = asked.get("q", "")
    context = {
        "asked": asked,
        "kinds": choices(HardwareKind),
        "page": page,
        "similar": similar_hardware(asked_for, organisation=member.organisation)
        if asked_for and not page.object_list
        else [],
        "tabs": inventory_tabs(member, "hardware_list"),
    }
    return render(request, "emissions/inventory/hardware_list.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def hardware_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Add an entry of the organisation's own."""
    today = local_today(member.organisation)
    form = HardwareForm(request.POST or None, organisation=member.organisation, today=today)
    if request.method == "POST" and form.is_valid():
        hardware = create_hardware(
            organisation=member.organisation,
            device=form.device(),
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"{hardware} was added to your catalogue.")
        return _to_hardware(member, hardware)
    return _page(request, member, form, None)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def hardware_edit(request: HttpRequest, member: Member, hardware_id: int) -> HttpResponse:
    """Change an entry of the organisation's own; shared ones are not found here."""
    hardware = get_object_or_404(HardwareModel, organisation=member.organisation, pk=hardware_id)
    form = HardwareForm(
        request.POST or None,
        organisation=member.organisation,
        today=local_today(member.organisation),
        hardware=hardware,
    )
    if request.method == "POST" and form.is_valid():
        edit_hardware(
            hardware=hardware,
            device=form.device(),
            by=member.user,
            life_from=form.cleaned_data["life_from"],
            now=timezone.now(),
        )
        messages.info(request, "Saved. The runs on it are calculated again.")
        return _to_hardware(member, hardware)
    return _page(request, member, form, hardware)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def hardware(request: HttpRequest, member: Member, hardware_id: int) -> HttpResponse:
    """Show an entry: what it says, from where, and how it may be spelt."""
    return _entry(request, member, _visible(member, hardware_id), AliasForm())


@member_required(Action.EDIT_INVENTORY)
@require_POST
def alias_add(request: HttpRequest, member: Member, hardware_id: int) -> HttpResponse:
    """Teach the catalogue a spelling that only this organisation uses."""
    hardware = _visible(member, hardware_id)
    form = AliasForm(request.POST)
    if not form.is_valid():
        return _entry(request, member, hardware, form)
    try:
        alias = add_alias(
            organisation=member.organisation,
            hardware=hardware,
            spelling=form.cleaned_data["spelling"],
            by=member.user,
        )
    except SpellingTaken as taken:
        form.add_error("spelling", f"You call {taken.hardware} so. Remove it there first.")
        return _entry(request, member, hardware, form)
    messages.info(request, f"“{alias}” now means {hardware}.")
    return _to_hardware(member, hardware)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def alias_remove(
    request: HttpRequest, member: Member, hardware_id: int, alias_id: int
) -> HttpResponse:
    """Forget a spelling of the organisation's own."""
    hardware = _visible(member, hardware_id)
    alias = get_object_or_404(
        HardwareAlias, organisation=member.organisation, hardware=hardware, pk=alias_id
    )
    remove_alias(alias=alias, by=member.user)
    messages.info(request, f"“{alias}” is forgotten. Runs keep the hardware they have.")
    return _to_hardware(member, hardware)


def _visible(member: Member, hardware_id: int) -> HardwareModel:
    return get_object_or_404(hardware_of(organisation=member.organisation), pk=hardware_id)


def _to_hardware(member: Member, hardware: HardwareModel) -> HttpResponse:
    slug = member.organisation.slug
    return redirect("hardware", organisation_slug=slug, hardware_id=hardware.pk)


def _entry(
    request: HttpRequest, member: Member, hardware: HardwareModel, form: AliasForm
) -> HttpResponse:
    context = {
        "hardware": hardware,
        "aliases": aliases_of(hardware=hardware, organisation=member.organisation),
        "use": hardware_use(hardware=hardware, organisation=member.organisation),
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/hardware.html", context, status=status)


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
