"""Where factors stand behind figures: projects and quarters, from the totals and their cells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum

from emissions.models import EmissionFactor, GridZone, MonthlyTotal, Organisation
from emissions.selectors.headline import LOCATION_KG


@dataclass(slots=True)
class Use:
    """What stands on factors in a project or a quarter."""

    label: str
    project_slug: str = ""
    runs: int = 0
    energy_facility_kwh: Decimal = Decimal(0)
    location_based_kg: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Uses:
    """The same figures by project, the largest first, and by quarter, the latest first."""

    projects: list[Use]
    quarters: list[Use]

    @property
    def runs(self) -> int:
        """Runs that began."""
        return sum(use.runs for use in self.projects)

    @property
    def energy_facility_kwh(self) -> Decimal:
        """Electricity at the meter."""
        return sum((use.energy_facility_kwh for use in self.projects), Decimal(0))


def uses_of_factor(*, organisation: Organisation, factor: EmissionFactor) -> Uses:
    """Return what stands on one factor, in whichever use."""
    return _uses(
        organisation,
        Q(cell__location_factor=factor)
        | Q(cell__market_factor=factor)
        | Q(cell__upstream_factor=factor),
    )


def uses_of_zone(*, organisation: Organisation, zone: GridZone) -> Uses:
    """Return what stands on any factor of a zone, also where it stands in for another zone."""
    return _uses(organisation, Q(cell__location_factor__zone=zone))


def _uses(organisation: Organisation, condition: Q) -> Uses:
    """Sum totals by project and month; what nets to nothing is used no longer."""
    rows = (
        MonthlyTotal.objects.filter(condition, cell__organisation=organisation)
        .order_by()
        .values("month", "cell__project__name", "cell__project__slug")
        .annotate(
            runs=Sum("runs_started"),
            kwh=Sum("energy_facility_kwh"),
            kg=Sum(LOCATION_KG),
        )
        .exclude(kwh=0, runs=0)
    )
    found: list[dict[str, Any]] = [dict(row) for row in rows]
    projects = _grouped(found, lambda row: row["cell__project__name"] or "No project")
    quarters = _grouped(found, lambda row: _quarter(row["month"]))
    return Uses(
        sorted(projects, key=lambda use: (-use.energy_facility_kwh, use.label)),
        sorted(quarters, key=lambda use: use.label, reverse=True),
    )


def _grouped(
    rows: Iterable[dict[str, Any]], label: Callable[[dict[str, Any]], str]
) -> Iterable[Use]:
    groups: dict[str, Use] = {}
    for row in rows:
        name = label(row)
        use = groups.setdefault(name, Use(name, row["cell__project__slug"] or ""))
        use.runs += row["runs"]
        use.energy_facility_kwh += row["kwh"]
        use.location_based_kg += row["kg"]
    return groups.values()


def _quarter(month: Any) -> str:
    return f"{month.year}-Q{(month.month + 2) // 3}"
