"""How long hardware serves, and since when: what nodes state, else what the catalogue says.

A node that states no life follows the catalogue's, of the time. Before a thing's first life
its first one holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from emissions.calculation.embodied import Schedule, life_schedule
from emissions.models import HardwareLife, Node, NodeLife, Organisation

BEGINNING = date(1, 1, 1)
"""Stands for the time before all that is recorded."""


@dataclass(frozen=True, slots=True)
class Life:
    """How long a thing is to serve in all, from a day on; `own` if the node itself states it.

    Without `years` nobody states it: the default is assumed.
    """

    starts_on: date
    years: float | None
    own: bool = False


@dataclass(frozen=True, slots=True)
class NodeLives:
    """A node's lives, in order, and when it was bought and left."""

    node_id: int
    purchased_on: date | None
    disposed_on: date | None
    lives: tuple[Life, ...]

    def on(self, day: date) -> Life:
        """The life that holds on a day."""
        begun = [life for life in self.lives if life.starts_on <= day]
        return begun[-1] if begun else self.lives[0]

    @property
    def shown(self) -> list[Life]:
        """The lives that count, latest first: one that begins before the purchase is the first."""
        bought = self.purchased_on or BEGINNING
        late = [life for life in self.lives if life.starts_on > bought]
        return [*reversed(late), self.on(bought)]


def lives_of(*, organisation: Organisation) -> dict[int, NodeLives]:
    """Return the lives of an organisation's nodes, by node: three queries."""
    nodes = Node.objects.filter(organisation=organisation).select_related("hardware")
    return lives_of_nodes(list(nodes.order_by("pk")))


def lives_of_nodes(nodes: Sequence[Node]) -> dict[int, NodeLives]:
    """Return the lives of nodes, read with their hardware, by node: two queries."""
    stated: dict[int, list[NodeLife]] = {}
    rows = NodeLife.objects.current().filter(node__in=[node.pk for node in nodes])
    for row in rows.order_by("starts_on"):
        stated.setdefault(row.node_id, []).append(row)
    catalogue = catalogue_lives({node.hardware_id: node.hardware.life_years for node in nodes})
    return {
        node.pk: NodeLives(
            node.pk,
            node.purchased_on,
            node.disposed_on,
            _merged(stated.get(node.pk, ()), catalogue[node.hardware_id]),
        )
        for node in nodes
    }


def lives_of_node(node: Node) -> NodeLives:
    """Return the lives of one node."""
    return lives_of_nodes([node])[node.pk]


def catalogue_lives(now: Mapping[int, float | None]) -> dict[int, list[Life]]:
    """Return the lives that the catalogue gave and gives of hardware, by its id: one query.

    `now` has what it gives at present.
    """
    lives: dict[int, list[Life]] = {}
    ends: dict[int, date] = {}
    rows = HardwareLife.objects.current().filter(hardware__in=list(now)).order_by("starts_on")
    for row in rows:
        lives.setdefault(row.hardware_id, []).append(Life(row.starts_on, row.life_years))
        assert row.ends_before is not None
        ends[row.hardware_id] = row.ends_before
    return {
        pk: [*lives.get(pk, ()), Life(ends.get(pk, BEGINNING), years)] for pk, years in now.items()
    }


def schedule_of(lives: Sequence[NodeLives], *, day: Callable[[date], float]) -> Schedule:
    """Return how nodes' footprints are spread; `day` says where days begin on the time's scale."""
    lines = [(at, life) for at, one in enumerate(lives) for life in one.lives]
    bought = [day(one.purchased_on) if one.purchased_on else np.nan for one in lives]
    thing = np.array([at for at, _ in lines], dtype=np.int64)
    return life_schedule(
        thing=thing,
        starts=np.array([day(life.starts_on) for _, life in lines], dtype=np.float64),
        life_years=np.array(
            [np.nan if life.years is None else life.years for _, life in lines], dtype=np.float64
        ),
        purchased=np.array(bought, dtype=np.float64)[thing],
    )


def _merged(stated: Sequence[NodeLife], catalogue: Sequence[Life]) -> tuple[Life, ...]:
    """Put the catalogue's lives where the node states none."""
    if not stated:
        return tuple(catalogue)
    merged: list[Life] = []
    for row, later in pairwise([*stated, None]):
        assert row is not None
        until = later.starts_on if later else date.max
        if row.life_years is not None:
            merged.append(Life(row.starts_on, row.life_years, own=True))
            continue
        begun = [life for life in catalogue if life.starts_on <= row.starts_on]
        merged.append(Life(row.starts_on, (begun or catalogue)[-1 if begun else 0].years))
        merged += [life for life in catalogue if row.starts_on < life.starts_on < until]
    return tuple(merged)
