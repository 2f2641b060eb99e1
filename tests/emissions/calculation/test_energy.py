from typing import Any

import numpy as np
import pytest

from emissions.calculation.energy import Energy, at_it_equipment, device_hours
from emissions.calculation.inputs import Activity
from emissions.calculation.vocabulary import Assumption, Basis, Preset

A100 = {"device_count": 8, "duration_hours": 10, "device_max_watts": 400}


def energy(**columns: Any) -> Energy:
    return at_it_equipment(activity=Activity.of(1, **columns))


def kwh(**columns: Any) -> float:
    return float(energy(**columns).kwh[0])


def flags(**columns: Any) -> Assumption:
    return Assumption(int(energy(**columns).assumptions[0]))


def basis(**columns: Any) -> Basis:
    return Basis(int(energy(**columns).basis[0]))


def test_stated_energy_comes_before_all_else_and_nothing_is_added() -> None:
    stated = A100 | {"energy_kwh": 7, "power_watts": 300, "cpu_cores": 64, "memory_gb": 512}

    assert kwh(**stated) == 7
    assert flags(**stated) == Assumption(0)
    assert np.isnan(energy(**stated).watts_per_device[0])


def test_stated_power_gets_no_host_and_no_parts() -> None:
    stated = A100 | {"power_watts": 300, "cpu_cores": 64, "memory_gb": 512, "power_share": 0.1}

    assert kwh(**stated) == pytest.approx(8 * 10 * 0.3)
    assert flags(**stated) == Assumption(0)
    assert basis(**stated) is Basis.ESTIMATED


def test_a_node_model_replaces_the_sum_of_the_parts() -> None:
    node = {
        "device_count": 2,
        "duration_hours": 10,
        "device_max_watts": 400,
        "node_idle_watts": 1000,
        "node_max_watts": 6000,
        "utilisation": 0.5,
        "cpu_cores": 64,
    }

    assert kwh(**node) == pytest.approx(2 * 10 * 3.5)
    assert flags(**node) == Assumption(0)


def test_power_share_comes_before_utilisation() -> None:
    run = A100 | {"power_share": 0.5, "utilisation": 1.0, "host_included": True}

    assert kwh(**run) == pytest.approx(8 * 10 * 0.2)


def test_utilisation_lies_between_idle_and_maximum() -> None:
    run = A100 | {"utilisation": 0.5, "device_idle_watts": 100, "host_included": True}

    assert kwh(**run) == pytest.approx(8 * 10 * 0.25)
    assert flags(**run) == Assumption(0)


def test_an_unknown_idle_power_is_assumed_and_told() -> None:
    run = A100 | {"utilisation": 0.0, "host_included": True}

    assert kwh(**run) == pytest.approx(8 * 10 * 0.048)
    assert flags(**run) == Assumption.IDLE_POWER_DEFAULT
    assert basis(**run) is Basis.ESTIMATED


def test_tonne_assumes_three_quarters_of_tdp_and_a_host() -> None:
    assert kwh(**A100) == pytest.approx(8 * 10 * 0.3 * 1.35)
    assert flags(**A100) == Assumption.POWER_SHARE_DEFAULT | Assumption.HOST_SHARE_DEFAULT
    assert basis(**A100) is Basis.DEFAULT
    assert energy(**A100).watts_per_device[0] == pytest.approx(300)
    assert energy(**A100).host_factor[0] == 1.35


def test_mlco2_assumes_full_power_and_no_host() -> None:
    run = A100 | {"preset": Preset.MLCO2}

    assert kwh(**run) == pytest.approx(8 * 10 * 0.4)
    assert flags(**run) == Assumption.FULL_POWER
    assert basis(**run) is Basis.DEFAULT


def test_a_host_share_makes_a_known_load_a_default() -> None:
    assert basis(**A100, power_share=0.6) is Basis.DEFAULT
    assert basis(**A100, power_share=0.6, host_included=True) is Basis.ESTIMATED


def test_green_algorithms_example_adds_totals_of_the_run() -> None:
    run = A100 | {
        "power_share": 1.0,
        "cpu_cores": 12,
        "cpu_watts_per_core": 10,
        "cpu_use": 0.5,
        "memory_gb": 64,
    }

    assert kwh(**run) == pytest.approx(10 * (8 * 400 + 12 * 10 * 0.5 + 64 * 0.3725) / 1000)
    assert flags(**run) == Assumption(0)
    assert basis(**run) is Basis.ESTIMATED


def test_parts_take_the_runs_hours_from_device_hours_where_only_those_are_known() -> None:
    run = {"device_count": 8, "device_hours": 80, "device_max_watts": 400, "power_share": 1}

    assert kwh(**run, memory_gb=100) == pytest.approx(80 * 0.4 + 10 * 0.03725)


def test_a_run_on_cores_alone() -> None:
    run = {"duration_hours": 10, "cpu_cores": 16, "cpu_watts_per_core": 7, "memory_gb": 32}

    assert kwh(**run) == pytest.approx(10 * (16 * 7 + 32 * 0.3725) / 1000)
    assert basis(**run) is Basis.ESTIMATED
    assert energy(**run).parts_kwh[0] == pytest.approx(kwh(**run))


def test_cores_of_an_unknown_model_take_green_algorithms_value() -> None:
    run = {"duration_hours": 10, "cpu_cores": 16}

    assert kwh(**run) == pytest.approx(10 * 16 * 12 / 1000)
    assert flags(**run) == Assumption.CPU_POWER_DEFAULT
    assert basis(**run) is Basis.DEFAULT


def test_a_processor_as_the_device_is_not_counted_again_but_its_memory_is_added() -> None:
    run = A100 | {"power_share": 1, "host_included": True, "cpu_cores": 64, "memory_gb": 100}

    assert kwh(**run) == pytest.approx(10 * (8 * 400 + 37.25) / 1000)
    assert kwh(**run, memory_included=True) == pytest.approx(8 * 10 * 0.4)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"device_count": 8, "duration_hours": 10},
        {"device_count": 8, "device_max_watts": 400},
        {"cpu_cores": 16},
    ],
)
def test_where_energy_cannot_be_known_it_is_zero_and_said(columns: dict[str, float]) -> None:
    assert kwh(**columns) == 0
    assert Assumption.ENERGY_UNKNOWN in flags(**columns)
    assert basis(**columns) is Basis.DEFAULT


def test_measured_energy_is_a_device_counters_and_stated_energy_an_estimate() -> None:
    assert basis(energy_kwh=5, energy_measured=True) is Basis.DEVICE_COUNTER
    assert basis(energy_kwh=5) is Basis.ESTIMATED
    assert basis(**A100, energy_measured=True) is Basis.DEFAULT


def test_stated_device_hours_are_not_multiplied_again() -> None:
    hours = device_hours(
        device_count=np.array([8.0, 8.0, np.nan, 8.0]),
        duration_hours=np.array([10.0, 10.0, 10.0, np.nan]),
        device_hours=np.array([np.nan, 70.0, np.nan, np.nan]),
    )

    np.testing.assert_equal(hours, [80.0, 70.0, 10.0, np.nan])


class TestComponents:
    """What was observed of a component supersedes its estimate; the run's is their sum."""

    COUNTER, ESTIMATED = int(Basis.DEVICE_COUNTER), int(Basis.ESTIMATED)

    def test_the_observed_accelerators_supersede_the_model_and_carry_the_host_share(self) -> None:
        seen = A100 | {"gpu_kwh": 20.0, "gpu_basis": self.COUNTER}
        found = energy(**seen)

        assert found.kwh[0] == pytest.approx(20 * 1.35)
        assert (found.gpu_kwh[0], found.host_kwh[0]) == (20.0, pytest.approx(7.0))
        assert flags(**seen) == Assumption.HOST_SHARE_DEFAULT
        assert basis(**seen) is Basis.DEFAULT

    def test_all_components_observed_need_no_assumption(self) -> None:
        seen = A100 | {
            "gpu_kwh": 20.0, "gpu_basis": self.COUNTER, "cpu_kwh": 3.0, "cpu_basis": self.COUNTER,
            "memory_kwh": 1.0, "memory_basis": self.ESTIMATED,
        }  # fmt: skip

        assert kwh(**seen) == 24
        assert flags(**seen) == Assumption(0)
        assert basis(**seen) is Basis.DEVICE_COUNTER, "memory is 4 %: not material"
        assert basis(**seen | {"memory_kwh": 2.0}) is Basis.ESTIMATED

    def test_what_was_not_observed_is_modelled(self) -> None:
        parts = {"cpu_cores": 10, "cpu_watts_per_core": 20, "memory_gb": 100}
        seen = A100 | parts | {"cpu_kwh": 3.0, "cpu_basis": self.COUNTER}
        found = energy(**seen)

        assert found.gpu_kwh[0] == pytest.approx(8 * 10 * 0.4 * 0.75)
        assert found.cpu_kwh[0] == 3
        assert found.memory_kwh[0] == pytest.approx(10 * 37.25 / 1000)
        assert basis(**seen) is Basis.DEFAULT

    def test_a_processor_is_superseded_by_its_own_observation(self) -> None:
        cpu = {"device_max_watts": 280, "duration_hours": 10, "host_included": True}

        assert kwh(**cpu, cpu_kwh=1.5, cpu_basis=self.COUNTER) == 1.5
        assert kwh(**cpu, memory_kwh=0.5, memory_basis=self.ESTIMATED) == pytest.approx(2.1 + 0.5)

    def test_stated_energy_of_the_whole_run_gives_way_only_to_better_evidence(self) -> None:
        parts = {
            "gpu_kwh": 20.0, "gpu_basis": self.COUNTER, "cpu_kwh": 3.0, "cpu_basis": self.ESTIMATED,
        }  # fmt: skip

        assert kwh(energy_kwh=30, energy_measured=True, **parts) == 30
        assert kwh(energy_kwh=30, **parts) == 30, "equally good: what was stated stands"
        assert kwh(energy_kwh=30, **parts | {"cpu_basis": self.COUNTER}) == 23

    def test_nothing_observed_leaves_every_run_as_it_was(self) -> None:
        together = at_it_equipment(
            activity=Activity.of(
                2, **A100, gpu_kwh=np.array([np.nan, 5.0]), gpu_basis=np.array([0, self.COUNTER])
            )
        )

        assert together.kwh[0] == energy(**A100).kwh[0]
        assert together.watts_per_device[0] == 300
        assert np.isnan(together.watts_per_device[1])
