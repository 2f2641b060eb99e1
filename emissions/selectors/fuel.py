"""Fuel burnt at sites, and the factors that are offered for it."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.db.models import QuerySet

from emissions.calculation.vocabulary import Fuel
from emissions.models import FuelUse, Organisation

TABLE = Path(__file__).parent.parent / "data" / "fuel_factors.csv"


@dataclass(frozen=True, slots=True)
class FuelFactor:
    """One published factor of a fuel, in kg CO2e per litre or cubic metre."""

    fuel: Fuel
    year: int
    kg_per_unit: float
    unit: str
    source: str
    source_url: str
    licence: str
    verification: str
    note: str


@lru_cache(maxsize=1)
def fuel_factors() -> tuple[FuelFactor, ...]:
    """Return the published factors, by fuel and year."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            FuelFactor(
                Fuel(row["fuel"]),
                int(row["year"]),
                float(row["kg_per_unit"]),
                row["unit"],
                row["source"],
                row["source_url"],
                row["licence"],
                row["verification"],
                row["note"],
            )
            for row in csv.DictReader(file, strict=True)
        )


def factor_for(*, fuel: Fuel, year: int) -> FuelFactor | None:
    """Return the factor of a year, or of the nearest one, the earlier of two as near."""
    known = [one for one in fuel_factors() if one.fuel == fuel]
    return min(known, key=lambda one: (abs(one.year - year), one.year), default=None)


def fuel_uses(*, organisation: Organisation) -> QuerySet[FuelUse]:
    """Return what was burnt, the latest month first; what was taken back is left out."""
    uses = FuelUse.objects.filter(organisation=organisation, removed_at=None)
    return uses.select_related("site", "recorded_by").order_by("-month", "site__name", "pk")
