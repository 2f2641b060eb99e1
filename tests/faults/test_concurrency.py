"""Several workers on one queue: every line exactly once."""

import random
import threading

import pytest
from django.db import transaction
from django.db.models import Count, Sum

from emissions.models import (
    Cell,
    EmissionEntry,
    MonthlyTotal,
    Organisation,
    PendingCalculation,
    Project,
    Run,
)
from emissions.models.entry import QUANTITIES
from emissions.services.calculate import calculate_pending
from emissions.services.invalidate import organisation_changed
from emissions.services.record_runs import edit_run, record_runs
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, calculate_all, make_organisation, make_project, make_run
from tests.faults.elsewhere import elsewhere, start_elsewhere

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

WORKERS, EDITORS, RUNS = 4, 2, 400


def test_two_requests_for_one_run_held_by_two_workers_post_once():
    run = make_run(calculated=False)
    run.duration_hours, run.device_hours = 3.0, 24.0
    edit_run(run=run, by=None, now=NOW)
    with transaction.atomic():
        assert calculate_pending(limit=1) == 1
        assert PendingCalculation.objects.count() == 1
        assert elsewhere(calculate_pending) == 0
    assert calculate_pending() == 1
    assert run.entries.count() == 1
    assert verify_ledger().clean


def test_two_requests_for_one_run_at_the_same_moment_post_once():
    run = make_run(calculated=False)
    edit_run(run=run, by=None, now=NOW)
    for _ in range(10):
        start = threading.Barrier(WORKERS)

        def claim(start: threading.Barrier = start) -> int:
            start.wait(30)
            return calculate_pending(limit=1)

        for future in [start_elsewhere(claim) for _ in range(WORKERS)]:
            future.result(60)
        edit_run(run=run, by=None, now=NOW)
        edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert run.entries.count() == 1
    assert verify_ledger().clean


@pytest.fixture
def organisation() -> Organisation:
    """An organisation whose runs all meet in two projects' totals."""
    organisation = make_organisation()
    projects = [make_project(organisation=organisation) for _ in range(2)]
    template = make_run(project=projects[0], calculated=False)
    runs = []
    for at in range(RUNS):
        run = Run.objects.get(pk=template.pk)
        run.pk, run.project, run.duration_hours = None, projects[at % 2], 1000.0 + at
        run.device_hours = 8 * run.duration_hours
        runs.append(run)
    record_runs(organisation=organisation, runs=runs, by=None, now=NOW)
    return organisation


def edit_some(organisation: Organisation, seed: int) -> None:
    """Edit and move runs, each editor its own."""
    chance = random.Random(seed)
    runs = list(Run.objects.of(organisation).order_by("pk"))[seed::EDITORS]
    projects = list(Project.objects.filter(organisation=organisation).order_by("pk"))
    for _ in range(40):
        run = chance.choice(runs)
        run.project, run.duration_hours = chance.choice(projects), chance.uniform(1, 2000)
        run.device_hours = 8 * run.duration_hours
        edit_run(run=run, by=None, now=NOW)


def work_off(editors: threading.Event) -> int:
    """Calculate small batches until the editors have gone and nothing is left."""
    settled = 0
    while True:
        gone = editors.is_set()
        done = calculate_pending(limit=60)
        settled += done
        if gone and not done and not PendingCalculation.objects.exists():
            return settled


def test_workers_and_editors_leave_every_line_exactly_once(organisation):
    """All of them post to the same few totals: in another order they would deadlock."""
    for _ in range(2):
        organisation_changed(organisation=organisation, by=None, reason="again")
        gone = threading.Event()
        workers = [start_elsewhere(lambda gone=gone: work_off(gone)) for _ in range(WORKERS)]
        editors = [
            start_elsewhere(lambda seed=seed: edit_some(organisation, seed))
            for seed in range(EDITORS)
        ]
        for editor in editors:
            editor.result(120)
        gone.set()
        settled = [worker.result(120) for worker in workers]
    assert sum(settled) >= RUNS + 1
    assert verify_ledger().clean
    _check_sums(organisation)


def test_workers_that_need_the_same_new_cells_intern_them_once(organisation):
    gone = threading.Event()
    gone.set()
    workers = [start_elsewhere(lambda: work_off(gone)) for _ in range(WORKERS)]
    for worker in workers:
        worker.result(120)
    assert not Cell.objects.values(*Cell.KEY).annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert verify_ledger().clean
    _check_sums(organisation)


def _check_sums(organisation: Organisation) -> None:
    """Each run was started once, and totals hold what entries hold."""
    runs = (
        EmissionEntry.objects.filter(run__organisation=organisation)
        .values("run")
        .annotate(n=Sum("runs_started"))
    )
    assert [row["n"] for row in runs] == [1] * (RUNS + 1)
    sums = {name: Sum(name) for name in QUANTITIES}
    assert EmissionEntry.objects.aggregate(**sums) == MonthlyTotal.objects.aggregate(**sums)
