"""Replace a run that a client sent before, and continue one that is still going."""

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from emissions.calculation.vocabulary import RunStatus
from emissions.models import Organisation, Run, User
from emissions.services.queue import run_grows
from emissions.services.receive_runs import ATTEMPTS, STATED, Outcome, Received, same_run
from emissions.services.record_runs import (
    RunGone,
    delete_run,
    edit_run,
    external_id_taken,
    forget_keys,
    write_runs,
)

#: What moves while a run is going: sent every few minutes, posted once an hour.
GROWING = frozenset(
    {"duration_hours", "device_hours", "energy_kwh", "tokens", "flop", "metric_value"}
)


#: Whether a run that is there (None: there is none) is as whoever asks believes.
Expectation = Callable[[Run | None], bool]


class NotTheirs(Exception):
    """The run is there, and whoever asks may not change it."""


class NotAsExpected(Exception):
    """The run is not as whoever asks read it: somebody changed it since."""


class RunEnded(Exception):
    """The run is not going any more: it is replaced as a whole, or not at all."""


def put_run(
    *,
    organisation: Organisation,
    run: Run,
    editable: QuerySet[Run],
    by: User | None,
    now: datetime,
    expected: Expectation | None,
) -> Received:
    """Record a run under its external id, or make the one that is there the same.

    `editable` are the runs that may be changed. Two clients that put the same run at once
    both succeed: the second finds the first one's.

    Raises
    ------
    NotTheirs
        The run that is there is not editable.
    NotAsExpected
        It is not as `expected`.
    """
    for _ in range(ATTEMPTS):
        try:
            return _put(organisation, run, editable, by, now, expected)
        except IntegrityError as error:
            if not external_id_taken(error):
                raise
            forget_keys([run])
    raise RuntimeError("Others keep recording and deleting the same run")


@transaction.atomic
def _put(
    organisation: Organisation,
    run: Run,
    editable: QuerySet[Run],
    by: User | None,
    now: datetime,
    expected: Expectation | None,
) -> Received:
    there = (
        Run.objects.of(organisation)
        .filter(project=run.project, external_id=run.external_id)
        .select_for_update(no_key=True)
        .first()
    )
    _expect(expected, there)
    if there is None:
        (recorded,) = write_runs(organisation=organisation, runs=[run], by=by, now=now)
        return Received(recorded, Outcome.RECORDED)
    if same_run(run, there):
        return Received(there, Outcome.PRESENT)
    if not editable.filter(pk=there.pk).exists():
        raise NotTheirs
    _copy(run, there)
    return Received(edit_run(run=there, by=by, now=now), Outcome.CHANGED)


@transaction.atomic
def continue_run(
    *,
    editable: QuerySet[Run],
    run_id: int,
    restate: Callable[[Run], Run],
    by: User | None,
    now: datetime,
    expected: Expectation | None,
) -> Run:
    """Change what is stated of a run while it is going, its end included.

    `restate` returns the run as it is stated now, unsaved; the row is locked meanwhile. What
    only grows (hours, energy so far) is a heartbeat: it is stored at once and posted within the
    hour, without an entry in the audit log for each. All else is an edit.

    Raises
    ------
    RunGone
        Somebody deleted it meanwhile.
    RunEnded
        It is not going any more, and something else is stated of it.
    NotAsExpected
        It is not as `expected`.
    """
    locked = _locked(editable, run_id)
    _expect(expected, locked)
    stated = restate(locked)
    changed = {name for name in STATED if getattr(stated, name) != getattr(locked, name)}
    if locked.status != RunStatus.RUNNING:
        if changed:
            raise RunEnded
        return locked
    _copy(stated, locked)
    if stated.status == RunStatus.RUNNING and changed <= GROWING:
        locked.updated_at = now
        locked.save(update_fields=[*changed, "updated_at"])
        run_grows(run=locked, by=by, now=now)
        return locked
    return edit_run(run=locked, by=by, now=now)


@transaction.atomic
def remove_run(
    *,
    editable: QuerySet[Run],
    run_id: int,
    by: User | None,
    now: datetime,
    expected: Expectation | None,
) -> None:
    """Delete a run: a tombstone stays, and the ledger posts its lines with the opposite sign.

    Raises
    ------
    RunGone
        Somebody deleted it meanwhile.
    NotAsExpected
        It is not as `expected`.
    """
    locked = _locked(editable, run_id)
    _expect(expected, locked)
    delete_run(run=locked, by=by, now=now)


def _locked(editable: QuerySet[Run], run_id: int) -> Run:
    found = editable.select_for_update(no_key=True, of=("self",)).filter(pk=run_id).first()
    if found is None:
        raise RunGone
    return found


def _expect(expected: Expectation | None, run: Run | None) -> None:
    if expected is not None and not expected(run):
        raise NotAsExpected


def _copy(stated: Run, stored: Run) -> None:
    for name in STATED:
        setattr(stored, name, getattr(stated, name))
