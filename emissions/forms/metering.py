"""Forms for meter readings: one bill, or a file of them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms

from emissions.calculation.vocabulary import MeasuringPoint
from emissions.forms.dates import DayField
from emissions.forms.fields import AmountField
from emissions.forms.uploads import TableUploadForm
from emissions.importers.cells import Limits
from emissions.models import MeterReading, Organisation
from emissions.services.manage_meters import Reading

POINTS = [
    (MeasuringPoint.FACILITY.value, "The whole facility, cooling included"),
    (MeasuringPoint.IT.value, "The IT equipment only"),
]
UNITS = [("1", "kWh"), ("1000", "MWh")]


def amount(label: str, **options: Any) -> AmountField:
    """Return a field for an exact amount of energy."""
    return AmountField(
        label=label,
        unit="kWh",
        min_value=0,
        max_value=9_000_000_000,
        decimal_places=9,
        max_digits=24,
        **options,
    )


class ReadingForm(forms.Form):
    """What a meter or a bill says of some days."""

    starts_on = DayField(label="First day")
    last_day = DayField(label="Last day")
    energy_kwh = amount("Metered energy")
    other_load_kwh = amount(
        "Of it, other known load",
        required=False,
        help_text="Offices, storage, other tenants: what is no AI work.",
    )
    measuring_point = forms.ChoiceField(
        label="Measured at", choices=POINTS, widget=forms.RadioSelect
    )
    source = forms.CharField(
        label="Source", max_length=250, required=False, help_text="The bill's or meter's number."
    )

    def __init__(
        self,
        *args: Any,
        today: date,
        latest: MeterReading | None = None,
        reading: MeterReading | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "initial": _initial(today, latest, reading)})
        self.today = today
        self.fields["measuring_point"].wide = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first; other load is a part of the whole."""
        cleaned = super().clean() or {}
        first, last = cleaned.get("starts_on"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day lies before the first.")
        elif last and last > self.today:
            self.add_error("last_day", "This day has not come yet. Is the year right?")
        energy, other = cleaned.get("energy_kwh"), cleaned.get("other_load_kwh")
        if energy is not None and other is not None and other > energy:
            self.add_error("other_load_kwh", "This is more than the metered energy.")
        return cleaned

    def reading(self) -> Reading:
        """Return what was stated, for the service."""
        data = self.cleaned_data
        return Reading(
            starts_on=data["starts_on"],
            ends_before=data["last_day"] + timedelta(days=1),
            energy_kwh=data["energy_kwh"],
            measuring_point=MeasuringPoint(data["measuring_point"]),
            other_load_kwh=data["other_load_kwh"] or Decimal(0),
            source=data["source"],
        )


def _initial(
    today: date, latest: MeterReading | None, reading: MeterReading | None
) -> dict[str, Any]:
    """Propose the month after the latest reading, or the last one that has ended."""
    if reading is not None:
        return {
            "starts_on": reading.starts_on,
            "last_day": reading.ends_before - timedelta(days=1),
            "energy_kwh": _plain(reading.energy_kwh),
            "other_load_kwh": _plain(reading.other_load_kwh),
            "measuring_point": reading.measuring_point,
            "source": reading.source,
        }
    first = latest.ends_before if latest else (today.replace(day=1) - timedelta(days=1))
    first = first if latest else first.replace(day=1)
    next_month = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    return {
        "starts_on": first,
        "last_day": next_month - timedelta(days=1),
        "measuring_point": latest.measuring_point if latest else MeasuringPoint.FACILITY.value,
    }


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class ReadingUploadForm(TableUploadForm):
    """A file of bills or of interval data, and what it does not say itself."""

    limits = Limits(megabytes=10, unpacked_megabytes=100, rows=40_000, columns=50, cells=2_000_000)
    kind = forms.ChoiceField(
        label="What the file holds",
        choices=[
            ("bills", "Bills: a row for each month or period"),
            ("intervals", "Meter data: a row for each half-hour, quarter or hour"),
        ],
        widget=forms.RadioSelect,
        initial="bills",
    )
    unit = forms.ChoiceField(label="Energy is in", choices=UNITS, initial="1")
    time_zone = forms.CharField(
        label="Clock of the meter data",
        max_length=64,
        required=False,
        help_text="For times without an offset: UTC, or a zone such as Europe/Stockholm.",
    )
    measuring_point = forms.ChoiceField(
        label="Measured at",
        choices=POINTS,
        widget=forms.RadioSelect,
        initial=MeasuringPoint.FACILITY.value,
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisation = organisation
        self.fields["time_zone"].initial = organisation.time_zone
        for name in ("kind", "measuring_point"):
            self.fields[name].wide = True  # type: ignore[attr-defined]

    def clean_time_zone(self) -> ZoneInfo:
        """Return the zone that was named; without a name, the organisation's."""
        name = self.cleaned_data["time_zone"].strip() or self.organisation.time_zone
        known = {one.casefold(): one for one in available_timezones()}
        if name.casefold() not in known:
            raise forms.ValidationError(
                f"There is no time zone “{name}”. Give one such as Europe/Stockholm, or UTC."
            )
        return ZoneInfo(known[name.casefold()])
