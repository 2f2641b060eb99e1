from datetime import UTC, datetime
from pathlib import Path

import pytest

from emissions.calculation.vocabulary import Basis
from emissions.importers.columns import TimeZoneNeeded
from tests.emissions.importers.reading import PARIS, read

COLUMNS_38 = [
    "timestamp",
    "project_name",
    "run_id",
    "experiment_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "water_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "cpu_utilization_percent",
    "gpu_utilization_percent",
    "ram_utilization_percent",
    "ram_used_gb",
    "on_cloud",
    "pue",
    "wue",
]
#: Columns that came with later versions, latest last: 29, 31, 32, 34 and 38 columns.
NEWER = (
    "experiment_id", "pue", "water_consumed", "wue", "ram_used_gb", "cpu_utilization_percent",
    "gpu_utilization_percent", "ram_utilization_percent", "on_cloud",
)  # fmt: skip
ROW = {
    "timestamp": "2026-03-01T10:00:00", "project_name": "nlp", "run_id": "r1",
    "duration": "7200.5", "emissions": "0.05", "emissions_rate": "99", "cpu_energy": "0.1",
    "gpu_energy": "0.6", "ram_energy": "0.1", "energy_consumed": "0.8", "country_name": "France",
    "country_iso_code": "FRA", "codecarbon_version": "3.3.2", "cpu_model": "Intel Xeon",
    "gpu_count": "8", "gpu_model": "8 x NVIDIA H100", "tracking_mode": "machine", "on_cloud": "N",
    "pue": "1.0",
}  # fmt: skip


def file_of(*changes: dict[str, str], columns: list[str] = COLUMNS_38) -> str:
    lines = [",".join({**ROW, **change}.get(name, "") for name in columns) for change in changes]
    return "\n".join([",".join(columns), *lines]) + "\n"


@pytest.mark.parametrize("count", [29, 31, 32, 34, 38])
def test_any_version_and_any_order(tmp_path: Path, count: int) -> None:
    columns = [name for name in COLUMNS_38 if name not in NEWER[: 38 - count]]
    runs, errors, name = read(tmp_path, file_of({}, columns=columns[::-1]), zone=PARIS)
    assert (len(columns), name, errors) == (count, "codecarbon", [])
    (run,) = runs
    assert run["started_at"] == datetime(2026, 3, 1, 6, 59, 59, 500_000, tzinfo=UTC)
    assert run["duration_hours"] == 7200.5 / 3600
    assert (run["energy_kwh"], run["reported_kg"]) == (0.8, 0.05)
    assert (run["device_count"], run["equipment_name"]) == (8, "NVIDIA H100")
    assert (run["external_id"], run["project_name"], run["place_name"]) == ("r1", "nlp", "France")
    assert not run["energy_measured"]


def test_of_a_run_s_growing_rows_the_last_counts(tmp_path: Path) -> None:
    text = file_of(
        {"duration": "10", "energy_consumed": "0.1"},
        {"run_id": "r2"},
        {"duration": "30", "energy_consumed": "0.3"},
    )
    runs, _, _ = read(tmp_path, text)
    assert {run["external_id"]: run["energy_kwh"] for run in runs} == {"r1": 0.3, "r2": 0.8}


def test_without_an_id_project_end_and_duration_are_one(tmp_path: Path) -> None:
    text = file_of(
        {"run_id": "None"},
        {"run_id": "None"},
        {"run_id": "None", "duration": "5"},
        {"run_id": "None", "timestamp": "2026-03-01T11:00:00"},
    )
    runs, _, _ = read(tmp_path, text)
    assert len({run["external_id"] for run in runs}) == len(runs) == 3


def test_the_cloud_s_region_comes_first_and_a_subdivision_names_its_country(tmp_path: Path) -> None:
    text = file_of(
        {"on_cloud": "Y", "cloud_provider": "gcp", "cloud_region": "europe-west3"},
        {"run_id": "b", "country_name": "United States", "region": "california"},
        {"run_id": "c", "country_name": "nan"},
    )
    runs, _, _ = read(tmp_path, text)
    assert [run["place_name"] for run in runs] == [
        "gcp:europe-west3",
        "california, United States",
        "FRA",
    ]


def test_a_pue_is_divided_out_of_all_energies(tmp_path: Path) -> None:
    (run,), _, _ = read(tmp_path, file_of({"pue": "1.25"}))
    assert (run["stated_pue"], run["client_pue"]) == (1.25, 1.25)
    assert run["energy_kwh"] == 0.8 / 1.25
    assert run["gpu_energy_kwh"] == 0.6 / 1.25
    assert not run["energy_includes_pue"]
    (run,), _, _ = read(tmp_path, file_of({}))
    assert (run["energy_kwh"], "stated_pue" in run) == (0.8, False)


def test_each_component_says_how_it_is_known(tmp_path: Path) -> None:
    (run,), _, _ = read(tmp_path, file_of({}))
    known = ("gpu_energy_kwh", "gpu_basis", "cpu_energy_kwh", "cpu_basis", "memory_energy_kwh",
             "memory_basis", "boundary")  # fmt: skip
    counter, estimated = Basis.DEVICE_COUNTER, Basis.ESTIMATED
    assert [run[name] for name in known] == [
        0.6,
        counter,
        0.1,
        estimated,
        0.1,
        estimated,
        "machine",
    ]
    (run,), _, _ = read(tmp_path, file_of({"gpu_energy": "", "ram_energy": "-1"}))
    assert "gpu_basis" not in run
    assert "memory_basis" not in run


def test_what_is_modelled_but_does_not_matter_leaves_it_measured(tmp_path: Path) -> None:
    text = file_of({"cpu_energy": "0.02", "ram_energy": "0.01"}, {"run_id": "b"})
    runs, _, _ = read(tmp_path, text)
    assert [run["energy_measured"] for run in runs] == [True, False]


def test_a_run_on_a_processor(tmp_path: Path) -> None:
    (run,), _, _ = read(tmp_path, file_of({"gpu_count": "0", "gpu_model": ""}))
    assert (run["device_count"], run["equipment_name"]) == (1, "Intel Xeon")


def test_bad_rows_and_a_zone_that_is_asked_for(tmp_path: Path) -> None:
    text = file_of({"duration": "-1"}, {"run_id": "b", "energy_consumed": ""}, {"run_id": "c"})
    runs, errors, _ = read(tmp_path, text)
    assert [run["external_id"] for run in runs] == ["c"]
    assert [(row, column) for row, column, _ in errors] == [(2, "duration"), (3, "energy_consumed")]
    with pytest.raises(TimeZoneNeeded):
        read(tmp_path, text, zone=None)
