"""The quarter's totals with their 95 % intervals, and what the first of them comes from."""

from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.selectors.spread import Uncertainty
from emissions.selectors.totals import Totals
from reports.definitions.intervals import ends
from reports.definitions.tables import Column, Kind, Row, Table

COLUMNS = (
    Column("Figure"),
    Column("Unit"),
    Column("Total", Kind.QUANTITY, comment="Exact, as the ledger has it."),
    Column("95 % from", Kind.QUANTITY, comment="Spreads are by judgement over the literature."),
    Column("95 % to", Kind.QUANTITY),
)
SOURCE_COLUMNS = (
    Column("Input", comment="An input behind many runs is off for all of them together."),
    Column("Share of the variance", Kind.SHARE, "of location-based emissions", "They add up to 1."),
)


def table(*, whole: Totals, spread: Uncertainty) -> Table:
    """Return the summary: totals and how far they may be off."""
    kg = "kg CO2e"
    rows: list[Row] = [
        _row("Electricity and fuel, location-based", kg, whole.location_based_kg,
             spread.location_based_kg),
        _row("Electricity and fuel, market-based", kg, whole.market_based_kg,
             spread.market_based_kg),
        _row("Energy, facility", "kWh", whole.energy_facility_kwh, spread.energy_facility_kwh),
        _row("Energy, IT equipment", "kWh", whole.energy_it_kwh, spread.energy_it_kwh),
        _row("Upstream of the electricity", kg, whole.known_upstream_kg, spread.upstream_kg),
        _row("Transmission and distribution losses", kg, whole.known_losses_kg, spread.losses_kg),
        _row("Lifetime share of hardware", kg, whole.known_embodied_kg, spread.embodied_kg),
        _row("Hardware bought", kg, whole.embodied_purchase_kg or None,
             spread.embodied_purchase_kg),
        _row("Water, where known", "L", whole.water_litres or None, spread.water_litres),
    ]  # fmt: skip
    return Table("uncertainty", "Totals and their uncertainty", COLUMNS, rows)


def sources_table(*, spread: Uncertainty) -> Table:
    """Return the inputs that the uncertainty comes from, largest first."""
    rows: list[Row] = [[one.name, Decimal(repr(one.share))] for one in spread.sources]
    return Table("uncertainty_sources", "What the uncertainty comes from", SOURCE_COLUMNS, rows)


def _row(label: str, unit: str, total: Decimal | None, interval: Interval) -> Row:
    return [label, unit, total, *ends(interval if total is not None else None)]
