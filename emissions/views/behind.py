"""What a dashboard's figure consists of: the runs, and what they share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.behind import SHOWN
from emissions.selectors.behind import behind as rows_behind
from emissions.selectors.spread import Uncertainty
from emissions.selectors.uncertainty import spread_of, uncertainty_of_runs
from emissions.views import spread
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
    runs = uncertainty_of_runs(runs=[run for run, _ in found.runs])
    whole = spread_of(
        organisation=member.organisation, period=address.period, filters=address.filters
    ).whole
    context = {
        "address": address,
        "menus": address.dimensions,
        "found": found,
        "runs": [(run, amounts, _ranges(runs.get(run.pk))) for run, amounts in found.runs],
        "ranges": _ranges(whole),
    }
    return render(request, "emissions/behind.html", context)


def _ranges(found: Uncertainty | None) -> dict[str, str]:
    """Return the 95 % intervals of a row's figures in words."""
    return {name: spread.words(found.of(name), name) for name in SHOWN} if found else {}
