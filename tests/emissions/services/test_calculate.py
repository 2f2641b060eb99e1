"""Calculating is idempotent, exact, and posts only differences."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from emissions.models import Cell, EmissionEntry, MonthlyTotal, PendingCalculation, Posting, Run
from emissions.models.entry import QUANTITIES
from emissions.services import calculate
from emissions.services.calculate import calculate_pending, read_runs
from emissions.services.invalidate import organisation_changed
from emissions.services.record_runs import delete_run, edit_run, record_runs
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, make_organisation, make_project

pytestmark = pytest.mark.django_db


def calculate_all() -> None:
    while calculate_pending():
        pass


@pytest.fixture
def project(db):
    organisation = make_organisation()
    return make_project(organisation=organisation)


def stated(project, **values) -> Run:
    defaults = {
        "project": project,
        "name": "a run",
        "started_at": datetime(2026, 3, 10, 12, tzinfo=UTC),
        "duration_hours": 10,
        "device_count": 8,
        "device_hours": 80,
        "stated_power_watts": 500,
        "stated_pue": 1.25,
        "stated_factor_g_per_kwh": 100,
        "stated_factor_source": "supplier",
    }
    run = Run(**{**defaults, **values})
    return record_runs(organisation=project.organisation, runs=[run], by=None, now=NOW)[0]


def net(run) -> dict[str, Decimal]:
    return EmissionEntry.objects.filter(run=run).aggregate(
        **{name: Sum(name) for name in QUANTITIES}
    )


def test_posts_the_figures_of_a_stated_run(project):
    run = stated(project)
    calculate_all()
    sums = net(run)
    assert sums["energy_it_kwh"] == Decimal(40)
    assert sums["energy_facility_kwh"] == Decimal(50)
    assert sums["location_based_kg"] == Decimal(5)
    assert sums["runs_started"] == 1
    assert not PendingCalculation.objects.exists()
    assert verify_ledger().clean


def test_calculating_twice_posts_nothing(project):
    stated(project)
    calculate_all()
    before = EmissionEntry.objects.count(), Posting.objects.count()
    organisation_changed(organisation=project.organisation, by=None, reason="again")
    calculate_all()
    assert (EmissionEntry.objects.count(), Posting.objects.count()) == before


def test_an_edit_within_a_cell_posts_one_difference(project):
    run = stated(project)
    calculate_all()
    run.duration_hours, run.device_hours = 5, 40
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert [entry.energy_it_kwh for entry in run.entries.order_by("pk")] == [
        Decimal(40),
        Decimal(-20),
    ]
    assert verify_ledger().clean


def test_an_edit_that_changes_the_cell_reverses_the_old_one(project):
    run = stated(project)
    calculate_all()
    run.status = "failed"
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    by_status = {
        row["cell__status"]: row["kg"]
        for row in EmissionEntry.objects.values("cell__status").annotate(
            kg=Sum("location_based_kg")
        )
    }
    assert by_status == {"completed": 0, "failed": Decimal(5)}
    assert verify_ledger().clean


def test_a_deleted_run_nets_to_nothing(project):
    run = stated(project)
    calculate_all()
    delete_run(run=run, by=None, now=NOW)
    calculate_all()
    assert set(net(run).values()) == {Decimal(0)}
    totals = MonthlyTotal.objects.aggregate(kg=Sum("location_based_kg"))
    assert totals["kg"] == 0
    assert verify_ledger().clean


def test_a_run_across_new_year_is_split_exactly(project):
    run = stated(
        project,
        started_at=datetime(2025, 12, 31, 17, tzinfo=UTC),
        duration_hours=10,
        device_count=1,
        device_hours=10,
        stated_power_watts=1000 / 3,
    )
    calculate_all()
    months = {entry.month: entry.energy_it_kwh for entry in run.entries.all()}
    assert set(months) == {date(2025, 12, 1), date(2026, 1, 1)}
    assert sum(months.values()) == Decimal("3.333333333")
    assert verify_ledger().clean


def test_a_run_too_large_for_the_ledger_gets_an_error_and_its_neighbours_their_lines(project):
    huge = stated(project, energy_kwh=8.9e9, stated_factor_g_per_kwh=5000)
    fine = stated(project)
    calculate_all()
    huge.state.refresh_from_db()
    assert "too large" in huge.state.error
    assert not huge.entries.exists()
    assert fine.entries.exists()
    assert verify_ledger().clean


def test_a_double_posting_is_found_though_the_totals_agree(project):
    run = stated(project)
    calculate_all()
    columns = f"posting_id, source, run_id, cell_id, month, {', '.join(QUANTITIES)}"
    doubled = ", ".join(f"{name} = 2 * {name}" for name in QUANTITIES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO emissions_emissionentry ({columns})"
            f" SELECT {columns} FROM emissions_emissionentry"
        )
        cursor.execute(f"UPDATE emissions_monthlytotal SET {doubled}")
    found = verify_ledger()
    assert found.wrong_runs == [run.pk]
    assert not found.wrong_totals


def test_a_total_that_drifted_is_found(project):
    stated(project)
    calculate_all()
    MonthlyTotal.objects.update(location_based_kg=1)
    assert len(verify_ledger().wrong_totals) == 1


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("model", [EmissionEntry, Posting, Cell])
def test_the_ledger_is_append_only(project, model, statement):
    stated(project)
    calculate_all()
    raises = pytest.raises(IntegrityError, match="append-only")
    with raises, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(model._meta.db_table))


def test_an_entry_that_names_nothing_or_a_foreign_cell_is_refused(project):
    stated(project)
    elsewhere = stated(make_project())
    calculate_all()
    columns = f"posting_id, source, run_id, cell_id, month, {', '.join(QUANTITIES)}"
    theirs = elsewhere.entries.get().cell_id
    for cell_id in (theirs, 0):
        raises = pytest.raises(IntegrityError, match="foreign")
        with raises, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO emissions_emissionentry ({columns}) SELECT"
                f" {columns.replace('cell_id', str(cell_id))} FROM emissions_emissionentry"
            )


def test_a_run_that_stands_in_the_ledger_cannot_be_deleted_by_sql(project):
    run = stated(project)
    calculate_all()
    raises = pytest.raises(IntegrityError, match="mark it deleted")
    with raises, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM emissions_run WHERE id = %s", [run.pk])


def test_a_batch_is_bounded_in_months_as_well_as_in_runs(project, monkeypatch):
    monkeypatch.setattr(calculate, "LINES", 100)
    runs = [
        stated(
            project,
            started_at=datetime(1995, 1, 1, tzinfo=UTC),
            duration_hours=30_000,
            device_count=1,
            device_hours=30_000,
        )
        for _ in range(5)
    ]
    assert calculate_pending() == 5
    assert EmissionEntry.objects.values("run").distinct().count() == 2
    calculate_all()
    assert EmissionEntry.objects.values("run").distinct().count() == len(runs)
    assert verify_ledger().clean


def test_runs_of_two_causes_in_one_batch_have_two_postings(project):
    run = stated(project)
    calculate_all()
    run.duration_hours, run.device_hours = 5, 40
    Run.objects.filter(pk=run.pk).update(duration_hours=5, device_hours=40)
    organisation_changed(organisation=project.organisation, by=None, reason="method")
    PendingCalculation.objects.update(priority=0)
    stated(project, name="another")
    calculate_all()
    causes = Posting.objects.order_by("cause").values_list("cause", flat=True)
    assert list(causes) == ["data", "data", "method"]


def test_a_verification_is_bounded_in_months_and_still_reads_every_run(project, monkeypatch):
    runs = [stated(project, duration_hours=hours) for hours in (50_000, 20_000, 20_000, 10, 10)]
    calculate_all()
    read = []

    def counted(*, chosen, params):
        read.append(list(params[0]))
        return read_runs(chosen=chosen, params=params)

    monkeypatch.setattr(calculate, "LINES", 63)
    monkeypatch.setattr("emissions.services.verify_ledger.read_runs", counted)
    found = verify_ledger()
    assert found.clean
    assert found.runs == 5
    assert read == [[run.pk for run in some] for some in (runs[:1], runs[1:3], runs[3:])]
