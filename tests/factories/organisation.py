"""Organisations, their people, teams and projects."""

from datetime import date, datetime
from typing import Any

from emissions.calculation.vocabulary import (
    Role,
)
from emissions.models import (
    ApiToken,
    Membership,
    Organisation,
    Project,
    ProjectAssignment,
    Team,
    User,
)
from emissions.services.create_organisation import create_organisation
from emissions.services.manage_projects import assign_project
from tests.factories.common import NOW, PASSWORD, SINCE, number
from tests.factories.ledger import calculate_all
from tests.factories.reference import ensure_reference


def make_organisation(
    name: str = "", *, slug: str = "", time_zone: str = "UTC", **values: Any
) -> Organisation:
    """Make an organisation that has adopted the default factor sets of `make_reference`."""
    ensure_reference()
    n = number()
    organisation = create_organisation(
        name=name or f"Organisation {n}",
        slug=slug or f"organisation-{n}",
        time_zone=time_zone,
        by=None,
        now=NOW,
    )
    if values:
        Organisation.objects.filter(pk=organisation.pk).update(**values)
        organisation.refresh_from_db()
    return organisation


def make_user(email: str = "", **values: Any) -> User:
    """Make a person who can sign in with PASSWORD."""
    return User.objects.create_user(email or f"person-{number()}@example.org", PASSWORD, **values)


def make_team(organisation: Organisation | None = None, *, name: str = "", **values: Any) -> Team:
    """Make a team."""
    n = number()
    return Team.objects.create(
        organisation=organisation or make_organisation(),
        name=name or f"Team {n}",
        slug=values.pop("slug", f"team-{n}"),
        **values,
    )


def make_member(
    role: Role = Role.ADMIN,
    *,
    organisation: Organisation | None = None,
    team: Team | None = None,
    user: User | None = None,
) -> Membership:
    """Make a person with a role; a researcher or manager gets a team."""
    organisation = organisation or (team.organisation if team else make_organisation())
    if team is None and role in (Role.RESEARCHER, Role.MANAGER):
        team = make_team(organisation=organisation)
    return Membership.objects.create(
        organisation=organisation, user=user or make_user(), role=role, team=team
    )


def make_project(
    team: Team | None = None,
    *,
    organisation: Organisation | None = None,
    name: str = "",
    cost_centre: str = "",
    starts_on: date = SINCE,
    **values: Any,
) -> Project:
    """Make a project that a team has had since 2020."""
    organisation = team.organisation if team else organisation or make_organisation()
    n = number()
    project = Project.objects.create(
        organisation=organisation,
        name=name or f"Project {n}",
        slug=values.pop("slug", f"project-{n}"),
        **values,
    )
    ProjectAssignment.objects.create(
        organisation=organisation,
        project=project,
        team=team or make_team(organisation),
        cost_centre=cost_centre,
        starts_on=starts_on,
        recorded_at=NOW,
    )
    return project


def move_project(project: Project, team: Team, *, on: date, now: datetime = NOW) -> None:
    """Move a project to another team from a day on, and post what that changes."""
    assign_project(project=project, team=team, starts_on=on, by=None, now=now)
    calculate_all()


def make_token(*, project: Project | None = None, name: str = "Test") -> ApiToken:
    """Make a token's row; nobody knows the token itself."""
    project = project or make_project()
    return ApiToken.objects.create(
        organisation=project.organisation, project=project, name=name, sha256=f"{number():064d}"
    )
