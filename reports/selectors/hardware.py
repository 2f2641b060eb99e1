"""What the table of hardware needs: what there is of each model, and how it was used."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from emissions.calculation.vocabulary import PoolKind, SiteKind
from emissions.models import NodePlacement, Organisation
from emissions.selectors.lives import lives_of_nodes
from emissions.selectors.periods import Period
from emissions.selectors.totals import NONE, By, Filters, Totals, lines_of, totals_by

HOURS_PER_DAY = 24
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HardwareUse:
    """One hardware model: what the organisation has of it, and what ran on it.

    `available_hours` are those of the devices of own nodes, `own_hours` those of them that
    runs reserved, `run_hours` those that runs reserved anywhere. `totals` has idle hours, too.
    """

    key: str
    name: str
    totals: Totals
    nodes: int
    devices: int
    available_hours: Decimal
    own_hours: Decimal
    run_hours: Decimal
    life_years: str

    @property
    def idle_hours(self) -> Decimal | None:
        """Hours of own devices that no run reserved; negative where runs overlap."""
        return self.available_hours - self.own_hours if self.nodes else None


def by_hardware(
    *, organisation: Organisation, period: Period, filters: Filters
) -> list[HardwareUse]:
    """Return the use of each hardware model, by name: six queries."""
    groups = totals_by(organisation=organisation, period=period, by=By.HARDWARE, filters=filters)
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    runs: Any = lines.exclude(cell__source_kind__in=[kind.value for kind in PoolKind])
    own, anywhere = _own_hours(runs), _hours(runs)
    placed = _placed(organisation, period, filters)
    known = {group.key: group for group in groups}
    names = {key: group.label for key, group in known.items()}
    names |= {one.key: one.name for one in placed}
    found = [
        HardwareUse(
            key=key,
            name=name,
            totals=known[key].totals if key in known else Totals(),
            nodes=sum(one.nodes for one in placed if one.key == key),
            devices=sum(one.devices for one in placed if one.key == key),
            available_hours=sum((one.hours for one in placed if one.key == key), Decimal(0)),
            own_hours=own.get(key, Decimal(0)),
            run_hours=anywhere.get(key, Decimal(0)),
            life_years=_lives(placed, key),
        )
        for key, name in names.items()
    ]
    return sorted(found, key=lambda one: one.name)


@dataclass(frozen=True, slots=True)
class _Placed:
    """One node's stay at a site within the period; a node that moved within it has several."""

    key: str
    name: str
    nodes: int
    devices: int
    hours: Decimal
    life_years: float | None


def _placed(organisation: Organisation, period: Period, filters: Filters) -> list[_Placed]:
    facts = NodePlacement.objects.current().filter(
        organisation=organisation, starts_on__lt=period.ends_before
    )
    teams = [one for one in filters.teams if one is not None]
    if teams:
        facts = facts.filter(owner__in=teams)
    placed = list(facts.select_related("node__hardware").order_by("-starts_on"))
    lives = lives_of_nodes([fact.node for fact in placed])
    found, seen = [], set[int]()
    for fact in placed:
        ends = min(fact.ends_before or date.max, fact.node.disposed_on or date.max)
        days = (min(ends, period.ends_before) - max(fact.starts_on, period.starts_on)).days
        if days <= 0:
            continue
        node, first = fact.node, fact.node_id not in seen
        seen.add(fact.node_id)
        devices = node.node_count * node.device_count
        found.append(
            _Placed(
                str(node.hardware_id),
                node.hardware.name,
                node.node_count if first else 0,
                devices if first else 0,
                Decimal(days * HOURS_PER_DAY * devices),
                lives[node.pk].on(period.ends_before - DAY).years,
            )
        )
    return found


def _own_hours(lines: Any) -> dict[str, Decimal]:
    """Return the device-hours at the organisation's own sites by hardware."""
    return _hours(lines.filter(cell__site__isnull=False).exclude(cell__site__kind=SiteKind.CLOUD))


def _hours(lines: Any) -> dict[str, Decimal]:
    rows = lines.values("cell__hardware").annotate(hours=Sum("device_hours")).order_by()
    return {str(row["cell__hardware"] or NONE): row["hours"] for row in rows}


def _lives(placed: list[_Placed], key: str) -> str:
    """Return the lives of a model's nodes in words: "4", "4–6", "" where none is stated."""
    years = sorted({one.life_years for one in placed if one.key == key and one.life_years})
    if not years:
        return ""
    first, last = f"{years[0]:g}", f"{years[-1]:g}"
    return first if first == last else f"{first}–{last}"
