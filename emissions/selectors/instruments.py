"""Instruments, what they are used for, and how much electricity they match."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from emissions.calculation.vocabulary import Assumption, InstrumentStatus, PoolKind
from emissions.models import EnergyInstrument, InstrumentUse, MonthlyTotal, Organisation, Site
from emissions.selectors.closings import ClosedSpan, closed_spans, is_within

ZERO = Decimal(0)
NO_ELECTRICITY = (PoolKind.COVERAGE, PoolKind.PURCHASE, PoolKind.STATEMENT, PoolKind.FUEL)


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


@dataclass(frozen=True, slots=True)
class YearEnd:
    """The latest year that is over: how much is used in it of what is not retired, in kWh."""

    year: int
    used_kwh: Decimal
    not_retired_kwh: Decimal
    done: bool


def year_end(*, organisation: Organisation, today: date) -> YearEnd | None:
    """Return the year whose true-up is due or done; None where no instrument is used in it."""
    year = today.year - 1
    uses = InstrumentUse.objects.filter(
        organisation=organisation, month__gte=date(year, 1, 1), month__lt=date(year + 1, 1, 1)
    ).exclude(instrument__status=InstrumentStatus.LAPSED)
    sums: Any = uses.aggregate(
        used=Sum("energy_kwh"),
        provisional=Sum("energy_kwh", filter=~Q(instrument__status=InstrumentStatus.RETIRED)),
    )
    done = years_of(organisation=organisation).trued_up(date(year, 12, 1))
    if not sums["used"] and not done:
        return None
    return YearEnd(year, sums["used"] or ZERO, sums["provisional"] or ZERO, done)


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """An instrument and how much of it is used, in MWh."""

    instrument: EnergyInstrument
    used_mwh: Decimal

    @property
    def criteria(self) -> int:
        """How many of the eight quality criteria are stated to be met."""
        return self.instrument.criteria_met.bit_count()


@dataclass(frozen=True, slots=True)
class Matched:
    """How much of the electricity of a period instruments cover, in kWh.

    `provisional_kwh` is what instruments cover that are not retired yet. `no_residual_kwh` is
    electricity for whose zone no residual mix is published: uncovered, it counts at the
    location-based factor. `difference_kg` is what coverage changes of the market-based total.
    """

    electricity_kwh: Decimal = ZERO
    used_kwh: Decimal = ZERO
    provisional_kwh: Decimal = ZERO
    no_residual_kwh: Decimal = ZERO
    difference_kg: Decimal = ZERO

    @property
    def share(self) -> Decimal | None:
        """Share of the ledger's electricity for which instruments are used."""
        return self.used_kwh / self.electricity_kwh if self.electricity_kwh > 0 else None

    @property
    def no_residual_share(self) -> Decimal | None:
        """Share of the electricity in zones without a published residual mix."""
        return self.no_residual_kwh / self.electricity_kwh if self.electricity_kwh > 0 else None


@dataclass(frozen=True, slots=True)
class SiteUse:
    """An instrument that is used at a site, or meant for it: kWh by month of a period."""

    instrument: EnergyInstrument
    by_month: dict[date, Decimal]

    @property
    def used_mwh(self) -> Decimal:
        """What of it is used at the site in the period."""
        return sum(self.by_month.values(), ZERO) / 1000


def instrument_rows(*, organisation: Organisation) -> list[InstrumentRow]:
    """Return an organisation's instruments, latest period first."""
    rows = (
        EnergyInstrument.objects.filter(organisation=organisation)
        .select_related("market", "site")
        .annotate(used=Sum("uses__energy_kwh"))
        .order_by("-ends_before", "name", "pk")
    )
    return [InstrumentRow(row, (row.used or ZERO) / 1000) for row in rows]


def uses_at(*, site: Site, starts_on: date, ends_before: date) -> list[SiteUse]:
    """Return the instruments used at a site in a period, and those of the site that touch it."""
    uses = InstrumentUse.objects.filter(
        site=site, month__gte=starts_on, month__lt=ends_before, energy_kwh__gt=0
    ).order_by("month")
    by_month: dict[int, dict[date, Decimal]] = {}
    for instrument_id, month, kwh in uses.values_list("instrument_id", "month", "energy_kwh"):
        by_month.setdefault(instrument_id, {})[month] = kwh
    meant = Q(site=site, starts_on__lt=ends_before, ends_before__gt=starts_on)
    rows = (
        EnergyInstrument.objects.filter(meant | Q(pk__in=by_month), organisation=site.organisation)
        .select_related("market", "site")
        .order_by("starts_on", "name", "pk")
    )
    return [SiteUse(row, by_month.get(row.pk, {})) for row in rows]


def electricity_at(*, site: Site, starts_on: date, ends_before: date) -> dict[date, Decimal]:
    """Return a site's electricity by month that instruments may cover [kWh]."""
    rows: Any = (
        MonthlyTotal.objects.filter(
            cell__organisation=site.organisation,
            cell__site=site,
            month__gte=starts_on,
            month__lt=ends_before,
        )
        .exclude(cell__source_kind__in=NO_ELECTRICITY)
        .order_by()
        .values("month")
        .annotate(kwh=Sum("energy_facility_kwh"))
    )
    return {row["month"]: row["kwh"] for row in rows}


def uses_of(*, instrument: EnergyInstrument) -> QuerySet[InstrumentUse]:
    """Return what an instrument is used for, in order of months."""
    return instrument.uses.select_related("site").order_by("month", "site__name")


def matched(*, organisation: Organisation, starts_on: date, ends_before: date) -> Matched:
    """Return the electricity that instruments match in a period: two queries."""
    period = {"month__gte": starts_on, "month__lt": ends_before}
    electricity = ~Q(cell__source_kind__in=NO_ELECTRICITY)
    sums: Any = (
        MonthlyTotal.objects.filter(cell__organisation=organisation, **period)
        .annotate(no_mix=F("cell__assumptions").bitand(Assumption.NO_RESIDUAL_MIX.value))
        .aggregate(
            electricity=Sum("energy_facility_kwh", filter=electricity),
            no_residual=Sum("energy_facility_kwh", filter=electricity & ~Q(no_mix=0)),
            difference=Sum("market_based_kg", filter=Q(cell__source_kind=PoolKind.COVERAGE)),
        )
    )
    provisional = ~Q(instrument__status=InstrumentStatus.RETIRED)
    before = years_of(organisation=organisation).trued_up_before
    counts = ~Q(instrument__status=InstrumentStatus.LAPSED)
    if before is not None:
        counts &= ~provisional | Q(month__gte=before)
    uses: Any = InstrumentUse.objects.filter(counts, organisation=organisation, **period).aggregate(
        used=Sum("energy_kwh"), provisional=Sum("energy_kwh", filter=provisional)
    )
    return Matched(
        electricity_kwh=sums["electricity"] or ZERO,
        used_kwh=uses["used"] or ZERO,
        provisional_kwh=uses["provisional"] or ZERO,
        no_residual_kwh=sums["no_residual"] or ZERO,
        difference_kg=sums["difference"] or ZERO,
    )
