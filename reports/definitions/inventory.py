"""T1: the inventory by scope and category.

Fuel that sites burn is scope 1. Electricity of equipment that the organisation controls is
scope 2, its upstream emissions and losses category 3.3. Everything of cloud services is 3.1,
everything leased is 3.8, the lifetime share of leased hardware included. Scope 2 stands twice,
side by side; the two results are never added. The lifetime share of the organisation's own
hardware is not part of an inventory: it stands below the line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import Basis, Scope, Scope3Category
from emissions.selectors.totals import Totals, ratio
from emissions.tabular import Value
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.totals import BasisKwh, ScopeKey

KG = "kg CO2e"
LOCATION, MARKET = "location-based", "market-based"
SCOPE_1: ScopeKey = (Scope.SCOPE_1.value, None)
SCOPE_2: ScopeKey = (Scope.SCOPE_2.value, None)
CLOUD: ScopeKey = (Scope.SCOPE_3.value, Scope3Category.PURCHASED_SERVICES.value)
BOUGHT: ScopeKey = (Scope.SCOPE_3.value, Scope3Category.CAPITAL_GOODS.value)
LEASED: ScopeKey = (Scope.SCOPE_3.value, Scope3Category.LEASED_ASSETS.value)

ScopeTotals = Mapping[ScopeKey, Totals]
Parts = tuple[tuple[ScopeKey, str], ...]
#: Returns the 95 % interval of a sum of quantities by scope.
Spread = Callable[[Parts], Interval]


@dataclass(frozen=True, slots=True)
class Quarter:
    """One column of the inventory: a period and its totals by scope."""

    label: str
    by_scope: ScopeTotals


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the inventory: the sum of some quantities of some scopes.

    `unknown_if_nothing`: nobody has to state fuel or a purchase, so that nothing is missing
    and not zero.
    """

    scope: str
    category: str
    method: str
    counts: str
    parts: Parts
    unknown_if_nothing: bool = False


def _around(key: ScopeKey, method: str) -> Parts:
    """Return all of what is bought or leased as a whole: 3.1 and 3.8 have no 3.2 and 3.3."""
    electricity = "location_based_kg" if method == LOCATION else "market_based_kg"
    return tuple((key, name) for name in (electricity, "upstream_kg", "losses_kg", "embodied_kg"))


def _all(method: str) -> Parts:
    electricity = "location_based_kg" if method == LOCATION else "market_based_kg"
    return (
        (SCOPE_1, electricity),
        (SCOPE_2, electricity),
        (SCOPE_2, "upstream_kg"),
        (SCOPE_2, "losses_kg"),
        *_around(CLOUD, method),
        (BOUGHT, "embodied_purchase_kg"),
        *_around(LEASED, method),
    )


CLOUD_COUNTS = (
    "Cloud services: electricity, upstream, losses, lifetime share of hardware;"
    " overhead of colocations"
)
LEASED_COUNTS = (
    "Leased: electricity outside the boundary and overhead of rented buildings, with upstream"
    " and losses; lifetime share of leased hardware"
)
ENERGY = "3.3 Fuel- and energy-related"
LINES = (
    Line(
        "Scope 1", "", "", "Fuel of site generators and boilers",
        ((SCOPE_1, "location_based_kg"),), unknown_if_nothing=True,
    ),
    Line(
        "Scope 2", "", LOCATION, "Electricity of equipment that the organisation controls",
        ((SCOPE_2, "location_based_kg"),),
    ),
    Line("Scope 2", "", MARKET, "The same electricity", ((SCOPE_2, "market_based_kg"),)),
    Line("Scope 3", "3.1 Purchased services", LOCATION, CLOUD_COUNTS, _around(CLOUD, LOCATION)),
    Line("Scope 3", "3.1 Purchased services", MARKET, CLOUD_COUNTS, _around(CLOUD, MARKET)),
    Line(
        "Scope 3", "3.2 Capital goods", "", "Hardware bought in the period, in full",
        ((BOUGHT, "embodied_purchase_kg"),), unknown_if_nothing=True,
    ),
    Line(
        "Scope 3", ENERGY, "", "Upstream of the scope 2 electricity", ((SCOPE_2, "upstream_kg"),)
    ),
    Line("Scope 3", ENERGY, "", "Losses of the scope 2 electricity", ((SCOPE_2, "losses_kg"),)),
    Line("Scope 3", "3.8 Leased assets", LOCATION, LEASED_COUNTS, _around(LEASED, LOCATION)),
    Line("Scope 3", "3.8 Leased assets", MARKET, LEASED_COUNTS, _around(LEASED, MARKET)),
    Line("Total", "", LOCATION, "Scopes 1, 2 and 3", _all(LOCATION)),
    Line("Total", "", MARKET, "Scopes 1, 2 and 3", _all(MARKET)),
    Line(
        "Beside the inventory", "", "", "Lifetime share of the organisation's own hardware",
        ((SCOPE_2, "embodied_kg"),),
    ),
    Line(
        "Of scope 2", "", LOCATION, "At lifecycle factors, which include upstream",
        ((SCOPE_2, "lifecycle_factor_kg"),),
    ),
)  # fmt: skip
#: Quantities that are unknown where no factor or footprint is.
KNOWN = {
    "upstream_kg": "known_upstream_kg",
    "losses_kg": "known_losses_kg",
    "embodied_kg": "known_embodied_kg",
}


def columns(*, labels: list[str]) -> tuple[Column, ...]:
    """Return the columns: one for each period, and what is known of the first."""
    return (
        Column("Scope"),
        Column("Category"),
        Column("Method", comment="Location-based and market-based results are never added."),
        Column("What it counts"),
        *(Column(label, Kind.QUANTITY, KG) for label in labels),
        Column(f"{labels[0]}, 95 % from", Kind.QUANTITY, KG, "Spreads are by judgement."),
        Column(f"{labels[0]}, 95 % to", Kind.QUANTITY, KG),
        *(
            Column(f"{labels[0]}, {one.label.lower()}", Kind.SHARE, "share of the energy")
            for one in Basis
        ),
    )


def table(*, quarters: list[Quarter], energy: BasisKwh, spread: Spread) -> Table:
    """Return the inventory of a quarter, with those that it is compared with beside it.

    `energy` and `spread` are those of the first quarter.
    """
    rows: list[Row] = [
        [
            line.scope,
            line.category,
            line.method,
            line.counts,
            *(_amount(line, one.by_scope) for one in quarters),
            *_bounds(line, quarters[0].by_scope, spread),
            *_shares(line, energy),
        ]
        for line in LINES
    ]
    return Table(
        name="inventory",
        title="Inventory by scope",
        columns=columns(labels=[one.label for one in quarters]),
        rows=rows,
    )


def inventory_total(by_scope: ScopeTotals, method: str) -> Decimal:
    """Return the sum of the inventory's rows by one of the two methods."""
    return _sum(_all(method), by_scope)


def bought_kg(by_scope: ScopeTotals) -> Decimal:
    """Return the footprint of the hardware bought, in full: category 3.2."""
    return _sum(((BOUGHT, "embodied_purchase_kg"),), by_scope)


def _sum(parts: Parts, by_scope: ScopeTotals) -> Decimal:
    nothing = Totals()
    amounts: Iterable[Decimal] = (getattr(by_scope.get(key, nothing), name) for key, name in parts)
    return sum(amounts, Decimal(0))


def _amount(line: Line, by_scope: ScopeTotals) -> Decimal | None:
    if len(line.parts) == 1:
        ((key, name),) = line.parts
        known: Decimal | None = getattr(by_scope.get(key, Totals()), KNOWN.get(name, name))
        return (known or None) if line.unknown_if_nothing else known
    return _sum(line.parts, by_scope)


def _bounds(line: Line, by_scope: ScopeTotals, spread: Spread) -> list[Value]:
    if not _amount(line, by_scope) or any(name == "lifecycle_factor_kg" for _, name in line.parts):
        return [None, None]
    found = spread(line.parts)
    if not found.low < found.high:
        return [None, None]
    return [Decimal(repr(found.low)), Decimal(repr(found.high))]


def _shares(line: Line, energy: BasisKwh) -> list[Value]:
    """Return how the energy behind a row is known; nothing for rows that rest on none."""
    keys = {key for key, name in line.parts if name in ELECTRICITY}
    kwh = {
        one: sum((energy.get(key, {}).get(one, Decimal(0)) for key in keys), Decimal(0))
        for one in Basis
    }
    whole = sum(kwh.values(), Decimal(0))
    return [ratio(part, whole) for part in kwh.values()]


ELECTRICITY = {"location_based_kg", "market_based_kg", "upstream_kg", "losses_kg"}
