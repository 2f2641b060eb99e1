"""What the organisation has: sites and nodes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import node_rows, site_rows
from emissions.views.today import local_today

TABS = (
    ("inventory", "Sites and nodes"),
    ("hardware_list", "Hardware"),
    ("instrument_list", "Instruments"),
    ("purchase_list", "Hardware bought"),
    ("cloud_account_list", "Cloud statements"),
    ("fuel_list", "Generator fuel"),
)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def inventory(request: HttpRequest, member: Member) -> HttpResponse:
    """List sites and nodes as they are today."""
    today = local_today(member.organisation)
    sites = site_rows(organisation=member.organisation, on=today)
    sort = request.GET.get("sort", "")
    nodes = node_rows(organisation=member.organisation, on=today, sort=sort)
    context = {
        "sites": [row for row in sites if row.site.archived_at is None],
        "archived": [row for row in sites if row.site.archived_at is not None],
        "nodes": nodes,
        "sort": sort,
        "tabs": inventory_tabs(member, "inventory"),
    }
    return render(request, "emissions/inventory/inventory.html", context)


def inventory_tabs(member: Member, current: str) -> list[dict[str, object]]:
    """Return the tabs of the inventory."""
    kwargs = {"organisation_slug": member.organisation.slug}
    return [
        {"label": label, "url": reverse(name, kwargs=kwargs), "current": name == current}
        for name, label in TABS
    ]
