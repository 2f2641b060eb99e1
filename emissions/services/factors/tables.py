"""The factors to choose from: of the sets in use, and in closed months of those of then.

Sets and their factors never change, so that a table is built once for each combination.
"""

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from emissions.calculation.factors import FactorTable
from emissions.calculation.hourly import HourlyTable
from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.models import (
    EmissionFactor,
    FactorSet,
    FactorSetAdoption,
    GridLoss,
    GridZone,
    HourlyIntensity,
    Organisation,
)
from emissions.selectors.closings import ClosedSpan, Sets

NONE = -1
"""Stands for “no such row” in integer columns."""

#: The closed months of an organisation with the sets of then, in order.
Closed = tuple[ClosedSpan, ...]

#: (zone, its parent) of all zones that have one, by id; and the world's id.
ZoneTree = tuple[tuple[tuple[int, int], ...], int | None]


def adopted_sets(*, organisation: Organisation | None) -> Sets:
    """Return (factor set id, precedence) of the sets in use, best first."""
    if organisation is None:
        sets = FactorSet.objects.filter(organisation=None, default_precedence__isnull=False)
        shared = sets.order_by("default_precedence", "pk")
        return tuple((one.pk, one.default_precedence or 0) for one in shared)
    adoptions = FactorSetAdoption.objects.filter(
        organisation=organisation, withdrawn_at__isnull=True
    )
    return tuple(adoptions.order_by("precedence", "pk").values_list("factor_set_id", "precedence"))


def factor_table(*, sets: Sets, tree: ZoneTree | None = None, closed: Closed) -> FactorTable:
    """Return the factors of some sets, to choose from; in closed months those of then."""
    tree = zone_tree() if tree is None else tree
    return _joined_factors(sets, tree, _others(closed, sets))


def hourly_table(*, sets: Sets, closed: Closed) -> HourlyTable:
    """Return the hours in some sets; in closed months those in the sets of then."""
    return _joined_hours(sets, _others(closed, sets))


def _others(closed: Closed, sets: Sets) -> Closed:
    """Return the closed spans whose sets are no longer those in use."""
    return tuple(span for span in closed if span.sets != sets)


@lru_cache(maxsize=8)
def _joined_factors(sets: Sets, tree: ZoneTree, closed: Closed) -> FactorTable:
    return _factor_table(sets, tree).with_closed(
        [(one.first_month, one.end_month, _factor_table(one.sets, tree)) for one in closed]
    )


@lru_cache(maxsize=4)
def _joined_hours(sets: Sets, closed: Closed) -> HourlyTable:
    return _hourly_table(sets).with_closed(
        [(one.first_month, one.end_month, _hourly_table(one.sets)) for one in closed]
    )


@lru_cache(maxsize=16)
def _factor_table(sets: Sets, tree: ZoneTree) -> FactorTable:
    """Build the table of some sets once: sets and their factors never change.

    Zones may: their tree is a part of the key, or a worker would go on with the old one.
    """
    rank = dict(sets)
    rows = list(
        EmissionFactor.objects.filter(factor_set__in=rank)
        .order_by("pk")
        .values_list(
            "pk",
            "zone_id",
            "role",
            "kind",
            "factor_set_id",
            "starts_on",
            "ends_before",
            "g_co2e_per_kwh",
            "includes_upstream",
            "includes_losses",
            "factor_set__published_on",
            "site_id",
        )
    )
    frame = list(zip(*rows, strict=True)) or [()] * 12
    parents, world = tree
    return FactorTable.of(
        ids=frame[0],
        zone=frame[1],
        role=frame[2],
        kind=frame[3],
        rank=[rank[one] for one in frame[4]],
        starts_month=[_month(day) for day in frame[5]],
        ends_month=[_month(day) for day in frame[6]],
        value=frame[7],
        includes_upstream=frame[8],
        includes_losses=frame[9],
        published=[day.toordinal() for day in frame[10]],
        site=[NONE if one is None else one for one in frame[11]],
        parents=dict(parents),
        world=world,
    )


@lru_cache(maxsize=4)
def _hourly_table(sets: Sets) -> HourlyTable:
    """Build the table of the hours in some sets once: they never change."""
    rank = dict(sets)
    rows = list(
        HourlyIntensity.objects.filter(factor_set__in=rank)
        .order_by("pk")
        .values_list("factor_set_id", "zone_id", "kind", "year", "g_co2e_per_kwh")
    )
    rows.sort(key=lambda row: rank[row[0]])
    return HourlyTable.of(
        zone=[row[1] for row in rows],
        lifecycle=[row[2] == FactorKind.LIFECYCLE.value for row in rows],
        first_hour=[_first_hour(row[3]) for row in rows],
        values=[np.array(row[4], dtype=np.float64) for row in rows],
    )


def _first_hour(year: int) -> int:
    return (date(year, 1, 1) - date(1970, 1, 1)).days * 24


def loss_table(*, tree: ZoneTree) -> FactorTable:
    """Return the shares lost on the way, to choose from."""
    rows = list(
        GridLoss.objects.order_by("pk").values_list(
            "pk", "zone_id", "starts_on", "ends_before", "loss_share"
        )
    )
    frame = list(zip(*rows, strict=True)) or [()] * 5
    parents, world = tree
    return FactorTable.of(
        ids=frame[0],
        zone=frame[1],
        role=[FactorRole.UPSTREAM] * len(rows),
        kind=[FactorKind.DIRECT] * len(rows),
        rank=0,
        published=0,
        starts_month=[_month(day) for day in frame[2]],
        ends_month=[_month(day) for day in frame[3]],
        value=frame[4],
        parents=dict(parents),
        world=world,
    )


def zone_tree() -> ZoneTree:
    """Return which zone lies in which."""
    parents: list[tuple[int, int]] = []
    world = None
    zones = GridZone.objects.order_by("pk").values_list("pk", "code", "parent_id")
    for pk, code, parent in zones:
        if code == "WORLD":
            world = pk
        elif parent is not None:
            parents.append((pk, parent))
    return tuple(parents), world


def _month(day: Any) -> int:
    return int(day.year * 12 + day.month - 1)
