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
from reports.definitions import intervals
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
    """One column of the inventory: a period and its totals by scope, with their intervals.

    `change` gives those of the first column less this one, where the two are compared.
    """

    label: str
    by_scope: ScopeTotals
    spread: Spread
    change: Spread | None = None


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


def all_parts(method: str) -> Parts:
    """Return all that the inventory counts, by one of the two methods."""
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
    Line("Total", "", LOCATION, "Scopes 1, 2 and 3", all_parts(LOCATION)),
    Line("Total", "", MARKET, "Scopes 1, 2 and 3", all_parts(MARKET)),
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


def columns(*, quarters: list[Quarter]) -> tuple[Column, ...]:
    """Return the columns: one for each period, and what is known of the first."""
    first, *others = quarters
    return (
        Column("Scope"),
        Column("Category"),
        Column("Method", comment="Location-based and market-based results are never added."),
        Column("What it counts"),
        *(Column(one.label, Kind.QUANTITY, KG) for one in quarters),
        *_ends(first.label, "Spreads are by judgement."),
        *(
            Column(f"{first.label}, {one.label.lower()}", Kind.SHARE, "share of the energy")
            for one in Basis
        ),
        *(column for one in others for column in _ends(one.label)),
        *(
            column
            for one in others
            if one.change
            for column in (
                Column(f"Change from {one.label}", Kind.QUANTITY, KG),
                *_ends(f"Change from {one.label}", "What both share is off in the change only."),
            )
        ),
    )


def _ends(label: str, comment: str = "") -> tuple[Column, Column]:
    return (
        Column(f"{label}, 95 % from", Kind.QUANTITY, KG, comment),
        Column(f"{label}, 95 % to", Kind.QUANTITY, KG),
    )


def table(*, quarters: list[Quarter], energy: BasisKwh) -> Table:
    """Return the inventory of a quarter, with those that it is compared with beside it.

    `energy` is that of the first quarter.
    """
    first, *others = quarters
    rows: list[Row] = [
        [
            line.scope,
            line.category,
            line.method,
            line.counts,
            *(_amount(line, one.by_scope) for one in quarters),
            *_bounds(line, first),
            *_shares(line, energy),
            *(end for one in others for end in _bounds(line, one)),
            *(cell for one in others if one.change for cell in _changed(line, first, one)),
        ]
        for line in LINES
    ]
    return Table(
        name="inventory",
        title="Inventory by scope",
        columns=columns(quarters=quarters),
        rows=rows,
    )


def inventory_total(by_scope: ScopeTotals, method: str) -> Decimal:
    """Return the sum of the inventory's rows by one of the two methods."""
    return _sum(all_parts(method), by_scope)


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


def _bounds(line: Line, quarter: Quarter) -> list[Value]:
    if not _amount(line, quarter.by_scope) or _of_lifecycle(line):
        return [None, None]
    return intervals.ends(quarter.spread(line.parts))


def _changed(line: Line, first: Quarter, before: Quarter) -> list[Value]:
    """Return how a row changed, with the ends of the interval of the difference."""
    amounts = [_amount(line, one.by_scope) for one in (first, before)]
    if before.change is None or amounts[0] is None or amounts[1] is None:
        return [None, None, None]
    found = None if _of_lifecycle(line) else before.change(line.parts)
    return [amounts[0] - amounts[1], *intervals.ends(found)]


def _of_lifecycle(line: Line) -> bool:
    """Whether a row is a part of another that has no lines of its own."""
    return any(name == "lifecycle_factor_kg" for _, name in line.parts)


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
