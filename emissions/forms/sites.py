"""Forms for sites and what is true of them."""

from datetime import date
from typing import Any

from django import forms

from emissions.calculation.vocabulary import Control, SiteKind
from emissions.forms.dates import DayField
from emissions.forms.fields import NamedField, number, of_kind, suggest
from emissions.forms.names import unused
from emissions.models import (
    CloudRegion,
    GridZone,
    Organisation,
    Site,
    SiteConditions,
)
from emissions.models.choices import choices
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option
from emissions.services.manage_sites import CONDITIONS, Conditions

CONTROL = [
    (Control.ORGANISATION.value, "Our organisation"),
    (Control.OTHER.value, "Another company (the landlord or provider)"),
]


class SiteForm(forms.Form):
    """What a site is called and what it is."""

    name = forms.CharField(label="Name", max_length=150)
    kind = forms.ChoiceField(label="Kind", choices=choices(SiteKind))
    cloud_region = NamedField(
        label="Cloud region",
        noun="cloud region",
        placeholder="gcp:europe-west1",
        required=False,
        help_text="For a cloud site.",
    )

    def __init__(
        self, *args: Any, organisation: Organisation, site: Site | None = None, **kwargs: Any
    ) -> None:
        initial = dict(kwargs.pop("initial", {}))
        if site is not None:
            initial |= {
                "name": site.name,
                "kind": site.kind,
                "cloud_region": site.cloud_region or "",
            }
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.organisation, self.site = organisation, site
        regions = CloudRegion.objects.order_by("provider", "region")
        suggest(
            self.fields["cloud_region"],
            find=lambda text: of_kind(catalogue.find_place(text, organisation=None), CloudRegion),
            options=[Option(str(region), region.location) for region in regions],
        )

    def clean_name(self) -> str:
        """Return a name that no other site has."""
        sites = Site.objects.filter(organisation=self.organisation)
        return unused(self.cleaned_data["name"], among=sites, noun="site", own=self.site)

    def clean(self) -> dict[str, Any]:
        """A cloud site names its region, and no other site has one."""
        cleaned = super().clean() or {}
        cloud, region = cleaned.get("kind") == SiteKind.CLOUD, cleaned.get("cloud_region")
        if cloud and region is None and "cloud_region" not in self.errors:
            self.add_error("cloud_region", "Choose the cloud region of this site.")
        if not cloud and region is not None:
            self.add_error("cloud_region", "Only a cloud site has a region. Leave this empty.")
        return cleaned


class ConditionsForm(forms.Form):
    """What is true of a site from a day on."""

    starts_on = DayField(
        label="From", help_text="A day in the past corrects it; what stood before is kept."
    )
    zone = NamedField(label="Electricity grid", noun="grid zone", placeholder="Sweden (SE)")
    pue = number(
        "PUE",
        least=1,
        most=10,
        help_text="Facility energy ÷ IT energy. Empty: a published average is used, and named.",
    )
    pue_source = forms.CharField(label="Where the PUE comes from", max_length=250, required=False)
    wue_litres_per_kwh = number("Water use (WUE)", unit="L / kWh", most=100)
    it_control = forms.ChoiceField(
        label="Who runs the IT equipment", choices=CONTROL, widget=forms.RadioSelect
    )
    overhead_control = forms.ChoiceField(
        label="Who runs the building and cooling", choices=CONTROL, widget=forms.RadioSelect
    )

    def __init__(
        self,
        *args: Any,
        today: date,
        conditions: SiteConditions | None = None,
        **kwargs: Any,
    ) -> None:
        initial: dict[str, Any] = {
            "starts_on": today,
            "it_control": Control.ORGANISATION.value,
            "overhead_control": Control.ORGANISATION.value,
            **kwargs.pop("initial", {}),
        }
        if conditions is not None:
            initial |= {name: getattr(conditions, name) for name in CONDITIONS}
        super().__init__(*args, **{**kwargs, "initial": initial})
        suggest(
            self.fields["zone"],
            find=lambda text: of_kind(catalogue.find_place(text, organisation=None), GridZone),
            options=[Option(str(zone), "") for zone in GridZone.objects.order_by("name")],
        )

    def clean(self) -> dict[str, Any]:
        """A stated PUE says where it comes from."""
        cleaned = super().clean() or {}
        if cleaned.get("pue") is not None and not cleaned.get("pue_source"):
            self.add_error(
                "pue_source", "Say where it comes from: “metered 2025”, a report, a link."
            )
        if cleaned.get("pue") is None and cleaned.get("pue_source") and "pue" not in self.errors:
            self.add_error("pue", "Give the PUE that this source states, or empty both.")
        return cleaned

    def conditions(self) -> Conditions:
        """Return what was stated, for the service."""
        return Conditions(**{name: self.cleaned_data[name] for name in CONDITIONS})


class NewSiteForm(SiteForm, ConditionsForm):
    """A new site with its first conditions."""

    fieldsets = [
        ("The site", ["name", "kind", "cloud_region"]),
        (
            "What is true of it",
            ["starts_on", "zone", "pue", "pue_source", "wue_litres_per_kwh"],
        ),
        ("Who controls it", ["it_control", "overhead_control"]),
    ]

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        super().__init__(*args, organisation=organisation, today=today, **kwargs)
        self.fields["starts_on"].help_text = "The first day of which this is known."
        self.fields["zone"].required = False
        self.fields["zone"].help_text = "A cloud site takes that of its region."

    def clean(self) -> dict[str, Any]:
        """Take the grid from the cloud region where none is given."""
        cleaned = super().clean()
        region = cleaned.get("cloud_region")
        if cleaned.get("zone") is None and "zone" not in self.errors:
            if region is None:
                self.add_error("zone", "Choose the grid that feeds this site.")
            else:
                cleaned["zone"] = region.zone
        return cleaned
