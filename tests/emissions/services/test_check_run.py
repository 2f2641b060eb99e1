from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emissions.services.check_run import check_run, complete_run
from tests.factories import NOW, make_node, make_reference, make_site

SOUND: dict[str, Any] = {
    "hardware": 1,
    "device_count": 8.0,
    "duration_hours": 12.0,
    "started_at": datetime(2026, 5, 4, 8, tzinfo=UTC),
}


def errors(**changes: Any) -> dict[str, list[str]]:
    return check_run({**SOUND, **changes}, now=NOW)


def test_a_sound_run_has_no_errors() -> None:
    assert errors() == {}


@pytest.mark.parametrize("way", ["hardware", "node", "stated_power_watts", "energy_kwh"])
def test_one_way_to_the_energy_is_enough(way: str) -> None:
    assert errors(**{"hardware": None, way: 1}) == {}


def test_no_way_to_the_energy() -> None:
    assert list(errors(hardware=None)) == ["hardware"]
    assert list(errors(hardware=None, cpu_cores=0)) == ["hardware"]


def test_a_job_of_processors_alone_has_the_power_of_its_cores() -> None:
    assert errors(hardware=None, cpu_cores=12, memory_gb=64) == {}


def test_device_hours_alone_are_not_centuries_of_one_device() -> None:
    """Llama 2 70B is published with 1,720,320 GPU-hours, and no number of devices."""
    alone = {"duration_hours": None, "device_hours": 1_720_320.0}
    assert errors(**alone, device_count=None) == {}
    found = errors(**alone, device_count=1)["device_hours"][0]
    assert "1,720,320 device-hours on 1 device are 196 years" in found


def test_hours_are_needed_unless_energy_is_stated() -> None:
    assert list(errors(duration_hours=None)) == ["duration_hours"]
    assert errors(duration_hours=None, device_hours=96.0) == {}
    assert errors(duration_hours=None, energy_kwh=5.0) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_count", 0),
        ("device_count", -1),
        ("device_count", float("nan")),
        ("duration_hours", -1),
        ("duration_hours", float("inf")),
        ("duration_hours", 1e7),
        ("device_hours", 1e10),
        ("energy_kwh", 9.1e9),
        ("energy_kwh", -1),
        ("stated_power_watts", "many"),
        ("power_share", 1.01),
        ("utilisation", 75),
        ("stated_pue", 0.99),
        ("stated_pue", 11),
        ("stated_factor_g_per_kwh", -1),
        ("memory_gb", float("nan")),
        ("metric_value", float("inf")),
        ("started_at", datetime(1970, 1, 1, tzinfo=UTC)),
        ("started_at", NOW + timedelta(days=400)),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: Any) -> None:
    assert list(errors(stated_factor_source="Somebody", **{field: value})) == [field]


def test_device_hours_beyond_count_times_hours_are_an_error() -> None:
    found = errors(device_hours=8 * 96.0, duration_hours=12.0)
    assert "already count every device" in found["device_hours"][0]
    assert errors(device_hours=96.0) == {}
    assert errors(device_hours=90.0) == {}  # Some devices were idle.


def test_power_share_and_utilisation_exclude_each_other() -> None:
    assert list(errors(power_share=0.5, utilisation=0.9)) == ["utilisation"]


def test_a_stated_factor_needs_its_source() -> None:
    assert list(errors(stated_factor_g_per_kwh=57)) == ["stated_factor_source"]
    assert errors(stated_factor_g_per_kwh=57, stated_factor_source="RTE") == {}


def test_power_times_hours_beyond_a_ledger_line() -> None:
    found = errors(stated_power_watts=1e9, duration_hours=1e6)
    assert list(found) == ["stated_power_watts"]


@pytest.mark.django_db
def test_a_node_has_its_own_hardware_and_so_many_devices() -> None:
    reference = make_reference()
    node = make_node(node_count=2)
    assert errors(node=node, hardware=None, device_count=16) == {}
    assert list(errors(node=node, hardware=None, device_count=17)) == ["device_count"]
    assert list(errors(node=node, hardware=reference["h100"])) == ["hardware"]
    assert errors(node=node, hardware=node.hardware) == {}


@pytest.mark.django_db
def test_a_site_or_a_cloud_region() -> None:
    reference = make_reference()
    site = make_site()
    assert list(errors(site=site, cloud_region=reference["region"])) == ["cloud_region"]
    own = make_site(site.organisation, kind="cloud", cloud_region=reference["region"])
    assert errors(site=own, cloud_region=reference["region"]) == {}


@pytest.mark.parametrize(
    ("stated", "wall", "summed"),
    [
        ({"device_count": 8, "duration_hours": 12}, 12, 96),
        ({"device_count": 8, "device_hours": 96}, 12, 96),
        ({"device_count": 8, "duration_hours": 12, "device_hours": 90}, 12, 90),
        ({"duration_hours": 12}, 12, 12),
        ({"energy_kwh": 5.0}, 0, 0),
        ({"device_hours": 96}, 96, 96),
        ({"device_hours": 8760 * 10}, 8760, 8760 * 10),
        ({"duration_hours": 12, "device_hours": 90}, 12, 90),
    ],
)
def test_hours_complete_each_other(stated: dict[str, Any], wall: float, summed: float) -> None:
    full = complete_run(stated)
    assert (full["duration_hours"], full["device_hours"]) == (wall, summed)


@pytest.mark.parametrize(
    ("stated", "assumed"),
    [
        ({"device_hours": 96}, True),
        ({"device_hours": 8760 * 10}, True),
        ({"device_hours": 96, "device_count": 1}, False),
        ({"device_hours": 96, "duration_hours": 96}, False),
        ({"duration_hours": 12}, False),
        ({"energy_kwh": 5.0}, False),
    ],
)
def test_a_count_made_from_device_hours_alone_is_assumed(
    stated: dict[str, Any], assumed: bool
) -> None:
    assert complete_run(stated)["count_assumed"] is assumed


def test_what_is_said_of_no_energy_is_dropped() -> None:
    full = complete_run({**SOUND, "energy_measured": True, "energy_includes_pue": True})
    assert full["energy_measured"] is False
    assert full["energy_includes_pue"] is False
