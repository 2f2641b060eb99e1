"""The demo's runs that somebody has to look at: without a project or place, or twice there."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from emissions.calculation.vocabulary import SourceKind, Stage
from emissions.models import Run
from emissions.services.demo.generate import Things
from emissions.services.demo.plan import AWS, RESEARCHER

#: Name, days ago, hours, devices: what came from Slurm without an account.
WITHOUT_PROJECT = (
    ("interactive", 3, 2.5, 4),
    ("debug-nccl", 5, 0.8, 8),
    ("interactive", 9, 6.0, 8),
    ("benchmark-h100", 12, 11.0, 16),
    ("hackathon-team-3", 20, 7.5, 4),
)
#: What CodeCarbon sent from laptops and rented machines.
WITHOUT_PLACE = (("notebook-experiment", 4, 3.2, 1), ("rented-box", 8, 9.0, 2))


def to_review(*, things: Things, now: datetime) -> Iterator[tuple[str, list[Run]]]:
    """Yield the runs of each person who recorded some."""
    noon = now.replace(hour=10, minute=0, second=0, microsecond=0)
    node = things.nodes["lul-h100"]
    slurm = [
        _run(
            name, noon, days, hours, devices,
            node=node, source_kind=SourceKind.SACCT, external_id=f"slurm-{91_000 + at}",
        )
        for at, (name, days, hours, devices) in enumerate(WITHOUT_PROJECT)
    ]  # fmt: skip
    twice = [
        _run(
            "weather-nowcast-eu", noon, 6, 14.0, 32,
            project=things.projects["Weather"], node=node, stage=Stage.PRE_TRAINING,
            source_kind=SourceKind.SACCT, external_id="slurm-91555",
        ),
        _run(
            "nowcast europe, final", noon + timedelta(minutes=4), 6, 13.9, 32,
            project=things.projects["Weather"], node=node, stage=Stage.PRE_TRAINING,
            source_kind=SourceKind.FORM, power_share=0.7,
        ),
        _run(
            "materials-gnn", noon, 15, 8.0, 16,
            project=things.projects["Materials"], site=things.sites[AWS],
            hardware=next(iter(_a100(things))), source_kind=SourceKind.API,
            external_id="wandb-k2f9",
        ),
        _run(
            "materials-gnn", noon + timedelta(minutes=2), 15, 7.95, 16,
            project=things.projects["Materials"], site=things.sites[AWS],
            hardware=next(iter(_a100(things))), source_kind=SourceKind.CODECARBON,
            energy_kwh=47.3, energy_measured=True,
        ),
        # Certain enough for the rule: the only tracker within the only job.
        _run(
            "protein-fold-final", noon, 24, 20.0, 8,
            project=things.projects["Protein design"], node=node, stage=Stage.FINE_TUNING,
            source_kind=SourceKind.SACCT, external_id="slurm-90870",
        ),
        _run(
            "protein-fold tracker", noon + timedelta(minutes=1), 24, 19.9, 8,
            project=things.projects["Protein design"], site=things.sites["Luleå"],
            source_kind=SourceKind.CODECARBON, energy_kwh=96.4, energy_measured=True,
        ),
    ]  # fmt: skip
    yield "", [*slurm, *twice]
    yield (
        RESEARCHER,
        [
            _run(
                name, noon, days, hours, devices,
                hardware=next(iter(_a100(things))), source_kind=SourceKind.CODECARBON,
                energy_kwh=round(0.41 * hours * devices, 3), energy_measured=True,
            )
            for name, days, hours, devices in WITHOUT_PLACE
        ],
    )  # fmt: skip


def _a100(things: Things) -> Iterator[object]:
    return (one for name, one in things.hardware.items() if "A100 SXM4" in name)


def _run(name: str, noon: datetime, days: int, hours: float, devices: int, **values: object) -> Run:
    return Run(
        name=name,
        started_at=noon - timedelta(days=days),
        duration_hours=hours,
        device_count=devices,
        device_hours=devices * hours,
        **{"stage": Stage.FINE_TUNING, **values},
    )
