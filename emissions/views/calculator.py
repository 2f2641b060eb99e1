"""The public calculator: the whole question stands in the address."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import log10
from typing import Any

import numpy as np
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from emissions.calculation.embodied import HOURS_PER_YEAR
from emissions.calculation.equivalents import (
    EQUIVALENTS,
    Equivalent,
    Group,
    equivalents,
    lb_from_kg,
)
from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers
from emissions.forms.calculator import CalculatorForm
from emissions.models import HardwareModel
from emissions.services.calculator import (
    ACCELERATORS,
    MODELS,
    calculate,
    elsewhere,
    on_other_hardware,
)
from emissions.services.check_run import complete_run
from emissions.services.estimate import Estimate
from emissions.views import spread
from emissions.views.citations import citations
from emissions.views.comparisons import hardware_card, places_card
from emissions.views.working import exact, notes, plain, shown_steps

#: What the page shows before anybody has asked anything.
EXAMPLE = "hardware=H100&device_count=8&duration_hours=24"
METRIC, POUNDS = "kg", "lb"
UNITS = {METRIC: "kg, t", POUNDS: "lb"}
MASSES = ("location_based_kg", "market_based_kg", "embodied_kg")
#: The API's names of a place, which an address may use instead of `place`.
PLACE_NAMES = ("cloud_region", "zone")


@require_safe
def calculator(request: HttpRequest) -> HttpResponse:
    """Answer what a run would emit: the page, or for htmx only the answer."""
    query = _query(request)
    form = CalculatorForm(query)
    context: dict[str, Any] = {"form": form, "example": not request.GET}
    if form.is_valid():
        context |= _answer(request, form, timezone.now())
    if request.headers.get("HX-Request"):
        response = render(request, "emissions/_calculator_result.html", context)
        response["HX-Replace-Url"] = f"?{_stated(query).urlencode()}"
    else:
        form.suggest()
        response = render(request, "emissions/calculator.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _query(request: HttpRequest) -> QueryDict:
    query = (request.GET if request.GET else QueryDict(EXAMPLE)).copy()
    for name in PLACE_NAMES:
        if query.get(name) and not query.get("place"):
            query["place"] = str(query[name])
    return query


def _stated(query: QueryDict) -> QueryDict:
    """Return the address without what is left empty."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        if any(values) and name not in PLACE_NAMES:
            kept[name] = values[-1]
    return kept


def _answer(request: HttpRequest, form: CalculatorForm, now: datetime) -> dict[str, Any]:
    row = form.row
    (estimate,) = calculate(rows=[row], now=now)
    full = complete_run(row)
    places = elsewhere(
        estimate=estimate,
        started_at=datetime(row["year"] or now.year, 1, 1, tzinfo=UTC),
        duration_hours=min(full["duration_hours"], HOURS_PER_YEAR),
        organisation=None,
    )
    models = on_other_hardware(row=row, models=_models(row), now=now)
    address = request.build_absolute_uri(f"{request.path}?{_stated(_query(request)).urlencode()}")
    return {
        "estimate": estimate,
        "full": full,
        "hours": f"{plain(full['device_count'])} × {plain(full['duration_hours'])} h wall-clock",
        "steps": shown_steps(estimate),
        "exact": exact(estimate, embodied_kg=estimate.embodied_kg),
        **_figures(request, estimate),
        "places": places_card(places, here=estimate),
        "models": hardware_card(models, here=estimate, own=row.get("hardware_id", 0)),
        "everyday": _equivalents(estimate, Group.EVERYDAY),
        "published": _equivalents(estimate, Group.PUBLISHED_MODEL),
        "citations": citations(form=form, estimate=estimate, full=full, url=address),
        "share_url": address,
    }


def _figures(request: HttpRequest, estimate: Estimate) -> dict[str, Any]:
    """Return the headline figures in the unit of the address, and the switch."""
    unit = request.GET.get("unit")
    unit = unit if unit in UNITS else METRIC
    other = METRIC if unit == POUNDS else POUNDS
    query = _stated(_query(request))
    found = spread.of_estimate(estimate)
    return {
        "unit": unit,
        "headline": _mass(estimate.location_based_kg, unit),
        "other_unit": f"= {_mass(estimate.location_based_kg, other)}",
        "market": _mass(estimate.market_based_kg, unit),
        "embodied": _mass(estimate.embodied_kg, unit),
        "ranges": spread.all_words(found)
        | {name: _mass_range(found.of(name), unit) for name in MASSES},
        "mostly_from": spread.mostly_from(found),
        "units": [
            {"label": label, "url": f"?{_with(query, unit=key)}", "current": key == unit}
            for key, label in UNITS.items()
        ],
        **notes(estimate),
    }


def _with(query: QueryDict, **values: str) -> str:
    changed = query.copy()
    for name, value in values.items():
        changed[name] = value
    return changed.urlencode()


def _mass(kilograms: float | None, unit: str) -> str | None:
    if kilograms is None:
        return None
    if unit == METRIC:
        return f"{numbers.mass_text(kilograms)}{numbers.NO_BREAK_SPACE}CO₂e"
    pounds = float(lb_from_kg(kg=np.array(kilograms)))
    return f"{numbers.number_text(pounds)}{numbers.NO_BREAK_SPACE}lb CO₂e"


def _mass_range(interval: Interval | None, unit: str) -> str:
    if interval is None or not interval.low < interval.high:
        return ""
    if unit == METRIC:
        return spread.words(interval, "kg")
    low, high = lb_from_kg(kg=np.array([interval.low, interval.high]))
    return f"{numbers.bounds_text(low, high)}{numbers.NO_BREAK_SPACE}lb"


def _models(row: dict[str, Any]) -> list[HardwareModel]:
    shared = HardwareModel.objects.filter(organisation=None)
    named = Q(name__in=MODELS) | Q(pk=row.get("hardware_id"))
    return list(shared.filter(named, kind__in=ACCELERATORS))


SMALL_PART = 0.01
"""What is less is said as a fraction."""


@dataclass(frozen=True, slots=True)
class Alike:
    """How many of a thing an amount is like."""

    thing: Equivalent
    times: float

    @property
    def words(self) -> str:
        """How many; a small part as a fraction: 1/474."""
        if self.times >= SMALL_PART or self.times <= 0:
            return numbers.number_text(self.times)
        return f"1/{numbers.significant(1 / self.times, 2)}"


def _equivalents(estimate: Estimate, group: Group) -> list[Alike]:
    """Return what an amount is like, nearest first: what one can picture."""
    times = equivalents(
        emissions_kg=np.array([estimate.location_based_kg]),
        energy_kwh=np.array([estimate.energy_facility_kwh]),
    )
    found = [Alike(one, float(times[one.key][0])) for one in EQUIVALENTS if one.group == group]
    return sorted(found, key=lambda one: abs(log10(one.times)) if one.times > 0 else 0)
