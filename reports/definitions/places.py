"""T7: place and time: sites and zones, their PUE, and the factors that their energy met."""

from collections.abc import Iterable
from decimal import Decimal

from emissions.selectors.totals import Totals
from reports.definitions import intervals
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.places import Place

PER_KWH = "g CO2e/kWh"

COLUMNS = (
    Column("Site"),
    Column("Kind"),
    Column("Grid zone"),
    Column("Zone code"),
    Column("PUE as stated", Kind.QUANTITY, comment="The last of the quarter; empty: published."),
    Column("Source of the PUE"),
    Column("PUE of the figures", Kind.QUANTITY, comment="Facility energy ÷ IT energy."),
    Column("Water use (WUE)", Kind.QUANTITY, "L/kWh", "As stated for the site."),
    Column("Water", Kind.QUANTITY, "L", "Empty where nothing is known."),
    Column("Energy, facility", Kind.QUANTITY, "kWh"),
    Column("Electricity, location-based", Kind.QUANTITY, "kg CO2e"),
    Column("Factor of the year", Kind.QUANTITY, PER_KWH, "Annual averages, by energy."),
    Column("Factor by the hour", Kind.QUANTITY, PER_KWH, "By the hour where intensities exist."),
    Column("Electricity, market-based", Kind.QUANTITY, "kg CO2e"),
    Column("Factor, market-based", Kind.QUANTITY, PER_KWH),
    *intervals.COLUMNS,
)


def table(*, places: Iterable[Place]) -> Table:
    """Return the table: one row for each site in each zone."""
    return Table("places", "Place and time", COLUMNS, [_row(one) for one in places])


def _row(place: Place) -> Row:
    totals: Totals = place.totals
    return [
        place.site,
        place.kind,
        place.zone,
        place.zone_code,
        _exact(place.pue),
        place.pue_source,
        place.effective_pue,
        _exact(place.wue_litres_per_kwh),
        totals.water_litres or None,
        totals.energy_facility_kwh,
        totals.location_based_kg,
        _grams(place.annual_kg_per_kwh),
        _grams(totals.intensity_kg_per_kwh),
        totals.market_based_kg,
        _grams(totals.market_intensity_kg_per_kwh),
        *intervals.cells(place.intervals),
    ]


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


def _grams(kg_per_kwh: Decimal | None) -> Decimal | None:
    return None if kg_per_kwh is None else kg_per_kwh * 1000
