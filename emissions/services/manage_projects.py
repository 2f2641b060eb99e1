"""Create, edit, archive and restore projects, and assign them to teams from a day on."""

from datetime import date, datetime

from django.db import transaction

from emissions.models import Organisation, Project, ProjectAssignment, Team, User
from emissions.services.audit import write_audit_event
from emissions.services.dated import set_from
from emissions.services.invalidate import assignment_changed
from emissions.services.names import free_slug


@transaction.atomic
def create_project(
    *,
    organisation: Organisation,
    name: str,
    team: Team,
    starts_on: date,
    by: User | None,
    now: datetime,
    cost_centre: str = "",
    description: str = "",
) -> Project:
    """Create a project that belongs to a team from a day on."""
    slug = free_slug(
        name=name, among=Project.objects.filter(organisation=organisation), otherwise="project"
    )
    project = Project.objects.create(
        organisation=organisation, name=name, slug=slug, description=description
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="project created",
        instance=project,
        after={"name": name, "description": description},
    )
    assign_project(
        project=project, team=team, cost_centre=cost_centre, starts_on=starts_on, by=by, now=now
    )
    return project


@transaction.atomic
def edit_project(*, project: Project, name: str, description: str, by: User | None) -> Project:
    """Give a project another name or description; its address stays."""
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before = {"name": project.name, "description": project.description}
    after = {"name": name, "description": description}
    if before == after:
        return project
    project.name, project.description = name, description
    project.save(update_fields=["name", "description"])
    write_audit_event(
        organisation=project.organisation,
        by=by,
        action="project edited",
        instance=project,
        before=before,
        after=after,
    )
    return project


@transaction.atomic
def assign_project(
    *,
    project: Project,
    team: Team,
    starts_on: date,
    by: User | None,
    now: datetime,
    cost_centre: str = "",
) -> ProjectAssignment:
    """Record which team and cost centre a project belongs to from a day on.

    What was assigned before that day stays: a reorganisation is not a restatement.
    """
    old = ProjectAssignment.objects.current().on(starts_on).filter(project=project).first()
    fact = set_from(
        model=ProjectAssignment,
        key="project",
        thing=project,
        starts_on=starts_on,
        values={"team": team, "cost_centre": cost_centre},
        now=now,
    )
    if old is not None and fact.pk == old.pk:
        return fact
    write_audit_event(
        organisation=project.organisation,
        by=by,
        action="project assigned",
        instance=project,
        before=_words(old) if old else None,
        after=_words(fact),
    )
    assignment_changed(project=project, by=by)
    return fact


@transaction.atomic
def archive_project(*, project: Project, by: User | None, now: datetime) -> Project:
    """Take a project out of the lists; its runs and its history stay."""
    return _set_archived(project, now, by, "project archived")


@transaction.atomic
def restore_project(*, project: Project, by: User | None) -> Project:
    """Bring an archived project back."""
    return _set_archived(project, None, by, "project restored")


def _set_archived(
    project: Project, moment: datetime | None, by: User | None, action: str
) -> Project:
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if (project.archived_at is None) == (moment is None):
        return project
    project.archived_at = moment
    project.save(update_fields=["archived_at"])
    write_audit_event(organisation=project.organisation, by=by, action=action, instance=project)
    return project


def _words(fact: ProjectAssignment) -> dict[str, object]:
    return {
        "team": fact.team.name,
        "cost_centre": fact.cost_centre,
        "starts_on": fact.starts_on,
        "ends_before": fact.ends_before,
    }
