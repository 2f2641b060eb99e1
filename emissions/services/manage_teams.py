"""Create, rename, archive and restore teams."""

from datetime import datetime

from django.db import transaction

from emissions.models import Organisation, ProjectAssignment, Team, User
from emissions.services.audit import write_audit_event
from emissions.services.names import free_slug


class TeamInUse(Exception):
    """The team still has projects or people; they must move first."""


@transaction.atomic
def create_team(*, organisation: Organisation, name: str, by: User | None, now: datetime) -> Team:
    """Create a team of an organisation."""
    slug = free_slug(
        name=name, among=Team.objects.filter(organisation=organisation), otherwise="team"
    )
    team = Team.objects.create(organisation=organisation, name=name, slug=slug)
    write_audit_event(
        organisation=organisation, by=by, action="team created", instance=team, after={"name": name}
    )
    return team


@transaction.atomic
def rename_team(*, team: Team, name: str, by: User | None) -> Team:
    """Give a team another name; its address stays."""
    team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if team.name == name:
        return team
    before, team.name = team.name, name
    team.save(update_fields=["name"])
    write_audit_event(
        organisation=team.organisation,
        by=by,
        action="team renamed",
        instance=team,
        before={"name": before},
        after={"name": name},
    )
    return team


@transaction.atomic
def archive_team(*, team: Team, by: User | None, now: datetime) -> Team:
    """Take a team out of the lists; its history stays.

    Raises
    ------
    TeamInUse
        It has people, or projects today or later.
    """
    team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if team.archived_at is not None:
        return team
    assigned = ProjectAssignment.objects.current().filter(
        team=team, ends_before__isnull=True, project__archived_at__isnull=True
    )
    if assigned.exists() or team.membership_set.exists():
        raise TeamInUse
    team.archived_at = now
    team.save(update_fields=["archived_at"])
    write_audit_event(organisation=team.organisation, by=by, action="team archived", instance=team)
    return team


@transaction.atomic
def restore_team(*, team: Team, by: User | None) -> Team:
    """Bring an archived team back."""
    team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if team.archived_at is None:
        return team
    team.archived_at = None
    team.save(update_fields=["archived_at"])
    write_audit_event(organisation=team.organisation, by=by, action="team restored", instance=team)
    return team
