"""How far an organisation's years are settled for instruments: closed, and trued up."""

from dataclasses import dataclass
from datetime import date

from emissions.calculation.vocabulary import InstrumentStatus
from emissions.models import Organisation
from emissions.selectors.closings import ClosedSpan, closed_spans, is_within


@dataclass(frozen=True, slots=True)
class Years:
    """How far the years are settled: until a year is trued up, what is not retired counts, too.

    Months of a closed quarter are frozen: what covers them is not allocated anew before the
    true-up of their year.
    """

    trued_up_before: date | None
    closed: tuple[ClosedSpan, ...]

    def trued_up(self, month: date) -> bool:
        """Whether only retired instruments count in a month."""
        return self.trued_up_before is not None and month < self.trued_up_before

    def frozen(self, month: date) -> bool:
        """Whether a month's uses stay as they are."""
        return not self.trued_up(month) and is_within(self.closed, month)

    def settled(self, month: date) -> bool:
        """Whether what changes in a month from now on is a true-up."""
        return self.trued_up(month) or is_within(self.closed, month)

    def counts(self, status: str, month: date) -> bool:
        """Whether an instrument of a status covers electricity of a month."""
        if self.trued_up(month):
            return status == InstrumentStatus.RETIRED
        return status != InstrumentStatus.LAPSED


def years_of(*, organisation: Organisation) -> Years:
    """Return how far an organisation's years are settled: as the database has it now."""
    rows = Organisation.objects.filter(pk=organisation.pk)
    (before,) = rows.values_list("trued_up_before", flat=True)
    return Years(before, closed_spans(organisation=organisation))
