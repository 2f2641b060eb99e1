"""Whatever a calculation reads: a change of it queues the runs it stands behind, and no more
is needed for the ledger to equal a fresh calculation."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from emissions.calculation.vocabulary import Control, HardwareKind, Preset, SiteKind, Tenure
from emissions.models import EmissionEntry, GridZone, Organisation, PendingCalculation
from emissions.services.change_life import set_life
from emissions.services.invalidate import organisation_changed
from emissions.services.manage_hardware import Device, edit_hardware
from emissions.services.manage_nodes import Machine, dispose_node, edit_node, place_node
from emissions.services.manage_organisation import edit_organisation
from emissions.services.manage_projects import assign_project
from emissions.services.manage_sites import Conditions, edit_site, set_conditions
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_hardware,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db
MIDDLE = date(2026, 4, 15)


@pytest.fixture
def world() -> dict[str, Any]:
    """Runs of March to May on a node, on own hardware at a site, and in a zone without factors."""
    reference = make_reference()
    organisation = make_organisation(time_zone="Europe/Paris")
    team = make_team(organisation)
    project = make_project(team)
    site, other = make_site(organisation), make_site(organisation, reference["DE"])
    node = make_node(site=site)
    own = make_hardware(organisation=organisation)
    island = GridZone.objects.create(
        code="DE-X", name="Island", kind="subdivision", parent=reference["DE"]
    )
    values = {
        "project": project,
        "started_at": datetime(2026, 3, 31, 22, 30, tzinfo=UTC),
        "duration_hours": 800.0,
        "calculated": False,
    }
    make_run(node=node, **values)
    make_run(hardware=own, site=site, **values)
    make_run(hardware=own, zone=island, **values)
    make_run(hardware=own, cloud_region=reference["region"], **values)
    calculate_all()
    return {**reference, "organisation": organisation, "team": team, "project": project,
            "site": site, "other": other, "node": node, "own": own, "island": island}  # fmt: skip


def _conditions(world: dict[str, Any], **values: Any) -> None:
    conditions = Conditions(**{"zone": world["FR"], "pue": 1.2, "pue_source": "Metered", **values})
    set_conditions(site=world["site"], conditions=conditions, starts_on=MIDDLE, by=None, now=NOW)


def _machine(world: dict[str, Any], **values: Any) -> None:
    machine = Machine(**{"hardware": world["a100"], "device_count": 8, **values})
    edit_node(node=world["node"], name=world["node"].name, machine=machine, by=None)


def _device(world: dict[str, Any], **values: Any) -> None:
    device = Device(
        **{
            "name": world["own"].name,
            "kind": HardwareKind.GPU,
            "max_watts": 300.0,
            "source": "Test data sheet",
            **values,
        }
    )
    edit_hardware(hardware=world["own"], device=device, by=None, life_from=MIDDLE, now=NOW)


def _organisation(world: dict[str, Any], **values: Any) -> None:
    one: Organisation = world["organisation"]
    settings = {"name": one.name, "time_zone": one.time_zone, "preset": Preset(one.preset)}
    edit_organisation(organisation=one, by=None, **{**settings, **values})


def _move_zone(world: dict[str, Any]) -> None:
    """Give a zone another parent, as `load_reference` does."""
    GridZone.objects.filter(pk=world["island"].pk).update(parent=world["FR"])
    organisation_changed(organisation=world["organisation"], by=None, reason="Reference data")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "site: zone": lambda world: _conditions(world, zone=world["DE"]),
    "site: PUE": lambda world: _conditions(world, pue=1.7),
    "site: water": lambda world: _conditions(world, wue_litres_per_kwh=2.0),
    "site: control": lambda world: _conditions(world, it_control=Control.OTHER),
    "site: kind": lambda world: edit_site(
        site=world["site"], name="Other", kind=SiteKind.CLOUD, cloud_region=world["region"],
        by=None,
    ),
    "node: hardware": lambda world: _machine(world, hardware=world["h100"]),
    "node: power": lambda world: _machine(world, max_watts=9000.0, idle_watts=900.0),
    "node: footprint": lambda world: _machine(world, embodied_kg=5e4, embodied_source="Maker"),
    "node: life": lambda world: set_life(
        node=world["node"], life_years=2.0, starts_on=MIDDLE, by=None, now=NOW
    ),
    "node: place": lambda world: place_node(
        node=world["node"], site=world["other"], starts_on=MIDDLE, by=None, now=NOW
    ),
    "hardware: power": lambda world: _device(world, max_watts=500.0),
    "hardware: footprint": lambda world: _device(world, embodied_kg=200.0, embodied_source="Maker"),
    "hardware: life": lambda world: _device(
        world, embodied_kg=200.0, embodied_source="Maker", life_years=7.0
    ),
    "project: team": lambda world: assign_project(
        project=world["project"], team=make_team(world["organisation"]), starts_on=MIDDLE,
        by=None, now=NOW,
    ),
    "project: cost centre": lambda world: assign_project(
        project=world["project"], team=world["team"], cost_centre="4711", starts_on=MIDDLE,
        by=None, now=NOW,
    ),
    "organisation: time zone": lambda world: _organisation(world, time_zone="America/New_York"),
    "organisation: preset": lambda world: _organisation(world, preset=Preset.MLCO2),
    "zone: parent": _move_zone,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_an_input_is_posted(world: dict[str, Any], change: str):
    posted = EmissionEntry.objects.count()
    CHANGES[change](world)
    calculate_all()
    found = verify_ledger(organisation=world["organisation"])
    assert found.clean
    assert (found.runs, found.pending) == (4, 0)
    assert EmissionEntry.objects.count() > posted, "The change moves nothing: test another one."


def test_how_a_node_is_held_and_that_it_left_move_no_figure(world: dict[str, Any]):
    place_node(
        node=world["node"],
        site=world["site"],
        tenure=Tenure.FINANCE_LEASE,
        starts_on=MIDDLE,
        by=None,
        now=NOW,
    )
    dispose_node(node=world["node"], disposed_on=date(2026, 4, 20), by=None, now=NOW)
    assert PendingCalculation.objects.exists()
    calculate_all()
    assert verify_ledger(organisation=world["organisation"]).clean
