"""Factor sets and their factors: which are in use, in which order, and every value in them."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from emissions.forms.factors import FactorSearchForm
from emissions.permissions import Action, Member, member_required
from emissions.selectors.factor_list import factors, set_rows

PAGE_SIZE = 50
NARROWED = ("q", "year", "kind", "role", "set", "all")


@member_required(Action.VIEW_FACTORS)
@require_safe
def factor_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the sets in use and search their factors, all from the address."""
    organisation = member.organisation
    sets = set_rows(organisation=organisation)
    form = FactorSearchForm(request.GET, sets=[row.factor_set for row in sets])
    form.is_valid()
    asked = form.cleaned_data
    found = factors(
        organisation=organisation,
        text=asked.get("q", ""),
        year=asked.get("year"),
        kind=asked.get("kind", ""),
        role=asked.get("role", ""),
        factor_set=asked.get("set"),
        everything=asked.get("all", False),
    )
    context = {
        "filters": [form[name] for name in ("set", "year", "kind", "role")],
        "asked": asked,
        "narrowed": any(asked.get(name) for name in NARROWED),
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "adopted": [row for row in sets if row.adoption],
        "others": [row for row in sets if not row.adoption],
    }
    return render(request, "emissions/factors/factor_list.html", context)
