"""The demo's electricity bills: what its runs and idle nodes need, and somewhat more."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

from emissions.models import Node, Run
from emissions.services.demo.generate import SEED
from emissions.services.demo.plan import NODES, SITES, NodePlan
from emissions.services.manage_meters import Reading

#: Average power of a device at work and idle, of its rated power; and what its host adds.
AT_WORK, IDLE, HOST = 0.75, 0.12, 1.35
#: What nobody explains: network, storage, people. It goes down as nodes are recorded better.
UNEXPLAINED = (0.16, 0.05)
OTHER_LOAD_KWH = {"Frankfurt": 3_000}
DAYS = 30.4


class Bills:
    """Adds up what each metered site needs, while the runs go by."""

    def __init__(self, *, nodes: Mapping[str, Node], start: date) -> None:
        self.nodes, self.start = nodes, start
        self.kwh: dict[tuple[str, date], float] = {}
        self.hours: dict[tuple[str, date], float] = {}

    def note(self, runs: Iterable[Run]) -> Iterable[Run]:
        """Note runs on nodes, and hand them on."""
        plans = {plan.name: plan for plan in NODES}
        for run in runs:
            if run.node is not None and run.node.name in plans:
                plan = plans[run.node.name]
                watts = run.node.hardware.max_watts * (run.power_share or AT_WORK) * HOST
                stated = run.energy_kwh
                kwh = run.device_hours * watts / 1000 if stated is None else stated
                for month, share in _shares(run):
                    self._add(self.kwh, plan.site, month, kwh * share)
                    self._add(self.hours, plan.name, month, run.device_hours * share)
            yield run

    def of(self, site: str, *, now: datetime) -> list[Reading]:
        """Return a bill for each month of a site that has ended."""
        random = Random(f"{SEED} {site}")
        plan = next(one for one in SITES if one.name == site)
        months = list(_months(self.start, now.astimezone(UTC).date()))
        readings = []
        for at, (month, after) in enumerate(months):
            it = self.kwh.get((site, month), 0.0)
            it += sum(self._idle(one, month) for one in NODES if one.site == site)
            pue = plan.pue[min(max(month.year - self.start.year, 0), len(plan.pue) - 1)]
            most, least = UNEXPLAINED
            more = most + (least - most) * at / len(months) + random.gauss(0, 0.012)
            other = OTHER_LOAD_KWH[site] * (1 + random.gauss(0, 0.05))
            readings.append(
                Reading(
                    starts_on=month,
                    ends_before=after,
                    energy_kwh=Decimal(round(it * pue * (1 + more) + other)),
                    other_load_kwh=Decimal(round(other)),
                    source=f"Invoice {month:%Y-%m}",
                )
            )
        return readings

    def _idle(self, plan: NodePlan, month: date) -> float:
        """Return the energy of a node's idle hours [kWh]."""
        if (month - self.start).days < plan.from_day:
            return 0.0
        available = plan.devices * plan.count * DAYS * 24
        idle = max(available - self.hours.get((plan.name, month), 0.0), 0.0)
        return idle * self.nodes[plan.name].hardware.max_watts * IDLE * HOST / 1000

    @staticmethod
    def _add(sums: dict[tuple[str, date], float], key: str, month: date, amount: float) -> None:
        sums[key, month] = sums.get((key, month), 0.0) + amount


def _shares(run: Run) -> Iterable[tuple[date, float]]:
    """Yield the months of a run with the part of it in each; none is longer than a month."""
    first, last = run.started_at, run.ended_at
    turn = last.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if first >= turn:
        yield turn.date(), 1.0
        return
    before = (turn - first) / (last - first)
    yield first.date().replace(day=1), before
    yield turn.date(), 1 - before


def _months(start: date, today: date) -> Iterable[tuple[date, date]]:
    """Yield the whole months from a day on that have ended: (first day, first of the next)."""
    month = start.replace(day=1)
    while True:
        after = (month.replace(year=month.year + 1, month=1) if month.month == 12
                 else month.replace(month=month.month + 1))  # fmt: skip
        if after > today:
            return
        yield month, after
        month = after
