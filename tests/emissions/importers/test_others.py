"""eco2AI, carbontracker, and how formats are told apart."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from emissions.importers.bulk import ImportRefused
from emissions.importers.formats import FORMATS
from tests.emissions.importers.reading import PARIS, read

ECO2AI = (
    "id,project_name,experiment_description,epoch,start_time,duration(s),power_consumption(kWh),"
    "CO2_emissions(kg),CPU_name,GPU_name,OS,region/country,cost\n"
)
LOG = """\
2024-03-01 10:15:30 - carbontracker - INFO - The following components were found: \
GPU with device(s) NVIDIA A100, NVIDIA A100.
2024-03-01 10:15:38 - carbontracker - INFO - Predicted consumption for 100 epoch(s):
	Time:	9:59:59
	Energy: 99 kWh
2024-03-01 11:25:38 - carbontracker - INFO - Actual consumption for 10 epoch(s):
	Time:	1:10:00
	Energy:	0.520000 kWh
	CO2eq:	150.3 g
	This is equivalent to:
	1.4 km travelled by car
"""


def test_eco2ai_s_power_is_energy(tmp_path: Path) -> None:
    runs, errors, name = read(
        tmp_path,
        ECO2AI + "a,vision,resnet,N/A,2026-03-01 10:00:00,3600,0.5,0.1,"
        '"Intel(R) Xeon(R)/1 device(s), TDP:150.0",Tesla V100 2 device(s),Linux,France,N/A\n'
        'b,vision,,2,2026-03-01 10:00:00,60,0.25,0.1,"AMD EPYC/2 device(s), TDP:1",,,,\n'
        "c,vision,,,2026-03-01 10:00:00,-60,0.25,0.1,,,,,\n",
        zone=PARIS,
    )
    assert name == "eco2ai"
    assert [(error[0], error[1]) for error in errors] == [(4, "duration(s)")]
    first, second = runs
    assert first == {
        "row": 2, "external_id": "a", "name": "resnet", "project_name": "vision",
        "equipment_name": "Tesla V100", "place_name": "France", "device_count": 2.0,
        "started_at": datetime(2026, 3, 1, 9, tzinfo=UTC), "duration_hours": 1.0,
        "energy_kwh": 0.5, "reported_kg": 0.1,
    }  # fmt: skip
    assert (second["external_id"], second["equipment_name"]) == ("b:2", "AMD EPYC")


def test_a_carbontracker_log(tmp_path: Path) -> None:
    runs, errors, name = read(tmp_path, LOG, zone=PARIS)
    assert (name, errors) == ("carbontracker", [])
    (run,) = runs
    assert run["started_at"] == datetime(2024, 3, 1, 9, 15, 38, tzinfo=UTC)
    assert run["duration_hours"] == pytest.approx(7 / 6)
    # Before September 2024 its PUE was 1.55.
    assert (run["energy_kwh"], run["reported_kg"]) == (0.52 / 1.55, pytest.approx(0.1503))
    assert "0.520000 kWh had carbontracker's PUE of 1.55" in run["notes"]
    assert (run["energy_measured"], run["energy_includes_pue"]) == (True, False)
    assert (run["equipment_name"], run["device_count"]) == ("NVIDIA A100", 2)


OUTPUT_LOG = """\
2025-11-14 15:42:43 - CarbonTracker: The following components were found: \
GPU with device(s) NVIDIA GeForce RTX 3060. CPU with device(s) cpu:0.
2025-11-14 15:43:37 - CarbonTracker: \nActual consumption:
\tTime:\t0:00:53
\tEnergy:\t0.003504 kWh
\tCO2eq:\t0.357451 g
2025-11-14 15:43:37 - CarbonTracker: \nPredicted consumption for 4 epoch(s):
\tTime:\t0:03:33
\tEnergy:\t0.014018 kWh
2025-11-14 15:43:37 - CarbonTracker: Finished monitoring.
"""
STANDARD_LOG = """\
2025-11-14 15:42:43 - carbontracker version 2.4.3
2025-11-14 15:42:43 - Only predicted and actual consumptions are multiplied by a PUE \
coefficient of 1.58 (Daniel Bizo, 2023, Uptime Institute Global Data Center Survey).
2025-11-14 15:42:43 - The following components were found: \
GPU with device(s) NVIDIA A100, NVIDIA A100. CPU with device(s) cpu:0.
2025-11-14 15:44:48 - Epoch 1:
2025-11-14 15:44:48 - Duration: 0:02:00.00
2025-11-14 15:44:48 - Average power usage (W) for gpu: [130. 140.]
2025-11-14 15:44:48 - Average power usage (W) for cpu: [30.]
2025-11-14 15:46:48 - Epoch 2:
2025-11-14 15:46:48 - Duration: 0:01:00.00
2025-11-14 15:46:48 - Average power usage (W) for gpu: [100. 100.]
2025-11-14 15:46:48 - Average power usage (W) for cpu: None
"""


def test_a_log_of_one_stretch_names_its_gpu_and_has_its_own_pue(tmp_path: Path) -> None:
    runs, errors, name = read(tmp_path, OUTPUT_LOG)
    assert (name, errors) == ("carbontracker", [])
    (run,) = runs
    assert (run["name"], run["equipment_name"]) == ("carbontracker run", "NVIDIA GeForce RTX 3060")
    assert run["energy_kwh"] == 0.003504 / 1.58
    assert run["started_at"] == datetime(2025, 11, 14, 15, 42, 44, tzinfo=UTC)


def test_epochs_of_a_standard_log_are_one_run_without_its_pue(tmp_path: Path) -> None:
    runs, errors, name = read(tmp_path, STANDARD_LOG)
    assert (name, errors) == ("carbontracker", [])
    (run,) = runs
    assert run["energy_kwh"] == pytest.approx((300 * 120 + 200 * 60) / 3.6e6)
    assert run["duration_hours"] == pytest.approx(0.05)
    assert (run["equipment_name"], run["device_count"]) == ("NVIDIA A100", 2)
    assert run["name"] == "carbontracker, 2 epochs"
    assert run["started_at"] == datetime(2025, 11, 14, 15, 43, 48, tzinfo=UTC)


def test_a_log_that_was_cut_off(tmp_path: Path) -> None:
    runs, errors, _ = read(tmp_path, OUTPUT_LOG.split("\tEnergy")[0])
    assert (runs, [error[1] for error in errors]) == ([], ["Energy"])


def test_what_was_only_simulated_was_not_measured(tmp_path: Path) -> None:
    runs, _, _ = read(tmp_path, STANDARD_LOG.replace("cpu:0", "Simulated CPU"))
    assert runs[0]["energy_measured"] is False


def test_a_region_of_eco2ai_is_one_of_its_country(tmp_path: Path) -> None:
    row = "a,vision,resnet,N/A,2026-03-01 10:00:00,60,0.5,0.1,,,Linux,IN/Andhra Pradesh,N/A\n"
    runs, _, _ = read(tmp_path, ECO2AI + row)
    assert runs[0]["place_name"] == "Andhra Pradesh, IN"


def test_a_log_without_dates_or_without_a_measurement(tmp_path: Path) -> None:
    undated = "CarbonTracker: Actual consumption for 1 epoch(s):\n Time: 0:01:00\n Energy: 1 kWh\n"
    runs, errors, _ = read(tmp_path, undated)
    assert (runs, [error[1] for error in errors]) == ([], ["timestamp"])
    with pytest.raises(ImportRefused, match="nothing was measured"):
        read(tmp_path, LOG.split("2024-03-01 11")[0])


def test_a_table_of_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="fit none of the formats"):
        read(tmp_path, "a,b\n1,2\n")


@pytest.mark.parametrize("name", ["sacct", "codecarbon", "eco2ai", "carbontracker"])
def test_a_format_that_it_is_not_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportRefused, match="not those of"):
        read(tmp_path, "started_at,duration_hours\n2026-01-01Z,1\n", format_name=name)


def test_formats_go_by_their_own_names() -> None:
    assert all(name == one.name for name, one in FORMATS.items())
