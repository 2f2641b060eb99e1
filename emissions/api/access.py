"""What a token opens: a project's token its runs, a person's token what their role opens today."""

from django.db.models import QuerySet

from emissions.calculation.vocabulary import TokenScope
from emissions.models import ApiToken, Project, Run, User
from emissions.permissions import Action, Member

#: What a project's token may look at beside its runs: what a run can name.
OF_A_PROJECT = frozenset(
    {
        Action.VIEW_TOTALS,
        Action.VIEW_RUNS,
        Action.LOG_RUNS,
        Action.EDIT_RUNS,
        Action.VIEW_INVENTORY,
        Action.VIEW_FACTORS,
    }
)
READS = frozenset(
    {
        Action.VIEW_TOTALS,
        Action.VIEW_RUNS,
        Action.VIEW_INVENTORY,
        Action.VIEW_FACTORS,
        Action.VIEW_AUDIT,
        Action.EXPORT,
    }
)


class Access:
    """What a request may do: views ask it for rights, and for nothing else."""

    def __init__(self, token: ApiToken) -> None:
        self.token = token
        self.organisation = token.organisation
        self.member = None if token.membership is None else Member(token.membership)

    @property
    def by(self) -> User | None:
        """In whose name something is written."""
        return self.member.user if self.member is not None else self.token.created_by

    @property
    def project(self) -> Project | None:
        """The one project that everything is confined to, if it is."""
        return self.token.project

    def may(self, action: Action) -> bool:
        """Whether both the token's scope and its owner allow an action at all."""
        if action in READS:
            scoped = self.token.may_read
        elif action is Action.LOG_RUNS:
            scoped = self.token.may_add
        elif action is Action.EDIT_RUNS:
            scoped = self.token.may_write
        else:
            scoped = self.token.scope == TokenScope.ADMIN
        if self.member is None:
            return scoped and action in OF_A_PROJECT
        return scoped and self.member.may(action)

    def projects(self, action: Action) -> QuerySet[Project]:
        """Projects within reach for an action."""
        if not self.may(action):
            return Project.objects.none()
        if self.member is not None:
            return self.member.projects(action)
        return Project.objects.filter(organisation=self.organisation, tokens=self.token)

    def runs(self, action: Action) -> QuerySet[Run]:
        """Runs within reach for an action."""
        if not self.may(action):
            return Run.objects.none()
        if self.member is not None:
            return self.member.runs(action)
        return Run.objects.of(self.organisation).filter(project=self.token.project_id)
