"""POST /api/v1/calculator/: footprints of up to 10,000 runs, open to everybody."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from emissions.api.errors import PROBLEM_JSON, ContentTooLargeError
from emissions.api.fields import CALCULATION, PRESETS
from emissions.api.parsers import BoundedJSONParser
from emissions.api.serializers import CalculatorAnswer, CalculatorQuestion, Problem
from emissions.api.throttles import CalculatorThrottle
from emissions.api.values import MOST_ROWS, ROW, Errors, read_row
from emissions.calculation.vocabulary import Basis
from emissions.selectors.named import Named
from emissions.services.calculator import calculate, check_calculation
from emissions.services.estimate import Estimate, FactorUsed

WAYS = ("hardware", "power_watts", "energy_kwh")
NO_WAY = "Give one of hardware, power_watts and energy_kwh (or cpu_cores)."
NO_PLACE = "No place is given (grid_g_per_kwh, zone or cloud_region): the world average is assumed."
NO_HOURS = "No hours are given with the energy: the lifetime share of the hardware is unknown."
TOO_LARGE = "The figures are beyond 9,000,000,000 kWh, kg or hours: check hours, count and power."


class CalculatorView(APIView):
    """Footprints of runs that nobody has to log."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (BoundedJSONParser,)
    throttle_classes = (CalculatorThrottle,)

    @extend_schema(
        operation_id="calculate",
        tags=["calculator"],
        auth=[],
        request=CalculatorQuestion,
        responses={
            200: CalculatorAnswer,
            (400, PROBLEM_JSON): Problem,
            (413, PROBLEM_JSON): Problem,
            (415, PROBLEM_JSON): Problem,
            (429, PROBLEM_JSON): Problem,
        },
    )
    def post(self, request: Request) -> Response:
        """Calculate runs: energy, location-based, market-based and embodied emissions.

        One of `hardware`, `power_watts` and `energy_kwh` is needed; what is stated is taken as
        it is. Results come in the order of the runs. A run that cannot be calculated has
        `errors` in its place and does not fail the others.
        """
        return Response({"results": answers(_rows(request.data), now=timezone.now())})


def _rows(body: Any) -> list[Any]:
    """Return the rows of a body, or raise what is wrong with it as a whole."""
    if not isinstance(body, dict) or "runs" not in body:
        raise ValidationError({"runs": ['Give an object with a list: {"runs": [{…}, …]}.']})
    others = {name: ["There is no such field."] for name in body if name != "runs"}
    if others:
        raise ValidationError(others)
    rows = body["runs"]
    if not isinstance(rows, list):
        raise ValidationError({"runs": ["Give a list of runs."]})
    if len(rows) > MOST_ROWS:
        raise ContentTooLargeError(
            f"Give at most {MOST_ROWS:,} runs in one request; these are {len(rows):,}."
        )
    return rows


def answers(rows: Iterable[Any], *, now: datetime) -> list[dict[str, Any]]:
    """Return the answer for each row, in order: figures, or errors by field."""
    names = Named(None)
    read = [_checked(row, names) for row in rows]
    sound = [values for values, errors in read if not errors]
    figures = iter(calculate(rows=sound, now=now) if sound else [])
    return [
        {"errors": errors} if errors else _answer(values, next(figures)) for values, errors in read
    ]


def _checked(row: Any, names: Named) -> tuple[dict[str, Any], Errors]:
    """Return a row's values under the service's names, and what is wrong with it."""
    values, errors = read_row(row, CALCULATION)
    if errors:
        return values, errors
    values = {name: value for name, value in values.items() if value != ""}
    errors = _resolve(values, names)
    if not errors:
        errors = check_calculation(values)
        if "hardware" in errors and not any(way in values for way in (*WAYS, "hardware_id")):
            errors["hardware"] = [NO_WAY]
    return values, errors


def _resolve(values: dict[str, Any], names: Named) -> Errors:
    """Replace the names of hardware and places by ids; return those that are not known."""
    errors: Errors = {}
    if "preset" in values:
        values["preset"] = int(PRESETS[values["preset"]])
    if "hardware" in values:
        hardware = values.pop("hardware")
        values["hardware_id"] = names.hardware(hardware)
        if values["hardware_id"] is None:
            errors["hardware"] = [unknown_hardware(hardware, names)]
    region = None
    if "cloud_region" in values:
        named_region = values.pop("cloud_region")
        region = names.region(named_region)
        if region is None:
            errors["cloud_region"] = [unknown_region(named_region, names)]
        else:
            values["cloud_region_id"] = region.pk
    if "zone" in values:
        code = values.pop("zone")
        values["zone_id"] = names.zone(code)
        if values["zone_id"] is None:
            errors["zone"] = [unknown_zone(code)]
        elif region is not None and region.zone_id != values["zone_id"]:
            errors["zone"] = [f"{region} is in {region.zone.code}: leave zone or cloud_region out."]
    return errors


def unknown_hardware(name: str, names: Named) -> str:
    """Return what to do about a name that the catalogue does not have."""
    return f"“{name}” is not in the catalogue.{names.similar_hardware(name)}"


def unknown_region(name: str, names: Named) -> str:
    """Return what to do about a cloud region that is not known."""
    if ":" not in name:
        return "Give provider and region, such as gcp:europe-west1."
    return f"“{name}” is not a cloud region we know.{names.similar_region(name)}"


def unknown_zone(code: str) -> str:
    """Return what to do about a grid zone that is not known."""
    return f"“{code}” is not a grid zone we know: give an ISO code or a name, such as FR or US-CA."


def _answer(values: dict[str, Any], estimate: Estimate) -> dict[str, Any]:
    if estimate.exceeds_range:
        return {"errors": {ROW: [TOO_LARGE]}}
    assumptions = list(estimate.assumptions)
    if not any(name in values for name in ("grid_g_per_kwh", "zone_id", "cloud_region_id")):
        assumptions.insert(0, NO_PLACE)
    embodied_kg = estimate.embodied_kg
    if embodied_kg is not None and not ("duration_hours" in values or "device_hours" in values):
        embodied_kg = None
        assumptions.append(NO_HOURS)
    return {
        "energy_it_kwh": estimate.energy_it_kwh,
        "energy_facility_kwh": estimate.energy_facility_kwh,
        "location_based_kg": estimate.location_based_kg,
        "market_based_kg": estimate.market_based_kg,
        "embodied_kg": embodied_kg,
        "upstream_kg": estimate.upstream_kg,
        "losses_kg": estimate.losses_kg,
        "device_hours": estimate.device_hours,
        "pue": estimate.pue,
        "basis": Basis(estimate.basis).name.lower(),
        "factor": _factor(estimate.factor),
        "assumptions": assumptions,
    }


def _factor(factor: FactorUsed | None) -> dict[str, Any] | None:
    if factor is None:
        return None
    return {
        "value": factor.value_g_per_kwh,
        "zone": factor.zone_code or None,
        "year": factor.year,
        "kind": factor.kind or None,
        "fit": factor.fit.name.lower(),
        "source": factor.source,
    }
