"""A team's dashboard."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.totals import By
from emissions.views.dashboards.page import Dashboard, Subject


@member_required(Action.VIEW_TOTALS)
@require_safe
def team(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Show one team's emissions by project, hardware, site and stage."""
    found = get_object_or_404(member.organisation.teams, slug=team_slug)
    subject = Subject(
        who=found.name,
        file_name=f"{member.organisation.slug}_{found.slug}",
        stack=By.PROJECT,
        rankings=(By.PROJECT, By.HARDWARE, By.SITE, By.STAGE, By.BASIS),
        fixed={"teams": (found.pk,)},
        stands_for={"team": found.slug},
        own=("team",),
    )
    return Dashboard(request, member, subject).response("emissions/team.html", team=found)
