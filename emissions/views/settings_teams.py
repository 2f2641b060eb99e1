"""Teams: create, rename, archive."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.forms.structure import TeamForm
from emissions.models import Team
from emissions.permissions import Action, Member, member_required
from emissions.selectors.settings_lists import teams
from emissions.services.manage_teams import (
    TeamInUse,
    archive_team,
    create_team,
    rename_team,
    restore_team,
)
from emissions.views.settings_tabs import settings_tabs
from emissions.views.today import local_today


@member_required(Action.MANAGE_STRUCTURE)
@require_safe
def settings_teams(request: HttpRequest, member: Member) -> HttpResponse:
    """List the teams, with a form for a new one."""
    return _list(request, member, TeamForm(organisation=member.organisation))


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def team_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a team."""
    form = TeamForm(request.POST, organisation=member.organisation)
    if not form.is_valid():
        return _list(request, member, form, status=422)
    team = create_team(
        organisation=member.organisation,
        name=form.cleaned_data["name"],
        by=member.user,
        now=timezone.now(),
    )
    messages.info(request, f"Team {team} was created.")
    return _to_list(member)


@member_required(Action.MANAGE_STRUCTURE)
@require_http_methods(["GET", "HEAD", "POST"])
def team_edit(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Rename a team."""
    team = _team(member, team_slug)
    form = TeamForm(request.POST or None, organisation=member.organisation, team=team)
    if request.method == "POST" and form.is_valid():
        rename_team(team=team, name=form.cleaned_data["name"], by=member.user)
        return _to_list(member)
    context = {"form": form, "team": team, "tabs": settings_tabs(member, "settings_teams")}
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/team_edit.html", context, status=status)


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def team_archive(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Archive a team, or bring an archived one back."""
    team = _team(member, team_slug)
    if team.archived_at is not None:
        restore_team(team=team, by=member.user)
        return _to_list(member)
    try:
        archive_team(team=team, by=member.user, now=timezone.now())
    except TeamInUse:
        messages.error(request, f"Move the people and projects of {team} to another team first.")
    return _to_list(member)


def _team(member: Member, team_slug: str) -> Team:
    return get_object_or_404(Team, organisation=member.organisation, slug=team_slug)


def _to_list(member: Member) -> HttpResponse:
    return redirect("settings_teams", organisation_slug=member.organisation.slug)


def _list(request: HttpRequest, member: Member, form: TeamForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "teams": teams(organisation=member.organisation, today=local_today(member.organisation)),
        "tabs": settings_tabs(member, "settings_teams"),
    }
    return render(request, "emissions/settings/teams.html", context, status=status)
