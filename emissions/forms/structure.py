"""Forms for the organisation itself, its people, teams, projects and tokens."""

from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from emissions.calculation.vocabulary import (
    Headline,
    IdleRule,
    Preset,
    RemainderRule,
    Role,
    TokenScope,
)
from emissions.forms.dates import DayField
from emissions.forms.fields import OptionsInput
from emissions.forms.names import unused
from emissions.models import Membership, Organisation, Project, ProjectAssignment, Team, User
from emissions.selectors.catalogue import Option

#: What each role is for, in the words of the page.
ROLE_WORDS = {
    Role.RESEARCHER: "logs runs and sees the team's",
    Role.MANAGER: "sees and edits the team's runs, exports them",
    Role.OFFICER: "keeps inventory, factors and structure for the whole organisation",
    Role.AUDITOR: "sees everything, changes nothing",
    Role.ADMIN: "everything, and manages people and tokens",
}

#: What each scope is for, in the words of the page.
SCOPE_WORDS = {
    TokenScope.WRITE: "read, add and change runs",
    TokenScope.READ: "read",
    TokenScope.INGEST: "add runs only; may stand in an address",
    TokenScope.ADMIN: "read, write, and make tokens (of a person)",
}


TIME_ZONE_FIXED = "Fixed since a quarter was closed: it decided which runs that quarter holds."


class OrganisationForm(forms.Form):
    """Name, time zone, preset, and the rules by which pools are posted."""

    name = forms.CharField(label="Name", max_length=150)
    time_zone = forms.CharField(
        label="Time zone",
        max_length=64,
        widget=OptionsInput(),
        help_text="Decides the month of a run. Another one calculates every run again.",
    )
    preset = forms.TypedChoiceField(
        label="Where nothing is known of a run's power, assume",
        choices=[
            (Preset.TONNE, "Tonne: 75 % of rated power, a share for the host, the site's PUE"),
            (Preset.MLCO2, "ML CO2 Impact: rated power, no host, no PUE"),
        ],
        coerce=lambda value: Preset(int(value)),
        widget=forms.RadioSelect,
        help_text="Another preset calculates every run again.",
    )

    headline = forms.TypedChoiceField(
        label="Location-based figure that comes first",
        choices=[(one.value, one.label) for one in Headline],
        coerce=Headline,
        required=False,
        widget=forms.RadioSelect,
        help_text="The other one stands beside it in a run's working. Nothing is calculated again.",
    )
    idle_rule = forms.TypedChoiceField(
        label="Idle hours of your nodes",
        choices=[(rule.value, rule.label) for rule in IdleRule],
        coerce=IdleRule,
        required=False,
        widget=forms.RadioSelect,
        help_text="Posted for each month that has ended: idle power, and a share of the hardware.",
    )
    remainder_rule = forms.TypedChoiceField(
        label="Metered energy that nothing explains",
        choices=[(rule.value, rule.label) for rule in RemainderRule],
        coerce=RemainderRule,
        required=False,
        widget=forms.RadioSelect,
        help_text="Metered energy − other load − runs − idle nodes.",
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        initial = {
            "name": organisation.name,
            "time_zone": organisation.time_zone,
            "preset": organisation.preset,
            "headline": organisation.headline,
            "idle_rule": organisation.idle_rule,
            "remainder_rule": organisation.remainder_rule,
        }
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.fields["time_zone"].widget.options = [
            Option(name, "") for name in sorted(available_timezones())
        ]
        if organisation.closed_quarters.exists():
            self.fields["time_zone"].disabled = True
            self.fields["time_zone"].help_text = TIME_ZONE_FIXED
        for name in ("preset", "headline", "idle_rule", "remainder_rule"):
            self.fields[name].wide = True  # type: ignore[attr-defined]

    def clean_time_zone(self) -> str:
        """Return the zone as its data base spells it."""
        typed = self.cleaned_data["time_zone"].strip().replace(" ", "_")
        names = {name.lower(): name for name in available_timezones()}
        if typed.lower() not in names:
            raise ValidationError("Choose a time zone from the list, such as Europe/Stockholm.")
        return names[typed.lower()]


class RoleForm(forms.Form):
    """What a person is in the organisation."""

    role = forms.ChoiceField(
        label="Role",
        choices=[(role.value, f"{role.label}: {words}") for role, words in ROLE_WORDS.items()],
        widget=forms.RadioSelect,
    )
    team = forms.ModelChoiceField(
        label="Team",
        queryset=Team.objects.none(),
        required=False,
        empty_label="No team",
        help_text="A researcher or a manager belongs to a team.",
    )

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        membership: Membership | None = None,
        **kwargs: Any,
    ) -> None:
        if membership is not None:
            kwargs["initial"] = {"role": membership.role, "team": membership.team_id}
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.filter(  # type: ignore[attr-defined]
            organisation=organisation, archived_at=None
        )
        self.fields["role"].wide = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for the team that a role needs."""
        cleaned = super().clean() or {}
        if cleaned.get("role") in (Role.RESEARCHER, Role.MANAGER) and not cleaned.get("team"):
            role = Role(cleaned["role"]).label.lower()
            if "team" not in self.errors:
                self.add_error("team", f"Choose the team of this {role}.")
        return cleaned


class InvitationForm(RoleForm):
    """Who is invited, and as what."""

    email = forms.EmailField(label="Email", help_text="They sign in with it.")
    name = forms.CharField(label="Name", max_length=150, required=False)

    field_order = ("email", "name", "role", "team")

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, organisation=organisation, **kwargs)
        self.organisation = organisation

    def clean_email(self) -> str:
        """Return the address in lower case; a member is not invited again."""
        email = User.objects.normalize_email(self.cleaned_data["email"]).lower()
        if Membership.objects.filter(organisation=self.organisation, user__email=email).exists():
            raise ValidationError("This person is in the organisation already.")
        return email


class TeamForm(forms.Form):
    """A team's name."""

    name = forms.CharField(label="Name", max_length=150)

    def __init__(
        self, *args: Any, organisation: Organisation, team: Team | None = None, **kwargs: Any
    ) -> None:
        if team is not None:
            kwargs["initial"] = {"name": team.name}
        super().__init__(*args, **kwargs)
        self.organisation, self.team = organisation, team

    def clean_name(self) -> str:
        """Return a name that no other team has."""
        teams = Team.objects.filter(organisation=self.organisation)
        return unused(self.cleaned_data["name"], among=teams, noun="team", own=self.team)


class ProjectForm(forms.Form):
    """A project's name and description."""

    name = forms.CharField(label="Name", max_length=150)
    description = forms.CharField(
        label="Description",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self, *args: Any, organisation: Organisation, project: Project | None = None, **kwargs: Any
    ) -> None:
        if project is not None:
            kwargs["initial"] = {"name": project.name, "description": project.description}
        super().__init__(*args, **kwargs)
        self.organisation, self.project = organisation, project

    def clean_name(self) -> str:
        """Return a name that no other project has."""
        projects = Project.objects.filter(organisation=self.organisation)
        return unused(self.cleaned_data["name"], among=projects, noun="project", own=self.project)


class AssignmentForm(forms.Form):
    """The team and cost centre of a project from a day on."""

    team = forms.ModelChoiceField(label="Team", queryset=Team.objects.none(), empty_label=None)
    cost_centre = forms.CharField(label="Cost centre", max_length=64, required=False)
    starts_on = DayField(
        label="From",
        help_text="Runs before this day stay with the team they had.",
    )

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        today: date,
        assignment: ProjectAssignment | None = None,
        **kwargs: Any,
    ) -> None:
        initial: dict[str, Any] = {"starts_on": today, **kwargs.pop("initial", {})}
        if assignment is not None:
            initial |= {"team": assignment.team_id, "cost_centre": assignment.cost_centre}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.fields["team"].queryset = Team.objects.filter(  # type: ignore[attr-defined]
            organisation=organisation, archived_at=None
        )


class NewProjectForm(ProjectForm, AssignmentForm):
    """A new project with its first assignment."""

    field_order = ("name", "team", "cost_centre", "starts_on", "description")

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        AssignmentForm.__init__(self, *args, organisation=organisation, today=today, **kwargs)
        self.organisation, self.project = organisation, None
        self.fields["starts_on"].help_text = "Since when the project belongs to this team."


class TokenForm(forms.Form):
    """A token for one project's runs, or one that acts as a person."""

    project = forms.ModelChoiceField(
        label="Project",
        queryset=Project.objects.none(),
        required=False,
        empty_label="No project: of a person",
        help_text="It opens this project's runs.",
    )
    person = forms.ModelChoiceField(
        label="or person",
        queryset=User.objects.none(),
        required=False,
        empty_label="No person: of a project",
        help_text="It opens what their role does, at any time.",
    )
    scope = forms.ChoiceField(
        label="It may",
        required=False,
        choices=[(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        initial=TokenScope.WRITE.value,
    )
    name = forms.CharField(
        label="What it is for",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Slurm cluster"}),
    )
    expires_on = DayField(
        label="Expires", required=False, help_text="It works until the end of the day before."
    )

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["project"].queryset = Project.objects.filter(  # type: ignore[attr-defined]
            organisation=organisation, archived_at=None
        )
        for name in ("project", "person", "scope"):
            self.fields[name].one_of_several = True  # type: ignore[attr-defined]
        self.fields["person"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            memberships__organisation=organisation, is_active=True
        )

    def clean_scope(self) -> TokenScope:
        """Return the scope; unless somebody says, it reads and writes."""
        return TokenScope(self.cleaned_data["scope"] or TokenScope.WRITE)

    def clean_expires_on(self) -> date | None:
        """Refuse a token that would never work."""
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day <= self.today:
            raise ValidationError("Give a day in the future, or none.")
        return day

    def clean(self) -> dict[str, Any]:
        """Ask for exactly one owner, and for a scope that fits."""
        cleaned = super().clean() or {}
        if {"project", "person", "scope"} & set(self.errors):
            return cleaned
        project, person, scope = (cleaned.get(name) for name in ("project", "person", "scope"))
        if project is None and person is None:
            self.add_error("project", "Choose a project, or a person.")
        elif project is not None and person is not None:
            self.add_error("person", "Choose a project or a person, not both.")
        elif person is not None and scope == TokenScope.INGEST:
            self.add_error("scope", "A token that only adds runs is of a project.")
        elif project is not None and scope == TokenScope.ADMIN:
            self.add_error("scope", "A token that makes tokens is of a person.")
        return cleaned
