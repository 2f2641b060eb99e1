"""The 95 % intervals of totals, as the last columns of tables."""

from collections.abc import Mapping
from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.selectors.spread import Uncertainty
from emissions.tabular import Value
from reports.definitions.tables import Column, Kind

NAMES = ("location_based_kg", "market_based_kg")
COMMENT = "The intervals of parts do not add up to that of their sum: they share inputs."


def columns(*labels: str, unit: str = "kg CO2e") -> tuple[Column, ...]:
    """Return a column for each end of the intervals of some totals."""
    return tuple(
        Column(f"{label}, 95 % {end}", Kind.QUANTITY, unit, COMMENT)
        for label in labels
        for end in ("from", "to")
    )


COLUMNS = columns("Location-based", "Market-based")


def ends(interval: Interval | None, size: int = 1) -> list[Value]:
    """Return both ends, in a unit of so many base units; empty where there is no interval."""
    if interval is None or not interval.low < interval.high:
        return [None, None]
    return [Decimal(repr(end)) / size for end in (interval.low, interval.high)]


def cells(found: Mapping[str, Interval]) -> list[Value]:
    """Return what stands in `COLUMNS`."""
    return [end for name in NAMES for end in ends(found.get(name))]


def of_whole(found: Uncertainty) -> dict[str, Interval]:
    """Return the intervals of the last row, by name."""
    return {"location_based_kg": found.location_based_kg, "market_based_kg": found.market_based_kg}
