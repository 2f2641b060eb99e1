"""What the ledger holds of single runs, in one grouped query for all of them."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, QuerySet

from emissions.calculation.vocabulary import Assumption
from emissions.models import EmissionEntry, PendingCalculation, Run
from emissions.selectors.headline import summed

QUANTITIES = (
    "device_hours",
    "energy_it_kwh",
    "energy_facility_kwh",
    "location_based_kg",
    "market_based_kg",
    "upstream_kg",
    "losses_kg",
    "embodied_kg",
)


@dataclass(slots=True)
class Posted:
    """Net quantities of a run's ledger lines."""

    device_hours: Decimal = Decimal(0)
    energy_it_kwh: Decimal = Decimal(0)
    energy_facility_kwh: Decimal = Decimal(0)
    location_based_kg: Decimal = Decimal(0)
    market_based_kg: Decimal = Decimal(0)
    upstream_kg: Decimal = Decimal(0)
    losses_kg: Decimal = Decimal(0)
    embodied_kg: Decimal = Decimal(0)
    embodied_known: bool = True


def with_pending(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Annotate runs with `is_pending`: whether a calculation of theirs is still to come."""
    return runs.annotate(is_pending=Exists(PendingCalculation.objects.filter(run=OuterRef("pk"))))


def posted(*, run_ids: Collection[int]) -> dict[int, Posted]:
    """Return the figures of those runs that the ledger has lines of."""
    if not run_ids:
        return {}
    groups = (
        EmissionEntry.objects.filter(run_id__in=run_ids)
        .order_by()
        .values_list("run_id", "cell__assumptions")
        .annotate(**{f"sum_{name}": summed(name) for name in QUANTITIES})
    )
    found: dict[int, Posted] = {}
    for run_id, assumptions, *sums in groups:
        figures = found.setdefault(run_id, Posted())
        for name, amount in zip(QUANTITIES, sums, strict=True):
            setattr(figures, name, getattr(figures, name) + amount)
        # Lines that were taken back sum to nothing, and what they assumed with them.
        if any(sums) and assumptions & Assumption.EMBODIED_UNKNOWN:
            figures.embodied_known = False
    return found
