"""Hardware bought, and what has become of its footprint since.

Category 3.2 counts hardware in full in the month of purchase; the lifetime share spreads the
same footprint over its life. The two stand side by side, with the bridge between them.
"""

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

import numpy as np

from emissions.calculation.arrays import Floats, Ints
from emissions.calculation.embodied import (
    LIFE_YEARS_DEFAULT,
    NEVER,
    LifetimeBridge,
    lifetime_bridge,
    purchase_nano,
)
from emissions.calculation.uncertainty import EMBODIED_BAND, Interval, Shared, interval
from emissions.calculation.vocabulary import SiteKind, Tenure
from emissions.models import Node, NodePlacement, Organisation, Site, Team
from emissions.selectors.lives import NodeLives, lives_of_nodes, schedule_of

BOUGHT = (Tenure.OWNED, Tenure.FINANCE_LEASE)
"""What is held so is bought; what is leased otherwise or belongs to a cloud is not."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One node, or several alike, and how it was acquired.

    `placement` is where it stood, whose it was and how it was held on the day of purchase.
    `kg_per_node` is None where no footprint is known.
    """

    node: Node
    placement: NodePlacement | None
    kg_per_node: float | None
    lives: NodeLives

    def life_years(self, day: date) -> float:
        """The life that holds on a day, the default where nobody states one."""
        return self.lives.on(day).years or LIFE_YEARS_DEFAULT

    @property
    def counts(self) -> bool:
        """Whether category 3.2 has it: bought on a known day, with a known footprint."""
        return self.bought and self.node.purchased_on is not None and self.kg_per_node is not None

    @property
    def bought(self) -> bool:
        """Whether it was bought at all, not leased or a cloud's."""
        return (
            self.placement is not None
            and self.placement.tenure in BOUGHT
            and self.placement.site.kind != SiteKind.CLOUD
        )

    @property
    def site(self) -> Site | None:
        """The site where it stood on the day of purchase."""
        return self.placement.site if self.placement else None

    @property
    def owner(self) -> Team | None:
        """The team whose it was on the day of purchase."""
        return self.placement.owner if self.placement else None

    @property
    def why_not(self) -> str:
        """Why category 3.2 does not have it, in words; "" where it does."""
        if self.placement is None:
            return "stands nowhere"
        if not self.bought:
            tenure = Tenure(self.placement.tenure)
            return "the cloud's" if tenure in BOUGHT else tenure.label.lower()
        if self.node.purchased_on is None:
            return "day of purchase not known"
        return "" if self.kg_per_node is not None else "footprint not known"


@dataclass(frozen=True, slots=True)
class Bridge:
    """Hardware in a period, in kg CO2e.

    `before + bought − attributed − disposed = after`, exactly.
    """

    before: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    attributed: Decimal = Decimal(0)
    disposed: Decimal = Decimal(0)
    after: Decimal = Decimal(0)

    def __add__(self, other: "Bridge") -> "Bridge":
        return Bridge(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def empty(self) -> bool:
        """Whether nothing is or was there."""
        return not any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """What became of one purchase in a period; `bridge` is None where it does not count."""

    purchase: Purchase
    bridge: Bridge | None


def purchases(*, organisation: Organisation, team: Team | None = None) -> list[Purchase]:
    """Return all nodes as they were acquired, by day of purchase and name: four queries.

    With a team, those that were the team's on the day of purchase.
    """
    placements: dict[int, list[NodePlacement]] = {}
    facts = NodePlacement.objects.current().filter(organisation=organisation)
    for fact in facts.select_related("site", "owner").order_by("starts_on"):
        placements.setdefault(fact.node_id, []).append(fact)
    nodes = list(Node.objects.filter(organisation=organisation).select_related("hardware"))
    lives = lives_of_nodes(nodes)
    found = [_purchase(node, placements.get(node.pk, []), lives[node.pk]) for node in nodes]
    if team is not None:
        found = [one for one in found if one.owner == team]
    return sorted(found, key=lambda one: (one.node.purchased_on or date.max, one.node.name))


def bridge_rows(*, bought: list[Purchase], starts_on: date, ends_before: date) -> list[BridgeRow]:
    """Return what became of each purchase in a period, half-open; no query."""
    counted = [one for one in bought if one.counts]
    at_start, at_end = (_bridge(counted, day) for day in (starts_on, ends_before))
    rows = iter(
        Bridge(
            before=_kg(at_start.remaining[at]),
            bought=_kg(at_end.bought[at] - at_start.bought[at]),
            attributed=_kg(at_end.attributed[at] - at_start.attributed[at]),
            disposed=_kg(at_end.disposed[at] - at_start.disposed[at]),
            after=_kg(at_end.remaining[at]),
        )
        for at in range(len(counted))
    )
    return [BridgeRow(one, next(rows) if one.counts else None) for one in bought]


def total_bridge(rows: list[BridgeRow]) -> Bridge:
    """Add up rows, exactly."""
    return sum((row.bridge for row in rows if row.bridge is not None), Bridge())


def bridge_ranges(rows: list[BridgeRow]) -> dict[str, Interval]:
    """Return the 95 % intervals of the sums: the footprint of a hardware model is one input."""
    counted = [row for row in rows if row.bridge is not None]
    keys = np.array([row.purchase.node.hardware_id for row in counted], dtype=np.int64)
    low, high = (np.full(keys.size, sigma) for sigma in EMBODIED_BAND.sigmas)
    found = {}
    for one in fields(Bridge):
        amounts = np.array([float(getattr(row.bridge, one.name)) for row in counted])
        found[one.name] = interval(
            amounts=amounts.astype(np.float64), shared={"footprint": Shared(keys, low, high)}
        )
    return found


def purchase_kg(one: Purchase) -> Decimal | None:
    """Return the whole footprint of a purchase; None where it does not count."""
    return _kg(_nano([one])[0]) if one.counts else None


def _purchase(node: Node, placements: list[NodePlacement], lives: NodeLives) -> Purchase:
    """Return how a node was acquired; before its first placement the first one holds."""
    day = node.purchased_on or date.min
    then = [one for one in placements if one.starts_on <= day]
    per_device = node.hardware.embodied_kg
    kg = node.embodied_kg
    if kg is None and per_device is not None:
        kg = per_device * node.device_count
    return Purchase(
        node,
        then[-1] if then else next(iter(placements), None),
        kg,
        lives,
    )


def _bridge(counted: list[Purchase], before: date) -> LifetimeBridge:
    gone = [one.node.disposed_on for one in counted]
    return lifetime_bridge(
        bought_nano=_nano(counted),
        bought_on=_days([one.node.purchased_on for one in counted]),
        disposed_on=_days(gone),
        schedule=schedule_of([one.lives for one in counted], day=date.toordinal),
        before=np.full(len(counted), before.toordinal(), dtype=np.int64),
    )


def _nano(counted: list[Purchase]) -> Ints:
    kg: Floats = np.array([one.kg_per_node for one in counted], dtype=np.float64)
    count = np.array([one.node.node_count for one in counted], dtype=np.int64)
    return purchase_nano(kg_per_node=kg, node_count=count)


def _days(days: list[date | None]) -> Ints:
    numbers = [day.toordinal() if day else NEVER for day in days]
    return np.array(numbers, dtype=np.int64)


def _kg(nano: np.int64) -> Decimal:
    return Decimal(int(nano)).scaleb(-9)
