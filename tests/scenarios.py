"""Situations that several tests look at, with real lines in the ledger."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from emissions.calculation.vocabulary import FactorRole, RunStatus, Stage
from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareModel,
    Organisation,
    Project,
    Run,
    Site,
    Team,
)
from emissions.services.calculate import calculate_pending
from emissions.services.record_runs import record_runs
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_organisation,
    make_project,
    make_reference,
    make_site,
    make_team,
)


@dataclass
class Laboratory:
    """Two teams with three projects, three places, and six runs of 2026."""

    organisation: Organisation
    vision: Team
    language: Team
    maps: Project
    faces: Project
    chat: Project
    lulea: Site
    region: CloudRegion
    a100: HardwareModel
    cpu: HardwareModel


def make_laboratory() -> Laboratory:
    """Make it, calculated: one run crosses a month's end, one failed, one has no project."""
    make_reference()
    france = GridZone.objects.get(code="FR")
    more = make_factor_set(
        slug="test-more",
        name="Test upstream and residual mix",
        default_precedence=3,
        source_url="https://example.org/factors",
    )
    make_factor(
        factor_set=more, zone=france, year=2026, role=FactorRole.UPSTREAM, g_co2e_per_kwh=9.7
    )
    make_factor(
        factor_set=more, zone=france, year=2025, role=FactorRole.RESIDUAL, g_co2e_per_kwh=77.0
    )
    organisation = make_organisation("Laboratory", slug="laboratory")
    vision = make_team(organisation=organisation, name="Vision", slug="vision")
    language = make_team(organisation=organisation, name="Language", slug="language")
    maps = make_project(team=vision, name="Maps", slug="maps")
    faces = make_project(team=vision, name="Faces", slug="faces")
    chat = make_project(team=language, name="Chat", slug="chat")
    lulea = make_site(organisation=organisation, name="Luleå", pue=1.07)
    region = CloudRegion.objects.get(region="us-west-1")
    a100 = HardwareModel.objects.get(name="NVIDIA A100 SXM4 80GB")
    cpu = HardwareModel.objects.get(name="AMD EPYC 7763")
    rows: list[dict[str, Any]] = [
        {"project": maps, "hardware": a100, "site": lulea, "started_at": at(2)},
        {
            "project": maps,
            "hardware": a100,
            "zone": france,
            "started_at": at(3, 31),
            "duration_hours": 77.7,
            "device_count": 7,
        },
        {
            "project": faces,
            "hardware": cpu,
            "site": lulea,
            "started_at": at(3),
            "status": RunStatus.FAILED,
            "stage": Stage.EVALUATION,
        },
        {
            "project": chat,
            "hardware": a100,
            "cloud_region": region,
            "started_at": at(7),
            "device_count": 33,
        },
        {
            "project": chat,
            "energy_kwh": 123.456789,
            "energy_measured": True,
            "site": lulea,
            "started_at": at(8),
        },
        {"hardware": a100, "started_at": at(9)},
    ]
    for row in rows:
        record_run(organisation, **row)
    calculate_all()
    return Laboratory(organisation, vision, language, maps, faces, chat, lulea, region, a100, cpu)


def at(month: int, day: int = 10) -> datetime:
    """A morning in 2026."""
    return datetime(2026, month, day, 9, tzinfo=UTC)


def record_run(organisation: Organisation, **values: Any) -> Run:
    """Record a run of ten hours on one device, through the service; it is pending."""
    values = {
        "name": "A run",
        "started_at": at(5),
        "duration_hours": 10.0,
        "device_count": 1.0,
        **values,
    }
    values.setdefault("device_hours", values["duration_hours"] * values["device_count"])
    (run,) = record_runs(organisation=organisation, runs=[Run(**values)], by=None, now=NOW)
    return run


def calculate_all() -> None:
    """Post everything that is pending, as workers would."""
    while calculate_pending():
        pass


def move_project(project: Project, team: Team, *, on: date) -> None:
    """End the project's assignment and begin one to another team."""
    project.assignments.filter(ends_before=None).update(ends_before=on)
    project.assignments.create(organisation=team.organisation, team=team, starts_on=on)
