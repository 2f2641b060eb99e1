"""T6: by hardware: what the organisation has of it, how it was used, and its footprint."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from emissions.selectors.totals import Totals
from emissions.selectors.uncertainty import Ranges
from reports.definitions import intervals
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.hardware import HardwareUse

KG, HOURS = "kg CO2e", "device-hours"

COLUMNS = (
    Column("Hardware"),
    Column("Own nodes", Kind.INTEGER, comment="Owned or leased, at the end of the quarter."),
    Column("Own devices", Kind.INTEGER),
    Column("Available", Kind.QUANTITY, HOURS, "Own devices × the hours that they stood."),
    Column("Allocated", Kind.QUANTITY, HOURS, "Reserved by runs on own devices."),
    Column("Idle", Kind.QUANTITY, HOURS, "Available − allocated; negative where runs overlap."),
    Column("Allocated anywhere", Kind.QUANTITY, HOURS, "With what ran in clouds."),
    Column("Energy, IT equipment", Kind.QUANTITY, "kWh", "Of runs and, where posted, idle hours."),
    Column("Energy, facility", Kind.QUANTITY, "kWh"),
    Column("Electricity, location-based", Kind.QUANTITY, KG),
    Column("Electricity, market-based", Kind.QUANTITY, KG),
    Column("Bought in the quarter", Kind.QUANTITY, KG, "In full, by day of purchase."),
    Column("Lifetime share", Kind.QUANTITY, KG, "Never added to what was bought."),
    Column("Life", unit="years", comment="At the quarter's end, of the nodes or the catalogue."),
    *intervals.COLUMNS,
)


def table(
    *,
    uses: Iterable[HardwareUse],
    bought: Mapping[str, Decimal],
    whole: Totals,
    spread: Ranges,
) -> Table:
    """Return the table; the last row is the sum of what can be added."""
    found = list(uses)
    rows: list[Row] = [
        [
            *_row(one, bought.get(one.name)),
            *intervals.cells(spread.of_group(one.key, *intervals.NAMES)),
        ]
        for one in found
    ]
    rows.append(
        [
            "Total",
            sum(one.nodes for one in found),
            sum(one.devices for one in found),
            sum((one.available_hours for one in found), Decimal(0)),
            sum((one.own_hours for one in found), Decimal(0)),
            sum((one.idle_hours or Decimal(0) for one in found), Decimal(0)),
            sum((one.run_hours for one in found), Decimal(0)),
            *_figures(whole),
            sum(bought.values(), Decimal(0)),
            whole.known_embodied_kg,
            "",
            *intervals.cells(intervals.of_whole(spread.whole)),
        ]
    )
    return Table("by_hardware", "By hardware", COLUMNS, rows, with_total=True)


def _row(use: HardwareUse, bought: Decimal | None) -> Row:
    own = use.nodes > 0
    return [
        use.name,
        use.nodes,
        use.devices,
        use.available_hours if own else None,
        use.own_hours,
        use.idle_hours,
        use.run_hours,
        *_figures(use.totals),
        bought,
        use.totals.known_embodied_kg,
        use.life_years,
    ]


def _figures(totals: Totals) -> Row:
    return [
        totals.energy_it_kwh,
        totals.energy_facility_kwh,
        totals.location_based_kg,
        totals.market_based_kg,
    ]
