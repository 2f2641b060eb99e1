"""/api/v1/sites/: data centres, cloud regions in use and offices, as they are today."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.shapes import Shape
from emissions.api.values import words
from emissions.calculation.vocabulary import Control, SiteKind
from emissions.permissions import Action
from emissions.selectors.inventory import sites_with_conditions

CONTROL = words(Control)


class SiteShape(Shape):
    """A site; zone, PUE, WUE and control are those of today, null where none are recorded."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=words(SiteKind))
    cloud_region = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True, source="today.zone.code")
    pue = serializers.FloatField(allow_null=True, source="today.pue")
    pue_source = serializers.CharField(allow_null=True, source="today.pue_source")
    wue_litres_per_kwh = serializers.FloatField(allow_null=True, source="today.wue_litres_per_kwh")
    it_control = serializers.ChoiceField(
        choices=CONTROL, allow_null=True, source="today.it_control"
    )
    overhead_control = serializers.ChoiceField(
        choices=CONTROL, allow_null=True, source="today.overhead_control"
    )
    archived_at = serializers.DateTimeField(allow_null=True)


class _Sites(Resource):
    actions = {"GET": Action.VIEW_INVENTORY}
    shape = SiteShape

    def rows(self) -> QuerySet[Any]:
        """Return the organisation's sites."""
        return sites_with_conditions(organisation=self.access.organisation, on=self.today)

    def show(self, rows: Iterable[Any], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """Return how they are shown, with what holds today."""
        rows = list(rows)
        for row in rows:
            row.today = next(iter(row.of_today), None)
        return super().show(rows, fields)


@describe("list_sites", "Sites of the organisation, as they are today.")
class SiteListView(_Sites, ListView):
    """All sites."""

    filters = (
        Filter("kind", "kind", "What it is.", "choice", words(SiteKind)),
        Filter("archived", "archived_at__isnull", "Archived ones, or the others.", "set"),
    )
    orders = {"name": "name", "slug": "slug"}
    default_order = ("name", "pk")


@describe("read_site", "One site.")
class SiteView(_Sites, DetailView):
    """One site."""
