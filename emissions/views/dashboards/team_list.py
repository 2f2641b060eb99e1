"""The list of teams."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.totals import By
from emissions.views.dashboards.lists import Listed, ListPage


@member_required(Action.VIEW_TOTALS)
@require_safe
def team_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show every team with its figures of a period."""
    teams = member.organisation.teams.order_by("name")
    listed = [Listed(one.slug, one.name, "archived" if one.archived_at else "") for one in teams]
    page = ListPage(request, member, by=By.TEAM, listed=listed, note_label="State")
    return page.response("emissions/team_list.html", empty=not listed)
