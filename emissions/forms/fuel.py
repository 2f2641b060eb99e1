"""The form for fuel that a site burnt."""

import re
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from emissions.calculation.vocabulary import Fuel, SiteKind
from emissions.forms.dates import EARLIEST, LATEST
from emissions.forms.fields import number
from emissions.models import Organisation, Site
from emissions.models.choices import choices
from emissions.selectors.fuel import factor_for
from emissions.services.record_fuel import Burnt

UNITS = {Fuel.NATURAL_GAS: "m³"}


class MonthField(forms.CharField):
    """A calendar month of this century, as 2026-03."""

    def __init__(self, **options: Any) -> None:
        attrs = {"type": "month", "placeholder": "2026-03", "min": f"{EARLIEST:%Y-%m}"}
        super().__init__(widget=forms.TextInput(attrs), max_length=7, **options)
        self.widget.input_type = "month"

    def clean(self, value: Any) -> Any:
        """Return the first day of the month."""
        text = super().clean(value)
        found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text, re.ASCII)
        day = date(int(found[1]), int(found[2]), 1) if found and int(found[1]) else None
        if day is None or not EARLIEST <= day <= LATEST:
            raise ValidationError("Give a month, such as 2026-03.")
        return day

    def prepare_value(self, value: Any) -> Any:
        """Show a day as its month."""
        return f"{value:%Y-%m}" if isinstance(value, date) else value


class FuelForm(forms.Form):
    """An amount of fuel that a site's generators or boilers burnt in a month."""

    site = forms.ModelChoiceField(label="Site", queryset=Site.objects.none(), empty_label=None)
    month = MonthField(label="Month")
    fuel = forms.ChoiceField(
        label="Fuel",
        choices=[
            (value, f"{label} [{UNITS.get(Fuel(value), 'L')}]") for value, label in choices(Fuel)
        ],
    )
    amount = number(
        "Amount", least=1e-9, most=1e9, required=True, help_text="In the unit of the fuel."
    )
    kg_per_unit = number(
        "Factor of your own",
        unit="kg CO₂e per unit",
        most=1000,
        help_text="Empty: the published factor of the UK Government for the year.",
    )
    factor_source = forms.CharField(label="Its source", max_length=250, required=False)
    note = forms.CharField(
        label="Note", max_length=250, required=False, help_text="A delivery, a test run."
    )

    fieldsets = [
        ("What was burnt", ["site", "month", "fuel", "amount", "note"]),
        ("Advanced", ["kg_per_unit", "factor_source"]),
    ]

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        initial = {"month": today.replace(day=1), **kwargs.pop("initial", {})}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.today = today
        sites = Site.objects.filter(organisation=organisation, archived_at=None).exclude(
            kind=SiteKind.CLOUD
        )
        self.fields["site"].queryset = sites.order_by("name")  # type: ignore[attr-defined]

    def clean_month(self) -> date:
        """Refuse a month that has not begun."""
        month: date = self.cleaned_data["month"]
        if month > self.today:
            raise ValidationError("This month has not begun.")
        return month

    def clean(self) -> dict[str, Any]:
        """An own factor names its source; a fuel without a published factor needs one."""
        cleaned = super().clean() or {}
        own = cleaned.get("kg_per_unit")
        if "kg_per_unit" in self.errors or not cleaned.get("fuel") or not cleaned.get("month"):
            return cleaned
        if own is None:
            found = factor_for(fuel=Fuel(cleaned["fuel"]), year=cleaned["month"].year)
            if found is None:
                self.add_error("kg_per_unit", "No factor is published here: give your own.")
                return cleaned
            cleaned |= {
                "kg_per_unit": found.kg_per_unit,
                "factor_source": f"{found.source}: {found.note}"[:250],
            }
        elif not cleaned.get("factor_source"):
            self.add_error("factor_source", "Say where the factor comes from.")
        return cleaned

    def burnt(self) -> Burnt:
        """Return what was stated, for the service."""
        data = self.cleaned_data
        return Burnt(
            month=data["month"],
            fuel=Fuel(data["fuel"]),
            amount=data["amount"],
            kg_per_unit=data["kg_per_unit"],
            factor_source=data["factor_source"],
            note=data["note"],
        )
