"""Make the demo's runs: seeded, so that the same day gives the same runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from emissions.calculation.vocabulary import RunStatus, SourceKind, Stage
from emissions.models import HardwareModel, Node, Project, Run, Site
from emissions.services.demo.plan import CLOUD_HARDWARE, NODES, PROJECTS, ProjectPlan

SEED = 626_155
STATUSES = (
    (RunStatus.COMPLETED, 84),
    (RunStatus.FAILED, 9),
    (RunStatus.CANCELLED, 7),
)
WORDS = ("baseline", "lr-sweep", "long-context", "ablation", "bf16", "warm-start", "seed", "scaled")


@dataclass(frozen=True, slots=True)
class Things:
    """The saved rows that runs refer to, by name."""

    projects: dict[str, Project]
    sites: dict[str, Site]
    nodes: dict[str, Node]
    hardware: dict[str, HardwareModel]


def generate_runs(*, things: Things, start: date, days: int, count: int) -> Iterator[Run]:
    """Yield about `count` unsaved runs over `days` days from `start`, oldest first."""
    random = Random(SEED)
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC)
    planned = [
        (_day(plan, days, random), plan)
        for plan in PROJECTS
        for _ in range(round(count * plan.weight / sum(one.weight for one in PROJECTS)))
    ]
    for at, (day, plan) in enumerate(sorted(planned, key=lambda pair: pair[0])):
        yield _run(plan, begin + timedelta(days=day), day, at, things, random)
    yield from _across_new_years(things, start, days)


def _day(plan: ProjectPlan, days: int, random: Random) -> float:
    """Draw the day of a run: evenly, or more and more often where the project grows."""
    where: float = random.random()
    if plan.growth > 1:
        # The inverse of the distribution whose density rises from 1 to `growth`.
        where = ((1 + (plan.growth**2 - 1) * where) ** 0.5 - 1) / (plan.growth - 1)
    return plan.from_day + where * (days - plan.from_day)


def _run(
    plan: ProjectPlan, started_at: datetime, day: float, at: int, things: Things, random: Random
) -> Run:
    place = _place(plan, day, random)
    stage = random.choice(plan.stages)
    status = random.choices([status for status, _ in STATUSES], [weight for _, weight in STATUSES])[
        0
    ]
    count = random.choice(plan.devices)
    hours = plan.hours * random.lognormvariate(0, 0.6) * _length(plan, stage, status, day, random)
    hours = max(round(hours, 2), 0.05)
    run = Run(
        project=things.projects[plan.name],
        external_id=f"job-{100_000 + at}",
        name=f"{plan.name.split()[0].lower()}-{random.choice(WORDS)}-{at % 1000:03d}",
        ai_model=plan.name if stage in (Stage.PRE_TRAINING, Stage.FINE_TUNING) else "",
        stage=stage,
        status=status,
        source_kind=SourceKind.API,
        started_at=started_at.replace(microsecond=0),
        duration_hours=hours,
        device_count=count,
        device_hours=round(count * hours, 6),
        node=things.nodes.get(place),
        site=things.sites.get(place),
        hardware=None if place in things.nodes else things.hardware[CLOUD_HARDWARE[place]],
    )
    _know(run, things, random)
    return run


def _place(plan: ProjectPlan, day: float, random: Random) -> str:
    """Choose among the places that exist on the day."""
    since = {node.name: node.from_day for node in NODES}
    there = [place for place in plan.places if since.get(place, 0) <= day]
    return random.choice(there or list(plan.places))


def _length(plan: ProjectPlan, stage: Stage, status: str, day: float, random: Random) -> float:
    """Return what a run's usual length is multiplied by."""
    factor = {Stage.EVALUATION: 0.15, Stage.DATA: 0.6}.get(stage, 1.0)
    if plan.win_day is not None and day >= plan.win_day:
        factor *= 0.5
    return factor if status == RunStatus.COMPLETED else factor * random.random()


def _know(run: Run, things: Things, random: Random) -> None:
    """State what is known of the run's power: measured, stated, or nothing."""
    device = run.hardware or things.nodes[run.node.name].hardware  # type: ignore[union-attr]
    share = min(max(random.gauss(0.71, 0.1), 0.3), 0.97)
    known = random.random()
    if known < 0.5:
        run.energy_kwh = round(run.device_hours * device.max_watts * share * 1.3 / 1000, 6)
        run.energy_measured = True
    elif known < 0.8:
        run.power_share = round(share, 2)


def _across_new_years(things: Things, start: date, days: int) -> Iterator[Run]:
    """Yield a long run across each New Year, so that every year's end has one to split."""
    last = start + timedelta(days=days)
    for year in range(start.year, last.year):
        started_at = datetime(year, 12, 22, 14, tzinfo=UTC)
        hours = 24.0 * 19
        if started_at.date() < start or (started_at + timedelta(hours=hours)).date() > last:
            continue
        yield Run(
            project=things.projects["Aurora base model"],
            external_id=f"aurora-{year + 1}",
            name=f"aurora-{year + 1}-pretraining",
            ai_model=f"Aurora {year + 1}",
            stage=Stage.PRE_TRAINING,
            source_kind=SourceKind.API,
            started_at=started_at,
            duration_hours=hours,
            device_count=128,
            device_hours=128 * hours,
            node=things.nodes["lul-a100"],
            power_share=0.82,
            tokens=1.4e12,
            flop=6.1e22,
        )
