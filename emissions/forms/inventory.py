"""Forms for sites, nodes and the organisation's own hardware."""

from datetime import date
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from emissions.calculation.embodied import LIFE_YEARS_DEFAULT
from emissions.calculation.vocabulary import Control, HardwareKind, SiteKind, Tenure
from emissions.forms.dates import DayField
from emissions.forms.fields import NamedField, NumberField
from emissions.forms.names import unused
from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareModel,
    Node,
    NodePlacement,
    Organisation,
    Site,
    SiteConditions,
    Team,
)
from emissions.models.choices import choices
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option
from emissions.selectors.lives import NodeLives
from emissions.services.change_life import LifeOver, check_life
from emissions.services.check_node import check_node, life_over
from emissions.services.manage_hardware import DEVICE, Device
from emissions.services.manage_nodes import MACHINE, Machine
from emissions.services.manage_sites import CONDITIONS, Conditions

CONTROL = [
    (Control.ORGANISATION.value, "Our organisation"),
    (Control.OTHER.value, "Another company (the landlord or provider)"),
]


def number(
    label: str, *, unit: str = "", least: float = 0, most: float | None = None, **options: Any
) -> NumberField:
    """Return a field for an amount between two bounds."""
    return NumberField(label=label, unit=unit, min_value=least, max_value=most, **options)


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


class NodeForm(forms.Form):
    """What a node is called and what it is."""

    name = forms.CharField(label="Name", max_length=150)
    hardware = NamedField(label="Hardware", noun="hardware", placeholder="NVIDIA H100")
    device_count = forms.IntegerField(
        label="Devices in one node", min_value=1, max_value=100_000, initial=8
    )
    node_count = forms.IntegerField(
        label="Nodes alike", min_value=1, max_value=1_000_000, initial=1
    )
    max_watts = number("Power at full load", unit="W / node", most=10_000_000)
    idle_watts = number("Power when idle", unit="W / node", most=10_000_000)
    embodied_kg = number("Embodied carbon", unit="kg / node", most=100_000_000)
    embodied_source = forms.CharField(label="Its source", max_length=250, required=False)
    purchased_on = DayField(label="Bought on", required=False)

    fieldsets = [
        ("The node", ["name", "hardware", "device_count", "node_count"]),
        ("Where it stands", ["site", "owner", "tenure", "starts_on"]),
        ("Power, where the whole node was measured", ["max_watts", "idle_watts"]),
        ("Hardware footprint", ["purchased_on", "life_years", "embodied_kg", "embodied_source"]),
    ]

    def __init__(
        self, *args: Any, organisation: Organisation, node: Node | None = None, **kwargs: Any
    ) -> None:
        initial = dict(kwargs.pop("initial", {}))
        if node is not None:
            initial |= {"name": node.name, **{name: getattr(node, name) for name in MACHINE}}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.organisation, self.node = organisation, node
        models = catalogue.hardware_of(organisation=organisation).order_by("name")
        suggest(
            self.fields["hardware"],
            find=lambda text: of_kind(
                catalogue.find_equipment(text, organisation=organisation), HardwareModel
            ),
            similar=partial(catalogue.similar_equipment, organisation=organisation),
            options=[Option(model.name, f"{model.max_watts:g} W") for model in models],
        )

    def clean_name(self) -> str:
        """Return a name that no other node has."""
        nodes = Node.objects.filter(organisation=self.organisation)
        return unused(self.cleaned_data["name"], among=nodes, noun="node", own=self.node)

    def clean(self) -> dict[str, Any]:
        """Both powers or none; a footprint names its source."""
        cleaned = super().clean() or {}
        disposed = self.node.disposed_on if self.node else None
        for field, words in check_node(cleaned, disposed_on=disposed):
            if field not in self.errors:
                self.add_error(field, words)
        return cleaned

    def machine(self) -> Machine:
        """Return what was stated, for the service."""
        return Machine(**{name: self.cleaned_data[name] for name in MACHINE})


class NodeRowForm(NodeForm):
    """What of a node can be changed within its row of the list."""

    shown = ("name", "device_count", "node_count", "purchased_on")

    def __init__(self, *args: Any, organisation: Organisation, node: Node, **kwargs: Any) -> None:
        super().__init__(*args, organisation=organisation, node=node, **kwargs)
        self.fields = {name: self.fields[name] for name in self.shown}
        self.stated = {name: getattr(node, name) for name in MACHINE}
        self.fields["name"].widget.attrs["autofocus"] = True

    def machine(self) -> Machine:
        """Return the node with what was changed."""
        data = self.cleaned_data
        return Machine(**{**self.stated, **{k: data[k] for k in self.shown if k in MACHINE}})


class PlacementForm(forms.Form):
    """Where a node stands, whose it is and how it is held, from a day on."""

    site = forms.ModelChoiceField(label="Site", queryset=Site.objects.none(), empty_label=None)
    owner = forms.ModelChoiceField(
        label="Team that has it",
        queryset=Team.objects.none(),
        required=False,
        empty_label="Shared by all",
    )
    tenure = forms.ChoiceField(label="How it is held", choices=choices(Tenure))
    starts_on = DayField(label="From", help_text="Runs before this day stay where they were.")

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        today: date,
        placement: NodePlacement | None = None,
        **kwargs: Any,
    ) -> None:
        initial: dict[str, Any] = {"starts_on": today, **kwargs.pop("initial", {})}
        if placement is not None:
            initial |= {
                "site": placement.site_id,
                "owner": placement.owner_id,
                "tenure": placement.tenure,
            }
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.fields["site"].queryset = Site.objects.filter(  # type: ignore[attr-defined]
            organisation=organisation, archived_at=None
        )
        self.fields["owner"].queryset = Team.objects.filter(  # type: ignore[attr-defined]
            organisation=organisation, archived_at=None
        )


class LifeForm(forms.Form):
    """How long a node is to serve in all, from a day on."""

    life_years = number("Service life, in all", unit="years", least=0.1, most=50)
    life_from = DayField(
        label="From",
        help_text="Months before this day keep what they carry. From the day of purchase, or"
        " before: a correction of the whole life.",
    )

    def __init__(
        self, *args: Any, node: Node, lives: NodeLives, today: date, **kwargs: Any
    ) -> None:
        now = lives.on(today)
        initial = {"life_years": now.years if now.own else None, "life_from": today}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.node = node
        catalogue = node.hardware.life_years
        self.fields["life_years"].help_text = "Counted from the purchase. Empty: " + (
            f"the catalogue's {catalogue:g} years."
            if catalogue
            else f"the catalogue states none, and {LIFE_YEARS_DEFAULT:g} years are assumed."
        )

    def clean(self) -> dict[str, Any]:
        """Refuse a life that would be over on its first day."""
        cleaned = super().clean() or {}
        if "life_years" in cleaned and "life_from" in cleaned:
            day = cleaned["life_from"]
            try:
                check_life(node=self.node, life_years=cleaned["life_years"], starts_on=day)
            except LifeOver as over:
                self.add_error("life_years", life_over(over, day))
        return cleaned


class NewNodeForm(NodeForm, PlacementForm):
    """A new node with its first place."""

    life_years = number("Service life", unit="years", least=0.1, most=50)

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        PlacementForm.__init__(self, *args, organisation=organisation, today=today, **kwargs)
        base = NodeForm(organisation=organisation)
        self.organisation, self.node = organisation, None
        self.fields["hardware"] = base.fields["hardware"]
        self.fields["starts_on"].help_text = "The first day of which this is known."


class DisposalForm(forms.Form):
    """The day on which a node left."""

    disposed_on = DayField(label="Left on")

    def __init__(self, *args: Any, node: Node, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "initial": {"disposed_on": node.disposed_on or today}})
        self.node = node

    def clean_disposed_on(self) -> date:
        """Refuse a day before the node was bought."""
        day: date = self.cleaned_data["disposed_on"]
        if self.node.purchased_on and day < self.node.purchased_on:
            raise ValidationError(f"The node was bought on {self.node.purchased_on:%Y-%m-%d}.")
        return day


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


def suggest(field: forms.Field, *, find: Any, options: list[Option], similar: Any = None) -> None:
    """Tell a `NamedField` what can be named."""
    field.find = find  # type: ignore[attr-defined]
    if similar is not None:
        field.similar = similar  # type: ignore[attr-defined]
    field.widget.options = options


def of_kind(found: object, kind: type[Any]) -> Any:
    """Return what was found if it is of the kind asked for."""
    return found if isinstance(found, kind) else None
