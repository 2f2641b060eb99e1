from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emissions.importers import bulk
from emissions.importers.bulk import ImportRefused
from tests.emissions.importers.reading import PARIS, read

HEADER = (
    "JobID|JobName|User|Account|Partition|State|Submit|Start|End|Elapsed|NNodes|NCPUS|TotalCPU|"
    "ReqMem|MaxRSS|AllocTRES|ConsumedEnergyRaw|NodeList"
)
JOB = {
    "JobID": "123", "JobName": "train", "User": "ann", "Account": "nlp", "Partition": "gpu",
    "State": "COMPLETED", "Submit": "2026-03-01T08:00:00", "Start": "2026-03-01T09:00:00",
    "End": "2026-03-02T10:00:00", "Elapsed": "1-01:00:00", "NNodes": "2", "NCPUS": "64",
    "AllocTRES": "billing=64,cpu=64,gres/gpu:h100=8,gres/gpu=8,mem=512G,node=1",
    "ConsumedEnergyRaw": "0", "NodeList": "gpu01",
}  # fmt: skip


def file_of(*changes: dict[str, str]) -> str:
    names = HEADER.split("|")
    rows = ["|".join({**JOB, **change}.get(name, "") for name in names) for change in changes]
    return "\n".join([HEADER, *rows]) + "\n"


def job(folder: Path, **changes: str) -> dict[str, Any]:
    runs, errors, name = read(folder, file_of(changes), zone=PARIS)
    assert (name, errors) == ("sacct", [])
    return runs[0]


def test_a_job(tmp_path: Path) -> None:
    assert job(tmp_path) == {
        "row": 2, "external_id": "123", "name": "train", "project_name": "nlp",
        "equipment_name": "h100", "place_name": "partition gpu", "host": "gpu01",
        "status": "completed", "started_at": datetime(2026, 3, 1, 8, tzinfo=UTC),
        "duration_hours": 25.0, "device_count": 8.0, "cpu_cores": 64.0, "memory_gb": 512.0,
        "energy_includes_pue": False, "energy_measured": False, "notes": "Slurm user ann",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("elapsed", "hours"),
    [("00:30:00", 0.5), ("02:30.500", 150.5 / 3600), ("3-00:00:36", 72.01), ("100:00:00", 100)],
)
def test_lengths(tmp_path: Path, elapsed: str, hours: float) -> None:
    assert job(tmp_path, Elapsed=elapsed)["duration_hours"] == pytest.approx(hours, rel=1e-12)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("CANCELLED by 1001", "cancelled"),
        ("TIMEOUT", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("RUNNING", "running"),
    ],
)
def test_states(tmp_path: Path, state: str, status: str) -> None:
    assert job(tmp_path, State=state)["status"] == status


@pytest.mark.parametrize(
    ("resources", "kind", "count"),
    [
        ("cpu=64,gres/gpu:a100=4", "a100", 4),
        ("cpu=64,gres/gpu=4", "partition gpu", 4),
        ("gres/gpu=4,gres/gpu:a100=4", "a100", 4),
        ("gres/gpu:a100=2,gres/gpu:v100=6,gres/gpu=8", "v100", 8),
        ("gres/gpu:mi250x=8", "mi250x", 4),
        ("cpu=64,gres/gpumem=10G,gres/gpuutil=3", "partition gpu", 1),
        ("cpu=64", "partition gpu", 1),
    ],
)
def test_devices(tmp_path: Path, resources: str, kind: str, count: float) -> None:
    found = job(tmp_path, AllocTRES=resources)
    assert (found["equipment_name"], found["device_count"]) == (kind, count)


@pytest.mark.parametrize(
    ("stated", "gigabytes"),
    [("64G", 64), ("4096M", 4), ("4096Mc", 256), ("16Gn", 32), ("1T", 1024), ("1048576K", 1)],
)
def test_memory(tmp_path: Path, stated: str, gigabytes: float) -> None:
    assert job(tmp_path, AllocTRES="cpu=64", ReqMem=stated)["memory_gb"] == gigabytes


def test_steps_are_part_of_their_job(tmp_path: Path) -> None:
    steps = [
        {"JobID": "123.batch", "ConsumedEnergyRaw": "7200000"},
        {"JobID": "123.0", "ConsumedEnergyRaw": "3600000"},
        {"JobID": "123.extern", "ConsumedEnergyRaw": ""},
    ]
    runs, errors, _ = read(tmp_path, file_of({}, *steps, {"JobID": "124"}))
    assert not errors
    assert [(run["external_id"], run.get("energy_kwh")) for run in runs] == [
        ("123", 2.0),
        ("124", None),
    ]
    runs, _, _ = read(tmp_path, file_of({"ConsumedEnergyRaw": "1800000"}, *steps))
    assert (runs[0]["energy_kwh"], runs[0]["energy_measured"]) == (0.5, True)


def test_what_cannot_be_counted(tmp_path: Path) -> None:
    text = file_of(
        {"JobID": "1", "State": "PENDING", "Start": "Unknown", "End": "Unknown"},
        {"JobID": "2", "Elapsed": "soon"},
        {"JobID": "3", "Elapsed": "", "End": "2026-03-01T08:00:00"},
        {"JobID": "4", "State": "CONFUSED"},
        {"JobID": "5", "AllocTRES": "", "ReqMem": "much"},
        {"JobID": "6", "ConsumedEnergyRaw": "18446744073709551614"},
        {"JobID": "7"},
    )
    runs, errors, _ = read(tmp_path, text)
    assert [run["external_id"] for run in runs] == ["7"]
    assert {(row, column) for row, column, _ in errors} == {
        (2, "start"),
        (2, "state"),
        (3, "elapsed"),
        (4, "end"),
        (5, "state"),
        (6, "reqmem"),
        (7, "consumedenergyraw"),
    }


def test_a_name_with_a_pipe_is_a_row_with_too_many_cells(tmp_path: Path) -> None:
    runs, errors, _ = read(tmp_path, file_of({"JobName": "a|b"}, {"JobID": "9"}))
    assert [run["external_id"] for run in runs] == ["9"]
    assert [error[:2] for error in errors] == [(2, "cells")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # As sites ask for them: raw ids, no start, a bar at the end of each line.
            "JobIDRaw|JobName|State|ExitCode|Elapsed|AllocTRES|End|AllocCPUS|\n"
            "77|audit|COMPLETED|0:0|01:30:00|gres/gpu=1|2026-03-01T10:00:00|8|\n"
            "77.batch|batch|COMPLETED|0:0|01:30:00||2026-03-01T10:00:00|8|\n",
            {"external_id": "77", "duration_hours": 1.5, "cpu_cores": 8.0, "device_count": 1.0,
             "started_at": datetime(2026, 3, 1, 8, 30, tzinfo=UTC)},
        ),
        (  # Energy among the resources, as Frontier counts it; seconds instead of a length.
            "JobID|State|Start|End|ElapsedRaw|NNodes|AllocTRES\n"
            "48|COMPLETED|2026-06-24T06:30:40|2026-06-24T06:50:58|1218|16|"
            "billing=1792,cpu=1792,energy=18000000,mem=8000G,node=16\n"
            "48.0|COMPLETED|2026-06-24T06:31:05|2026-06-24T06:50:58|1193|16|cpu=896\n",
            {"external_id": "48", "energy_kwh": 5.0, "energy_measured": True,
             "duration_hours": 1218 / 3600, "memory_gb": 8000.0},
        ),
        (
            "JobID|State|Start|Elapsed|ConsumedEnergy\n"
            "5|TIMEOUT|2026-06-24T06:30:40|01:00:00|7.20M\n",
            {"energy_kwh": 2.0, "status": "failed"},
        ),
    ],
    ids=["raw ids", "energy among the resources", "rounded energy"],
)  # fmt: skip
def test_columns_as_clusters_ask_for_them(
    tmp_path: Path, text: str, expected: dict[str, Any]
) -> None:
    runs, errors, name = read(tmp_path, text)
    assert (name, errors, len(runs)) == ("sacct", [], 1)
    assert {key: runs[0][key] for key in expected} == expected


def test_a_job_that_never_started_is_none(tmp_path: Path) -> None:
    text = file_of({"Start": "None", "Elapsed": "00:00:00", "State": "CANCELLED by 19032"})
    runs, errors, _ = read(tmp_path, text)
    assert not runs
    assert errors == [(2, "start", "The job has not started: there is nothing to count.")]


def test_without_times_nothing_can_be_counted(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="ask sacct for Start, End and Elapsed"):
        read(tmp_path, "JobID|JobName|State|Elapsed|NodeList\n1|a|COMPLETED|00:06:43|uc2n853\n")


def test_steps_may_stand_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PART", 100)
    steps = [{"JobID": "1.0", "ConsumedEnergyRaw": "7200000"}]
    runs, errors, _ = read(tmp_path, file_of(*steps, {"JobID": "1"}, {"JobID": "2"}, *steps))
    assert not errors
    assert [run.get("energy_kwh") for run in runs] == [2.0, None]
