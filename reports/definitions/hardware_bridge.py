"""T1b: the quarter with the lifetime share of hardware, and the bridge to hardware bought.

The inventory counts hardware in full when it is bought; a software's carbon intensity (SCI)
counts what of its life was used. The two are shown with the bridge between them, never added.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from emissions.selectors.purchases import Bridge, BridgeRow, bridge_ranges, total_bridge
from emissions.selectors.totals import Totals
from emissions.tabular import Value
from reports.definitions import intervals
from reports.definitions.inventory import (
    BOUGHT,
    CLOUD,
    LEASED,
    LOCATION,
    MARKET,
    SCOPE_2,
    Parts,
    Quarter,
    all_parts,
    bought_kg,
    inventory_total,
)
from reports.definitions.tables import Column, Kind, Row, Table

KG = "kg CO2e"
NOTHING = Totals()

LIFETIME_COLUMNS = (
    Column("Item"),
    Column("Method", comment="Location-based and market-based results are never added."),
    Column("Amount", Kind.QUANTITY, KG),
    Column("What it counts"),
    *intervals.columns("Amount"),
)
BRIDGE_COLUMNS = (
    Column("Node"),
    Column("Hardware"),
    Column("Nodes alike", Kind.INTEGER),
    Column("Bought on", Kind.DATE),
    Column("Left on", Kind.DATE),
    Column("Life", Kind.QUANTITY, "years", "At the quarter's end; a change acts from then on."),
    Column("Not yet attributed before", Kind.QUANTITY, KG, "At the beginning of the quarter."),
    Column("Bought in the quarter", Kind.QUANTITY, KG, "Category 3.2: in full."),
    Column("Attributed in the quarter", Kind.QUANTITY, KG, "Lifetime share, by time."),
    Column("Left before the end of its life", Kind.QUANTITY, KG, "What was still to come."),
    Column("Not yet attributed after", Kind.QUANTITY, KG, "Before + bought − attributed − left."),
    Column("Why it does not count", comment="Leased, or something is not known."),
    *intervals.columns("Bought", "Attributed", "After"),
)
#: Of which figures of the bridge the ends stand in its last columns.
WITHIN = ("bought", "attributed", "after")


def lifetime_table(*, quarter: Quarter) -> Table:
    """Return the inventory's total with the lifetime share in the place of hardware bought."""
    by_scope = quarter.by_scope
    bought = bought_kg(by_scope)
    own = by_scope.get(SCOPE_2, NOTHING)
    cloud, leased = by_scope.get(CLOUD, NOTHING), by_scope.get(LEASED, NOTHING)
    purchase, share = ((BOUGHT, "embodied_purchase_kg"),), ((SCOPE_2, "embodied_kg"),)
    rows: list[Row] = []
    for method in (LOCATION, MARKET):
        parts = all_parts(method)
        operation = tuple(part for part in parts if part not in purchase)
        total = inventory_total(by_scope, method)
        used = total - bought
        counted: list[tuple[str, Decimal, str, Parts]] = [
            ("Inventory", total, "Table “Inventory by scope”: the totals", parts),
            ("− Hardware bought", bought, "Category 3.2, in full", purchase),
            ("= Operation", used, "With cloud and leased hardware's share", operation),
            ("+ Lifetime share", own.embodied_kg, "Own hardware, as posted", share),
            (
                "= Operation and lifetime share",
                used + own.embodied_kg,
                "SCI: O + M",
                operation + share,
            ),
        ]
        rows += [
            [item, method, amount, counts, *intervals.ends(quarter.spread(of))]
            for item, amount, counts, of in counted
        ]
    for item, key, totals, counts in (
        ("Of operation: cloud hardware", CLOUD, cloud, "In category 3.1"),
        ("Of operation: leased hardware", LEASED, leased, "In category 3.8"),
    ):
        ends = intervals.ends(quarter.spread(((key, "embodied_kg"),)))
        rows.append([item, "", totals.known_embodied_kg, counts, *ends])
    return Table("lifetime_share", "With the lifetime share", LIFETIME_COLUMNS, rows)


def bridge_table(*, rows: Iterable[BridgeRow], last_day: date) -> Table:
    """Return the bridge by node up to a quarter's last day; its last row is the sum."""
    found = list(rows)
    lines: list[Row] = [_row(one, last_day) for one in found]
    lines.append(
        ["Total", "", None, None, None, None, *_figures(total_bridge(found)), "", *_ends(found)]
    )
    return Table("hardware_bought", "Hardware bought", BRIDGE_COLUMNS, lines, with_total=True)


def _row(row: BridgeRow, last_day: date) -> Row:
    node = row.purchase.node
    figures: Row = _figures(row.bridge) if row.bridge is not None else [None] * 5
    return [
        node.name,
        node.hardware.name,
        node.node_count,
        node.purchased_on,
        node.disposed_on,
        Decimal(repr(row.purchase.life_years(last_day))),
        *figures,
        row.purchase.why_not,
        *_ends([row]),
    ]


def _ends(rows: list[BridgeRow]) -> list[Value]:
    """Return the ends of the sums of rows: a footprint is known to within half and twice."""
    found = bridge_ranges(rows)
    return [end for name in WITHIN for end in intervals.ends(found[name])]


def _figures(bridge: Bridge) -> list[Decimal]:
    return [bridge.before, bridge.bought, bridge.attributed, bridge.disposed, bridge.after]
