"""Forms for the organisation's own hardware and its spellings."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from emissions.calculation.vocabulary import HardwareKind
from emissions.forms.dates import DayField
from emissions.forms.fields import number
from emissions.forms.names import unused
from emissions.models import (
    HardwareModel,
    Organisation,
)
from emissions.models.choices import choices
from emissions.selectors import catalogue
from emissions.services.manage_hardware import DEVICE, Device


class HardwareForm(forms.Form):
    """An organisation's own entry of the catalogue."""

    name = forms.CharField(label="Name", max_length=150)
    vendor = forms.CharField(label="Vendor", max_length=64, required=False)
    kind = forms.ChoiceField(label="Kind", choices=choices(HardwareKind))
    max_watts = number("Rated power (TDP)", unit="W", least=0.001, most=10_000_000, required=True)
    idle_watts = number("Idle power", unit="W", most=10_000_000)
    cores = forms.IntegerField(label="Cores", min_value=1, max_value=10_000_000, required=False)
    memory_gb = number("Memory", unit="GB", most=10_000_000)
    release_year = forms.IntegerField(
        label="Year of release", min_value=1980, max_value=2099, required=False
    )
    source = forms.CharField(
        label="Source", max_length=400, help_text="A data sheet, a measurement, a link."
    )
    embodied_kg = number("Embodied carbon", unit="kg CO₂e", most=100_000_000)
    embodied_source = forms.CharField(label="Its source", max_length=250, required=False)
    life_years = number("Service life", unit="years", least=0.1, most=50)
    life_from = DayField(
        label="Another life holds from",
        required=False,
        help_text="Months before this day keep what they carry. Empty: today.",
    )

    fieldsets = [
        ("The device", ["name", "vendor", "kind", "max_watts", "idle_watts", "source"]),
        ("Hardware footprint", ["embodied_kg", "embodied_source", "life_years", "life_from"]),
        ("Advanced", ["cores", "memory_gb", "release_year"]),
    ]

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        today: date,
        hardware: HardwareModel | None = None,
        **kwargs: Any,
    ) -> None:
        if hardware is not None:
            kwargs["initial"] = {name: getattr(hardware, name) for name in DEVICE}
        super().__init__(*args, **kwargs)
        self.organisation, self.hardware, self.today = organisation, hardware, today
        if hardware is None:
            del self.fields["life_from"]

    def clean_life_from(self) -> date:
        """Return the day from which another life holds; the catalogue shows what holds today."""
        day: date = self.cleaned_data["life_from"] or self.today
        if day > self.today:
            raise ValidationError("Give today, or a day before.")
        return day

    def clean_name(self) -> str:
        """Return a name that neither the catalogue nor another own entry has."""
        models = HardwareModel.objects.filter(
            Q(organisation=None) | Q(organisation=self.organisation)
        )
        return unused(self.cleaned_data["name"], among=models, noun="model", own=self.hardware)

    def clean(self) -> dict[str, Any]:
        """Idle below rated power; a footprint names its source."""
        cleaned = super().clean() or {}
        idle, most = cleaned.get("idle_watts"), cleaned.get("max_watts")
        if idle is not None and most is not None and idle > most:
            self.add_error("idle_watts", "Idle power cannot be above the rated power.")
        if cleaned.get("embodied_kg") is not None and not cleaned.get("embodied_source"):
            self.add_error("embodied_source", "Say where the footprint comes from.")
        return cleaned

    def device(self) -> Device:
        """Return what was stated, for the service."""
        return Device(**{name: self.cleaned_data[name] for name in DEVICE})


class AliasForm(forms.Form):
    """Another spelling of a model."""

    spelling = forms.CharField(
        label="Another spelling",
        max_length=150,
        help_text="As nvidia-smi, Slurm or your colleagues write it. Case, spaces and dashes"
        " do not matter.",
    )

    def clean_spelling(self) -> str:
        """Refuse what holds nothing to look up."""
        spelling: str = self.cleaned_data["spelling"].strip()
        if not catalogue.folded(spelling):
            raise ValidationError("Give a name, not only dashes and spaces.")
        return spelling
