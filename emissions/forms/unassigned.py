"""Forms of the inbox: what is looked for, and what runs are given."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import SourceKind
from emissions.forms.fields import NamedField, of_kind, suggest
from emissions.models import HardwareModel, Project, Run
from emissions.models.choices import choices
from emissions.models.run import NO_HARDWARE, NO_PLACE
from emissions.permissions import Action, Member
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option

MISSING = [
    ("", "Anything missing"),
    ("project", "No project"),
    ("place", "No place"),
    ("hardware", "Unknown hardware"),
]
GIVEN = ("project", "place", "hardware")
#: Runs that one request assigns at most; the rest is the next request's.
MOST_RUNS = 20_000


class UnassignedFilterForm(forms.Form):
    """What the inbox is narrowed to; all of it in the address."""

    q = forms.CharField(required=False, max_length=200, label="Name or ID")
    missing = forms.ChoiceField(required=False, choices=MISSING, label="Missing")
    source = forms.ChoiceField(
        required=False, choices=[("", "Any source"), *choices(SourceKind)], label="Source"
    )

    def narrowed(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        """Return the runs that are looked for; what cannot be understood is not regarded."""
        self.is_valid()
        asked = self.cleaned_data
        for word in asked.get("q", "").split()[:8]:
            runs = runs.filter(
                Q(name__icontains=word)
                | Q(external_id__icontains=word)
                | Q(ai_model__icontains=word)
                | Q(unknown_project__icontains=word)
                | Q(unknown_equipment__icontains=word)
                | Q(unknown_place__icontains=word)
            )
        if asked.get("missing") == "project":
            runs = runs.filter(project=None)
        elif asked.get("missing") == "place":
            runs = runs.filter(NO_PLACE)
        elif asked.get("missing") == "hardware":
            runs = runs.filter(NO_HARDWARE)
        if asked.get("source"):
            runs = runs.filter(source_kind=asked["source"])
        return runs

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked for, without what is empty."""
        return {name: value for name, value in self.cleaned_data.items() if value}


class AssignForm(forms.Form):
    """What the chosen runs are given."""

    project = forms.ModelChoiceField(
        label="Project",
        queryset=Project.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="Leave as it is",
    )
    place = NamedField(
        label="Place",
        noun="place",
        placeholder="Site, cloud region or country",
        required=False,
    )
    hardware = NamedField(
        label="Hardware", noun="hardware", placeholder="NVIDIA H100", required=False
    )
    remember = forms.BooleanField(
        label="Remember it for the names that these runs came with",
        required=False,
        help_text="Runs that come with the same names are then placed by themselves; those that"
        " wait now, too.",
    )

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation = member.organisation
        projects = member.projects(Action.LOG_RUNS).filter(archived_at=None)
        self.fields["project"].queryset = projects.order_by("name")  # type: ignore[attr-defined]
        suggest(
            self.fields["place"],
            find=lambda text: catalogue.find_place(text, organisation=organisation),
            similar=lambda text: catalogue.similar_places(text, organisation=organisation),
            options=catalogue.place_options(organisation=organisation),
        )
        models = catalogue.hardware_of(organisation=organisation).order_by("name")
        suggest(
            self.fields["hardware"],
            find=lambda text: of_kind(
                catalogue.find_equipment(text, organisation=organisation), HardwareModel
            ),
            options=[Option(model.name, f"{model.max_watts:g} W") for model in models],
        )
        if not member.may(Action.IMPORT_RUNS):
            del self.fields["remember"]
        for field in self.fields.values():
            field.one_of_several = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Something is given."""
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.get(name) for name in GIVEN):
            raise forms.ValidationError("Choose a project, a place or hardware to give them.")
        return cleaned


def chosen(data: Any, runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return the runs that were ticked, or all that are listed."""
    if data.get("all") == "on":
        return runs.order_by("-started_at", "-pk")[:MOST_RUNS]
    ids = [int(one) for one in data.getlist("run") if one.isdecimal() and len(one) < 19]
    return runs.filter(pk__in=ids[:MOST_RUNS])
