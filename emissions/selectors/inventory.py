"""Sites and nodes with what is true of them on a day."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Case, F, Prefetch, Q, QuerySet, Sum, When

from emissions.calculation.vocabulary import HardwareKind, ZoneKind
from emissions.models import (
    HardwareAlias,
    HardwareModel,
    MonthlyTotal,
    Node,
    NodeLife,
    NodePlacement,
    Organisation,
    Site,
    SiteConditions,
)
from emissions.selectors.catalogue import hardware_keys
from emissions.selectors.lives import Life, lives_of_node, lives_of_nodes
from emissions.selectors.machines import NodeUse, use_of_nodes
from emissions.selectors.metering import Explained, explained_by_site

DAYS_PER_YEAR = 365.25
SLICE = re.compile(r"\s+MIG\s.*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site, its conditions of the day, and what stands there."""

    site: Site
    conditions: SiteConditions | None
    nodes: int
    devices: int
    metered: Explained | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node, its place, its age and its life of the day, and how much of it was used."""

    node: Node
    placement: NodePlacement | None
    devices: int
    age_years: float | None
    past_life: bool
    life: Life
    use: NodeUse


#: ?sort= → what of a row orders the list; a leading "-" turns it round.
SORTS: dict[str, Callable[[NodeRow], Any]] = {
    "name": lambda row: row.node.name.casefold(),
    "site": lambda row: row.placement.site.name.casefold() if row.placement else None,
    "hardware": lambda row: row.node.hardware.name.casefold(),
    "devices": lambda row: row.devices,
    "team": lambda row: (
        row.placement.owner.name.casefold() if row.placement and row.placement.owner else None
    ),
    "age": lambda row: row.age_years,
    "hours": lambda row: row.use.hours_share,
    "footprint": lambda row: row.use.footprint.used_share,
}


def zones_of_sites(*, organisation: Organisation, on: date) -> list[str]:
    """Return the codes of the countries that the sites' grids are in on a day, in order."""
    facts = SiteConditions.objects.current().on(on).filter(organisation=organisation)
    zones = {fact.zone for fact in facts.select_related("zone__parent")}
    return sorted(
        {
            one.code if one.kind == ZoneKind.COUNTRY or one.parent is None else one.parent.code
            for one in zones
        }
    )


def site_rows(*, organisation: Organisation, on: date) -> list[SiteRow]:
    """Return the sites with their conditions and nodes of a day, by name.

    What is metered is that of the twelve months before the day's.
    """
    conditions = {
        fact.site_id: fact
        for fact in SiteConditions.objects.current()
        .on(on)
        .filter(organisation=organisation)
        .select_related("zone")
    }
    placed: dict[int, list[Node]] = {}
    for fact in _placements(organisation, on):
        placed.setdefault(fact.site_id, []).append(fact.node)
    sites = Site.objects.filter(organisation=organisation).select_related("cloud_region")
    metered = explained_by_site(
        organisation=organisation,
        starts_on=date(on.year - 1, on.month, 1),
        ends_before=date(on.year, on.month, 1),
    )
    return [
        SiteRow(
            site,
            conditions.get(site.pk),
            sum(node.node_count for node in placed.get(site.pk, ())),
            sum(node.node_count * node.device_count for node in placed.get(site.pk, ())),
            metered.get(site.pk),
        )
        for site in sites.order_by("name")
    ]


def node_rows(*, organisation: Organisation, on: date, sort: str = "") -> list[NodeRow]:
    """Return the nodes with their places and ages of a day, by site and name: five queries.

    Their hours are those of the twelve months before the day's. What `sort` does not know of a
    node comes last, either way round.
    """
    places = {fact.node_id: fact for fact in _placements(organisation, on)}
    found = Node.objects.filter(organisation=organisation).select_related("hardware")
    nodes = list(found.order_by("name"))
    uses, lives = _uses(organisation, nodes, on), lives_of_nodes(nodes)
    rows = [
        _node_row(node, places.get(node.pk), lives[node.pk].on(on), on, uses[node.pk])
        for node in nodes
    ]
    rows.sort(
        key=lambda row: (
            row.node.disposed_on is not None,
            row.placement.site.name if row.placement else "￿",
            row.node.name,
        )
    )
    value = SORTS.get(sort.removeprefix("-"))
    if value is None:
        return rows
    known = [row for row in rows if value(row) is not None]
    known.sort(key=value, reverse=sort.startswith("-"))
    return known + [row for row in rows if value(row) is None]


def sites_with_conditions(*, organisation: Organisation, on: date) -> QuerySet[Site]:
    """Return the sites; the conditions of the day stand in `of_today`, a list of one or none."""
    conditions = SiteConditions.objects.current().on(on).select_related("zone")
    return (
        Site.objects.filter(organisation=organisation)
        .select_related("cloud_region")
        .prefetch_related(Prefetch("conditions", queryset=conditions, to_attr="of_today"))
    )


def nodes_with_places(*, organisation: Organisation, on: date) -> QuerySet[Node]:
    """Return the nodes; the placement of the day stands in `of_today`, a list of one or none."""
    places = NodePlacement.objects.current().on(on).select_related("site", "owner")
    return (
        Node.objects.filter(organisation=organisation)
        .select_related("hardware")
        .prefetch_related(Prefetch("placements", queryset=places, to_attr="of_today"))
    )


def node_row(*, node: Node, on: date) -> NodeRow:
    """Return one node with its place and age of a day."""
    facts: QuerySet[NodePlacement] = NodePlacement.objects.current().on(on)
    placement = facts.filter(node=node).select_related("site", "owner").first()
    use = _uses(node.organisation, [node], on)[node.pk]
    return _node_row(node, placement, lives_of_node(node).on(on), on, use)


def conditions_history(*, site: Site) -> QuerySet[SiteConditions]:
    """Return all that was ever recorded of a site's conditions, latest period first."""
    return (
        SiteConditions.objects.filter(site=site)
        .select_related("zone")
        .order_by("-starts_on", "-recorded_at", "-pk")
    )


def placement_history(*, node: Node) -> QuerySet[NodePlacement]:
    """Return all that was ever recorded of where a node stood, latest period first."""
    return (
        NodePlacement.objects.filter(node=node)
        .select_related("site", "owner")
        .order_by("-starts_on", "-recorded_at", "-pk")
    )


def life_history(*, node: Node) -> QuerySet[NodeLife]:
    """Return all that was ever recorded of how long a node is to serve, latest period first."""
    return NodeLife.objects.filter(node=node).order_by("-starts_on", "-recorded_at", "-pk")


def hardware_rows(
    *, organisation: Organisation, text: str, kind: str, own: bool
) -> QuerySet[HardwareModel]:
    """Return the catalogue, narrowed by words, a kind, or to own entries.

    What the whole spelling means comes first, then accelerators. A slice of a device
    (`… MIG 1g.5gb`) is looked for as the device.
    """
    models = HardwareModel.objects.filter(Q(organisation=None) | Q(organisation=organisation))
    aliases = HardwareAlias.objects.filter(Q(organisation=None) | Q(organisation=organisation))
    text = SLICE.sub("", text.strip())
    meant = Case(When(_spelt(text, aliases), then=0), default=1)
    if text:
        models = models.filter(_all_words(text, aliases) | _spelt(text, aliases))
    if kind:
        models = models.filter(kind=kind)
    if own:
        models = models.filter(organisation=organisation)
    accelerator = Q(kind__in=(HardwareKind.GPU, HardwareKind.TPU, HardwareKind.AI_ACCELERATOR))
    rank = Case(When(accelerator, then=0), default=1)
    shown = aliases.order_by(F("organisation").asc(nulls_last=True), "spelling")
    models = models.prefetch_related(Prefetch("aliases", queryset=shown))
    return models.order_by(meant, rank, "name", "pk")


def _all_words(text: str, aliases: QuerySet[HardwareAlias]) -> Q:
    found = Q()
    for word in text.split()[:8]:
        spelt = aliases.filter(spelling__icontains=word).values("hardware")
        found &= Q(name__icontains=word) | Q(vendor__icontains=word) | Q(pk__in=spelt)
    return found


def _spelt(text: str, aliases: QuerySet[HardwareAlias]) -> Q:
    """Return the models that a whole spelling means: as nvidia-smi or Slurm print it."""
    return Q(pk__in=aliases.filter(folded__in=hardware_keys(text)).values("hardware"))


@dataclass(frozen=True, slots=True)
class HardwareUse:
    """What of a model the organisation has and runs on."""

    nodes: list[Node]
    runs: int


def hardware_use(*, hardware: HardwareModel, organisation: Organisation) -> HardwareUse:
    """Return the organisation's nodes of a model, and how many runs were on it: two queries.

    The runs are those that the totals have.
    """
    nodes = Node.objects.filter(organisation=organisation, hardware=hardware)
    totals = MonthlyTotal.objects.filter(cell__organisation=organisation, cell__hardware=hardware)
    runs = totals.aggregate(runs=Sum("runs_started", default=0))["runs"]
    return HardwareUse(list(nodes.order_by("name")), runs)


def aliases_of(*, hardware: HardwareModel, organisation: Organisation) -> QuerySet[HardwareAlias]:
    """Return the spellings of a model that an organisation's look-ups know, its own first."""
    aliases = HardwareAlias.objects.filter(hardware=hardware)
    return aliases.filter(Q(organisation=None) | Q(organisation=organisation)).order_by(
        F("organisation").asc(nulls_last=True), "spelling"
    )


def _placements(organisation: Organisation, on: date) -> QuerySet[NodePlacement]:
    facts: QuerySet[NodePlacement] = NodePlacement.objects.current().on(on)
    return facts.filter(organisation=organisation).select_related("site", "owner", "node")


def _uses(organisation: Organisation, nodes: list[Node], on: date) -> dict[int, NodeUse]:
    return use_of_nodes(
        organisation=organisation,
        nodes=nodes,
        starts_on=date(on.year - 1, on.month, 1),
        ends_before=date(on.year, on.month, 1),
    )


def _node_row(
    node: Node, placement: NodePlacement | None, life: Life, on: date, use: NodeUse
) -> NodeRow:
    age = None
    if node.purchased_on is not None:
        age = max(0.0, ((node.disposed_on or on) - node.purchased_on).days / DAYS_PER_YEAR)
    past = age is not None and life.years is not None and age > life.years
    past = past and node.disposed_on is None
    return NodeRow(node, placement, node.device_count * node.node_count, age, past, life, use)
