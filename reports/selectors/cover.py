"""What a report says about itself: the state of the ledger that it was read from."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from emissions.models import ClosedQuarter, Organisation, Posting
from emissions.selectors.attention import Attention, attention
from emissions.selectors.closings import adopted_factor_sets, factor_sets_of
from emissions.selectors.periods import Period, month_number, quarters
from emissions.selectors.totals import (
    By,
    Filters,
    Group,
    Totals,
    total_of,
    totals_by,
)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Up to where the ledger was read, by which method, and what is still open."""

    position: int | None
    posted_at: datetime | None
    methodology_version: str
    open_items: Attention
    factor_sets: list[str]


def ledger_state(
    *, organisation: Organisation, filters: Filters, closed: ClosedQuarter | None
) -> LedgerState:
    """Return the state of an organisation's ledger; of a closed quarter, with its factor sets."""
    latest = Posting.objects.filter(organisation=organisation).order_by("-id").first()
    if closed is None:
        sets = adopted_factor_sets(organisation=organisation)
    else:
        sets = factor_sets_of(closed=closed)
    return LedgerState(
        position=latest.pk if latest else None,
        posted_at=latest.created_at if latest else None,
        methodology_version=latest.methodology_version if latest else "",
        open_items=attention(organisation=organisation, filters=filters),
        factor_sets=[str(one) for one in sets],
    )


@dataclass(frozen=True, slots=True)
class QuarterTotals:
    """One quarter in the list of reports, with the one before it."""

    period: Period
    totals: Totals
    before: Totals | None
    unfinished: bool


def quarters_with_totals(
    *, organisation: Organisation, filters: Filters, today: date
) -> list[QuarterTotals]:
    """Return the quarters from the first that has figures to the present one, latest first."""
    months = totals_by(organisation=organisation, period=None, by=By.MONTH, filters=filters)
    starts = [group.month for group in months if group.month]
    if not starts:
        return []
    found = quarters(first=min(starts), last=max(today, *starts))
    sums = [total_of(_within(months, period)) for period in found]
    earlier: list[Any] = [*sums[1:], None]
    return [
        QuarterTotals(period, totals, before, period.open_on(today))
        for period, totals, before in zip(found, sums, earlier, strict=True)
    ]


def _within(months: list[Group], period: Period) -> list[Group]:
    first, end = month_number(period.starts_on), month_number(period.ends_before)
    return [one for one in months if one.month and first <= month_number(one.month) < end]
