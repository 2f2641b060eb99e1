"""Take over a table of nodes: first what it would change, then all of it or nothing."""

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from emissions.calculation.vocabulary import Tenure
from emissions.importers.nodes import NodeLine, read_nodes
from emissions.importers.tables import Table
from emissions.models import HardwareModel, Node, NodePlacement, Organisation, Site, Team, User
from emissions.selectors.catalogue import HardwareNames
from emissions.selectors.inventory import NodeRow
from emissions.selectors.lives import lives_of
from emissions.services.change_life import LifeOver, check_life, set_life
from emissions.services.check_node import check_node, life_over
from emissions.services.manage_nodes import (
    MACHINE,
    Machine,
    create_node,
    dispose_node,
    edit_node,
    place_node,
)


class Verdict(StrEnum):
    """What a row would do."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a row would change, in words."""

    column: str
    before: str
    after: str


@dataclass(slots=True)
class PlannedNode:
    """One row of the table and what it would do."""

    number: int
    name: str
    verdict: Verdict = Verdict.UNCHANGED
    errors: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    node: Node | None = None
    machine: Machine | None = None
    placement: dict[str, Any] = field(default_factory=dict)
    placed_on: date | None = None
    life_years: float | None = None
    life_from: date | None = None
    disposed_on: date | None = None


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a table would do, row by row."""

    rows: list[PlannedNode]

    def of(self, verdict: Verdict) -> list[PlannedNode]:
        """The rows of one verdict."""
        return [row for row in self.rows if row.verdict == verdict]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows would do what."""
        return {verdict.value: len(self.of(verdict)) for verdict in Verdict}

    @property
    def applicable(self) -> bool:
        """Whether every row can be taken over, and some would change something."""
        return not self.of(Verdict.REFUSED) and bool(
            self.of(Verdict.NEW) or self.of(Verdict.CHANGED)
        )

    @property
    def fingerprint(self) -> str:
        """Return what two plans share if they would do the same."""
        said = [(row.number, row.verdict, sorted(row.errors), row.changes) for row in self.rows]
        return hashlib.sha256(repr(said).encode()).hexdigest()


class PlanChanged(Exception):
    """Nodes were changed since somebody looked at the plan, or rows are refused."""


def plan_nodes(*, organisation: Organisation, table: Table, today: date) -> NodePlan:
    """Return what a table of nodes would do; nothing is written.

    A row is about the node of its name. What an empty cell would say stays as it is; a new
    node needs hardware, devices and a site.

    Raises
    ------
    MissingColumns
        The table has no names.
    """
    known = _Known(organisation)
    names: set[str] = set()
    return NodePlan([_planned(line, known, names, today) for line in read_nodes(table)])


@transaction.atomic
def apply_nodes(
    *,
    organisation: Organisation,
    table: Table,
    fingerprint: str,
    today: date,
    by: User | None,
    now: datetime,
) -> NodePlan:
    """Do what a plan said, all of it or nothing.

    Raises
    ------
    PlanChanged
        The plan is another one by now.
    """
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    plan = plan_nodes(organisation=organisation, table=table, today=today)
    if not plan.applicable or plan.fingerprint != fingerprint:
        raise PlanChanged
    for row in plan.rows:
        if row.verdict == Verdict.NEW:
            _create(organisation, row, by, now)
        elif row.verdict == Verdict.CHANGED:
            _change(row, by, now)
    return plan


def _create(organisation: Organisation, row: PlannedNode, by: User | None, now: datetime) -> None:
    assert row.machine is not None
    assert row.placed_on is not None
    node = create_node(
        organisation=organisation,
        name=row.name,
        machine=row.machine,
        starts_on=row.placed_on,
        life_years=row.life_years,
        by=by,
        now=now,
        **row.placement,
    )
    if row.disposed_on is not None:
        dispose_node(node=node, disposed_on=row.disposed_on, by=by, now=now)


def _change(row: PlannedNode, by: User | None, now: datetime) -> None:
    assert row.node is not None
    assert row.machine is not None
    edit_node(node=row.node, name=row.node.name, machine=row.machine, by=by)
    if row.placement:
        assert row.placed_on is not None
        place_node(node=row.node, starts_on=row.placed_on, by=by, now=now, **row.placement)
    if row.life_from is not None:
        set_life(node=row.node, life_years=row.life_years, starts_on=row.life_from, by=by, now=now)
    if row.disposed_on is not None and row.disposed_on != row.node.disposed_on:
        dispose_node(node=row.node, disposed_on=row.disposed_on, by=by, now=now)


class _Known:
    """What the organisation has, by name: a query each."""

    def __init__(self, organisation: Organisation) -> None:
        nodes = Node.objects.filter(organisation=organisation).select_related(
            "hardware", "organisation"
        )
        self.nodes = {node.name.casefold(): node for node in nodes}
        facts = NodePlacement.objects.current().filter(organisation=organisation)
        self.lives = lives_of(organisation=organisation)
        self.placements: dict[int, list[NodePlacement]] = {}
        for fact in facts.select_related("site", "owner").order_by("starts_on"):
            self.placements.setdefault(fact.node_id, []).append(fact)
        sites = Site.objects.filter(organisation=organisation, archived_at=None)
        self.sites = _by_name(sites.order_by("-pk"))
        self.teams = _by_name(
            Team.objects.filter(organisation=organisation, archived_at=None).order_by("-pk")
        )
        self.names = HardwareNames(organisation=organisation)
        self.hardware = HardwareModel.objects.in_bulk(list(self.names.names))

    def placement(self, node: Node, day: date) -> NodePlacement | None:
        """Where a node stands on a day, or first stood if that is later."""
        facts = self.placements.get(node.pk, [])
        then = [
            fact
            for fact in facts
            if fact.starts_on <= day and (fact.ends_before is None or day < fact.ends_before)
        ]
        return then[0] if then else None


def _by_name(rows: Any) -> dict[str, Any]:
    return {key: one for one in rows for key in (one.slug, one.name.casefold())}


def _planned(line: NodeLine, known: _Known, names: set[str], today: date) -> PlannedNode:
    values = dict(line.values)
    name = values.get("name", "")
    row = PlannedNode(line.number, name, errors=dict(line.errors))
    if name.casefold() in names:
        row.errors["name"] = "An earlier row is about this node."
    names.add(name.casefold())
    row.node = known.nodes.get(name.casefold())
    _resolve(values, row, known)
    if row.node is None:
        _plan_new(row, values, today)
    else:
        _plan_change(row, row.node, values, known, today)
    if row.errors:
        row.verdict = Verdict.REFUSED
        row.changes = []
    return row


def _resolve(values: dict[str, Any], row: PlannedNode, known: _Known) -> None:
    """Put in what cells name: hardware, site and team."""
    for column, found, noun in (
        ("site", known.sites, "site"),
        ("team", known.teams, "team"),
    ):
        if column in values:
            thing = found.get(values[column].casefold())
            if thing is None:
                row.errors[column] = f"There is no {noun} “{values[column]}”."
                del values[column]
            else:
                values[column] = thing
    if "hardware" in values:
        model = known.names.find(values["hardware"])
        if model is None:
            row.errors["hardware"] = (
                f"The catalogue has no “{values['hardware']}”. Add it, or a spelling of it."
            )
            del values["hardware"]
        else:
            values["hardware"] = known.hardware[model]


def _plan_new(row: PlannedNode, values: dict[str, Any], today: date) -> None:
    for column, words in (
        ("hardware", "A new node needs its hardware."),
        ("device_count", "A new node needs its number of devices."),
        ("site", "A new node needs its site."),
    ):
        if column not in values and column not in row.errors:
            row.errors[column] = words
    row.disposed_on = values.get("disposed_on")
    row.placed_on = values.get("placed_on") or values.get("purchased_on") or today
    _check(row, values)
    if row.disposed_on is not None and row.disposed_on <= row.placed_on:
        row.errors.setdefault("disposed_on", f"It is placed from {row.placed_on:%Y-%m-%d} on.")
    if row.errors:
        return
    row.verdict = Verdict.NEW
    row.machine = Machine(**{key: values[key] for key in MACHINE if key in values})
    row.life_years = values.get("life_years")
    row.placement = {
        "site": values["site"],
        "owner": values.get("team"),
        "tenure": values.get("tenure", Tenure.OWNED),
    }


def _plan_change(
    row: PlannedNode, node: Node, values: dict[str, Any], known: _Known, today: date
) -> None:
    stated = {key: getattr(node, key) for key in MACHINE}
    wanted = {**stated, **{key: values[key] for key in MACHINE if key in values}}
    row.disposed_on = values.get("disposed_on") or node.disposed_on
    _check(row, wanted)
    for key in MACHINE:
        if wanted[key] != stated[key]:
            row.changes.append(Change(key, _word(stated[key]), _word(wanted[key])))
    if row.disposed_on != node.disposed_on:
        row.changes.append(Change("disposed_on", _word(node.disposed_on), _word(row.disposed_on)))
    _plan_life(row, node, values, known, today)
    _plan_placement(row, node, values, known, today)
    row.machine = Machine(**wanted)
    if row.changes:
        row.verdict = Verdict.CHANGED


def _plan_life(
    row: PlannedNode, node: Node, values: dict[str, Any], known: _Known, today: date
) -> None:
    """Change the node's life from a day on where the row says another than holds that day."""
    wanted, day = values.get("life_years"), values.get("life_from") or today
    if wanted is None:
        return
    origin = values.get("purchased_on") or node.purchased_on or day
    held = known.lives[node.pk].on(max(day, origin))
    stated = held.years if held.own else None
    if stated == wanted:
        return
    edited = copy(node)
    edited.purchased_on = values.get("purchased_on", node.purchased_on)
    try:
        check_life(node=edited, life_years=wanted, starts_on=day)
    except LifeOver as over:
        row.errors["life_years"] = life_over(over, day)
    row.life_years, row.life_from = wanted, day
    row.changes.append(Change("life_years", _word(stated), _word(wanted)))


def _plan_placement(
    row: PlannedNode, node: Node, values: dict[str, Any], known: _Known, today: date
) -> None:
    """Move the node where the row says another site, team or tenure than stands that day."""
    placed_on = values.get("placed_on") or today
    there = known.placement(node, placed_on)
    before = {
        "site": there.site if there else None,
        "owner": there.owner if there else None,
        "tenure": Tenure(there.tenure) if there else Tenure.OWNED,
    }
    after = {
        "site": values.get("site", before["site"]),
        "owner": values.get("team", before["owner"]),
        "tenure": values.get("tenure", before["tenure"]),
    }
    gone = node.disposed_on is not None and placed_on >= node.disposed_on
    if after == before or after["site"] is None or gone:
        return
    row.placement, row.placed_on = after, placed_on
    for key, column in (("site", "site"), ("owner", "team"), ("tenure", "tenure")):
        if after[key] != before[key]:
            row.changes.append(Change(column, _word(before[key]), _word(after[key])))


def _check(row: PlannedNode, values: dict[str, Any]) -> None:
    for column, words in check_node(values, disposed_on=row.disposed_on):
        row.errors.setdefault(column, words)


def _word(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Tenure):
        return value.value
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def export_rows(*, nodes: Sequence[NodeRow]) -> list[list[Any]]:
    """Return nodes as rows of the template: uploaded again, they change nothing."""
    return [
        [
            node.name,
            node.hardware.name,
            node.device_count,
            node.node_count,
            place.site.name if place else "",
            place.owner.name if place and place.owner else "",
            place.tenure if place else "",
            place.starts_on if place else None,
            node.purchased_on,
            row.life.years if row.life.own else None,
            _life_since(row),
            node.max_watts,
            node.idle_watts,
            node.embodied_kg,
            node.embodied_source,
            node.disposed_on,
        ]
        for row in nodes
        for node, place in [(row.node, row.placement)]
    ]


def _life_since(row: NodeRow) -> date | None:
    """Return since when a node's own life holds, where it is not its first."""
    late = row.node.purchased_on is None or row.life.starts_on > row.node.purchased_on
    return row.life.starts_on if row.life.own and late else None
