"""Numbers as people read them: three significant digits, a fitting unit, no false zero.

Pages (through the template filters), figures and their sentences all use these
functions, so that the same quantity reads the same everywhere. `None` means
unknown; the functions here only take numbers, and their callers say "unknown".
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

Number = int | float | Decimal

NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
SIGNIFICANT_DIGITS = 3


@dataclass(frozen=True)
class Unit:
    """A unit of a quantity: its symbol, and how many base units it holds."""

    symbol: str
    size: float


MASS = (Unit("g", 0.001), Unit("kg", 1.0), Unit("t", 1000.0))
WATER = (Unit("l", 1.0), Unit("m³", 1e3))
ENERGY = (Unit("Wh", 0.001), Unit("kWh", 1.0), Unit("MWh", 1e3), Unit("GWh", 1e6))

# Below this many of the base unit (kg, kWh) the smaller unit reads better.
SMALL = 0.1


def decimals_for(value: Number, digits: int = SIGNIFICANT_DIGITS) -> int:
    """Return how many decimals show `digits` significant digits of a number."""
    magnitude = abs(float(value))
    if magnitude == 0 or not math.isfinite(magnitude):
        return 0
    leading = math.floor(math.log10(magnitude))
    rounded = round(magnitude, digits - 1 - leading)
    if rounded >= 10 ** (leading + 1):
        leading += 1
    return max(0, digits - 1 - leading)


def number_text(value: Number, decimals: int | None = None) -> str:
    """Return a number with thousands separated: 1234.5 → "1,235", 0.01234 → "0.0123"."""
    shown = decimals_for(value) if decimals is None else decimals
    text = f"{value:,.{shown}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text


def unit_for(values: Iterable[Number | None], units: tuple[Unit, ...]) -> Unit:
    """Return the one unit that suits a column: that of its largest quantity."""
    largest = max((abs(float(value)) for value in values if value is not None), default=0.0)
    base = next(unit for unit in units if unit.size == 1.0)
    if largest == 0:
        return base
    if largest < SMALL:
        return units[0]
    return max((unit for unit in units if 1.0 <= unit.size <= max(largest, 1.0)), key=_size)


def typical(values: Iterable[Number | None]) -> list[Number]:
    """Return the median alone: it chooses the unit where quantities span orders of magnitude."""
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2 : len(known) // 2 + 1]


def quantity_text(value: Number, units: tuple[Unit, ...], symbol: str | None) -> str:
    """Return a quantity in the unit that suits it, or in the one that is named."""
    if symbol:
        unit = next(unit for unit in units if unit.symbol == symbol)
    else:
        unit = unit_for([value], units)
    return f"{number_text(float(value) / unit.size)}{NO_BREAK_SPACE}{unit.symbol}"


def digits_supported(value: Number, low: Number, high: Number) -> int:
    """Return how many significant digits of a figure its interval supports: two or three.

    The last digit shown is that of the interval's half-width: 13.6 from 8.2 to 16.3 is 14.
    """
    figure, half = abs(float(value)), max(float(high) - float(value), float(value) - float(low))
    if not (figure > 0 and half > 0):
        return SIGNIFICANT_DIGITS
    digits = math.floor(math.log10(figure)) - math.floor(math.log10(half)) + 1
    return min(max(digits, 2), SIGNIFICANT_DIGITS)


def rounded_text(value: Number, units: tuple[Unit, ...], digits: int, symbol: str = "") -> str:
    """Return a quantity with so many significant digits: 136.2 with two is 140."""
    unit = next((one for one in units if one.symbol == symbol), None) or unit_for([value], units)
    return f"{significant(float(value) / unit.size, digits)}{NO_BREAK_SPACE}{unit.symbol}"


def significant(value: Number, digits: int) -> str:
    """Return a number rounded to so many significant digits: 1,362 with two is 1,400."""
    amount = float(value)
    if amount and math.isfinite(amount):
        amount = round(amount, digits - 1 - math.floor(math.log10(abs(amount))))
    return number_text(amount, decimals_for(amount, digits))


def range_text(low: Number, high: Number, units: tuple[Unit, ...]) -> str:
    """Return an interval in one unit: "8.2–16 t", "−2.0 to 6.1 t"."""
    unit = unit_for([low, high], units)
    found = bounds_text(float(low) / unit.size, float(high) / unit.size)
    return f"{found}{NO_BREAK_SPACE}{unit.symbol}"


def bounds_text(low: Number, high: Number) -> str:
    """Return both ends of an interval, with two digits or as many as tell them apart: 96–104."""
    half = (float(high) - float(low)) / 2
    ends = [_end_text(float(end), half) for end in (low, high)]
    return (" to " if MINUS in "".join(ends) else "–").join(ends)


def signed_bounds_text(low: Number, high: Number) -> str:
    """Return both ends of the interval of a change: "+0.8 to +2.1"."""
    half = (float(high) - float(low)) / 2
    ends = [_end_text(float(end), half) for end in (low, high)]
    return " to ".join(end if end == "0" or end[0] == MINUS else f"+{end}" for end in ends)


def signed_range_text(low: Number, high: Number, units: tuple[Unit, ...]) -> str:
    """Return the interval of a change in one unit: "+0.8 to +2.1 t"."""
    unit = unit_for([low, high], units)
    found = signed_bounds_text(float(low) / unit.size, float(high) / unit.size)
    return f"{found}{NO_BREAK_SPACE}{unit.symbol}"


def _end_text(end: float, half: float) -> str:
    if not half > 0:
        return significant(end, 2)
    if abs(end) < half / 10:  # Next to zero: no finer than the interval is wide.
        place = 1 - math.floor(math.log10(half))
        return number_text(round(end, place) or 0, max(0, place) if round(end, place) else 0)
    digits = math.floor(math.log10(abs(end))) - math.floor(math.log10(half)) + 1
    return significant(end, max(2, digits))


def mass_text(kilograms: Number, symbol: str | None = None) -> str:
    """Return a mass: 12345 → "12.3 t"."""
    return quantity_text(kilograms, MASS, symbol)


def energy_text(kilowatt_hours: Number, symbol: str | None = None) -> str:
    """Return an energy: 12345 → "12.3 MWh"."""
    return quantity_text(kilowatt_hours, ENERGY, symbol)


def hours_text(hours: Number) -> str:
    """Return a duration: 0.5 → "30 min", 1234.5 → "1,235 h"."""
    value = float(hours)
    if 0 < abs(value) < 1:
        return f"{number_text(value * 60, max(0, decimals_for(value * 60, 2)))}{NO_BREAK_SPACE}min"
    return f"{number_text(value, _trimmed_decimals(value))}{NO_BREAK_SPACE}h"


def percent_text(share: Number) -> str:
    """Return a share of one as a percentage: 0.1234 → "12.3%"."""
    percentage = float(share) * 100
    return f"{number_text(percentage, min(_trimmed_decimals(percentage), 2))}%"


def share_text(share: Number) -> str:
    """Return a share in a column: one decimal in each row, and no false zero."""
    percentage = float(share) * 100
    if 0 < abs(percentage) < 0.05:
        return "<0.1%"
    return f"{number_text(percentage, 0 if percentage in (0, 100) else 1)}%"


def mass_unit(kilograms: Iterable[Number | None]) -> str:
    """Return "g", "kg" or "t": the one unit for a table of masses."""
    return unit_for(kilograms, MASS).symbol


def energy_unit(kilowatt_hours: Iterable[Number | None]) -> str:
    """Return "Wh", "kWh", "MWh" or "GWh": the one unit for a table of energies."""
    return unit_for(kilowatt_hours, ENERGY).symbol


@dataclass(frozen=True)
class Change:
    """How a figure moved against another one; `share` is None where there is no base."""

    share: float | None
    direction: str

    @property
    def text(self) -> str:
        """The signed percentage: "+12.3%"."""
        if self.direction == "same":
            return "0%"
        if self.share is None:
            return "new"
        sign = "+" if self.share > 0 else MINUS
        return f"{sign}{number_text(abs(self.share) * 100, _percent_decimals(self.share))}%"

    @property
    def words(self) -> str:
        """The change in words: "12.3% more"."""
        if self.direction == "same":
            return "unchanged"
        if self.share is None:
            return "none before"
        return f"{self.text[1:]} {'more' if self.direction == 'up' else 'less'}"


@dataclass(frozen=True)
class Moved:
    """A change, and the 95 % interval of the difference in words; "" where none is known.

    It is clear where the interval leaves no doubt that there is one.
    """

    change: Change
    clear: bool
    range: str


def is_clear(low: Number, high: Number) -> bool:
    """Whether the interval of a change leaves no doubt that there is one."""
    return float(low) > 0 or float(high) < 0


def change(current: Number, previous: Number) -> Change:
    """Compare two figures of the same unit."""
    now, before = float(current), float(previous)
    if now == before:
        return Change(0.0, "same")
    if before == 0:
        return Change(None, "up" if now > 0 else "down")
    share = (now - before) / abs(before)
    if abs(share) < 0.0005:
        return Change(share, "same")
    return Change(share, "up" if share > 0 else "down")


def _size(unit: Unit) -> float:
    return unit.size


def _trimmed_decimals(value: float) -> int:
    """As many decimals as three significant digits need, without trailing zeros."""
    text = f"{value:.{decimals_for(value)}f}"
    return len(text.partition(".")[2].rstrip("0"))


def _percent_decimals(share: float) -> int:
    return 0 if abs(share) >= 0.1 else 1
