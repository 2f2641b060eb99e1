"""Forms for contractual instruments and what they are used for."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from emissions.calculation.vocabulary import CRITERIA, InstrumentKind, InstrumentStatus
from emissions.forms.dates import EARLIEST, LATEST, DayField
from emissions.forms.fields import AmountField, NamedField, number, of_kind, suggest
from emissions.forms.names import unused
from emissions.models import EnergyInstrument, GridZone, Organisation, Site
from emissions.models.choices import choices
from emissions.models.instrument import MOST_MWH
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option
from emissions.services.manage_instruments import Instrument

LONGEST_YEARS = 30
HERE = (InstrumentStatus.CONTRACTED, InstrumentStatus.ISSUED, InstrumentStatus.RETIRED)


class InstrumentForm(forms.Form):
    """What an instrument says."""

    name = forms.CharField(
        label="Name", max_length=150, widget=forms.TextInput(attrs={"placeholder": "GO hydro 2026"})
    )
    kind = forms.ChoiceField(label="Kind", choices=choices(InstrumentKind))
    energy_mwh = AmountField(
        unit="MWh",
        label="Electricity",
        min_value=Decimal("0.000001"),
        max_value=MOST_MWH,
        max_digits=13,
        decimal_places=6,
    )
    rate_g_per_kwh = number(
        "Emission rate",
        unit="g CO₂e / kWh",
        most=5000,
        help_text="What the instrument conveys: 0 for wind, water and sun.",
    )
    rate_source = forms.CharField(label="Where the rate comes from", max_length=250, required=False)
    starts_on = DayField(label="Covers electricity from")
    last_day = DayField(label="Until")
    vintage = forms.CharField(
        label="Vintage",
        max_length=64,
        required=False,
        help_text="When the electricity was generated, such as 2026-Q1.",
    )
    market = NamedField(
        label="Market",
        noun="grid zone",
        placeholder="Sweden (SE)",
        required=False,
        help_text="It may cover own sites on this grid. Empty: on any grid.",
    )
    site = forms.ModelChoiceField(
        label="Only for the site", queryset=Site.objects.none(), required=False,
        empty_label="All own sites in the market",
    )  # fmt: skip
    status = forms.ChoiceField(
        label="Status",
        choices=[(one.value, one.label) for one in HERE],
        help_text="Until it is retired, what it covers is provisional.",
    )
    registry = forms.CharField(label="Registry", max_length=150, required=False)
    reference = forms.CharField(label="Serial numbers or contract", max_length=250, required=False)
    criteria = forms.TypedMultipleChoiceField(
        label="Scope 2 Quality Criteria that it meets",
        choices=[(criterion.value, words) for criterion, words in CRITERIA.items()],
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    fieldsets = [
        (
            "",
            ["name", "kind", "energy_mwh", "rate_g_per_kwh", "rate_source", "starts_on",
             "last_day", "vintage", "market", "site", "status", "registry", "reference"],
        ),
        ("Quality", ["criteria"]),
    ]  # fmt: skip

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        today: date,
        instrument: EnergyInstrument | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "initial": _initial(instrument, today)})
        self.organisation, self.instrument = organisation, instrument
        self.fields["criteria"].wide = True  # type: ignore[attr-defined]
        sites: Any = self.fields["site"]
        sites.queryset = organisation.sites.filter(archived_at=None).order_by("name")
        suggest(
            self.fields["market"],
            find=lambda text: of_kind(catalogue.find_place(text, organisation=None), GridZone),
            options=[Option(str(zone), "") for zone in GridZone.objects.order_by("name")],
        )

    def clean_name(self) -> str:
        """Return a name that no other instrument has."""
        among = EnergyInstrument.objects.filter(organisation=self.organisation)
        return unused(
            self.cleaned_data["name"], among=among, noun="instrument", own=self.instrument
        )

    def clean(self) -> dict[str, Any]:
        """The period has a day; a rate above zero says where it comes from."""
        cleaned = super().clean() or {}
        first, last = cleaned.get("starts_on"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "Give a day on or after the first one.")
        elif first and last and last.year - first.year >= LONGEST_YEARS:
            self.add_error("last_day", f"Give a period of less than {LONGEST_YEARS} years.")
        if cleaned.get("rate_g_per_kwh") and not cleaned.get("rate_source"):
            self.add_error("rate_source", "Say who states this rate: the supplier, a contract.")
        return cleaned

    def stated(self) -> Instrument:
        """Return what was stated, for the service."""
        data = self.cleaned_data
        names = ("name", "energy_mwh", "starts_on", "vintage", "market", "site", "registry",
                 "reference", "rate_source")  # fmt: skip
        return Instrument(
            **{name: data[name] for name in names},
            kind=InstrumentKind(data["kind"]),
            status=InstrumentStatus(data["status"]),
            ends_before=data["last_day"] + timedelta(days=1),
            rate_g_per_kwh=data["rate_g_per_kwh"] or 0.0,
            criteria_met=sum(set(data["criteria"])),
        )


def _initial(instrument: EnergyInstrument | None, today: date) -> dict[str, Any]:
    if instrument is None:
        year = {"starts_on": date(today.year, 1, 1), "last_day": date(today.year, 12, 31)}
        return {"status": InstrumentStatus.CONTRACTED, **year}
    names = ("name", "kind", "energy_mwh", "rate_g_per_kwh", "rate_source", "starts_on", "vintage",
             "site", "status", "registry", "reference")  # fmt: skip
    return {
        **{name: getattr(instrument, name) for name in names},
        "energy_mwh": f"{instrument.energy_mwh:f}".rstrip("0").rstrip("."),
        "market": instrument.market or "",
        "last_day": instrument.ends_before - timedelta(days=1),
        "criteria": [one.value for one in CRITERIA if instrument.criteria_met & one],
    }


class RetirementForm(forms.Form):
    """That an instrument was retired."""

    retired_on = DayField(label="Retired on")
    reference = forms.CharField(label="Serial numbers", max_length=250, required=False)


class MonthField(forms.DateField):
    """A month, as browsers ask for it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(attrs={"type": "month"}, format="%Y-%m")
        super().__init__(widget=widget, input_formats=["%Y-%m", "%Y-%m-%d"], **options)
        self.error_messages["invalid"] = "Give a month, such as 2026-03."

    def validate(self, value: date | None) -> None:
        """Refuse months that are slips of the keyboard."""
        super().validate(value)
        if value is not None and not EARLIEST <= value <= LATEST:
            raise ValidationError(f"Give a month between {EARLIEST.year} and {LATEST.year}.")


class UseForm(forms.Form):
    """How much of a site's month an instrument covers."""

    site = forms.ModelChoiceField(label="Site", queryset=Site.objects.none(), empty_label=None)
    month = MonthField(label="Month")
    energy_mwh = AmountField(
        unit="MWh",
        label="Covers",
        min_value=0,
        max_value=MOST_MWH,
        max_digits=13,
        decimal_places=6,
        required=False,
        help_text="Empty: as much as the default gives it.",
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites: Any = self.fields["site"]
        sites.queryset = organisation.sites.order_by("name")
