"""Closed quarters: which months they hold, and what has been posted since."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import DateField, ExpressionWrapper, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from emissions.calculation.vocabulary import Headline
from emissions.models import (
    ClosedQuarter,
    FactorSet,
    FactorSetAdoption,
    MonthlyTotal,
    Organisation,
)
from emissions.models.closing import MONTHS
from emissions.models.entry import QUANTITIES
from emissions.selectors.periods import Period, month_number, quarter_of

ZERO = Decimal(0)

#: (factor set, its precedence) of the sets in use, best first.
Sets = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ClosedSpan:
    """Months that were closed with the same factor sets in use: year × 12 + month − 1."""

    first_month: int
    end_month: int
    sets: Sets


def closed_spans(*, organisation: Organisation | None) -> tuple[ClosedSpan, ...]:
    """Return the closed months in order: neighbours with the same sets are one span."""
    if organisation is None:
        return ()
    rows = ClosedQuarter.objects.filter(organisation=organisation).order_by("starts_on")
    found: list[ClosedSpan] = []
    for starts_on, sets in rows.values_list("starts_on", "factor_sets"):
        first, kept = month_number(starts_on), tuple((pk, rank) for pk, rank in sets)
        if found and found[-1].end_month == first and found[-1].sets == kept:
            first = found.pop().first_month
        found.append(ClosedSpan(first, month_number(starts_on) + MONTHS, kept))
    return tuple(found)


def is_within(spans: Iterable[ClosedSpan], month: date) -> bool:
    """Whether a month lies in closed spans."""
    number = month_number(month)
    return any(one.first_month <= number < one.end_month for one in spans)


@dataclass(frozen=True, slots=True)
class Closing:
    """A closed quarter, and what has been posted in its months since."""

    closed: ClosedQuarter
    since: dict[str, Decimal]
    headline: str

    @property
    def period(self) -> Period:
        """The quarter."""
        return quarter_of(self.closed.starts_on)

    @property
    def moved(self) -> bool:
        """Whether anything has been posted since that does not net to nothing.

        The variance does not count: a run that crosses the quarter's end has one error, of
        which its part here depends on what its part in an open month comes to.
        """
        return any(kg for name, kg in self.since.items() if name != "independent_variance_kg2")

    @property
    def location_based_kg(self) -> Decimal:
        """What has been posted since, location-based as the organisation shows it."""
        return self.since[self.headline]

    @property
    def market_based_kg(self) -> Decimal:
        """What has been posted since, market-based."""
        return self.since["market_based_kg"]


def closings(*, organisation: Organisation) -> list[Closing]:
    """Return the closed quarters, latest first, beside the ledger as it is: two queries."""
    closed = list(
        ClosedQuarter.objects.filter(organisation=organisation)
        .select_related("closed_by")
        .order_by("-starts_on")
    )
    if not closed:
        return []
    stands = sums_by_quarter(organisation=organisation, quarters=[one.starts_on for one in closed])
    hourly = organisation.headline == Headline.HOURLY
    return [
        Closing(
            one,
            {name: stands[one.starts_on][name] - getattr(one, name) for name in QUANTITIES},
            "location_based_kg" if hourly else "location_based_annual_kg",
        )
        for one in closed
    ]


@dataclass(frozen=True, slots=True)
class ClosedFigure:
    """What a quarter was closed at, of one quantity, and what has been posted in it since."""

    period: Period
    closed_at: datetime
    closed_kg: Decimal
    since_kg: Decimal


def closed_in(
    *, organisation: Organisation, period: Period, column: str = "location_based_kg"
) -> list[ClosedFigure]:
    """Return the closed quarters that a period touches, in order: one query.

    `column` is the quantity as `Totals` names it; the figures are the whole organisation's.
    """
    hourly = organisation.headline == Headline.HOURLY
    location = column == "location_based_kg" and not hourly
    kept = "location_based_annual_kg" if location else column
    # A quarter's third month begins at most 62 days after its first, the next one 90 or more.
    of_quarter = MonthlyTotal.objects.filter(
        cell__organisation=OuterRef("organisation"),
        month__gte=OuterRef("starts_on"),
        month__lt=ExpressionWrapper(
            OuterRef("starts_on") + timedelta(days=80), output_field=DateField()
        ),
    )
    stands = of_quarter.order_by().values("cell__organisation").annotate(sum=Sum(kept))
    rows = (
        ClosedQuarter.objects.filter(
            organisation=organisation,
            starts_on__gte=quarter_of(period.starts_on).starts_on,
            starts_on__lt=period.ends_before,
        )
        .order_by("starts_on")
        .annotate(stands=Coalesce(Subquery(stands.values("sum")), ZERO))
        .values_list("starts_on", "closed_at", kept, "stands")
    )
    return [
        ClosedFigure(quarter_of(starts_on), closed_at, closed, stands - closed)
        for starts_on, closed_at, closed, stands in rows
    ]


def closing_of(*, organisation: Organisation, quarter: Period) -> Closing | None:
    """Return a quarter as it was closed, beside the ledger as it is; None while it is open."""
    found = closings(organisation=organisation)
    return next((one for one in found if one.closed.starts_on == quarter.starts_on), None)


def sums_by_quarter(
    *, organisation: Organisation, quarters: Iterable[date]
) -> dict[date, dict[str, Decimal]]:
    """Return the sums of all quantities in quarters, by their first days."""
    found = {starts_on: dict.fromkeys(QUANTITIES, ZERO) for starts_on in quarters}
    months = [month for starts_on in found for month in quarter_of(starts_on).month_starts]
    rows: Any = (
        MonthlyTotal.objects.filter(cell__organisation=organisation, month__in=months)
        .order_by()
        .values("month")
        .annotate(**{f"sum_{name}": Sum(name) for name in QUANTITIES})
    )
    for row in rows:
        sums = found[quarter_of(row["month"]).starts_on]
        for name in QUANTITIES:
            sums[name] += row[f"sum_{name}"]
    return found


def open_quarters_before(*, organisation: Organisation, starts_on: date) -> list[Period]:
    """Return the earlier quarters with figures in the ledger that are not closed, in order."""
    months = (
        MonthlyTotal.objects.filter(cell__organisation=organisation, month__lt=starts_on)
        .order_by("month")
        .values_list("month", flat=True)
        .distinct()
    )
    closed = set(
        ClosedQuarter.objects.filter(organisation=organisation).values_list("starts_on", flat=True)
    )
    found = {quarter_of(month).starts_on: quarter_of(month) for month in months}
    if not set(found) - closed:
        return []
    sums = sums_by_quarter(organisation=organisation, quarters=sorted(set(found) - closed))
    return [found[starts_on] for starts_on in sorted(sums) if any(sums[starts_on].values())]


def adopted_factor_sets(*, organisation: Organisation) -> list[FactorSet]:
    """Return the factor sets in use, best first."""
    adopted = FactorSetAdoption.objects.filter(
        organisation=organisation, withdrawn_at__isnull=True
    ).select_related("factor_set")
    return [one.factor_set for one in adopted.order_by("precedence", "id")]


def factor_sets_of(*, closed: ClosedQuarter) -> list[FactorSet]:
    """Return the factor sets that were in use when a quarter was closed, best first."""
    found = FactorSet.objects.in_bulk([pk for pk, _ in closed.factor_sets])
    return [found[pk] for pk, _ in closed.factor_sets]
