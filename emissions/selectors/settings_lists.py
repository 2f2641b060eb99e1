"""People, teams, projects and tokens of an organisation, as its settings list them."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, F, Q, QuerySet, Sum

from emissions.models import (
    ApiToken,
    Membership,
    MonthlyTotal,
    Organisation,
    Project,
    ProjectAssignment,
    Team,
)


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project with what it is assigned to today and next."""

    project: Project
    current: ProjectAssignment | None
    upcoming: ProjectAssignment | None


def people(*, organisation: Organisation) -> QuerySet[Membership]:
    """Return the members, by e-mail address."""
    return (
        Membership.objects.filter(organisation=organisation)
        .select_related("user", "team")
        .order_by("user__email")
    )


def teams(*, organisation: Organisation, today: date) -> QuerySet[Team]:
    """Return the teams with how many people and projects they have today."""
    holds = Q(
        assignments__superseded_at=None,
        assignments__starts_on__lte=today,
        assignments__project__archived_at=None,
    ) & (Q(assignments__ends_before=None) | Q(assignments__ends_before__gt=today))
    return (
        Team.objects.filter(organisation=organisation)
        .annotate(
            people=Count("membership", distinct=True),
            projects=Count("assignments__project", filter=holds, distinct=True),
        )
        .order_by("name")
    )


def projects(*, organisation: Organisation, today: date) -> list[ProjectRow]:
    """Return the projects with their assignments of today and later, by name."""
    current: dict[int, ProjectAssignment] = {}
    upcoming: dict[int, ProjectAssignment] = {}
    facts = ProjectAssignment.objects.current().filter(organisation=organisation)
    for fact in facts.select_related("team").order_by("starts_on"):
        if fact.starts_on > today:
            upcoming.setdefault(fact.project_id, fact)
        elif fact.ends_before is None or fact.ends_before > today:
            current[fact.project_id] = fact
    return [
        ProjectRow(project, current.get(project.pk), upcoming.get(project.pk))
        for project in Project.objects.filter(organisation=organisation).order_by("name")
    ]


def assignment_history(*, project: Project) -> QuerySet[ProjectAssignment]:
    """Return all that was ever recorded of a project's assignment, latest period first."""
    return (
        ProjectAssignment.objects.filter(project=project)
        .select_related("team")
        .order_by("-starts_on", "-recorded_at", "-pk")
    )


def tokens(*, organisation: Organisation) -> QuerySet[ApiToken]:
    """Return the tokens, the newest first; revoked ones last."""
    return (
        ApiToken.objects.filter(organisation=organisation)
        .select_related("project", "person", "created_by")
        .order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-pk")
    )


def runs_to_calculate_again(*, organisation: Organisation) -> int:
    """Return how many runs a change of the time zone or the preset moves: those in the totals."""
    totals = MonthlyTotal.objects.filter(cell__organisation=organisation)
    found: int = totals.aggregate(runs=Sum("runs_started", default=0))["runs"]
    return found
