"""Record runs that clients may send more than once: the same row twice is one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db import IntegrityError, transaction

from emissions.models import Organisation, Project, Run, User
from emissions.services.record_runs import record_runs

#: How often others may record the same ids while we do, before we give up.
ATTEMPTS = 5
ONCE = "run_external_id"

#: What makes two statements of a run the same.
STATED = (
    "name", "ai_model", "stage", "status", "hardware_id", "node_id", "site_id", "cloud_region_id",
    "zone_id", "started_at", "duration_hours", "device_count", "device_hours", "energy_kwh",
    "energy_includes_pue", "energy_measured", "stated_power_watts", "power_share", "utilisation",
    "cpu_cores", "cpu_watts_per_core", "memory_gb", "stated_pue", "stated_factor_g_per_kwh",
    "stated_factor_source", "reported_kg", "sweep", "tokens", "flop", "metric_name",
    "metric_value", "notes",
)  # fmt: skip


class Outcome(Enum):
    """What became of a run that somebody sent."""

    RECORDED = "recorded"
    PRESENT = "present"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Received:
    """One run that was sent: the run as it stands, and whether it is new.

    At a conflict it is the other run that has this external id.
    """

    run: Run
    outcome: Outcome


def receive_runs(
    *,
    organisation: Organisation,
    project: Project,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
) -> list[Received]:
    """Record what is new of a project's runs; return what became of each, in order.

    A run is known by its external id within the project. What two clients send at the same
    time is recorded by one of them: the database refuses the second, who reads and compares.
    """
    for _ in range(ATTEMPTS):
        try:
            return _receive(organisation, project, runs, by, now)
        except IntegrityError as error:
            if _constraint(error) != ONCE:
                raise
            _forget_keys(runs)
    raise RuntimeError("Others keep recording and deleting the same runs")


@transaction.atomic
def _receive(
    organisation: Organisation,
    project: Project,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
) -> list[Received]:
    known = _present(project, runs)
    new: list[Run] = []
    recorded = set()
    for run in runs:
        run.project = project
        if run.external_id and run.external_id in known:
            continue
        if run.external_id:
            known[run.external_id] = run
        new.append(run)
        recorded.add(id(run))
    # In one order for all, or two clients with the same ids would wait for each other.
    new.sort(key=lambda run: run.external_id)
    if new:
        record_runs(organisation=organisation, runs=new, by=by, now=now)
    return [
        Received(run, Outcome.RECORDED)
        if id(run) in recorded
        else _repeated(run, known[run.external_id])
        for run in runs
    ]


def _present(project: Project, runs: Sequence[Run]) -> dict[str, Run]:
    ids = {run.external_id for run in runs if run.external_id}
    if not ids:
        return {}
    found = Run.objects.of(project.organisation).filter(project=project, external_id__in=ids)
    return {run.external_id: run for run in found}


def _repeated(sent: Run, present: Run) -> Received:
    same = all(getattr(sent, name) == getattr(present, name) for name in STATED)
    return Received(present, Outcome.PRESENT if same else Outcome.CONFLICT)


def _constraint(error: IntegrityError) -> str | None:
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)


def _forget_keys(runs: Sequence[Run]) -> None:
    """Make rows of a failed statement new again."""
    for run in runs:
        run.pk = None
        run._state.adding = True
