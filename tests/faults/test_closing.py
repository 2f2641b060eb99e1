"""A close beside workers that post: no posting lies half before and half after its position."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Max, Min, Sum

from emissions.calculation.vocabulary import IdleRule
from emissions.models import ClosedQuarter, EmissionEntry, Organisation, PendingCalculation, Run
from emissions.models.entry import QUANTITIES
from emissions.selectors.periods import quarter
from emissions.services.calculate import calculate_pending
from emissions.services.close_quarter import CannotClose, Obstacle, close_quarter
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.posting import LEDGER_LOCK, hold_ledger
from emissions.services.record_runs import edit_run, record_runs
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_factor,
    make_factor_set,
    make_organisation,
    make_project,
    make_reference,
    make_run,
)
from tests.faults.elsewhere import elsewhere, start_elsewhere

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

Q1 = quarter(year=2026, number=1)
RUNS, WORKERS = 240, 3


@pytest.fixture
def organisation() -> Organisation:
    """Runs of the first quarter, calculated, and as many of the second that are pending."""
    organisation = make_organisation(idle_rule=IdleRule.OFF)
    projects = [make_project(organisation=organisation) for _ in range(2)]
    template = make_run(project=projects[0], zone=make_reference()["FR"], calculated=False)
    for month in (1, 5):
        runs = []
        for at in range(RUNS):
            run = Run.objects.get(pk=template.pk)
            run.pk, run.project = None, projects[at % 2]
            run.started_at = datetime(2026, month, 3, tzinfo=UTC) + timedelta(hours=at)
            runs.append(run)
        record_runs(organisation=organisation, runs=runs, by=None, now=NOW)
        if month == 1:
            calculate_all()
    return organisation


def close(organisation: Organisation) -> ClosedQuarter:
    return close_quarter(organisation=organisation, quarter=Q1, by=None, now=NOW)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def somebody_waits_for_the_ledger() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND classid = %s",
            [LEDGER_LOCK],
        )
        return bool(cursor.fetchone()[0])


def holds(closed: ClosedQuarter) -> None:
    """Every posting lies on one side of the position, and what stood is what was kept."""
    for lowest, highest in (
        EmissionEntry.objects.values("posting")
        .annotate(lowest=Min("pk"), highest=Max("pk"))
        .values_list("lowest", "highest")
    ):
        assert highest <= closed.ledger_position or lowest > closed.ledger_position
    stood = EmissionEntry.objects.filter(
        pk__lte=closed.ledger_position, month__gte=Q1.starts_on, month__lt=Q1.ends_before
    ).aggregate(**{name: Sum(name) for name in QUANTITIES})
    assert stood == {name: getattr(closed, name) for name in QUANTITIES}
    assert stood["runs_started"] == RUNS


def test_a_close_waits_for_who_posts_and_counts_what_they_posted(organisation):
    with transaction.atomic():
        assert calculate_pending(limit=50) == 50
        closing = start_elsewhere(lambda: close(organisation))
        wait_for(somebody_waits_for_the_ledger)
        assert not closing.done()
        posted = EmissionEntry.objects.aggregate(last=Max("pk"))["last"]
    closed = closing.result(30)
    assert closed.ledger_position >= posted
    closed.refresh_from_db()
    holds(closed)


def test_nobody_posts_while_a_quarter_is_closed(organisation):
    with transaction.atomic():
        hold_ledger(organisation_id=organisation.pk)
        with pytest.raises(OperationalError, match="lock timeout"):
            elsewhere(calculate_pending)
    assert elsewhere(calculate_pending) > 0


def test_closing_beside_workers_editors_and_an_adoption(organisation):
    """Whoever takes which locks first: nobody deadlocks, and the position divides postings."""
    started, gone = threading.Event(), threading.Event()

    def work() -> int:
        settled = 0
        while True:
            last = gone.is_set()
            done = calculate_pending(limit=20)
            settled += done
            started.set()
            if last and not done and not PendingCalculation.objects.exists():
                return settled

    def edit() -> None:
        for run in Run.objects.filter(started_at__gte=datetime(2026, 5, 1, tzinfo=UTC))[:40]:
            run.duration_hours, run.device_hours = 33.0, 264.0
            edit_run(run=run, by=None, now=NOW)

    def adopt() -> None:
        factor_set = make_factor_set()
        make_factor(
            factor_set=factor_set, zone=make_reference()["FR"], year=2026, g_co2e_per_kwh=99.0
        )
        adopt_factor_set(
            organisation=organisation, factor_set=factor_set, precedence=0, by=None, now=NOW
        )

    workers = [start_elsewhere(work) for _ in range(WORKERS)]
    editor = start_elsewhere(edit)
    started.wait(30)
    closing = start_elsewhere(lambda: _until_closed(organisation))
    editor.result(60)
    closed = closing.result(60)
    start_elsewhere(adopt).result(60)
    gone.set()
    assert sum(worker.result(120) for worker in workers) >= RUNS
    closed.refresh_from_db()
    holds(closed)
    assert verify_ledger(organisation=organisation).clean
    moved = EmissionEntry.objects.filter(pk__gt=closed.ledger_position, month__lt=Q1.ends_before)
    assert not moved.exists()


def _until_closed(organisation: Organisation) -> ClosedQuarter:
    """Close as soon as nobody is changing facts."""
    for _ in range(200):
        try:
            return close(organisation)
        except CannotClose as refused:
            if {one.obstacle for one in refused.reasons} - {Obstacle.CHANGING}:
                raise
            time.sleep(0.05)
    raise AssertionError("it was never closed")
