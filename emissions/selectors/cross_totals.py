"""Sums of the ledger by several dimensions at once: one query over monthly totals."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from emissions.models import Organisation
from emissions.selectors.periods import Period
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


@dataclass(frozen=True, slots=True)
class SumRow:
    """The sums of one combination of values: {dimension: (key, label)}."""

    groups: dict[str, tuple[str, str]]
    totals: Totals


def cross_totals(
    *,
    organisation: Organisation,
    period: Period | None,
    by: Sequence[str],
    filters: Filters,
    zones: Sequence[str] = (),
) -> list[SumRow]:
    """Return the sums by dimensions, in order of their keys; without any, the one sum."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    if zones:
        among = Q(cell__zone__code__in=[code for code in zones if code != NONE])
        lines = lines.filter(among | Q(cell__zone=None) if NONE in zones else among)
    if not by:
        return [SumRow({}, totals_of(lines.aggregate(**SUMS)))]
    columns = [column for name in by for column in DIMENSIONS[GROUPINGS[name]].columns]
    found: dict[tuple[str, ...], SumRow] = {}
    for row in lines.values(*dict.fromkeys(columns)).annotate(**SUMS).order_by():
        groups = {}
        for name in by:
            dimension = DIMENSIONS[GROUPINGS[name]]
            value, label = dimension.name(*(row[column] for column in dimension.columns))
            # A month as the address of a period has it: 2026-07.
            groups[name] = (label if name == "month" else value, label)
        key = tuple(key for key, _ in groups.values())
        sums = totals_of(row)
        if key in found:  # A site keeps one row whichever cloud region stands beside it.
            sums += found[key].totals
        found[key] = SumRow(groups, sums)
    return [found[key] for key in sorted(found) if not found[key].totals.empty]
