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
    life_years = serializers.FloatField(allow_null=True)
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
        for row in rows:
            row.today = next(iter(row.of_today), None)
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
