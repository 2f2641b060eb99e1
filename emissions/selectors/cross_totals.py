"""Sums of the ledger by several dimensions at once, each with its 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from emissions.models import Organisation
from emissions.selectors.periods import Period
from emissions.selectors.spread import Spread, Uncertainty
from emissions.selectors.totals import (
    DIMENSIONS,
    NONE,
    SUMS,
    By,
    Filters,
    Totals,
    lines_of,
    totals_of,
)
from emissions.selectors.uncertainty import WHOLE_SITES, rows_by

#: What an address calls a dimension.
GROUPINGS: dict[str, By] = {
    "month": By.MONTH,
    "team": By.TEAM,
    "project": By.PROJECT,
    "site": By.SITE,
    "zone": By.ZONE,
    "hardware": By.HARDWARE,
    "stage": By.STAGE,
    "purpose": By.STAGE,
    "status": By.STATUS,
    "scope": By.SCOPE,
    "basis": By.BASIS,
}

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SumRow:
    """The sums of one combination of values: {dimension: (key, label)}."""

    groups: dict[str, tuple[str, str]]
    totals: Totals
    uncertainty: Uncertainty


def cross_totals(
    *,
    organisation: Organisation,
    period: Period | None,
    by: Sequence[str],
    filters: Filters,
    zones: Sequence[str],
) -> list[SumRow]:
    """Return the sums by dimensions, in order of their keys; without any, the one sum."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    if zones:
        among = Q(cell__zone__code__in=[code for code in zones if code != NONE])
        lines = lines.filter(among | Q(cell__zone=None) if NONE in zones else among)
    intervals = _intervals(lines, by, filters)
    nothing = Spread([]).whole
    if not by:
        return [SumRow({}, totals_of(lines.aggregate(**SUMS)), intervals.get((), nothing))]
    found: dict[Key, tuple[dict[str, tuple[str, str]], Totals]] = {}
    for row in lines.values(*_columns(by)).annotate(**SUMS).order_by():
        key, groups = _group(row, by)
        sums = totals_of(row)
        if key in found:  # A site keeps one row whichever cloud region stands beside it.
            sums += found[key][1]
        found[key] = groups, sums
    return [
        SumRow(*found[key], intervals.get(key, nothing))
        for key in sorted(found)
        if not found[key][1].empty
    ]


def _columns(by: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(one for name in by for one in DIMENSIONS[GROUPINGS[name]].columns))


def _group(row: Mapping[str, Any], by: Sequence[str]) -> tuple[Key, dict[str, tuple[str, str]]]:
    """Return what a row is one of: its key, and each dimension's key and label."""
    groups = {}
    for name in by:
        dimension = DIMENSIONS[GROUPINGS[name]]
        value, label = dimension.name(*(row[column] for column in dimension.columns))
        # A month as the address of a period has it: 2026-07.
        groups[name] = (label if name == "month" else value, label)
    return tuple(key for key, _ in groups.values()), groups


def _intervals(lines: QuerySet[Any], by: Sequence[str], filters: Filters) -> dict[Key, Uncertainty]:
    rows = rows_by(
        lines=lines,
        filters=filters,
        columns=_columns(by),
        whole_sites={GROUPINGS[name] for name in by} <= WHOLE_SITES,
    )
    return Spread(rows, key_of=lambda row: _group(row, by)[0]).each
