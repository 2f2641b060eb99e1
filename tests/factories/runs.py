"""Runs, and the ways they come: files, trackers, and twice."""

from datetime import UTC, datetime
from typing import Any

from emissions.models import (
    DoublePair,
    EnergyStream,
    Experiment,
    HardwareModel,
    ImportMapping,
    ImportRow,
    Organisation,
    Project,
    Run,
    RunImport,
    User,
)
from emissions.services.manage_experiments import default_experiment
from emissions.services.record_runs import record_runs
from emissions.services.streams.receive import Post, Tracker, open_stream, receive_post
from tests.factories.common import NOW, number
from tests.factories.ledger import calculate_all
from tests.factories.organisation import make_organisation, make_project
from tests.factories.reference import HARDWARE


def make_run(
    organisation: Organisation | None = None,
    *,
    project: Project | None = None,
    calculated: bool = True,
    **values: Any,
) -> Run:
    """Make a completed run of eight devices for ten hours; without a place, nobody knows it.

    It runs on A100 unless hardware, node, power or energy are given, and is calculated
    unless a test would rather do that itself.
    """
    if organisation is None:
        organisation = project.organisation if project else make_organisation()
    devices, hours = values.get("device_count", 8.0), values.get("duration_hours", 10.0)
    defaults: dict[str, Any] = {
        "name": f"Run {number()}",
        "started_at": datetime(2026, 5, 4, 8, 0, tzinfo=UTC),
        "device_count": devices,
        "duration_hours": hours,
        "device_hours": devices * hours,
    }
    if not {"hardware", "node", "stated_power_watts", "energy_kwh"} & set(values):
        defaults["hardware"] = HardwareModel.objects.get(name=HARDWARE["a100"])
    by = values.pop("created_by", None)
    run = Run(project=project, **{**defaults, **values})
    record_runs(organisation=organisation, runs=[run], by=by, now=NOW)
    if calculated:
        calculate_all()
    return run


def make_double(*, project: Project, calculated: bool = False, **values: Any) -> DoublePair:
    """Make two records of one job, one typed in and one by Slurm, on the review list."""
    pair = [
        make_run(project=project, source_kind=kind, name=f"{kind} record", calculated=calculated,
                 **values)
        for kind in ("form", "sacct")
    ]  # fmt: skip
    return DoublePair.objects.create(
        organisation=project.organisation, first=pair[0], second=pair[1], reason="alike"
    )


def make_import(*, project: Project, created_by: User | None = None) -> RunImport:
    """Make an uploaded file of one run that waits for its import."""
    run_import = RunImport.objects.create(
        organisation=project.organisation,
        project=project,
        file_name="runs.csv",
        sha256=f"{number():064d}",
        size_bytes=100,
        file_format="template",
        rows=1,
        new_rows=1,
        created_by=created_by,
    )
    ImportRow.objects.create(
        run_import=run_import,
        row=2,
        outcome="new",
        external_id=f"job-{number()}",
        name="A run",
        project_id=project.pk,
        project_name=project.name,
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        duration_hours=2.0,
        stated_power_watts=300.0,
        equipment_name="Unheard of",
    )
    return run_import


def make_mapping(*, project: Project, name: str = "") -> ImportMapping:
    """Say what a name in files means."""
    name = name or f"account{number()}"
    return ImportMapping.objects.create(
        organisation=project.organisation,
        kind="project",
        name=name,
        folded=name,
        project=project,
    )


def make_stream(
    *,
    project: Project | None = None,
    experiment: Experiment | None = None,
    now: datetime = NOW,
    **facts: Any,
) -> EnergyStream:
    """Make a whole-machine tracker with one A100 that has just begun."""
    experiment = experiment or default_experiment(
        project=project or make_project(), by=None, now=now
    )
    defaults: dict[str, Any] = {
        "sent_at": now,
        "address": f"address {number()}",
        "is_whole_machine": True,
        "gpu_model": "1 x A100",
        "gpu_count": 1,
    }
    tracker = Tracker(**{**defaults, **facts})
    return open_stream(experiment=experiment, tracker=tracker, by=None, now=now)


def make_post(
    stream: EnergyStream, *, ends: datetime = NOW, now: datetime | None = None, **values: Any
) -> bool:
    """Let a tracker post two minutes: 0.04 kWh, of which GPU 0.03, CPU and memory 0.005 each."""
    defaults: dict[str, Any] = {
        "duration_seconds": 120.0,
        "energy_kwh": 0.04,
        "cpu_energy_kwh": 0.005,
        "gpu_energy_kwh": 0.03,
        "memory_energy_kwh": 0.005,
        "reported_kg": 0.002,
    }
    post = Post(sent_at=ends, **{**defaults, **values})
    return receive_post(stream_id=stream.pk, post=post, now=now or ends)
