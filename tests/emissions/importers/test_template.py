from datetime import UTC, datetime
from pathlib import Path

import pytest

from emissions.api.fields import RUN
from emissions.importers.bulk import ImportRefused
from emissions.importers.columns import TimeZoneNeeded
from emissions.importers.template import FIELDS
from tests.emissions.importers.reading import PARIS, read

HEADER = "name,started_at,duration_hours,hardware,device_count\n"


def test_the_columns_are_the_fields_of_the_api() -> None:
    assert set(FIELDS) == set(RUN)


def test_a_row_is_typed(tmp_path: Path) -> None:
    runs, errors, name = read(
        tmp_path,
        "Name,Started at,Duration-hours,hardware,device_count,energy_measured,energy_kwh,"
        "stage,zone\n"
        "x,2026-03-01T09:00:00+01:00,1.5,A100,8,yes,3.25,Fine-tuning,FR\n",
    )
    assert name == "template"
    assert not errors
    assert runs == [
        {
            "row": 2,
            "name": "x",
            "equipment_name": "A100",
            "place_name": "FR",
            "stage": "fine_tuning",
            "started_at": datetime(2026, 3, 1, 8, tzinfo=UTC),
            "duration_hours": 1.5,
            "device_count": 8.0,
            "energy_kwh": 3.25,
            "energy_measured": True,
        }
    ]


@pytest.mark.parametrize(
    ("cell", "hour"),
    [
        ("2026-03-01T09:00:00Z", 9),
        ("2026-03-01 09:00Z", 9),
        ("2026-03-01T09:00:00.000+0530", 3.5),
        ("2026-03-01T09:00", 8),
        ("2026-03-01 09:00:00", 8),
        ("2026-03-01", -1),
        ("2026-07-01T09:00", 7),
    ],
)
def test_dates_with_and_without_a_zone(tmp_path: Path, cell: str, hour: float) -> None:
    runs, errors, _ = read(tmp_path, f"{HEADER}x,{cell},1,A100,1\n", zone=PARIS)
    assert not errors
    day = datetime(2026, 7 if "-07-" in cell else 3, 1, tzinfo=UTC)
    assert (runs[0]["started_at"] - day).total_seconds() / 3600 == hour


def test_a_zone_that_is_not_known_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TimeZoneNeeded):
        read(tmp_path, f"{HEADER}x,2026-03-01T09:00,1,A100,1\n", zone=None)
    runs, _, _ = read(tmp_path, f"{HEADER}x,2026-03-01T09:00Z,1,A100,1\n", zone=None)
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("row", "column", "word"),
    [
        ('x,2026-03-01T09:00Z,"1,234.5",A100,1', "duration_hours", "thousands"),
        ('x,2026-03-01T09:00Z,"1,5",A100,1', "duration_hours", "decimal point"),
        ("x,2026-03-01T09:00Z,1e400,A100,1", "duration_hours", "plain number"),
        ("x,2026-03-01T09:00Z,nan,A100,1", "duration_hours", "plain number"),
        ("x,01/03/2026,1,A100,1", "started_at", "ISO 8601"),
        ("x,2026-02-30,1,A100,1", "started_at", "ISO 8601"),
        ("x,2026-03-01T25:00Z,1,A100,1", "started_at", "ISO 8601"),
        ("x,2026-03-29T02:30,1,A100,1", "started_at", "clocks went forward"),
        ("x,,1,A100,1", "started_at", "Give when"),
        ("=HYPERLINK(1),2026-03-01T09:00Z,1,A100,1", "name", "formula"),
        ("x,2026-03-01T09:00Z,=1+1,A100,1", "duration_hours", "plain number"),
        (f"{'x' * 201},2026-03-01T09:00Z,1,A100,1", "name", "at most 200"),
    ],
)
def test_what_is_wrong_is_said_of_its_row_and_column(
    tmp_path: Path, row: str, column: str, word: str
) -> None:
    fine = "y,2026-03-01T09:00Z,1,A100,1\n"
    runs, errors, _ = read(tmp_path, f"{HEADER}{fine}{row}\n", zone=PARIS)
    assert [run["name"] for run in runs] == ["y"]
    assert [(error[0], error[1]) for error in errors] == [(3, column)]
    assert word in errors[0][2]


def test_an_end_before_the_start_and_one_that_contradicts(tmp_path: Path) -> None:
    header = "started_at,ended_at,duration_hours,power_watts\n"
    runs, errors, _ = read(
        tmp_path,
        header
        + "2026-03-01T09:00Z,2026-03-01T11:30Z,,300\n"
        + "2026-03-01T09:00Z,2026-03-01T08:00Z,,300\n"
        + "2026-03-01T09:00Z,2026-03-01T11:00Z,5,300\n",
    )
    assert [run["duration_hours"] for run in runs] == [2.5]
    assert [(error[0], error[1]) for error in errors] == [(3, "ended_at"), (4, "ended_at")]


def test_one_place_and_one_machine(tmp_path: Path) -> None:
    _, errors, _ = read(
        tmp_path,
        "started_at,duration_hours,node,hardware,site,zone\n2026-03-01T09:00Z,1,n,h,s,FR\n",
    )
    assert [error[1] for error in errors] == ["node", "site"]


def test_json_is_sent_to_the_api(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="This is JSON: send it to the API"):
        read(tmp_path, '[{"external_id": "a", "started_at": "2026-03-01T09:00:00Z"}]')
