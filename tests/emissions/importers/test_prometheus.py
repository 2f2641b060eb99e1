import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emissions.importers.bulk import ImportRefused
from tests.emissions.importers.reading import read

DAY = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
COUNTER = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"


def answer(*series: tuple[dict[str, str], list[tuple[float, Any]]]) -> str:
    result = [
        {"metric": metric, "values": [[DAY + at, str(value)] for at, value in values]}
        for metric, values in series
    ]
    data = {"resultType": "matrix", "result": result}
    return json.dumps({"status": "success", "data": data})


def gpu(number: int, **labels: str) -> dict[str, str]:
    return {
        "__name__": COUNTER, "gpu": str(number), "Hostname": "gpu01:9400",
        "modelName": "NVIDIA A100-SXM4-80GB", **labels,
    }  # fmt: skip


def test_devices_of_a_host_and_day_are_one_run(tmp_path: Path) -> None:
    text = answer(
        (gpu(0), [(0, 0), (3600, 1.8e9)]),
        (gpu(1), [(1800, 1e9), (7200, 2.8e9)]),
    )
    (run,), errors, name = read(tmp_path, text)
    assert (name, errors) == ("prometheus", [])
    assert run["energy_kwh"] == pytest.approx(1.0)
    assert (run["device_count"], run["duration_hours"]) == (2, 2)
    assert run["started_at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert (run["host"], run["equipment_name"]) == ("gpu01", "NVIDIA A100-SXM4-80GB")
    assert run["energy_measured"]


def test_a_counter_that_was_reset_counts_from_nought(tmp_path: Path) -> None:
    text = answer((gpu(0), [(0, 9e9), (60, 9.36e9), (120, 0.36e9), (180, 0.72e9)]))
    (run,), _, _ = read(tmp_path, text)
    assert run["energy_kwh"] == pytest.approx(0.3)


def test_pods_are_runs_and_namespaces_their_projects(tmp_path: Path) -> None:
    text = answer(
        (gpu(0, pod="train-1", namespace="nlp"), [(0, 0), (60, 3.6e6)]),
        (gpu(1, pod="train-1", namespace="nlp"), [(0, 0), (60, 3.6e6)]),
        (gpu(2, exported_pod="probe", exported_namespace="vision"), [(0, 0), (60, 3.6e6)]),
        (gpu(3, pod="idle", namespace="nlp"), [(0, 5), (60, 5)]),
    )
    runs, _, _ = read(tmp_path, text)
    assert {(run["project_name"], run["device_count"]) for run in runs} == {
        ("nlp", 2.0),
        ("vision", 1.0),
    }


def test_days_are_runs_of_their_own_and_the_same_when_pulled_again(tmp_path: Path) -> None:
    values = [(hour * 3600, hour * 1e9) for hour in range(49)]
    runs, _, _ = read(tmp_path, answer((gpu(0), values)))
    again, _, _ = read(tmp_path, answer((gpu(0), values[:26])))
    assert len(runs) == 2
    assert sum(run["energy_kwh"] for run in runs) == pytest.approx(48e6 / 3.6e6)
    assert again[0] == runs[0]
    assert again[1]["external_id"] == runs[1]["external_id"]


def test_power_is_summed_between_near_samples_only(tmp_path: Path) -> None:
    metric = {**gpu(0), "__name__": "DCGM_FI_DEV_POWER_USAGE"}
    (run,), _, _ = read(tmp_path, answer((metric, [(0, 300), (600, 300), (9000, 300)])))
    assert run["energy_kwh"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (answer(({"__name__": "up"}, [(0, 1), (60, 2)])), "no energy that we know"),
        (answer(({}, [(0, 1), (60, 2)])), "no energy that we know"),
        (answer((gpu(0), [(0, 1)])), "no energy used"),
        (answer(), "no energy used"),
        ('{"status": "error", "resultType": "x"}', "succeeded"),
        ('{"status": "success", "data": {"resultType": "vector", "result": []}}', "range"),
        ('{"status": "success", "data": {"resultType": "matrix", "result": [1]}}', "no metric"),
        ('{"status": "success", "resultType": ' + "[" * 5000, "not JSON"),
    ],
)
def test_what_is_no_energy_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ImportRefused, match=word):
        read(tmp_path, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(JSON, max_size=4), metric=JSON)
def test_any_series(tmp_path: Path, values: list[Any], metric: Any) -> None:
    labels = {**gpu(0), **metric} if isinstance(metric, dict) else metric
    fine = {"metric": gpu(1), "values": [[DAY, 1], [DAY + 60, 3.6e6]]}
    data = {"resultType": "matrix", "result": [{"metric": labels, "values": values}, fine]}
    text = json.dumps({"status": "success", "data": data})
    if not isinstance(labels, dict) or labels.get("__name__") != COUNTER:
        with pytest.raises(ImportRefused):
            read(tmp_path, text)
        return
    runs, errors, _ = read(tmp_path, text)
    assert len(runs) >= 1
    assert not errors
