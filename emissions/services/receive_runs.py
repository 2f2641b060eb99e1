"""Record runs that clients may send more than once: the same row twice is one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db import IntegrityError, transaction
from django.db.models import Q

from emissions.calculation.vocabulary import RunStatus
from emissions.models import Organisation, Project, Run, User
from emissions.services.record_runs import external_id_taken, forget_keys, write_runs

#: How often others may record the same ids while we do, before we give up.
ATTEMPTS = 5
HOURS = ("duration_hours", "device_hours")

#: Columns that a source states: what makes two statements of a run the same.
STATED = (
    "name", "ai_model", "stage", "status", "hardware_id", "node_id", "site_id", "cloud_region_id",
    "zone_id", "started_at", "duration_hours", "device_count", "count_assumed", "device_hours",
    "energy_kwh", "energy_includes_pue", "energy_measured", "stated_power_watts", "power_share",
    "utilisation", "cpu_cores", "cpu_watts_per_core", "memory_gb", "stated_pue",
    "stated_factor_g_per_kwh", "stated_factor_source", "reported_kg", "sweep", "tokens", "flop",
    "metric_name", "metric_value", "notes",
)  # fmt: skip


class Outcome(Enum):
    """What became of a run that somebody sent."""

    RECORDED = "recorded"
    PRESENT = "present"
    CHANGED = "changed"
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
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
    project: Project | None = None,
) -> list[Received]:
    """Record what is new of runs; return what became of each, in order.

    A run is known by its external id within its project; `project` is that of all runs, if
    they do not bring their own. What two clients send at the same
    time is recorded by one of them: the database refuses the second, who reads and compares.
    """
    for run in runs:
        run.project = project or run.project
    # A run alone is most likely new: the database says if it is not.
    looking = len(runs) != 1
    for _ in range(ATTEMPTS):
        try:
            return _receive(organisation, runs, by, now, looking=looking)
        except IntegrityError as error:
            if not external_id_taken(error):
                raise
            forget_keys(runs)
            looking = True
    raise RuntimeError("Others keep recording and deleting the same runs")


@transaction.atomic
def _receive(
    organisation: Organisation,
    runs: Sequence[Run],
    by: User | None,
    now: datetime,
    *,
    looking: bool,
) -> list[Received]:
    known = _present(organisation, runs) if looking else {}
    new: list[Run] = []
    recorded = set()
    for run in runs:
        if run.external_id and _key(run) in known:
            continue
        if run.external_id:
            known[_key(run)] = run
        new.append(run)
        recorded.add(id(run))
    # In one order for all, or two clients with the same ids would wait for each other.
    new.sort(key=lambda run: (run.project_id or 0, run.external_id))
    if new:
        write_runs(organisation=organisation, runs=new, by=by, now=now)
    return [
        Received(run, Outcome.RECORDED) if id(run) in recorded else _repeated(run, known[_key(run)])
        for run in runs
    ]


def _key(run: Run) -> tuple[int | None, str]:
    return run.project_id, run.external_id


def _present(organisation: Organisation, runs: Sequence[Run]) -> dict[tuple[int | None, str], Run]:
    ids = {run.external_id for run in runs if run.external_id}
    if not ids:
        return {}
    projects = {run.project_id for run in runs}
    among = Q(project__in=projects - {None})
    if None in projects:
        among |= Q(project=None)
    found = Run.objects.of(organisation).filter(among, external_id__in=ids)
    return {_key(run): run for run in found}


def same_run(sent: Run, present: Run) -> bool:
    """Whether two statements of a run are the same; hours that were only counted are not one."""
    counted = sent.hours_so_far and present.status == RunStatus.RUNNING
    return all(
        getattr(sent, name) == getattr(present, name)
        for name in STATED
        if not (counted and name in HOURS)
    )


def _repeated(sent: Run, present: Run) -> Received:
    return Received(present, Outcome.PRESENT if same_run(sent, present) else Outcome.CONFLICT)
