"""Create and edit nodes, place them from a day on, and dispose of them."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from django.db import transaction

from emissions.calculation.vocabulary import Cause, Tenure
from emissions.models import (
    HardwareModel,
    Node,
    NodeLife,
    NodePlacement,
    Organisation,
    Site,
    Team,
    User,
)
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.dated import end_on, set_from
from emissions.services.invalidate import node_changed
from emissions.services.names import free_slug


class DisposedBeforePurchase(Exception):
    """A node cannot leave before it was bought."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a node is, whatever its name and wherever it stands."""

    hardware: HardwareModel
    device_count: int
    node_count: int = 1
    idle_watts: float | None = None
    max_watts: float | None = None
    embodied_kg: float | None = None
    embodied_source: str = ""
    purchased_on: date | None = None


MACHINE = tuple(field.name for field in fields(Machine))


@transaction.atomic
def create_node(
    *,
    organisation: Organisation,
    name: str,
    machine: Machine,
    site: Site,
    starts_on: date,
    by: User | None,
    now: datetime,
    owner: Team | None = None,
    tenure: Tenure = Tenure.OWNED,
    life_years: float | None = None,
) -> Node:
    """Create a node and place it at a site from a day on; without a life the catalogue's holds."""
    slug = free_slug(
        name=name, among=Node.objects.filter(organisation=organisation), otherwise="node"
    )
    node = Node(organisation=organisation, name=name, slug=slug)
    _take(node, machine)
    node.save(force_insert=True)
    NodeLife.objects.create(
        organisation=organisation,
        node=node,
        life_years=life_years,
        starts_on=machine.purchased_on or starts_on,
        recorded_at=now,
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="node created",
        instance=node,
        after={**snapshot(node), "life_years": life_years},
    )
    place_node(
        node=node, site=site, owner=owner, tenure=tenure, starts_on=starts_on, by=by, now=now
    )
    return node


@transaction.atomic
def edit_node(*, node: Node, name: str, machine: Machine, by: User | None) -> Node:
    """Change what a node is called and what it is; its address stays."""
    node = Node.objects.select_for_update(of=("self",), no_key=True).get(pk=node.pk)
    before = snapshot(node)
    node.name = name
    _take(node, machine)
    after = snapshot(node)
    if before == after:
        return node
    node.save()
    write_audit_event(
        organisation=node.organisation,
        by=by,
        action="node edited",
        instance=node,
        before=before,
        after=after,
    )
    if {**before, "name": name} != after:
        node_changed(node=node, by=by)
    return node


@transaction.atomic
def place_node(
    *,
    node: Node,
    site: Site,
    starts_on: date,
    by: User | None,
    now: datetime,
    owner: Team | None = None,
    tenure: Tenure = Tenure.OWNED,
) -> NodePlacement:
    """Record where a node stands, whose it is and how it is held, from a day on."""
    old = NodePlacement.objects.current().on(starts_on).filter(node=node).first()
    fact = set_from(
        model=NodePlacement,
        key="node",
        thing=node,
        starts_on=starts_on,
        values={"site": site, "owner": owner, "tenure": tenure},
        now=now,
    )
    if old is not None and fact.pk == old.pk:
        return fact
    write_audit_event(
        organisation=node.organisation,
        by=by,
        action="node placed",
        instance=node,
        before=_words(old) if old else None,
        after=_words(fact),
    )
    held_otherwise = old is not None and old.tenure != fact.tenure
    node_changed(node=node, by=by, cause=Cause.BOUNDARY if held_otherwise else Cause.DATA)
    return fact


@transaction.atomic
def dispose_node(*, node: Node, disposed_on: date, by: User | None, now: datetime) -> Node:
    """Record that a node left on a day; from then on it stands nowhere.

    Raises
    ------
    DisposedBeforePurchase
        The day lies before the node was bought.
    """
    node = Node.objects.select_for_update(of=("self",), no_key=True).get(pk=node.pk)
    if node.purchased_on is not None and disposed_on < node.purchased_on:
        raise DisposedBeforePurchase
    before, node.disposed_on = node.disposed_on, disposed_on
    node.save(update_fields=["disposed_on"])
    end_on(model=NodePlacement, key="node", thing=node, ends_before=disposed_on, now=now)
    write_audit_event(
        organisation=node.organisation,
        by=by,
        action="node disposed",
        instance=node,
        before={"disposed_on": before},
        after={"disposed_on": disposed_on},
    )
    node_changed(node=node, by=by)
    return node


def _take(node: Node, machine: Machine) -> None:
    for name in MACHINE:
        setattr(node, name, getattr(machine, name))


def _words(fact: NodePlacement) -> dict[str, object]:
    return {
        "site": fact.site.name,
        "owner": fact.owner.name if fact.owner else "",
        "tenure": str(fact.tenure),
        "starts_on": fact.starts_on,
        "ends_before": fact.ends_before,
    }
