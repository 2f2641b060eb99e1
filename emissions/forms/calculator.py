"""The public calculator: its fields bear the public API's names, so that an address is a call."""

from typing import Any

from django import forms

from emissions.calculation.vocabulary import Preset
from emissions.forms.fields import NamedField, NumberField, PercentField
from emissions.models import CloudRegion, GridZone, HardwareModel
from emissions.selectors import catalogue
from emissions.services.calculator import check_calculation

PRESETS = {"tonne": Preset.TONNE, "mlco2": Preset.MLCO2}
#: check_calculation's names of things that the form asks for under another one.
SHOWN_AT = {
    "hardware_id": "hardware", "zone_id": "place", "cloud_region_id": "place", "zone": "place",
}  # fmt: skip
NUMBERS = (
    "device_count", "duration_hours", "device_hours", "power_watts", "energy_kwh", "power_share",
    "utilisation", "cpu_cores", "cpu_watts_per_core", "memory_gb", "pue", "grid_g_per_kwh",
    "embodied_kg_per_device", "life_years", "expected_utilisation",
)  # fmt: skip


class CalculatorForm(forms.Form):
    """One run, hypothetical or past; everything but its size is optional."""

    hardware = NamedField(
        noun="hardware",
        required=False,
        placeholder="Type to search: H100, TPU v4…",
        help_text="Any of the catalogue's devices.",
    )
    device_count = NumberField(label="Number of devices")
    duration_hours = NumberField(
        label="Wall-clock hours", unit="h", help_text="Multiplied by the number of devices."
    )
    device_hours = NumberField(
        label="or device-hours",
        unit="device-h",
        help_text="“GPU-hours”: already summed over the devices, not multiplied again.",
    )
    place = NamedField(
        label="Country or cloud region",
        noun="country or cloud region",
        required=False,
        placeholder="Type to search: France, gcp:europe-west1…",
        help_text="Empty: the world average.",
    )

    power_watts = NumberField(
        label="Average power", unit="W", help_text="Of one device; nothing is added for a host."
    )
    power_is_total = forms.BooleanField(
        label="The power is of the whole machine",
        required=False,
        help_text="All devices together: it is not multiplied by their number.",
    )
    energy_kwh = NumberField(
        label="or energy", unit="kWh", help_text="Of the whole run; replaces hours × power."
    )
    pue_included = forms.BooleanField(label="The energy includes PUE", required=False)
    power_share = PercentField(
        label="Average power, % of maximum", help_text="Where watts are not known."
    )
    utilisation = PercentField(label="Utilisation")
    cpu_cores = NumberField(
        label="CPU cores", help_text="Counted, like memory, unless power or energy is stated."
    )
    cpu_watts_per_core = NumberField(label="Power per core", unit="W")
    memory_gb = NumberField(label="Memory", unit="GB")
    pue = NumberField(label="PUE", help_text="Empty: the place's. 1.0 means none.")
    grid_g_per_kwh = NumberField(
        label="Emission factor", unit="g/kWh", help_text="Replaces the place's."
    )
    year = forms.IntegerField(required=False, help_text="Of the emission factor. Empty: this year.")
    preset = forms.ChoiceField(
        required=False,
        label="What is assumed",
        choices=[("tonne", "Tonne"), ("mlco2", "ML CO2 Impact")],
        help_text="Where nothing is stated. Tonne: 75% of maximum power, a host, PUE."
        " ML CO2 Impact: maximum power, no host, no PUE.",
    )
    embodied_kg_per_device = NumberField(
        label="Footprint of one device", unit="kg", help_text="Made and delivered."
    )
    life_years = NumberField(label="Life", unit="years")
    expected_utilisation = PercentField(
        label="Expected use",
        help_text="BLOOM's variant: share of the life in use. Empty: idle hours carry their share.",
    )

    fields_shown = ["hardware", "device_count", "duration_hours", "device_hours", "place"]
    advanced = [
        ("Power and energy", [
            "power_watts", "energy_kwh", "power_is_total", "pue_included", "power_share",
            "utilisation", "cpu_cores", "cpu_watts_per_core", "memory_gb"]),
        ("PUE, emission factor and assumptions", ["pue", "grid_g_per_kwh", "year", "preset"]),
        ("Lifetime share of hardware", [
            "embodied_kg_per_device", "life_years", "expected_utilisation"]),
    ]  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["hardware"].find = (  # type: ignore[attr-defined]
            lambda typed: catalogue.find_equipment(typed, organisation=None)
        )
        self.fields["hardware"].similar = (  # type: ignore[attr-defined]
            lambda typed: catalogue.similar_equipment(typed, organisation=None)
        )
        self.fields["place"].find = (  # type: ignore[attr-defined]
            lambda typed: catalogue.find_place(typed, organisation=None)
        )
        self.fields["place"].similar = (  # type: ignore[attr-defined]
            lambda typed: catalogue.similar_places(typed, organisation=None)
        )
        self.fields["hardware"].advise = catalogue.slice_advice  # type: ignore[attr-defined]
        for name in ("hardware", "place"):
            self.fields[name].wide = True  # type: ignore[attr-defined]
        for field in self.fields_shown:
            self.fields[field].one_of_several = True  # type: ignore[attr-defined]

    def suggest(self) -> None:
        """Read the suggestions of the searchable fields."""
        self.fields["hardware"].widget.options = catalogue.equipment_options(organisation=None)
        self.fields["place"].widget.options = catalogue.place_options(organisation=None)

    @property
    def shown(self) -> list[forms.BoundField]:
        """The fields that everybody needs."""
        return [self[name] for name in self.fields_shown]

    @property
    def advanced_sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """What is folded away: titles and their fields."""
        return [(title, [self[name] for name in names]) for title, names in self.advanced]

    @property
    def open_advanced(self) -> bool:
        """Whether something folded away is stated or wrong."""
        fields = [field for _, section in self.advanced_sections for field in section]
        return any(
            field.errors or field.value() not in (None, "", False, "tonne") for field in fields
        )

    def clean(self) -> dict[str, Any]:
        """Apply the rules that the API applies, too."""
        super().clean()
        if self.errors:
            return self.cleaned_data
        self.row = self._row()
        for field, found in check_calculation(self.row).items():
            self.add_error(SHOWN_AT.get(field, field), found)
        return self.cleaned_data

    def _row(self) -> dict[str, Any]:
        data = self.cleaned_data
        row: dict[str, Any] = {name: data[name] for name in (*NUMBERS, "year", "pue_included")}
        row["preset"] = int(PRESETS[data["preset"] or "tonne"])
        hardware, place = data["hardware"], data["place"]
        if isinstance(hardware, HardwareModel):
            row["hardware_id"] = hardware.pk
        if isinstance(place, CloudRegion):
            row["cloud_region_id"] = place.pk
        elif isinstance(place, GridZone):
            row["zone_id"] = place.pk
        if data["power_is_total"] and row["power_watts"] is not None:
            row["power_watts"] /= row["device_count"] or 1.0
        return row
