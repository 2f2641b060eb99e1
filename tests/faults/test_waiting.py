"""Edits never wait for a batch, and people never wait for a recalculation."""

import pytest
from django.db import connection, transaction

from emissions.models import Organisation, PendingCalculation, Run
from emissions.services.calculate import calculate_pending
from emissions.services.invalidate import organisation_changed
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, calculate_all, make_organisation, make_run
from tests.faults.elsewhere import elsewhere

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def runs() -> list[Run]:
    """Calculated runs of which one has changed behind the ledger's back."""
    organisation = make_organisation()
    made = [make_run(organisation, calculated=False) for _ in range(20)]
    calculate_all()
    Run.objects.filter(organisation=organisation).update(duration_hours=3, device_hours=24)
    organisation_changed(organisation=organisation, by=None, reason="again")
    return made


def test_runs_of_a_batch_are_edited_moved_and_deleted_while_it_is_open(runs):
    """Every lock of the batch is held; on another connection any wait would be an error."""
    with transaction.atomic():
        assert calculate_pending() == len(runs)
        connection.check_constraints()  # as the commit will

        def edit() -> None:
            runs[0].duration_hours, runs[0].device_hours = 4.0, 32.0
            edit_run(run=runs[0], by=None, now=NOW)
            delete_run(run=runs[1], by=None, now=NOW)
            make_run(runs[0].organisation, calculated=False)
            organisation_changed(organisation=runs[0].organisation, by=None, reason="more")

        elsewhere(edit)
        assert Run.objects.get(pk=runs[0].pk).duration_hours == 4.0
    assert PendingCalculation.objects.exists()
    calculate_all()
    assert not PendingCalculation.objects.exists()
    assert not verify_ledger().wrong_runs
    assert verify_ledger().clean


def test_a_batch_waits_for_no_editor(runs):
    """An edit that is not yet committed is not in the batch, and is calculated after it."""
    with transaction.atomic():
        runs[0].duration_hours, runs[0].device_hours = 4.0, 32.0
        edit_run(run=runs[0], by=None, now=NOW)
        delete_run(run=runs[1], by=None, now=NOW)
        assert elsewhere(calculate_pending) == len(runs)
    assert PendingCalculation.objects.count() == 2
    calculate_all()
    assert verify_ledger().clean


def queue_much(organisation: Organisation, rows: int) -> None:
    """Queue a bulk recalculation of so many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_pendingcalculation (organisation_id, run_id, priority, cause,"
            " reason, not_before, attempts, last_error)"
            " SELECT organisation_id, id, %s, 'method', '', now(), 0, ''"
            " FROM emissions_run, generate_series(1, %s) WHERE organisation_id = %s",
            [PendingCalculation.BULK, rows // 20, organisation.pk],
        )


@pytest.mark.parametrize("priority_below", [PendingCalculation.BULK, None])
def test_a_waiting_persons_run_comes_before_a_hundred_thousand_others(runs, priority_below):
    """For the worker that serves only people, and for every other one."""
    queue_much(runs[0].organisation, 100_000)
    for organisation in (runs[0].organisation, make_organisation()):
        new = make_run(organisation, calculated=False)
        assert calculate_pending(priority_below=priority_below) == 1
        assert new.entries.exists()


def test_a_new_run_is_calculated_while_a_batch_is_open(runs):
    """Posting to the same totals would wait for the batch; to other ones it does not."""
    with transaction.atomic():
        assert calculate_pending() == len(runs)

        def record() -> Run:
            new = make_run(runs[0].organisation, calculated=False, status="failed")
            assert calculate_pending(priority_below=PendingCalculation.BULK) == 1
            return new

        assert elsewhere(record).entries.exists()
    calculate_all()
    assert verify_ledger().clean
