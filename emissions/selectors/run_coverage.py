"""What instruments change of one run's market-based emissions: its share of its cells' coverage.

The ledger holds coverage per site, month and cell, never per run; a run's share is that of its
electricity in the cell.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max, Sum

from emissions.calculation.vocabulary import PoolKind
from emissions.models import Cell, EmissionEntry, MonthlyTotal, Run

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class RunCoverage:
    """A run's share of the market-based difference that instruments make, and as of when."""

    market_based_kg: Decimal
    as_of: datetime


def coverage_of_run(*, run: Run) -> RunCoverage | None:
    """Return a run's share of coverage; None where no instrument covers any of it."""
    lines: Any = (
        EmissionEntry.objects.filter(run=run, cell__site__isnull=False)
        .order_by()
        .values_list("cell_id", "month")
        .annotate(kwh=Sum("energy_facility_kwh"))
    )
    own = {(cell, month): kwh for cell, month, kwh in lines if kwh}
    share, latest = ZERO, None
    for cell in Cell.objects.filter(pk__in={key[0] for key in own}):
        months = {month: kwh for (pk, month), kwh in own.items() if pk == cell.pk}
        found, at = _covered(cell, months)
        share += found
        latest = max(filter(None, (latest, at)), default=None)
    return None if latest is None else RunCoverage(share, latest)


def _covered(cell: Cell, months: dict[Any, Decimal]) -> tuple[Decimal, datetime | None]:
    """Return the part of a cell's coverage that belongs to some of its electricity."""
    attributes = {name: getattr(cell, name) for name in Cell.KEY if name != "source_kind"}
    nulls = {f"{name}__isnull": True for name, value in attributes.items() if value is None}
    known = {name: value for name, value in attributes.items() if value is not None}
    beside = Cell.objects.filter(
        organisation=cell.organisation_id, source_kind=PoolKind.COVERAGE, **known, **nulls
    ).first()
    if beside is None:
        return ZERO, None
    posted = MonthlyTotal.objects.filter(cell=beside, month__in=months)
    differences = dict(posted.values_list("month", "market_based_kg"))
    wholes = dict(
        MonthlyTotal.objects.filter(
            cell__organisation=cell.organisation_id,
            month__in=months,
            **{f"cell__{name}": value for name, value in (known | nulls).items()},
        )
        .exclude(cell__source_kind=PoolKind.COVERAGE)
        .order_by()
        .values_list("month")
        .annotate(kwh=Sum("energy_facility_kwh"))
    )
    share = sum(
        (
            differences[month] * kwh / wholes[month]
            for month, kwh in months.items()
            if differences.get(month) and wholes.get(month)
        ),
        ZERO,
    )
    lines = EmissionEntry.objects.filter(cell=beside, month__in=months)
    return share, lines.aggregate(latest=Max("posting__created_at"))["latest"]
