"""What a dashboard's figure consists of: the runs, and what they share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.behind import behind as rows_behind
from emissions.views.dashboards.address import Address


@member_required(Action.VIEW_TOTALS)
@require_safe
def behind(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the largest runs, the others, and the pools; they add up to the figure."""
    address = Address(request, member.organisation)
    found = rows_behind(
        organisation=member.organisation,
        period=address.period,
        filters=address.filters,
        visible=member.runs(Action.VIEW_RUNS),
        order=address.method.column,
    )
    context = {"address": address, "menus": address.dimensions, "found": found}
    return render(request, "emissions/behind.html", context)
