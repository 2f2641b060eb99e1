"""What the OpenAPI document says of requests and answers.

Rows come by the ten thousand and are read by `values.read_row`; these serializers are made
from the same fields, so that the document cannot say anything else.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from emissions.api.fields import CALCULATION, RUN
from emissions.api.shapes import Shape
from emissions.api.values import MOST_ROWS, Field
from emissions.calculation.vocabulary import Basis, FactorKind, Fit, SourceKind


def _documented(field: Field) -> serializers.Field[Any, Any, Any, Any]:
    common: dict[str, Any] = {"required": False, "allow_null": True, "help_text": field.help}
    if field.kind == "number":
        return serializers.FloatField(**common)
    if field.kind == "whole":
        return serializers.IntegerField(**common)
    if field.kind == "flag":
        return serializers.BooleanField(**common)
    if field.kind == "choice":
        return serializers.ChoiceField(choices=list(field.choices), **common)
    if field.kind == "moment":
        return serializers.DateTimeField(**common)
    return serializers.CharField(max_length=field.longest, allow_blank=True, **common)


def rows_of(name: str, fields: Mapping[str, Field], *required: str) -> type:
    """Return a serializer with a table's fields."""
    documented = {field.name: _documented(field) for field in fields.values()}
    for one in required:
        documented[one].required = True
        documented[one].allow_null = False
    return type(name, (serializers.Serializer,), documented)


class Problem(serializers.Serializer[Any]):
    """An error, as RFC 9457 has it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong, by field.",
    )


def _errors(**options: Any) -> serializers.DictField:
    return serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong with this row, by field.",
        **options,
    )


CalculatorRun = rows_of("CalculatorRun", CALCULATION)
RunRequest = rows_of("RunRequest", RUN, "started_at")
RunChange = rows_of("RunChange", RUN)


class CalculatorQuestion(serializers.Serializer[Any]):
    """Runs to calculate."""

    runs = serializers.ListField(child=CalculatorRun(), max_length=MOST_ROWS)


class FactorUsed(serializers.Serializer[Any]):
    """The location-based emission factor that was used."""

    value = serializers.FloatField(help_text="[g CO2e/kWh]")
    zone = serializers.CharField(allow_null=True, help_text="Null for a stated factor.")
    year = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in FactorKind], allow_null=True)
    fit = serializers.ChoiceField(choices=[fit.name.lower() for fit in Fit])
    source = serializers.CharField()  # type: ignore[assignment]


class CalculatorResult(serializers.Serializer[Any]):
    """Figures of a run, or its errors instead."""

    energy_it_kwh = serializers.FloatField(required=False)
    energy_facility_kwh = serializers.FloatField(required=False)
    location_based_kg = serializers.FloatField(required=False)
    market_based_kg = serializers.FloatField(required=False)
    embodied_kg = serializers.FloatField(
        required=False, allow_null=True, help_text="Lifetime share of hardware; null if unknown."
    )
    upstream_kg = serializers.FloatField(required=False)
    losses_kg = serializers.FloatField(required=False)
    device_hours = serializers.FloatField(required=False)
    pue = serializers.FloatField(required=False)
    basis = serializers.ChoiceField(choices=[basis.name.lower() for basis in Basis], required=False)
    factor = FactorUsed(required=False, allow_null=True)
    assumptions = serializers.ListField(child=serializers.CharField(), required=False)
    errors = _errors()  # type: ignore[assignment]


class CalculatorAnswer(serializers.Serializer[Any]):
    """Results in the order of the runs."""

    results = CalculatorResult(many=True)


class RunFigures(Shape):
    """What the ledger holds of a run; null until it is calculated."""

    id = serializers.IntegerField()
    url = serializers.URLField(help_text="Address of the run in the API.")
    page_url = serializers.URLField(help_text="Address of the run's page.")
    external_id = serializers.CharField(allow_blank=True)
    calculated = serializers.BooleanField(
        help_text="Whether the figures are those of the run as it stands."
    )
    energy_it_kwh = serializers.FloatField(allow_null=True)
    energy_facility_kwh = serializers.FloatField(allow_null=True)
    location_based_kg = serializers.FloatField(allow_null=True)
    market_based_kg = serializers.FloatField(allow_null=True)
    upstream_kg = serializers.FloatField(allow_null=True)
    losses_kg = serializers.FloatField(allow_null=True)
    embodied_kg = serializers.FloatField(
        allow_null=True, help_text="Lifetime share of hardware; null if its footprint is unknown."
    )


_RunFields = rows_of("_RunFields", RUN)
SOURCES = [one.value for one in SourceKind]


class RunAnswer(_RunFields, RunFigures):  # type: ignore[misc, valid-type]
    """A run: what was stated, and what the ledger holds of it."""

    project = serializers.SlugField(allow_null=True)
    source = serializers.ChoiceField(choices=SOURCES)  # type: ignore[assignment]
    calculation_error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RecordedRun(RunAnswer):
    """A run as it stands after a write: with every field."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return all fields, the id promised: that tells it from the results of a list."""
        fields = super().get_fields()
        fields["id"].required = True
        return fields


class RunResult(serializers.Serializer[Any]):
    """What became of one row of a list."""

    row = serializers.IntegerField(help_text="Its place in the list, from 0.")
    status = serializers.IntegerField(
        help_text="201 recorded; 200 it was there already; 400 see errors; 409 another run has"
        " its external_id.",
    )
    run = RunFigures(required=False)
    errors = _errors()  # type: ignore[assignment]


class RunResults(serializers.Serializer[Any]):
    """Results in the order of the rows."""

    results = RunResult(many=True)


class RunPage(serializers.Serializer[Any]):
    """A page of runs, latest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = RunAnswer(many=True)
