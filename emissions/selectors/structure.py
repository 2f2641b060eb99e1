"""Which teams and projects there are, and which belongs to which today."""

from datetime import date

from django.db.models import OuterRef, QuerySet, Subquery

from emissions.models import Organisation, Project, ProjectAssignment, Team


def current_team(*, project: Project) -> Team | None:
    """Return the team that a project belongs to now."""
    assignment = (
        ProjectAssignment.objects.current()
        .filter(project=project, ends_before__isnull=True)
        .select_related("team")
        .first()
    )
    return assignment.team if assignment else None


def teams_of_projects(*, organisation: Organisation) -> dict[str, Team]:
    """Return the team that each project belongs to now, by the project's slug: one query."""
    assignments = (
        ProjectAssignment.objects.current()
        .filter(organisation=organisation, ends_before__isnull=True)
        .select_related("team", "project")
    )
    return {one.project.slug: one.team for one in assignments}


def with_assignment(projects: QuerySet[Project], *, on: date) -> QuerySet[Project]:
    """Annotate projects with `team_slug` and `cost_centre_today`: those of a day, or null."""
    facts = ProjectAssignment.objects.current().on(on).filter(project=OuterRef("pk"))
    return projects.annotate(
        team_slug=Subquery(facts.values("team__slug")[:1]),
        cost_centre_today=Subquery(facts.values("cost_centre")[:1]),
    )
