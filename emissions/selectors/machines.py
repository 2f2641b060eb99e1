"""What the ledger holds of one site or one node, month by month, and of what it is made."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum

from emissions.calculation.vocabulary import PoolKind
from emissions.models import (
    MonthlyTotal,
    Node,
    NodePlacement,
    NodeTotal,
    Organisation,
    Run,
    Site,
)
from emissions.selectors.headline import summed
from emissions.selectors.periods import Period

ZERO = Decimal(0)
#: The other location-based figure comes first: it reads a column whose name a later sum takes.
SUMS = (
    "location_other_kg",
    "device_hours",
    "energy_it_kwh",
    "energy_facility_kwh",
    "location_based_kg",
    "market_based_kg",
    "embodied_kg",
    "water_litres",
)
RUNS = "Runs"
POOLS = {kind.value: kind.label for kind in PoolKind}
OF_RUNS = ~Q(cell__source_kind__in=list(POOLS))
OF_IDLE = Q(cell__source_kind=PoolKind.NODE_IDLE.value)


@dataclass(frozen=True, slots=True)
class MonthPart:
    """What one part (runs, idle, …) posted in one month."""

    month: date
    part: str
    device_hours: Decimal = ZERO
    energy_it_kwh: Decimal = ZERO
    energy_facility_kwh: Decimal = ZERO
    location_based_kg: Decimal = ZERO
    location_other_kg: Decimal = ZERO
    market_based_kg: Decimal = ZERO
    embodied_kg: Decimal = ZERO
    water_litres: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Footprint:
    """A node's making, and how much of it months have carried so far [kg CO2e]."""

    whole_kg: float | None
    source: str
    used_kg: Decimal

    @property
    def used_share(self) -> float | None:
        """The part of the whole that is used up."""
        return float(self.used_kg) / self.whole_kg if self.whole_kg else None


@dataclass(frozen=True, slots=True)
class NodeUse:
    """How much of a node's hours runs were given, and what of its footprint is used.

    `hours_share` is allocated ÷ available device-hours over the months whose idle hours are
    posted; None where none are.
    """

    hours_share: float | None
    footprint: Footprint


def site_by_month(*, site: Site, period: Period) -> list[MonthPart]:
    """Return what stands in the ledger for a site, by month and part: from the totals."""
    totals = MonthlyTotal.objects.filter(
        cell__organisation=site.organisation_id, cell__site=site
    ).filter(month__gte=period.starts_on, month__lt=period.ends_before)
    return _parts(totals)


def node_by_month(*, node: Node, period: Period) -> list[MonthPart]:
    """Return what stands in the ledger for a node, by month and part: from its totals."""
    totals = NodeTotal.objects.filter(node=node)
    return _parts(totals.filter(month__gte=period.starts_on, month__lt=period.ends_before))


def footprint_of(*, node: Node) -> Footprint:
    """Return a node's making, from its own statement or its devices', and what is used."""
    used = NodeTotal.objects.filter(node=node).aggregate(kg=Sum("embodied_kg", default=ZERO))
    return _footprint(node, used["kg"])


def use_of_nodes(
    *, organisation: Organisation, nodes: Collection[Node], starts_on: date, ends_before: date
) -> dict[int, NodeUse]:
    """Return by node its hours used in a period, and its footprint used so far: one query."""
    months: Any = (
        NodeTotal.objects.filter(cell__organisation=organisation, node__in=nodes)
        .order_by()
        .values("month", "node")
        .annotate(
            used=Sum("embodied_kg"),
            given=Sum("device_hours", filter=OF_RUNS, default=ZERO),
            idle=Sum("device_hours", filter=OF_IDLE, default=ZERO),
        )
    )
    used: dict[int, Decimal] = {}
    given: dict[int, Decimal] = {}
    available: dict[int, Decimal] = {}
    for row in months:
        key = row["node"]
        used[key] = used.get(key, ZERO) + row["used"]
        if row["idle"] and starts_on <= row["month"] < ends_before:
            given[key] = given.get(key, ZERO) + row["given"]
            available[key] = available.get(key, ZERO) + row["given"] + row["idle"]
    return {
        node.pk: NodeUse(
            float(given[node.pk] / available[node.pk]) if available.get(node.pk) else None,
            _footprint(node, used.get(node.pk, ZERO)),
        )
        for node in nodes
    }


def nodes_at(*, site: Site, on: date) -> list[NodePlacement]:
    """Return what stands at a site on a day, by name."""
    facts: QuerySet[NodePlacement] = NodePlacement.objects.current().on(on)
    named = facts.filter(site=site).select_related("node__hardware", "owner")
    return list(named.order_by("node__name"))


def latest_runs(*, runs: QuerySet[Run]) -> list[Run]:
    """Return the ten runs that began last."""
    names = ("project", "hardware", "node__hardware", "site", "cloud_region", "zone")
    return list(runs.select_related(*names).order_by("-started_at", "-pk")[:10])


def latest_runs_at(*, runs: QuerySet[Run], site: Site) -> list[Run]:
    """Return the ten runs that began last of those that state a site or whose node stands there.

    Either kind is asked for alone: for both at once PostgreSQL would walk through all runs.
    """
    placed = NodePlacement.objects.current().filter(site=site).values_list("node", flat=True)
    found = {
        run.pk: run
        for of_kind in (runs.filter(site=site), runs.filter(site=None, node__in=set(placed)))
        for run in latest_runs(runs=of_kind)
    }
    return sorted(found.values(), key=lambda run: (run.started_at, run.pk), reverse=True)[:10]


def _footprint(node: Node, used: Decimal) -> Footprint:
    if node.embodied_kg is not None:
        return Footprint(node.embodied_kg * node.node_count, node.embodied_source, used)
    model = node.hardware
    if model.embodied_kg is None:
        return Footprint(None, "", used)
    devices = node.device_count * node.node_count
    return Footprint(model.embodied_kg * devices, model.embodied_source, used)


def _parts(rows: QuerySet[Any, Any]) -> list[MonthPart]:
    grouped = (
        rows.order_by()
        .values("month", "cell__source_kind")
        .annotate(**{name: summed(name) for name in SUMS})
    )
    return _merged(grouped)


def _merged(rows: Iterable[Mapping[str, Any]]) -> list[MonthPart]:
    """Add up all kinds of runs; a pool is a part of its own. What came and went is no part."""
    sums: dict[tuple[date, str], dict[str, Decimal]] = {}
    for row in rows:
        part = POOLS.get(row["cell__source_kind"], RUNS)
        into = sums.setdefault((row["month"], part), dict.fromkeys(SUMS, ZERO))
        for name in SUMS:
            into[name] += row[name]
    return [
        MonthPart(month, part, **values)
        for (month, part), values in sorted(sums.items())
        if any(values.values())
    ]
