"""Hardware bought, and what has become of its footprint since."""

from dataclasses import fields
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from emissions.charts import numbers
from emissions.permissions import Action, Member, member_required
from emissions.selectors.periods import InvalidPeriod, parse_period
from emissions.selectors.purchases import bridge_ranges, bridge_rows, purchases, total_bridge
from emissions.selectors.totals import totals
from emissions.selectors.uncertainty import spread_of
from emissions.views.dashboards.address import period_menu
from emissions.views.inventory import inventory_tabs
from emissions.views.spread import bounds_in, shown
from emissions.views.today import local_today

DAY = timedelta(days=1)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def purchase_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show both views of the hardware in a period, and the bridge between them."""
    organisation, today = member.organisation, local_today(member.organisation)
    try:
        period = parse_period(request.GET, today=today)
    except InvalidPeriod:
        period = parse_period({}, today=today)
    found = purchases(organisation=organisation)
    rows = bridge_rows(bought=found, starts_on=period.starts_on, ends_before=period.ends_before)
    total = total_bridge(rows)
    posted = totals(organisation=organisation, period=period)
    found_spread = spread_of(organisation=organisation, period=period).whole
    ranges = bridge_ranges(rows)
    unit = numbers.mass_unit([total.before, total.bought, total.attributed])
    context = {
        "period": period,
        "period_menu": period_menu(period=period, today=today),
        "rows": [(row, row.purchase.life_years(period.ends_before - DAY)) for row in rows],
        "total": total,
        **shown(
            {
                **{one.name: getattr(total, one.name) for one in fields(total)},
                "posted": posted.known_embodied_kg,
            },
            {**ranges, "posted": found_spread.embodied_kg},
        ),
        "total_ranges": {name: bounds_in(found, "kg", unit) for name, found in ranges.items()},
        "unit": unit,
        "unknown": sum(1 for one in found if one.bought and one.kg_per_node is None),
        "tabs": inventory_tabs(member, "purchase_list"),
    }
    return render(request, "emissions/inventory/purchase_list.html", context)
