"""What goes wrong in a batch stays with the run, or with the moment, that it belongs to."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from django.db import DataError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from emissions.models import GridZone, Organisation, PendingCalculation, Run, RunState
from emissions.services import calculate
from emissions.services.calculate import WAITING_BATCH, calculate_pending
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.invalidate import organisation_changed
from emissions.services.manage_projects import assign_project
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.resolving.facts import load_facts
from emissions.services.resolving.resolve import resolve
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    SINCE,
    calculate_all,
    make_factor,
    make_factor_set,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)
from tests.faults.elsewhere import elsewhere

PANIC = pl.exceptions.PanicException


def make_runs(organisation: Organisation, count: int) -> list[Run]:
    return [make_run(organisation, calculated=False) for _ in range(count)]


def spoil(run: Run) -> None:
    """State what the core refuses and no form lets through."""
    Run.objects.filter(pk=run.pk).update(started_at=datetime(9999, 12, 31, 23, tzinfo=UTC))


def error_of(run: Run) -> str:
    return RunState.objects.get(run=run).error


def make_due() -> None:
    """Let the time pass after which a calculation is tried again."""
    PendingCalculation.objects.update(not_before=Now() - timedelta(seconds=1))


def raise_for(run: Run, error: type[BaseException]):
    """Return a `resolve` that raises wherever the run is among those to calculate."""

    def replacement(*, runs, facts):
        if run.pk in runs["id"]:
            raise error("no good")
        return resolve(runs=runs, facts=facts)

    return replacement


@pytest.mark.django_db
@pytest.mark.parametrize("priority", [PendingCalculation.WAITING, PendingCalculation.BULK])
def test_a_run_that_cannot_be_calculated_leaves_the_batch(priority):
    runs = make_runs(make_organisation(), 9)
    PendingCalculation.objects.update(priority=priority)
    spoil(runs[3])
    calculate_all()
    assert "out of range" in error_of(runs[3])
    assert [run.pk for run in runs if run.entries.exists()] == [
        run.pk for run in runs if run != runs[3]
    ]
    left = PendingCalculation.objects.get()
    assert (left.run, left.attempts) == (runs[3], 1)
    assert "out of range" in left.last_error
    assert verify_ledger().clean


@pytest.mark.django_db
def test_it_is_tried_again_later_and_later_and_an_edit_cures_it_at_once():
    run = make_run(calculated=False)
    spoil(run)
    calculate_all()
    assert calculate_pending() == 0
    make_due()
    calculate_all()
    waits = PendingCalculation.objects.annotate(wait=F("not_before") - Now()).get()
    assert waits.attempts == 2
    assert timedelta(minutes=1.5) < waits.wait <= timedelta(minutes=2)
    run.duration_hours = 1.0
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert error_of(run) == ""
    assert run.entries.get().runs_started == 1
    make_due()
    calculate_all()
    assert not PendingCalculation.objects.exists()
    assert run.entries.count() == 1
    assert verify_ledger().clean


@pytest.mark.django_db
def test_after_years_of_attempts_it_is_tried_daily():
    run = make_run(calculated=False)
    spoil(run)
    PendingCalculation.objects.update(attempts=5000)
    calculate_all()
    waits = PendingCalculation.objects.annotate(wait=F("not_before") - Now()).get()
    assert waits.wait <= timedelta(days=1)


@pytest.mark.django_db
def test_an_edit_that_comes_while_a_run_fails_is_not_put_off(monkeypatch):
    run = make_run(calculated=False)
    spoil(run)
    set_aside = calculate._set_aside

    def edited_meanwhile(claim, message):
        run.duration_hours = 2.0
        edit_run(run=run, by=None, now=NOW)
        return set_aside(claim, message)

    monkeypatch.setattr(calculate, "_set_aside", edited_meanwhile)
    calculate_pending()
    assert calculate_pending() == 1
    assert run.entries.exists()
    assert error_of(run) == ""


@pytest.mark.django_db
@pytest.mark.parametrize("error", [ValueError, MemoryError, PANIC, DataError])
def test_whatever_a_run_makes_raise_stays_with_it(monkeypatch, error):
    culprit, *others = make_runs(make_organisation(), 4)
    monkeypatch.setattr(calculate, "resolve", raise_for(culprit, error))
    calculate_all()
    assert error_of(culprit) == "no good"
    assert all(run.entries.exists() for run in others)


@pytest.mark.django_db
def test_an_organisation_whose_facts_cannot_be_read_stops_nobody_else(monkeypatch):
    broken, sound = make_organisation(), make_organisation()
    runs = make_runs(broken, 3)
    other = make_run(sound, calculated=False)

    def refuse(*, organisation):
        if organisation == broken:
            raise ValueError("no such time zone")
        return load_facts(organisation=organisation)

    monkeypatch.setattr(calculate, "load_facts", refuse)
    assert calculate_pending() == 3
    calculate_all()
    assert [error_of(run) for run in runs] == ["no such time zone"] * 3
    assert other.entries.exists()


@pytest.mark.django_db
def test_cells_that_cannot_be_interned_are_the_runs_fault(monkeypatch):
    run = make_run(calculated=False)
    monkeypatch.setattr(calculate, "intern_cells", lambda **_: None)
    calculate_all()
    assert "interned" in error_of(run)


@pytest.mark.django_db
def test_a_database_that_goes_away_is_not_the_runs_fault(monkeypatch):
    runs = make_runs(make_organisation(), 3)

    def go_away(**_):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(calculate, "read_lines", go_away)
        with pytest.raises(OperationalError):
            calculate_pending()
    assert set(PendingCalculation.objects.values_list("attempts", "last_error")) == {(0, "")}
    calculate_all()
    assert all(run.entries.exists() for run in runs)
    assert not PendingCalculation.objects.exists()


@pytest.mark.django_db
def test_a_run_deleted_before_its_first_calculation_posts_nothing():
    run = make_run(calculated=False)
    delete_run(run=run, by=None, now=NOW)
    calculate_all()
    assert not run.entries.exists()
    assert not PendingCalculation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_died_after_its_last_statement_is_calculated_again():
    run = make_run(calculated=False)

    def die() -> None:
        with transaction.atomic():
            assert calculate_pending() == 1
            connection.connection.close()

    with pytest.raises(Exception, match="closed"):
        elsewhere(die)
    with transaction.atomic():
        PendingCalculation.objects.select_for_update().get()  # until the server has noticed
    assert not run.entries.exists()
    calculate_all()
    assert run.entries.count() == 1
    assert verify_ledger().clean


@pytest.mark.django_db(transaction=True)
def test_runs_that_a_worker_holds_do_not_stand_before_others():
    """More waiting edits than a claim takes, all of runs in one long batch, then a new run."""
    held, free = make_organisation(), make_organisation()
    runs = make_runs(held, 3)
    PendingCalculation.objects.all().delete()
    PendingCalculation.objects.bulk_create(
        PendingCalculation(organisation=held, run=runs[at % 3]) for at in range(WAITING_BATCH + 5)
    )
    theirs, ours = make_run(free, calculated=False), make_run(held, calculated=False)
    with transaction.atomic():
        list(RunState.objects.select_for_update().filter(run__in=runs))
        elsewhere(lambda: [calculate_pending(priority_below=10) for _ in range(2)])
    assert theirs.entries.exists()
    assert ours.entries.exists()
    assert not runs[0].entries.exists()
    calculate_all()
    assert runs[0].entries.count() == 1
    assert verify_ledger().clean


def _adoption(organisation: Organisation) -> None:
    """Adopt a set that is asked first and says something else of France."""
    factor_set = make_factor_set()
    make_factor(factor_set=factor_set, zone=GridZone.objects.get(code="FR"), year=2026)
    adopt_factor_set(
        organisation=organisation, factor_set=factor_set, precedence=0, by=None, now=NOW
    )


def _reorganisation(organisation: Organisation) -> None:
    assign_project(
        project=organisation.projects.get(),
        team=make_team(organisation),
        starts_on=SINCE,
        by=None,
        now=NOW,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [_adoption, _reorganisation])
def test_a_run_recorded_while_a_fact_changes_ends_with_the_new_fact(change):
    """The change cannot queue what it does not see; its recorder need not wait for it."""
    organisation = make_organisation()
    project, site = make_project(organisation=organisation), make_site(organisation)
    edited = make_run(organisation, calculated=True)
    with transaction.atomic():
        change(organisation)

        def work() -> Run:
            new = make_run(project=project, site=site, calculated=False)
            edited.project, edited.site = project, site
            edit_run(run=edited, by=None, now=NOW)
            while calculate_pending(priority_below=PendingCalculation.BULK):
                pass
            return new

        run = elsewhere(work)
    assert run.entries.count() == 1, "its figure was shown at once"
    assert verify_ledger().clean
    make_due()
    calculate_all()
    assert not PendingCalculation.objects.exists()
    assert verify_ledger().clean
    assert verify_ledger().runs == 2


@pytest.mark.django_db(transaction=True)
def test_a_bulk_recalculation_pauses_while_a_fact_changes():
    organisation = make_organisation()
    make_runs(organisation, 3)
    calculate_all()
    organisation_changed(organisation=organisation, by=None, reason="first")
    with transaction.atomic():
        _adoption(organisation)
        assert elsewhere(calculate_pending) == 0
    # What the set says of France concerns none of these runs, which state no place.
    assert calculate_pending() == 3


@pytest.mark.django_db(transaction=True)
def test_the_others_recalculations_go_on_meanwhile():
    changing, other = make_organisation(), make_organisation()
    for organisation in (changing, other):
        make_run(organisation)
        organisation_changed(organisation=organisation, by=None, reason="again")
    with transaction.atomic():
        _adoption(changing)
        assert elsewhere(calculate_pending) == 1
        assert not PendingCalculation.objects.filter(organisation=other).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [_adoption, _reorganisation])
def test_a_change_of_facts_makes_no_editor_wait(change):
    organisation = make_organisation()
    project, site = make_project(organisation=organisation), make_site(organisation)
    run = make_run(project=project, site=site)

    def edit() -> None:
        run.name = "Another name"
        edit_run(run=run, by=None, now=NOW)
        make_run(project=project, site=site, calculated=False)
        delete_run(run=run, by=None, now=NOW)

    with transaction.atomic():
        change(organisation)
        connection.check_constraints()  # as the commit does: it locks what new rows refer to
        elsewhere(edit)
    calculate_all()
    assert verify_ledger().clean
