"""Forms for nodes: what they are, where they stand, how long they serve."""

from datetime import date
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from emissions.calculation.embodied import LIFE_YEARS_DEFAULT
from emissions.calculation.vocabulary import Tenure
from emissions.forms.dates import DayField
from emissions.forms.fields import NamedField, number, of_kind, suggest
from emissions.forms.names import unused
from emissions.models import (
    HardwareModel,
    Node,
    NodePlacement,
    Organisation,
    Site,
    Team,
)
from emissions.models.choices import choices
from emissions.selectors import catalogue
from emissions.selectors.catalogue import Option
from emissions.selectors.lives import NodeLives
from emissions.services.change_life import LifeOver, check_life
from emissions.services.check_node import check_node, life_over
from emissions.services.manage_nodes import MACHINE, Machine


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
