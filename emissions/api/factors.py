"""/api/v1/factors/: the emission factors of the sets that the organisation has adopted."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter, Query
from emissions.api.shapes import Shape
from emissions.api.values import words
from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.permissions import Action
from emissions.selectors.factor_list import factors


class FactorShape(Shape):
    """An emission factor with its validity and its source."""

    id = serializers.IntegerField()
    factor_set = serializers.SlugField(source="factor_set.slug")
    edition = serializers.CharField(source="factor_set.edition")
    published_on = serializers.DateField(source="factor_set.published_on")
    precedence = serializers.IntegerField(help_text="Of the set: the lowest is asked first.")
    zone = serializers.CharField(source="zone.code")
    zone_name = serializers.CharField(source="zone.name")
    role = serializers.ChoiceField(choices=words(FactorRole))
    kind = serializers.ChoiceField(choices=words(FactorKind))
    starts_on = serializers.DateField()
    ends_before = serializers.DateField()
    g_co2e_per_kwh = serializers.FloatField()
    includes_upstream = serializers.BooleanField()
    includes_losses = serializers.BooleanField()
    source = serializers.CharField()  # type: ignore[assignment]
    source_url = serializers.CharField()
    licence = serializers.CharField()
    verification = serializers.CharField()
    note = serializers.CharField()


class _Factors(Resource):
    actions = {"GET": Action.VIEW_FACTORS}
    shape = FactorShape
    key = "pk"

    def rows(self) -> QuerySet[Any]:
        """Return the factors of the adopted sets."""
        return factors(organisation=self.access.organisation)


@describe("list_factors", "Emission factors of the sets that the organisation has adopted.")
class FactorListView(_Factors, ListView):
    """All factors."""

    filters = (
        Filter("zone", "zone__code", "Code of a grid zone, such as SE or US-CA."),
        Filter("factor_set", "factor_set__slug", "Slug of a factor set."),
        Filter("role", "role", "What it is for.", "choice", words(FactorRole)),
        Filter("kind", "kind", "Which emissions it counts.", "choice", words(FactorKind)),
        Filter("valid_on", "valid_on", "Valid on that day.", "day"),
    )
    orders = {
        "zone": "zone__code",
        "starts_on": "starts_on",
        "g_co2e_per_kwh": "g_co2e_per_kwh",
    }
    default_order = ("zone__code", "-starts_on", "precedence", "pk")

    def narrow(self, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        """Return the rows that the filters leave; a day lies within a validity."""
        day = query.filters.pop("valid_on", None)
        if day is not None:
            rows = rows.filter(starts_on__lte=day, ends_before__gt=day)
        return super().narrow(rows, query)


@describe("read_factor", "One emission factor.")
class FactorView(_Factors, DetailView):
    """One factor."""
