"""The list of projects."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.structure import teams_of_projects
from emissions.selectors.totals import By
from emissions.views.dashboards.lists import Listed, ListPage


@member_required(Action.VIEW_TOTALS)
@require_safe
def project_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show every project with its team of today and its figures of a period."""
    projects = member.organisation.projects.order_by("name")
    teams = teams_of_projects(organisation=member.organisation)
    listed = [
        Listed(one.slug, one.name, teams[one.slug].name if one.slug in teams else "No team")
        for one in projects
    ]
    page = ListPage(request, member, by=By.PROJECT, listed=listed, note_label="Team today")
    return page.response("emissions/project_list.html", empty=not listed)
