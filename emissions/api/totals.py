"""GET /api/v1/totals/: sums of the ledger, grouped by any of its dimensions."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.listing import Resource
from emissions.api.query import Filter, documented
from emissions.api.shapes import Shape
from emissions.permissions import Action
from emissions.selectors.cross_totals import GROUPINGS, SumRow, cross_totals
from emissions.selectors.narrowing import UNKNOWN, Dimension, chosen, dimensions, filters_of
from emissions.selectors.periods import InvalidPeriod, Period, parse_value
from emissions.selectors.totals import Filters, Structure

AMOUNTS = {
    "runs": "Runs that started.",
    "device_hours": "[h]",
    "energy_it_kwh": "At the IT equipment. [kWh]",
    "energy_facility_kwh": "At the meter, PUE included. [kWh]",
    "location_based_kg": "[kg CO2e] Never added to the market-based.",
    "market_based_kg": "[kg CO2e] Never added to the location-based.",
    "upstream_kg": "Null: no factor is known. [kg CO2e]",
    "losses_kg": "Null: no factor is known. [kg CO2e]",
    "embodied_kg": "Lifetime share of hardware; null: no footprint is known. [kg CO2e]",
    "water_litres": "Null: no water is known. [l]",
}
#: Where a sum of nothing known is null and not zero.
KNOWN = {
    "upstream_kg": "known_upstream_kg",
    "losses_kg": "known_losses_kg",
    "embodied_kg": "known_embodied_kg",
    "water_litres": "known_water_litres",
}
NARROWING = (
    Filter("team", "team", "Slug of a team, or none."),
    Filter("project", "project", "Slug of a project, or none."),
    Filter("site", "site", "Slug of a site, a cloud region such as gcp:europe-west1, or none."),
    Filter("hardware", "hardware", "Name or id of a hardware model, or none."),
    Filter("stage", "stage", "Stage of the life cycle."),
    Filter("status", "status", "How the runs ended."),
    Filter("zone", "zone", "Code of a grid zone, or none."),
)
PARAMETERS = (
    Filter(
        "period",
        "period",
        "2026-Q3, 2026-07, 2026 or last-12-months; all time without it.",
        several=False,
    ),
    Filter(
        "by",
        "by",
        f"What to group by, with commas between: {', '.join(GROUPINGS)}.",
        several=False,
    ),
    *NARROWING,
)


class _Group(serializers.Serializer[Any]):
    """One value of a dimension."""

    key = serializers.CharField(help_text="As filters take it; “none”: without.")
    label = serializers.CharField()  # type: ignore[assignment]


def _amount(name: str, help_text: str) -> serializers.Field[Any, Any, Any, Any]:
    if name == "runs":
        return serializers.IntegerField(help_text=help_text)
    return serializers.FloatField(help_text=help_text, allow_null=name in KNOWN)


class IntervalShape(Shape):
    """A 95 % interval, in the unit of the amount."""

    low = serializers.FloatField()
    high = serializers.FloatField()


class IntervalsShape(Shape):
    """How far the amounts may be off; null where an amount is nothing or unknown."""

    location_based_kg = IntervalShape(allow_null=True)
    market_based_kg = IntervalShape(allow_null=True)
    energy_it_kwh = IntervalShape(allow_null=True)
    energy_facility_kwh = IntervalShape(allow_null=True)
    upstream_kg = IntervalShape(allow_null=True)
    losses_kg = IntervalShape(allow_null=True)
    embodied_kg = IntervalShape(allow_null=True)
    water_litres = IntervalShape(allow_null=True)


INTERVALS = tuple(name for name in AMOUNTS if name not in ("runs", "device_hours"))

SumShape: type[Shape] = type(
    "SumShape",
    (Shape,),
    {
        "__doc__": "Exact sums of one group; the dimensions that were asked for are objects.",
        **{name: _Group() for name in GROUPINGS},
        **{name: _amount(name, words) for name, words in AMOUNTS.items()},
        "interval_95": IntervalsShape(),
    },
)


class TotalsShape(Shape):
    """Sums of a period."""

    period = serializers.CharField(allow_null=True)
    by = serializers.ListField(child=serializers.CharField())
    results = SumShape(many=True)


class TotalsView(Resource):
    """Sums of the ledger."""

    actions = {"GET": Action.VIEW_TOTALS}
    shape = SumShape

    @extend_schema(
        operation_id="read_totals",
        tags=["totals"],
        parameters=[
            *documented(PARAMETERS, paged=False),
        ],
        responses={200: TotalsShape, **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """Sum the ledger by any of month, team, project, site, zone, hardware, stage, status.

        Without `by` there is one sum. Whatever the grouping, the groups add up to it exactly.
        A project's token sums its project.
        """
        query = self.query(request, filters=PARAMETERS)
        by = self._grouping(query.filters.get("by", ""))
        period = self._period(query.filters.get("period", ""))
        filters, zones = self._filters(request)
        rows = cross_totals(
            organisation=self.access.organisation,
            period=period,
            by=by,
            filters=filters,
            zones=zones,
        )
        shown = [_shown(row) for row in rows]
        if query.fields is not None:
            shown = [{name: row[name] for name in query.fields if name in row} for row in shown]
        return Response({"period": period and period.value, "by": list(by), "results": shown})

    def _grouping(self, text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if any(name not in GROUPINGS for name in names):
            raise ValidationError({"by": [f"Give some of {', '.join(GROUPINGS)}, with commas."]})
        return names

    def _period(self, text: str) -> Period | None:
        if not text:
            return None
        try:
            return parse_value(text, today=self.today)
        except InvalidPeriod as error:
            raise ValidationError(
                {"period": ["Give a quarter (2026-Q3), a month (2026-07) or a year (2026)."]}
            ) from error

    def _filters(self, request: Request) -> tuple[Filters, tuple[str, ...]]:
        params = request.query_params
        asked = {one.name: params.getlist(one.name) for one in NARROWING if one.name in params}
        zones = tuple(asked.pop("zone", ()))
        only = self.access.project
        if only is not None:
            others = [slug for slug in asked.get("project", ()) if slug != only.slug]
            asked["project"] = [] if others else [only.slug]
        if not asked:
            return Filters(), zones
        among = dimensions(organisation=self.access.organisation)
        if "hardware" in asked:
            asked["hardware"] = _ids_of(asked["hardware"], among)
        narrowed = chosen(params=asked, among=among)
        unknown = {
            one.dimension.name: [f"There is no “{one.option.value}”."]
            for one in narrowed
            if one.option.id == UNKNOWN
        }
        if unknown or asked.get("project") == []:
            raise ValidationError(unknown or {"project": ["This token opens one project only."]})
        return filters_of(narrowed=narrowed, structure=Structure.AS_IT_WAS), zones


def _ids_of(hardware: list[str], among: Iterable[Dimension]) -> list[str]:
    """Return what the dimension calls hardware models that are given by name, as runs name them."""
    (known,) = (one for one in among if one.name == "hardware")
    names = {option.label: option.value for option in known.options}
    return [names.get(one, one) for one in hardware]


def _shown(row: SumRow) -> dict[str, Any]:
    amounts: dict[str, Any] = {}
    for name in AMOUNTS:
        value = getattr(row.totals, KNOWN.get(name, name))
        amounts[name] = value if value is None or name == "runs" else float(value)
    groups = {name: {"key": key, "label": label} for name, (key, label) in row.groups.items()}
    return {**groups, **amounts, "interval_95": _intervals(row)}


def _intervals(row: SumRow) -> dict[str, dict[str, float] | None]:
    found: dict[str, dict[str, float] | None] = {}
    for name in INTERVALS:
        one = row.uncertainty.of(name)
        known = one is not None and one.low < one.high
        found[name] = {"low": one.low, "high": one.high} if one and known else None
    return found
