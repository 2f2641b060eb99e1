"""What figures show: a quantity of totals, in one unit, with the ends of its intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers
from emissions.charts.cards import Range
from emissions.selectors.periods import Comparison, Period
from emissions.selectors.totals import Group, Totals
from emissions.tabular import Value
from emissions.views.spread import bounds


@dataclass(frozen=True)
class Quantity:
    """What a figure shows of `Totals`: a column, its units and its words."""

    column: str
    words: str
    units: tuple[numbers.Unit, ...] = numbers.MASS
    suffix: str = " CO₂e"

    def of(self, totals: Totals) -> Decimal:
        """Return the quantity, exact."""
        value: Decimal = getattr(totals, self.column)
        return value

    def scale(self, groups: Sequence[Group]) -> "Scale":
        """Return the one unit that suits a table of groups."""
        return Scale.of((self.of(group.totals) for group in groups), self.units, self.suffix)


ENERGY = Quantity("energy_facility_kwh", "Energy", numbers.ENERGY, "")


@dataclass(frozen=True)
class Scale:
    """A unit, and exact amounts in it."""

    unit: str
    size: Decimal

    @classmethod
    def of(cls, values: Iterable[Decimal], units: tuple[numbers.Unit, ...], suffix: str) -> "Scale":
        """Return the unit that suits the largest of some base amounts."""
        found = numbers.unit_for(values, units)
        return cls(f"{found.symbol}{suffix}", Decimal(str(found.size)))

    def __call__(self, amount: Decimal) -> Decimal:
        """Return a base amount in this unit."""
        return amount / self.size

    def range(self, interval: Interval | None) -> Range | None:
        """Return an interval of a base amount in this unit; None where it is the amount."""
        if interval is None or not interval.low < interval.high:
            return None
        size = float(self.size)
        return Range(interval.low / size, interval.high / size)

    def bounds(self, interval: Interval | None) -> list[Value]:
        """Return both ends in this unit, for a file; empty where there are none."""
        return [end / self.size if isinstance(end, Decimal) else end for end in bounds(interval)]


@dataclass(frozen=True)
class Shown:
    """What all figures of a page have in common."""

    quantity: Quantity
    period: Period
    comparison: Comparison


def bound_names(what: str, scale: Scale) -> list[str]:
    """Return the headings of both ends of an interval in a file."""
    return [f"95 % {end}, {what} [{scale.unit}]" for end in ("from", "to")]
