"""The working can be done again by hand: the values of each step give its result."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from emissions.calculation.vocabulary import Preset
from emissions.models import GridZone, HardwareModel, Organisation, Run
from emissions.services.estimate import Estimate, estimate_runs
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.working import plain
from tests.factories import (
    HARDWARE,
    NOW,
    make_factor,
    make_factor_set,
    make_hours,
    make_node,
    make_organisation,
    make_reference,
    make_site,
)
from tests.scenarios import Laboratory

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation(laboratory: Laboratory) -> Organisation:
    """An organisation whose zone has a factor, upstream, losses, water and hours of 2026."""
    organisation = laboratory.organisation
    hours = make_factor_set()
    france = GridZone.objects.get(code="FR")
    make_hours(factor_set=hours, zone=france, year=2026, grams=lambda hour: 30.0 + hour % 24)
    adopt_factor_set(organisation=organisation, factor_set=hours, precedence=1, by=None, now=NOW)
    return organisation


def estimate(organisation: Organisation, **stated: Any) -> Estimate:
    values: dict[str, Any] = {
        "started_at": datetime(2026, 3, 3, 4, 5, tzinfo=UTC),
        "duration_hours": 100.0,
        "device_count": 8.0,
        "hardware": HardwareModel.objects.get(name=HARDWARE["a100"]),
        "site": make_site(organisation, pue=1.23, wue_litres_per_kwh=0.4),
        **stated,
    }
    values.setdefault("device_hours", values["device_count"] * values["duration_hours"])
    run = Run(organisation=organisation, name="run", **values)
    return estimate_runs(runs=[run], organisation=organisation)[0]


def by_hand(values: str) -> float:
    """Work out the values of a step as a person would: without units, × and ÷ in order."""
    bare = re.sub(r"g CO₂e/kWh|l/kWh|kWh|kg|years|expected use|\bW\b|\bh\b|\bh\)", "", values)
    bare = bare.replace("8,760", "8760)") if "8,760" in bare and ")" not in bare else bare
    bare = re.sub(r"\(mean of \d+ months\)", "", bare)
    bare = re.sub(r"(\d+)%", r"(\1/100)", bare)
    sum_of = bare.replace(",", "").replace("×", "*").replace("÷", "/").replace("−", "-")
    assert re.fullmatch(r"[\d.+\-*/() e]+", sum_of), values
    return float(eval(sum_of))


CASES: dict[str, dict[str, Any]] = {
    "default power over two months": {"duration_hours": 1000.0},
    "a year and more": {"duration_hours": 12_000.0},
    "stated power": {"stated_power_watts": 273.5},
    "share of the maximum": {"power_share": 0.625},
    "utilisation": {"utilisation": 0.4},
    "cores and memory": {"cpu_cores": 64.0, "memory_gb": 512.0, "power_share": 1.0},
    "stated energy": {"energy_kwh": 1234.5},
    "stated energy with its PUE": {"energy_kwh": 1234.5, "energy_includes_pue": True},
    "another calculator's preset": {},
    "device-hours that are no product": {"device_hours": 777.0},
}


@pytest.mark.parametrize("case", CASES)
def test_the_values_of_each_step_give_its_result(organisation, case):
    if "preset" in case:
        organisation.preset = Preset.MLCO2
        organisation.save()
    found = estimate(organisation, **CASES[case])
    assert len(found.steps) > 4
    for step in found.steps:
        if step.values.endswith("no further multiplied"):
            continue
        assert by_hand(step.values) == pytest.approx(step.result, rel=2e-4), step
    labels = [step.label for step in found.steps]
    assert {"Location-based", "Location-based, by the hour", "Upstream", "Water"} <= set(labels)


def test_a_node_s_power_model_can_be_worked_out(organisation):
    node = make_node(
        site=make_site(organisation), idle_watts=800.0, max_watts=6400.0, embodied_kg=1200.0
    )
    for stated in ({}, {"utilisation": 0.3}, {"power_share": 0.9}):
        found = estimate(organisation, node=node, hardware=None, site=None, **stated)
        (power,) = [step for step in found.steps if step.label == "Average power of one device"]
        assert by_hand(power.values) == pytest.approx(power.result)
        assert "800 W" in power.values or "800 − 100" in power.values, "per device, of the node"


def test_months_with_different_factors_show_each():
    reference = make_reference()
    organisation = make_organisation()
    own = make_factor_set(organisation=organisation)
    for year, grams in ((2025, 100.0), (2026, 300.0)):
        make_factor(factor_set=own, zone=reference["DE"], year=year, g_co2e_per_kwh=grams)
    adopt_factor_set(organisation=organisation, factor_set=own, precedence=0, by=None, now=NOW)
    found = estimate(
        organisation,
        site=None,
        zone=reference["DE"],
        energy_kwh=400.0,
        started_at=datetime(2025, 12, 31, tzinfo=UTC),
        duration_hours=96.0,
    )
    step = next(step for step in found.steps if step.label == "Location-based")
    assert "100 g CO₂e/kWh + " in step.values
    assert "300 g CO₂e/kWh" in step.values
    assert by_hand(step.values) == pytest.approx(step.result, rel=1e-5)
    assert step.result == pytest.approx(100 * 1.54 * 0.1 + 300 * 1.54 * 0.3)


def test_every_factor_names_its_source(organisation):
    found = estimate(organisation)
    sources = {step.label: step.source for step in found.steps}
    for label in ("Location-based", "Market-based, uncovered", "Upstream"):
        assert "(France, 20" in sources[label], label
    own = estimate(organisation, stated_factor_g_per_kwh=5.0, stated_factor_source="Supplier")
    (step,) = [step for step in own.steps if step.label == "Location-based"]
    assert step.source == "Stated with the run"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_082_990.0, "1,082,990"), (0.3725, "0.3725"), (12.3456789, "12.3457"), (0.0, "0")],
)
def test_values_are_never_powers_of_ten(value, text):
    assert plain(value) == text
