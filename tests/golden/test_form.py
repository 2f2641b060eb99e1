"""Published results come out of the run form, the ledger behind it, and the calculator page."""

from typing import Any

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from emissions.models import EmissionEntry, Membership, Run
from tests.factories import calculate_all, make_member, make_project
from tests.golden.worked_examples import BLOOM_PARTS, BY_ID, FULL_CHAINS, WorkedExample

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher() -> Membership:
    return make_member(Role.RESEARCHER)


def ledger_kg(client: Client, membership: Membership, **fields: Any) -> float:
    """Log a run through the form and return what its ledger lines add up to. [kg]"""
    data = {
        "project": make_project(membership.team).pk,
        "name": "Published",
        "stage": "pre_training",
        "status": "completed",
        "started_at": "2020-01-15T12:00",
        "stated_factor_source": "The publication",
        **{name: value for name, value in fields.items() if value is not None},
    }
    client.force_login(membership.user)
    answer = client.post(f"/o/{membership.organisation.slug}/runs/new/", data)
    assert answer.status_code == 302, answer.context["form"].errors
    calculate_all()
    lines = EmissionEntry.objects.filter(run=Run.objects.latest("pk"))
    return float(sum(line.location_based_kg for line in lines))


@pytest.mark.parametrize("example", FULL_CHAINS, ids=lambda example: example.id)
def test_full_chains_through_the_forms_advanced_fields(
    example: WorkedExample, researcher: Membership, client: Client
) -> None:
    kg = ledger_kg(
        client,
        researcher,
        device_count=example.device_count,
        duration_hours=example.duration_hours,
        device_hours=example.device_hours,
        stated_power_watts=example.power_watts,
        stated_pue=example.pue,
        stated_factor_g_per_kwh=example.grid_g_per_kwh,
    )
    assert kg == pytest.approx(example.published_kg, rel=example.tolerance)


def test_a_machines_power_with_its_devices_is_the_same(
    researcher: Membership, client: Client
) -> None:
    nas = BY_ID["strubell-nas"]
    kg = ledger_kg(
        client,
        researcher,
        device_count=8,
        duration_hours=nas.duration_hours,
        stated_power_watts=nas.power_watts,
        power_is_total="on",
        stated_pue=nas.pue,
        stated_factor_g_per_kwh=nas.grid_g_per_kwh,
    )
    assert kg / 0.45359237 == pytest.approx(626_155, rel=1e-3)


def test_blooms_idle_energy_through_the_form(researcher: Membership, client: Client) -> None:
    idle = BY_ID["bloom-idle"]
    kg = ledger_kg(
        client,
        researcher,
        energy_kwh=idle.energy_kwh,
        energy_includes_pue="on",
        stated_pue=idle.pue,
        stated_factor_g_per_kwh=idle.grid_g_per_kwh,
    )
    assert kg == pytest.approx(idle.published_kg, rel=idle.tolerance)


def test_blooms_total_is_the_sum_of_its_parts_in_the_calculator(
    researcher: Membership, client: Client
) -> None:
    shared = {"device_count": 384, "device_hours": 1_082_990, "life_years": 6}
    questions = {
        "bloom-dynamic": {**shared, "power_watts": 400, "pue": 1, "grid_g_per_kwh": 57},
        "bloom-idle": {"energy_kwh": 256_646, "pue": 1, "grid_g_per_kwh": 57},
        "bloom-embodied-gpu": {
            **shared, "power_watts": 400, "embodied_kg_per_device": 150, "expected_utilisation": 85,
        },
        "bloom-embodied-server": {
            **shared, "power_watts": 400, "embodied_kg_per_device": 312.5,
            "expected_utilisation": 85,
        },
    }  # fmt: skip
    total = 0.0
    for part in BLOOM_PARTS:
        estimate = client.get("/calculator/", questions[part]).context["estimate"]
        example = BY_ID[part]
        kg = estimate.embodied_kg if example.check == "embodied" else estimate.location_based_kg
        assert kg == pytest.approx(example.published_kg, rel=example.tolerance)
        total += kg
    assert total == pytest.approx(BY_ID["bloom-total"].published_kg, rel=0.005)
