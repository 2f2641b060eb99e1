"""What pages say of the closed quarters in their period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from emissions.models import Organisation
from emissions.selectors.closings import ClosedFigure, closed_in
from emissions.selectors.periods import Period
from emissions.selectors.spread import Uncertainty
from emissions.views import spread


@dataclass(frozen=True)
class ClosedRow:
    """One closed quarter in words; `since` is empty where nothing has been posted."""

    period: Period
    closed_at: datetime
    figure: str
    since: str


@dataclass(frozen=True)
class ClosedList:
    """What components of a page need: the quarters, and how many have moved since."""

    rows: list[ClosedRow]

    @property
    def moved(self) -> int:
        """How many have got something since."""
        return sum(bool(row.since) for row in self.rows)


class ClosedQuarters:
    """The closed quarters that a period touches: one query."""

    def __init__(self, organisation: Organisation, period: Period, column: str) -> None:
        self._organisation, self._period, self._column = organisation, period, column

    @cached_property
    def _found(self) -> Sequence[ClosedFigure]:
        return closed_in(organisation=self._organisation, period=self._period, column=self._column)

    @property
    def months(self) -> set[date]:
        """All their months."""
        return {month for one in self._found for month in one.period.month_starts}

    def within(self, found: Uncertainty | None = None) -> ClosedList:
        """Return those of which all months are in the period.

        `found` are the intervals of what the page shows, which give the digits.
        """
        inside = self._period.month_starts
        interval = found.of(self._column) if found else None
        rows = [
            ClosedRow(
                one.period,
                one.closed_at,
                spread.rounded(one.closed_kg, interval, self._column),
                _signed(one.since_kg) if one.since_kg else "",
            )
            for one in self._found
            if {*one.period.month_starts} <= {*inside}
        ]
        return ClosedList(rows)


def _signed(kilograms: Decimal) -> str:
    return f"{'+' if kilograms > 0 else ''}{spread.least_rounded(kilograms)}"
