"""A project's dashboard."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.structure import current_team
from emissions.selectors.totals import By
from emissions.views.dashboards.page import Dashboard, Subject


@member_required(Action.VIEW_TOTALS)
@require_safe
def project(request: HttpRequest, member: Member, project_slug: str) -> HttpResponse:
    """Show one project's emissions by stage, hardware and site, and how its runs ended."""
    found = get_object_or_404(member.organisation.projects, slug=project_slug)
    subject = Subject(
        who=found.name,
        file_name=f"{member.organisation.slug}_{found.slug}",
        stack=By.STAGE,
        rankings=(By.STAGE, By.HARDWARE, By.SITE, By.STATUS, By.BASIS),
        fixed={"projects": (found.pk,)},
        stands_for={"project": found.slug},
        own=("project", "team"),
    )
    return Dashboard(request, member, subject).response(
        "emissions/project.html", project=found, team=current_team(project=found)
    )
