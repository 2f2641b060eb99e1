"""Factor sets: which are in use, in which order, and every factor in them."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from emissions.forms.factors import AdoptionForm, FactorSearchForm
from emissions.models import FactorSet
from emissions.permissions import Action, Member, member_required
from emissions.selectors.factor_list import factors, set_rows, zone_of
from emissions.services.adopt_factors import NotAdopted, adopt_factor_set, withdraw_factor_set

PAGE_SIZE = 50


@member_required(Action.VIEW_FACTORS)
@require_safe
def factor_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the sets in use and search their factors, all from the address."""
    organisation = member.organisation
    form = FactorSearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    found = factors(
        organisation=organisation,
        text=asked.get("q", ""),
        year=asked.get("year"),
        kind=asked.get("kind", ""),
        role=asked.get("role", ""),
        zone=asked.get("zone", ""),
    )
    sets = set_rows(organisation=organisation)
    context = {
        "filters": [form[name] for name in ("year", "kind", "role")],
        "asked": asked,
        "zone": zone_of(code=asked.get("zone", "")),
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "adopted": [row for row in sets if row.adoption],
        "others": [row for row in sets if not row.adoption],
        "next_precedence": max((r.adoption.precedence for r in sets if r.adoption), default=0) + 1,
    }
    return render(request, "emissions/factors/factor_list.html", context)


@member_required(Action.ADOPT_FACTORS)
@require_POST
def adopt(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Use a set from now on, or ask it earlier or later."""
    factor_set = _factor_set(member, factor_set_id)
    form = AdoptionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give a precedence between 1 and 999.")
        return _to_list(member)
    adopt_factor_set(
        organisation=member.organisation,
        factor_set=factor_set,
        precedence=form.cleaned_data["precedence"],
        by=member.user,
        now=timezone.now(),
    )
    messages.info(
        request, f"{factor_set} is in use. Runs whose factors change are being calculated again."
    )
    return _to_list(member)


@member_required(Action.ADOPT_FACTORS)
@require_POST
def withdraw(request: HttpRequest, member: Member, factor_set_id: int) -> HttpResponse:
    """Stop using a set from now on."""
    factor_set = _factor_set(member, factor_set_id)
    try:
        withdraw_factor_set(
            organisation=member.organisation,
            factor_set=factor_set,
            by=member.user,
            now=timezone.now(),
        )
    except NotAdopted:
        messages.info(request, f"{factor_set} was not in use.")
    else:
        messages.info(
            request,
            f"{factor_set} was withdrawn. Runs whose factors change are being calculated again.",
        )
    return _to_list(member)


def _factor_set(member: Member, factor_set_id: int) -> FactorSet:
    """Return a set that is shared or the organisation's own."""
    sets = FactorSet.objects.filter(Q(organisation=None) | Q(organisation=member.organisation))
    return get_object_or_404(sets, pk=factor_set_id)


def _to_list(member: Member) -> HttpResponse:
    return redirect("factor_list", organisation_slug=member.organisation.slug)
