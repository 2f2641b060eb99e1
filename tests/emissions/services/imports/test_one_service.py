"""Every entrance meets in the same place: the same runs are the same, however they came."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emissions.importers.bulk import ImportRefused
from emissions.importers.columns import COLUMNS
from emissions.models import DoublePair, EmissionEntry, Organisation, Project, Run
from emissions.services.check_rows import completed, suspicious
from emissions.services.check_run import RANGES, check_run, complete_run
from emissions.services.imports.run import start_import
from tests.emissions.importers.test_codecarbon import file_of as codecarbon_file
from tests.emissions.importers.test_fuzz import EXAMPLES
from tests.emissions.importers.test_sacct import file_of as sacct_file
from tests.emissions.services.imports.files import bring, finish, upload
from tests.factories import (
    NOW,
    calculate_all,
    make_organisation,
    make_project,
    make_site,
    make_team,
)


def organisation_of(slug: str) -> tuple[Organisation, Project]:
    organisation = make_organisation(slug=slug)
    make_site(organisation, name="Luleå", slug="lulea")
    return organisation, make_project(make_team(organisation), name="Vision", slug="vision")


@pytest.mark.django_db
def test_a_job_that_comes_by_sacct_and_by_codecarbon_counts_once() -> None:
    organisation, project = organisation_of("acme")
    bring(organisation, sacct_file({"Account": "Vision", "AllocTRES": "gres/gpu:h100=8"}),
          time_zone="UTC")  # fmt: skip
    bring(
        organisation,
        codecarbon_file(
            {"project_name": "Vision", "timestamp": "2026-03-02T10:00:00", "duration": "89990"}
        ),
        time_zone="UTC",
    )
    assert Run.objects.of(organisation).filter(project=project).count() == 2
    (counted,) = Run.objects.counted().filter(project=project)
    assert DoublePair.objects.get().rule == "only_one"
    calculate_all()
    assert {entry.run_id for entry in EmissionEntry.objects.exclude(energy_it_kwh=0)} == {
        counted.pk
    }


EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
NUMBER = st.one_of(
    st.none(), st.sampled_from([0.0, 1.0, 0.5, 8.0, 1e6, 1e9, -1.0, 9.1e9]), st.floats(-10, 1e7)
)
ROW = st.fixed_dictionaries(
    {
        **dict.fromkeys((*RANGES, "device_count"), NUMBER),
        "started_at": st.integers(0, 20_000).map(lambda days: EPOCH + timedelta(days=days)),
        "stated_factor_source": st.sampled_from([None, "A source"]),
        "equipment_name": st.sampled_from([None, "A100"]),
        "energy_measured": st.sampled_from([None, True, False]),
    }
)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    ids = dict.fromkeys(("hardware_id", "node_id", "site_id", "cloud_region_id"), pl.Int64)
    schema: dict[str, Any] = {**COLUMNS, **ids}
    table = [{**row, "row": at} for at, row in enumerate(rows)]
    return pl.DataFrame(table, schema=schema)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=30))
def test_whatever_one_row_is_refused_for_makes_it_suspicious(rows: list[dict[str, Any]]) -> None:
    doubtful = suspicious(frame(rows), devices_of_node={}, now=NOW).to_list()
    for row, doubted in zip(rows, doubtful, strict=True):
        errors = check_run({**row, "hardware": row["equipment_name"]}, now=NOW)
        assert doubted or not errors, (row, errors)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=30))
def test_columns_are_completed_as_a_row_is(rows: list[dict[str, Any]]) -> None:
    sound = [
        row for row in rows if not check_run({**row, "hardware": row["equipment_name"]}, now=NOW)
    ]
    if not sound:
        return
    for row, full in zip(sound, completed(frame(sound)).to_dicts(), strict=True):
        expected = complete_run(row)
        for name in ("duration_hours", "device_count", "device_hours"):
            assert full[name] == expected[name], name
        for name in ("energy_measured", "energy_includes_pue"):
            assert full[name] is bool(expected.get(name)), name


@pytest.mark.django_db
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_a_file_of_nonsense_writes_nothing_before_it_is_confirmed(
    tmp_path_factory: Any, seed: int
) -> None:
    chance = random.Random(seed)
    content = bytearray(EXAMPLES[chance.choice(list(EXAMPLES))].encode())
    for _ in range(chance.randint(0, 6)):
        content[chance.randrange(len(content))] = chance.choice(b'0123456789,"-: \nTZ\xff')
    organisation = make_organisation()
    try:
        one = upload(organisation, bytes(content), time_zone="UTC")
    except ImportRefused:
        assert not organisation.imports.exists()
        return
    assert not Run.objects.filter(organisation=organisation).exists()
    assert one.rows == one.staged.count()
    if one.new_rows:
        start_import(run_import=one, by=None, now=NOW)
        finish(one)
        assert Run.objects.of(organisation).count() == one.new_rows
        assert one.status == "done"
