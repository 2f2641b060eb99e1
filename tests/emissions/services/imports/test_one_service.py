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
from emissions.models import DoublePair, EmissionEntry, Observation, Organisation, Project, Run
from emissions.services.check_rows import completed, suspicious
from emissions.services.check_run import RANGES, check_run, complete_run
from emissions.services.imports.run import start_import
from emissions.services.receive_runs import receive_runs
from emissions.services.record_runs import record_runs
from tests.emissions.importers.test_codecarbon import file_of as codecarbon_file
from tests.emissions.importers.test_fuzz import EXAMPLES
from tests.emissions.importers.test_sacct import file_of as sacct_file
from tests.emissions.services.imports.files import bring, finish, upload
from tests.factories import (
    HARDWARE,
    NOW,
    HardwareModel,
    calculate_all,
    make_organisation,
    make_project,
    make_site,
    make_team,
)

RUNS = 1000
FIELDS = [
    "external_id",
    "name",
    "started_at",
    "duration_hours",
    "stage",
    "status",
    "hardware",
    "device_count",
    "energy_kwh",
    "energy_measured",
    "power_share",
    "site",
    "zone",
    "tokens",
]


def described(count: int) -> list[dict[str, Any]]:
    """Return runs as somebody might state them."""
    chance = random.Random(7)
    found = []
    for at in range(count):
        measured = chance.random() < 0.4
        found.append(
            {
                "external_id": f"job-{at}",
                "name": f"Run {at}",
                "started_at": datetime(2025, 11, 1, tzinfo=UTC)
                + timedelta(seconds=chance.randrange(10_000_000)),
                "duration_hours": chance.choice([0.0, 0.1, 7.3, 24.0, 900.5, chance.random()]),
                "stage": chance.choice(["pre_training", "evaluation"]),
                "status": chance.choice(["completed", "failed"]),
                "hardware": chance.choice(list(HARDWARE.values())),
                "device_count": chance.choice([1.0, 8.0, 3.5]),
                "energy_kwh": round(chance.random() * 50, 6) if measured else None,
                "energy_measured": True if measured else None,
                "power_share": None if measured else chance.choice([None, 0.7]),
                "site": chance.choice([None, "Luleå"]),
                "tokens": chance.choice([None, 1e9]),
            }
        )
    return found


def organisation_of(slug: str) -> tuple[Organisation, Project]:
    organisation = make_organisation(slug=slug)
    make_site(organisation, name="Luleå", slug="lulea")
    return organisation, make_project(make_team(organisation), name="Vision", slug="vision")


def as_columns(values: dict[str, Any], organisation: Organisation) -> dict[str, Any]:
    """Return what the form's and the API's rows become."""
    known = {name: value for name, value in values.items() if value is not None}
    known["hardware"] = HardwareModel.objects.get(name=known.pop("hardware"))
    if "site" in known:
        known["site"] = organisation.sites.get(name=known["site"])
    assert not check_run(known, now=NOW)
    return complete_run(known)


def as_csv(rows: list[dict[str, Any]]) -> str:
    def cell(value: Any) -> str:
        if value is None:
            return ""
        return value.isoformat() if isinstance(value, datetime) else str(value)

    lines = [",".join(cell(row.get(name)) for name in FIELDS) for row in rows]
    return "\n".join([",".join(FIELDS), *lines]) + "\n"


def ledger(organisation: Organisation) -> list[tuple[Any, ...]]:
    """Return the lines of the ledger without what names the organisation or the entrance."""
    calculate_all()
    names = [
        "run__external_id",
        "month",
        "device_hours",
        "energy_it_kwh",
        "energy_facility_kwh",
        "location_based_kg",
        "market_based_kg",
        "upstream_kg",
        "losses_kg",
        "embodied_kg",
        "water_litres",
        "runs_started",
        "independent_variance_kg2",
        "cell__zone_id",
        "cell__hardware_id",
        "cell__stage",
        "cell__status",
        "cell__scope",
        "cell__category",
        "cell__basis",
        "cell__fit",
        "cell__assumptions",
        "cell__location_factor_id",
        "cell__market_factor_id",
    ]
    lines = EmissionEntry.objects.filter(run__organisation=organisation)
    return sorted(map(str, lines.values_list(*names)))  # type: ignore[return-value]


@pytest.mark.django_db
def test_the_same_thousand_runs_by_service_api_and_file() -> None:
    rows = described(RUNS)
    by_form, project = organisation_of("by-form")
    runs = [Run(project=project, **as_columns(row, by_form)) for row in rows]
    record_runs(organisation=by_form, runs=runs, by=None, now=NOW)
    by_api, project = organisation_of("by-api")
    receive_runs(
        organisation=by_api,
        project=project,
        runs=[Run(**as_columns(row, by_api)) for row in rows],
        by=None,
        now=NOW,
    )
    by_file, project = organisation_of("by-file")
    one = bring(by_file, as_csv(rows), project=project)
    assert (one.new_rows, one.refused_rows) == (RUNS, 0)

    expected = ledger(by_form)
    assert len(expected) >= RUNS
    assert ledger(by_api) == expected
    assert ledger(by_file) == expected

    seen = "run__external_id", "started_at", "ended_at", "energy_kwh", "energy_includes_pue"
    observations = [
        list(Observation.objects.filter(run__organisation=one).order_by(*seen).values_list(*seen))
        for one in (by_form, by_file)
    ]
    assert observations[0] == observations[1]
    not_said = {
        "id", "organisation_id", "project_id", "site_id", "source_kind", "created_at",
        "updated_at", "run_import_id",
    }  # fmt: skip
    stored = [
        [
            {name: value for name, value in run.items() if name not in not_said}
            for run in Run.objects.of(one).order_by("external_id").values()
        ]
        for one in (by_form, by_file)
    ]
    assert stored[0] == stored[1]


@pytest.mark.django_db
def test_what_sacct_and_codecarbon_carry_is_what_the_template_carries() -> None:
    texts = {
        "sacct": sacct_file(
            {"JobID": "a", "JobName": "job", "Account": "Vision", "AllocTRES": "gres/gpu:a100=8",
             "ConsumedEnergyRaw": "7200000", "Partition": "", "NCPUS": "", "User": ""}
        ),
        "codecarbon": codecarbon_file(
            {"run_id": "a", "project_name": "Vision", "timestamp": "2026-03-02T10:00:00",
             "duration": "90000", "energy_consumed": "2.0", "gpu_count": "8",
             "gpu_model": "8 x A100", "country_name": "", "country_iso_code": ""}
        ),
        "template": "external_id,name,project,started_at,duration_hours,hardware,device_count,"
        "energy_kwh,energy_measured\n"
        "a,job,Vision,2026-03-01T09:00:00Z,25,A100,8,2.0,MEASURED\n",
    }  # fmt: skip
    found = {}
    for name, measured in (("sacct", "true"), ("codecarbon", "false")):
        for kind in (name, "template"):
            organisation, _ = organisation_of(f"{name}-{kind}")
            text = texts[kind].replace("MEASURED", measured)
            one = bring(organisation, text, time_zone="UTC")
            assert one.new_rows == 1, (name, kind)
            found[name, kind] = ledger(organisation)
        assert found[name, name] == found[name, "template"]


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
