"""Bringing runs in a file: the upload, its time zone, and what its names mean."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.exceptions import ValidationError

from emissions.calculation.vocabulary import NameKind
from emissions.forms.fields import NamedField, OptionsInput
from emissions.models import Project
from emissions.permissions import Action, Member
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option
from emissions.selectors.imports import MOST_NAMES, UnknownName
from emissions.services.imports.mapping import Meaning, Target
from emissions.uploads import LARGEST_UPLOAD

TOO_LARGE = (
    f"This file is larger than {LARGEST_UPLOAD // 1024**2} MB: send it in parts, or import it with"
    " manage.py import_runs."
)


class TimeZoneField(forms.CharField):
    """A time zone, chosen from the list."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=64, widget=OptionsInput({"placeholder": "e.g. Europe/Stockholm"}), **options
        )

    def clean(self, value: Any) -> str:
        """Return the zone as its data base spells it, or ""."""
        typed = str(super().clean(value)).strip().replace(" ", "_")
        names = {name.lower(): name for name in available_timezones()}
        if typed and typed.lower() not in names:
            raise ValidationError("Choose a time zone from the list, such as Europe/Stockholm.")
        return str(ZoneInfo(names[typed.lower()])) if typed else ""


def suggest_zones(field: forms.Field, member: Member) -> None:
    """Offer all zones, the organisation's own first."""
    own = member.organisation.time_zone
    names = [own, "UTC", *sorted(available_timezones() - {own, "UTC"})]
    field.widget.options = [Option(name, "") for name in dict.fromkeys(names)]


class UploadForm(forms.Form):
    """A file, and what it does not say itself."""

    file = forms.FileField(
        label="File",
        required=False,
        max_length=1000,
        allow_empty_file=True,
        help_text="CSV, XLSX or Parquet; a carbontracker log. Up to 64 MB.",
    )
    project = forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="The Unassigned inbox",
        label="Rows of no known project go to",
    )
    time_zone = TimeZoneField(
        label="Time zone of the file",
        required=False,
        help_text="For dates that carry none. Empty: you are asked if there are any.",
    )

    def __init__(self, *args: Any, member: Member, too_large: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        projects = member.projects(Action.IMPORT_RUNS).filter(archived_at=None)
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        suggest_zones(self.fields["time_zone"], member)
        self.too_large = too_large
        for field in self.fields.values():
            field.wide = True  # type: ignore[attr-defined]
        self.fields["file"].one_of_several = True  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        """Return the file that was sent."""
        if self.too_large:
            raise ValidationError(TOO_LARGE)
        file = self.cleaned_data.get("file")
        if file is None:
            raise ValidationError("Choose a file.")
        return file


class TimeZoneForm(forms.Form):
    """In which time zone a file was written."""

    time_zone = TimeZoneField(label="Time zone")

    def __init__(self, *args: Any, member: Member, **options: Any) -> None:
        super().__init__(*args, **options)
        suggest_zones(self.fields["time_zone"], member)
        self.fields["time_zone"].wide = True  # type: ignore[attr-defined]


NOUNS = {
    NameKind.PROJECT: "project",
    NameKind.EQUIPMENT: "hardware or node",
    NameKind.PLACE: "site, cloud region or grid zone",
}


class NamesForm(forms.Form):
    """A field for each name that nobody has explained; those left empty stay unknown."""

    def __init__(
        self, *args: Any, member: Member, names: list[UnknownName], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.names = {f"name_{at}": one for at, one in enumerate(names)}
        suggestions = self._suggestions(member)
        for key, one in self.names.items():
            field = NamedField(
                label=one.name,
                noun=NOUNS[one.kind],
                required=False,
                placeholder=f"Which {NOUNS[one.kind]}?",
                help_text=f"{one.rows:,} row{'s' if one.rows > 1 else ''}",
            )
            field.find, field.similar, options_of = suggestions[one.kind]
            field.widget.options = options_of()
            field.one_of_several = True  # type: ignore[attr-defined]
            self.fields[key] = field

    def _suggestions(self, member: Member) -> dict[NameKind, tuple[Any, Any, Any]]:
        organisation = member.organisation
        projects = list(member.projects(Action.IMPORT_RUNS).filter(archived_at=None))
        by_name = {project.name.casefold(): project for project in projects}
        equipment = _once(lambda: catalogue.equipment_options(organisation=organisation))
        places = _once(lambda: catalogue.place_options(organisation=organisation))
        return {
            NameKind.PROJECT: (
                lambda text: by_name.get(text.strip().casefold()),
                lambda text: [],
                lambda: [Option(project.name, "") for project in projects],
            ),
            NameKind.EQUIPMENT: (
                lambda text: catalogue.find_equipment(text, organisation=organisation),
                lambda text: catalogue.similar_equipment(text, organisation=organisation),
                equipment,
            ),
            NameKind.PLACE: (
                lambda text: catalogue.find_place(text, organisation=organisation),
                lambda text: catalogue.similar_places(text, organisation=organisation),
                places,
            ),
        }

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields by kind: titles and fields."""
        return [
            (title, [self[key] for key, one in self.names.items() if one.kind is kind])
            for kind, title in (
                (NameKind.PROJECT, "Projects and accounts"),
                (NameKind.EQUIPMENT, "Hardware and partitions"),
                (NameKind.PLACE, "Places"),
            )
            if any(one.kind is kind for one in self.names.values())
        ]

    @property
    def more(self) -> bool:
        """Whether there may be more names than are shown."""
        kinds = Counter(one.kind for one in self.names.values())
        return max(kinds.values(), default=0) >= MOST_NAMES

    @property
    def meanings(self) -> list[Meaning]:
        """What was said."""
        found: list[tuple[UnknownName, Target | None]] = [
            (one, self.cleaned_data.get(key)) for key, one in self.names.items()
        ]
        return [Meaning(one.kind, one.name, target) for one, target in found if target is not None]


def _once(read: Any) -> Any:
    known: list[Any] = []

    def options() -> Any:
        if not known:
            known.append(read())
        return known[0]

    return options
