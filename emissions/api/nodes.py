"""/api/v1/nodes/: the organisation's own machines, with where they stand today."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.shapes import Shape
from emissions.api.values import words
from emissions.calculation.vocabulary import Tenure
from emissions.permissions import Action
from emissions.selectors.inventory import nodes_with_places
from emissions.selectors.lives import lives_of_nodes


class LifeShape(Shape):
    """How long a node is to serve in all, from a day on; without years nobody states it."""

    starts_on = serializers.DateField(
        allow_null=True, help_text="Null: since the purchase, or ever."
    )
    life_years = serializers.FloatField(allow_null=True, source="years")
    of_catalogue = serializers.BooleanField(help_text="Whether the catalogue states it.")


class NodeShape(Shape):
    """A machine, or several alike; site, owner and tenure are those of today."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    hardware = serializers.CharField(source="hardware.name")
    hardware_id = serializers.IntegerField()
    device_count = serializers.IntegerField(help_text="Devices in one node.")
    node_count = serializers.IntegerField(help_text="Nodes alike.")
    idle_watts = serializers.FloatField(allow_null=True, help_text="Whole node, idle. [W]")
    max_watts = serializers.FloatField(allow_null=True, help_text="Whole node, full load. [W]")
    embodied_kg = serializers.FloatField(allow_null=True, help_text="One node. [kg CO2e]")
    embodied_source = serializers.CharField()
    purchased_on = serializers.DateField(allow_null=True)
    life_years = serializers.FloatField(
        allow_null=True,
        source="lives_today.years",
        help_text="Service life in all, today: the node's or the catalogue's. [a]",
    )
    lives = LifeShape(
        many=True,
        source="lives_shown",
        help_text="How long it was to serve, latest first. A change acts from its day on.",
    )
    disposed_on = serializers.DateField(allow_null=True)
    site = serializers.SlugField(allow_null=True, source="today.site.slug")
    owner_team = serializers.SlugField(allow_null=True, source="today.owner.slug")
    tenure = serializers.ChoiceField(choices=words(Tenure), allow_null=True, source="today.tenure")


class _Nodes(Resource):
    actions = {"GET": Action.VIEW_INVENTORY}
    shape = NodeShape

    def rows(self) -> QuerySet[Any]:
        """Return the organisation's nodes."""
        return nodes_with_places(organisation=self.access.organisation, on=self.today)

    def show(self, rows: Iterable[Any], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """Return how they are shown, with what holds today."""
        rows = list(rows)
        lives = lives_of_nodes(rows)
        for row in rows:
            row.today = next(iter(row.of_today), None)
            row.lives_today = lives[row.pk].on(self.today)
            row.lives_shown = [
                {
                    "starts_on": None if at == len(lives[row.pk].shown) - 1 else life.starts_on,
                    "years": life.years,
                    "of_catalogue": not life.own,
                }
                for at, life in enumerate(lives[row.pk].shown)
            ]
        return super().show(rows, fields)


@describe("list_nodes", "Nodes of the organisation, as they stand today.")
class NodeListView(_Nodes, ListView):
    """All nodes."""

    filters = (
        Filter("hardware", "hardware__name", "Name of a hardware model."),
        Filter("disposed", "disposed_on__isnull", "Disposed ones, or the others.", "set"),
    )
    orders = {"name": "name", "slug": "slug"}
    default_order = ("name", "pk")


@describe("read_node", "One node.")
class NodeView(_Nodes, DetailView):
    """One node."""
