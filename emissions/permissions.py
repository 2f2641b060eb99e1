"""Who may do what: the role × action matrix, and the one door from a request to an organisation.

Reach says how far an action goes: a person's own runs, their team's, or the organisation's.
Every view below /o/<organisation_slug>/ is wrapped in `member_required`; whoever is not a
member of that organisation meets a 404, as for any foreign object.
"""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone

from emissions.calculation.vocabulary import Role
from emissions.models import Membership, Organisation, Project, ProjectAssignment, Run, Team

P = ParamSpec("P")


class Action(StrEnum):
    """What a person can do in an organisation."""

    VIEW_TOTALS = "view totals"
    VIEW_RUNS = "view runs"
    LOG_RUNS = "log runs"
    IMPORT_RUNS = "import runs"
    EDIT_RUNS = "edit runs"
    VIEW_INVENTORY = "view inventory"
    EDIT_INVENTORY = "edit inventory"
    VIEW_FACTORS = "view factors"
    ADOPT_FACTORS = "adopt factors"
    EXPORT = "export"
    CLOSE_QUARTERS = "close quarters"
    MANAGE_STRUCTURE = "manage teams and projects"
    MANAGE_TOKENS = "manage tokens"
    MANAGE_PEOPLE = "manage people"
    MANAGE_ORGANISATION = "manage the organisation"
    VIEW_AUDIT = "view audit log"


class Reach(IntEnum):
    """How far an action goes."""

    NONE = 0
    OWN = 1
    TEAM = 2
    ORGANISATION = 3


NONE, OWN, TEAM, ALL = Reach.NONE, Reach.OWN, Reach.TEAM, Reach.ORGANISATION

#: Columns: researcher, manager, sustainability officer, auditor, admin.
MATRIX: dict[Action, tuple[Reach, Reach, Reach, Reach, Reach]] = {
    Action.VIEW_TOTALS: (ALL, ALL, ALL, ALL, ALL),
    Action.VIEW_RUNS: (TEAM, TEAM, ALL, ALL, ALL),
    Action.LOG_RUNS: (TEAM, TEAM, ALL, NONE, ALL),
    Action.IMPORT_RUNS: (TEAM, TEAM, ALL, NONE, ALL),
    Action.EDIT_RUNS: (OWN, TEAM, ALL, NONE, ALL),
    Action.VIEW_INVENTORY: (ALL, ALL, ALL, ALL, ALL),
    Action.EDIT_INVENTORY: (NONE, NONE, ALL, NONE, ALL),
    Action.VIEW_FACTORS: (ALL, ALL, ALL, ALL, ALL),
    Action.ADOPT_FACTORS: (NONE, NONE, ALL, NONE, ALL),
    Action.EXPORT: (NONE, TEAM, ALL, ALL, ALL),
    Action.CLOSE_QUARTERS: (NONE, NONE, ALL, NONE, ALL),
    Action.MANAGE_STRUCTURE: (NONE, NONE, ALL, NONE, ALL),
    Action.MANAGE_TOKENS: (NONE, NONE, NONE, NONE, ALL),
    Action.MANAGE_PEOPLE: (NONE, NONE, NONE, NONE, ALL),
    Action.MANAGE_ORGANISATION: (NONE, NONE, NONE, NONE, ALL),
    Action.VIEW_AUDIT: (NONE, NONE, ALL, ALL, ALL),
}
ROLES = (Role.RESEARCHER, Role.MANAGER, Role.OFFICER, Role.AUDITOR, Role.ADMIN)


def reach(role: str, action: Action) -> Reach:
    """Return how far a role's action goes."""
    return MATRIX[action][ROLES.index(Role(role))]


class Member:
    """A signed-in person in one organisation: what views and forms ask for rights."""

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        self.user = membership.user
        self.organisation = membership.organisation
        self.role = Role(membership.role)
        self.team = membership.team

    def may(self, action: Action) -> bool:
        """Whether the action is open to this person at all."""
        return reach(self.role, action) > Reach.NONE

    def projects(self, action: Action) -> QuerySet[Project]:
        """Projects within this person's reach for an action."""
        projects = Project.objects.filter(organisation=self.organisation)
        match reach(self.role, action):
            case Reach.ORGANISATION:
                return projects
            case Reach.NONE:
                return projects.none()
        return projects.filter(pk__in=_held_today(self.organisation, self.team))

    def runs(self, action: Action) -> QuerySet[Run]:
        """Runs within this person's reach for an action."""
        return Run.objects.of(self.organisation).filter(self._within(action))

    def _within(self, action: Action) -> Q:
        match reach(self.role, action):
            case Reach.ORGANISATION:
                return Q()
            case Reach.TEAM:
                return Q(project__in=self.projects(action)) | Q(created_by=self.user)
            case Reach.OWN:
                return Q(created_by=self.user)
        return Q(pk__in=[])

    def unassigned_runs(self) -> QuerySet[Run]:
        """Runs without a project, a place or known hardware that this person may assign.

        A run without a project belongs to the team of whoever recorded it; what a token
        recorded, or a file of somebody who left, is the organisation's.
        """
        runs = Run.objects.of(self.organisation).unassigned()
        within = self._within(Action.EDIT_RUNS)
        if reach(self.role, Action.EDIT_RUNS) is not Reach.TEAM:
            return runs.filter(within)
        colleagues = Membership.objects.filter(organisation=self.organisation, team=self.team)
        recorded = Q(project=None, created_by__in=colleagues.values("user"))
        return runs.filter(within | recorded)


def _held_today(organisation: Organisation, team: Team | None) -> QuerySet[Any, Any]:
    """Return the projects that a team has today; one that is yet to start is its first team's.

    A move that is announced for a later day takes nothing away before that day.
    """
    today = timezone.localdate(timezone=ZoneInfo(organisation.time_zone))
    facts = ProjectAssignment.objects.current().filter(organisation=organisation)
    facts = facts.filter(Q(ends_before=None) | Q(ends_before__gt=today))
    earlier = facts.filter(project=OuterRef("project"), starts_on__lt=OuterRef("starts_on"))
    return facts.filter(~Exists(earlier), team=team).values("project")


def member_of(request: HttpRequest, organisation_slug: str) -> Member:
    """Return the signed-in person as a member, or raise 404."""
    membership = (
        Membership.objects.select_related("organisation", "team", "user")
        .filter(organisation__slug=organisation_slug, user_id=request.user.pk or 0)
        .first()
    )
    if membership is None:
        raise Http404
    return Member(membership)


MemberView = Callable[Concatenate[HttpRequest, Member, P], HttpResponseBase]


def member_required(action: Action) -> Callable[[MemberView[P]], Callable[..., HttpResponseBase]]:
    """Wrap a view below /o/<organisation_slug>/: it gets (request, member, …).

    Anonymous people are sent to sign in, strangers get a 404, and a member whose role
    lacks the action a 403. The wrapped view carries `action` for the test of the URLconf.
    Templates find `organisation`, `member` and `request` in the context through
    `emissions.context.organisation`.
    """

    def wrap(view: MemberView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        @login_required
        def guarded(
            request: HttpRequest, organisation_slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            member = member_of(request, organisation_slug)
            if not member.may(action):
                raise PermissionDenied
            request.member = member  # type: ignore[attr-defined]
            return view(request, member, *args, **kwargs)

        guarded.action = action  # type: ignore[attr-defined]
        return guarded

    return wrap


def rights(member: Member) -> dict[str, Any]:
    """Return the member's rights by name, for templates: `rights.edit_runs`."""
    return {action.name.lower(): member.may(action) for action in Action}
