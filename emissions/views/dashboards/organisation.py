"""The organisation's dashboard."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from emissions.permissions import Action, Member, member_required
from emissions.selectors.totals import By
from emissions.views.dashboards.page import Dashboard, Subject


@member_required(Action.VIEW_TOTALS)
@require_safe
def organisation(request: HttpRequest, member: Member) -> HttpResponse:
    """Show where the organisation's emissions come from and how they moved."""
    subject = Subject(
        who=member.organisation.name,
        file_name=member.organisation.slug,
        stack=By.TEAM,
        rankings=(By.TEAM, By.STAGE, By.PROJECT, By.HARDWARE, By.SITE, By.BASIS),
    )
    return Dashboard(request, member, subject).response("emissions/organisation.html")
