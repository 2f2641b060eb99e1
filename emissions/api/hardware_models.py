"""/api/v1/hardware-models/: the catalogue, shared entries and the organisation's own."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.shapes import Shape
from emissions.api.values import words
from emissions.calculation.vocabulary import HardwareKind
from emissions.models import HardwareModel
from emissions.permissions import Action
from emissions.selectors.catalogue import hardware_of


class HardwareModelShape(Shape):
    """A hardware model, per device."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    vendor = serializers.CharField()
    kind = serializers.ChoiceField(choices=words(HardwareKind))
    own = serializers.SerializerMethodField(help_text="Whether it is the organisation's own entry.")
    aliases = serializers.SerializerMethodField(help_text="Other spellings that are understood.")
    max_watts = serializers.FloatField(help_text="Rated power (TDP). [W]")
    idle_watts = serializers.FloatField(allow_null=True)
    memory_gb = serializers.FloatField(allow_null=True)
    cores = serializers.IntegerField(allow_null=True)
    release_year = serializers.IntegerField(allow_null=True)
    peak_fp16_tflops = serializers.FloatField(allow_null=True)
    embodied_kg = serializers.FloatField(allow_null=True, help_text="Null: unknown. [kg CO2e]")
    embodied_source = serializers.CharField()
    life_years = serializers.FloatField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    licence = serializers.CharField()

    def get_own(self, hardware: HardwareModel) -> bool:
        """Whether it is the organisation's own entry."""
        return hardware.organisation_id is not None

    def get_aliases(self, hardware: HardwareModel) -> list[str]:
        """Return other spellings: the shared ones and the organisation's."""
        return [
            alias.spelling
            for alias in hardware.aliases.all()
            if alias.organisation_id in (None, self.context["organisation_id"])
        ]


class _HardwareModels(Resource):
    actions = {"GET": Action.VIEW_INVENTORY}
    shape = HardwareModelShape
    key = "pk"

    def rows(self) -> QuerySet[Any]:
        """Return the shared catalogue and the organisation's own entries."""
        return hardware_of(organisation=self.access.organisation).prefetch_related("aliases")


@describe("list_hardware_models", "The hardware catalogue: shared entries and your own.")
class HardwareModelListView(_HardwareModels, ListView):
    """The catalogue."""

    filters = (
        Filter("name", "name__icontains", "A part of the name.", several=False),
        Filter("vendor", "vendor__iexact", "The vendor.", several=False),
        Filter("kind", "kind", "What it is.", "choice", words(HardwareKind)),
        Filter("own", "organisation__isnull", "The organisation's own, or shared ones.", "set"),
    )
    orders = {"name": "name", "max_watts": "max_watts"}
    default_order = ("name", "pk")


@describe("read_hardware_model", "One hardware model.")
class HardwareModelView(_HardwareModels, DetailView):
    """One hardware model."""
