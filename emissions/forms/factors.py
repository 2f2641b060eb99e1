"""Forms to search factors and to adopt a set."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max, Min

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.forms.dates import DayField
from emissions.importers.factors import FORMATS
from emissions.models import EmissionFactor, FactorSet
from emissions.models.choices import choices


class FactorSearchForm(forms.Form):
    """What to look for; everything optional, all of it in the address."""

    q = forms.CharField(required=False, max_length=100, label="Place, set or source")
    year = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label="Year")
    kind = forms.ChoiceField(
        required=False, choices=[("", "Any kind"), *choices(FactorKind)], label="Kind"
    )
    role = forms.ChoiceField(
        required=False, choices=[("", "Any use"), *choices(FactorRole)], label="Use"
    )
    set = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label="Set")
    all = forms.BooleanField(required=False, label="Also sets that are not in use")

    def __init__(self, *args: Any, sets: Sequence[FactorSet], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["set"].choices = [("", "Any set"), *((one.pk, str(one)) for one in sets)]  # type: ignore[attr-defined]
        span = EmissionFactor.objects.aggregate(first=Min("starts_on"), last=Max("starts_on"))
        years = range(span["last"].year, span["first"].year - 1, -1) if span["last"] else ()
        self.fields["year"].choices = [("", "Any year"), *((y, str(y)) for y in years)]  # type: ignore[attr-defined]


class AdoptionForm(forms.Form):
    """In which place a set is asked."""

    precedence = forms.IntegerField(
        min_value=1,
        max_value=999,
        label="Precedence",
        help_text="The lowest number is asked first.",
    )


class TextSearchForm(forms.Form):
    """A word to look for in a list."""

    q = forms.CharField(required=False, max_length=100)
    kind = forms.SlugField(required=False, max_length=32)
    own = forms.BooleanField(required=False)


MEGABYTE = 1024 * 1024
LARGEST_FILE = 60 * MEGABYTE


class FactorUploadForm(forms.Form):
    """A publisher's file, and which publication it is."""

    format = forms.ChoiceField(
        choices=[(name, form.label) for name, form in FORMATS.items()], label="Format"
    )
    file = forms.FileField(label="File", help_text="As the publisher offers it, up to 60 MB.")
    edition = forms.CharField(max_length=200, help_text="Such as eGRID2023 rev2.")
    published_on = DayField(label="Published on")
    name = forms.CharField(
        required=False, max_length=200, label="Name of the set", help_text="Empty: the publisher's."
    )
    source = forms.CharField(
        required=False,
        max_length=400,
        help_text="Empty: the publisher's. Licensed and own factors need one.",
    )
    source_url = forms.URLField(
        required=False, max_length=400, label="Address of the source", assume_scheme="https"
    )
    licence = forms.CharField(required=False, max_length=200)
    fieldsets = (
        ("The file", ["format", "file"]),
        ("The publication", ["edition", "published_on", "name", "source", "source_url", "licence"]),
    )

    def clean_file(self) -> UploadedFile:
        """Refuse what is too large before it is read."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST_FILE:
            raise ValidationError("This file is larger than 60 MB.")
        return file

    def clean(self) -> dict[str, Any]:
        """A set without a source could be checked by nobody."""
        data = super().clean() or {}
        form = FORMATS.get(data.get("format", ""))
        for name in ("name", "source"):
            if form is not None and not getattr(form, name) and not data.get(name):
                self.add_error(name, "This format has none of its own: name it.")
        return data
