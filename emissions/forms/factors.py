"""Forms to search factors and to adopt a set."""

from typing import Any

from django import forms
from django.db.models import Max, Min

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.models import EmissionFactor
from emissions.models.choices import choices


class FactorSearchForm(forms.Form):
    """What to look for; everything optional, all of it in the address."""

    q = forms.CharField(required=False, max_length=100, label="Place")
    year = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label="Year")
    kind = forms.ChoiceField(
        required=False, choices=[("", "Any kind"), *choices(FactorKind)], label="Kind"
    )
    role = forms.ChoiceField(
        required=False, choices=[("", "Any use"), *choices(FactorRole)], label="Use"
    )
    zone = forms.SlugField(required=False, max_length=24, label="Zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
