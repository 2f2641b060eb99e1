"""T1: the inventory by scope and category.

Fuel that sites burn is scope 1. Electricity of equipment that the organisation controls is
scope 2, its upstream emissions and losses category 3.3. Everything of cloud services is 3.1,
everything leased outside the boundary 3.8. Scope 2 stands twice, side by side; the two results
are never added. The lifetime share of owned hardware is not part of an inventory: it stands
below the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from emissions.calculation.vocabulary import Scope, Scope3Category
from emissions.selectors.totals import Totals
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.totals import ScopeKey

KG = "kg CO2e"
LOCATION, MARKET = "location-based", "market-based"
SCOPE_1: ScopeKey = (Scope.SCOPE_1.value, None)
SCOPE_2: ScopeKey = (Scope.SCOPE_2.value, None)
CLOUD: ScopeKey = (Scope.SCOPE_3.value, Scope3Category.PURCHASED_SERVICES.value)
LEASED: ScopeKey = (Scope.SCOPE_3.value, Scope3Category.LEASED_ASSETS.value)

ScopeTotals = Mapping[ScopeKey, Totals]


@dataclass(frozen=True, slots=True)
class Quarter:
    """One column of the inventory: a period and its totals by scope."""

    label: str
    by_scope: ScopeTotals


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the inventory before its figures."""

    scope: str
    category: str
    method: str
    counts: str


def columns(*, labels: list[str]) -> tuple[Column, ...]:
    """Return the columns: one for each period."""
    return (
        Column("Scope"),
        Column("Category"),
        Column("Method", comment="Location-based and market-based results are never added."),
        Column("What it counts"),
        *(Column(label, Kind.QUANTITY, KG) for label in labels),
    )


def table(*, quarters: list[Quarter]) -> Table:
    """Return the inventory of a quarter, with those that it is compared with beside it."""
    figures = [_figures(one.by_scope) for one in quarters]
    rows: list[Row] = [
        [line.scope, line.category, line.method, line.counts, *(one[at] for one in figures)]
        for at, line in enumerate(LINES)
    ]
    return Table(
        name="inventory",
        title="Inventory by scope",
        columns=columns(labels=[one.label for one in quarters]),
        rows=rows,
    )


CLOUD_COUNTS = (
    "Cloud services: electricity, upstream, losses, lifetime share of hardware;"
    " overhead of colocations"
)
LEASED_COUNTS = (
    "Leased outside the boundary, and overhead of rented buildings: electricity, upstream, losses"
)
LINES = (
    Line("Scope 1", "", "", "Fuel of site generators and boilers"),
    Line("Scope 2", "", LOCATION, "Electricity of equipment that the organisation controls"),
    Line("Scope 2", "", MARKET, "The same electricity"),
    Line("Scope 3", "3.1 Purchased services", LOCATION, CLOUD_COUNTS),
    Line("Scope 3", "3.1 Purchased services", MARKET, CLOUD_COUNTS),
    Line("Scope 3", "3.2 Capital goods", "", "Hardware bought in the period, in full"),
    Line("Scope 3", "3.3 Fuel- and energy-related", "", "Upstream of the scope 2 electricity"),
    Line("Scope 3", "3.3 Fuel- and energy-related", "", "Losses of the scope 2 electricity"),
    Line("Scope 3", "3.8 Leased assets", LOCATION, LEASED_COUNTS),
    Line("Scope 3", "3.8 Leased assets", MARKET, LEASED_COUNTS),
    Line("Total", "", LOCATION, "Scopes 1, 2 and 3"),
    Line("Total", "", MARKET, "Scopes 1, 2 and 3"),
    Line("Beside the inventory", "", "", "Lifetime share of owned and leased hardware"),
    Line("Of scope 2", "", LOCATION, "At lifecycle factors, which include upstream"),
)


def inventory_total(by_scope: ScopeTotals, method: str) -> Decimal:
    """Return the sum of the inventory's rows by one of the two methods."""
    own = by_scope.get(SCOPE_2, Totals())
    burnt = by_scope.get(SCOPE_1, Totals())
    cloud = by_scope.get(CLOUD, Totals())
    leased = by_scope.get(LEASED, Totals())
    column = "location_based_kg" if method == LOCATION else "market_based_kg"
    electricity: Decimal = sum(
        (getattr(one, column) for one in (burnt, own, cloud, leased)), Decimal(0)
    )
    around = sum((one.upstream_kg + one.losses_kg for one in (own, cloud, leased)), Decimal(0))
    return electricity + around + cloud.embodied_kg + bought_kg(by_scope)


def bought_kg(by_scope: ScopeTotals) -> Decimal:
    """Return the footprint of the hardware bought, in full: category 3.2."""
    return sum((one.embodied_purchase_kg for one in by_scope.values()), Decimal(0))


def _figures(by_scope: ScopeTotals) -> list[Decimal | None]:
    """Return the amounts of `LINES`, in their order."""
    own = by_scope.get(SCOPE_2, Totals())
    cloud = by_scope.get(CLOUD, Totals())
    leased = by_scope.get(LEASED, Totals())
    cloud_rest = cloud.upstream_kg + cloud.losses_kg + cloud.embodied_kg
    leased_rest = leased.upstream_kg + leased.losses_kg
    burnt = by_scope.get(SCOPE_1, Totals())
    return [
        # Nobody has to state fuel: missing, not zero.
        burnt.location_based_kg or None,
        own.location_based_kg,
        own.market_based_kg,
        cloud.location_based_kg + cloud_rest,
        cloud.market_based_kg + cloud_rest,
        # Nothing bought, or bought on a day or of a footprint that nobody knows.
        bought_kg(by_scope) or None,
        own.known_upstream_kg,
        own.known_losses_kg,
        leased.location_based_kg + leased_rest,
        leased.market_based_kg + leased_rest,
        inventory_total(by_scope, LOCATION),
        inventory_total(by_scope, MARKET),
        (own + leased).known_embodied_kg,
        own.lifecycle_factor_kg,
    ]
