"""Instruments, what they are used for, and how much electricity they match."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from emissions.calculation.vocabulary import Assumption, InstrumentStatus, PoolKind
from emissions.models import EnergyInstrument, InstrumentUse, MonthlyTotal, Organisation, Site

ZERO = Decimal(0)
NO_ELECTRICITY = (PoolKind.COVERAGE, PoolKind.PURCHASE, PoolKind.STATEMENT, PoolKind.FUEL)


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """An instrument and how much of it is used, in MWh."""

    instrument: EnergyInstrument
    used_mwh: Decimal

    @property
    def left_mwh(self) -> Decimal:
        """What is not used."""
        return self.instrument.energy_mwh - self.used_mwh

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
    uses: Any = (
        InstrumentUse.objects.filter(organisation=organisation, **period)
        .exclude(instrument__status=InstrumentStatus.LAPSED)
        .aggregate(used=Sum("energy_kwh"), provisional=Sum("energy_kwh", filter=provisional))
    )
    return Matched(
        electricity_kwh=sums["electricity"] or ZERO,
        used_kwh=uses["used"] or ZERO,
        provisional_kwh=uses["provisional"] or ZERO,
        no_residual_kwh=sums["no_residual"] or ZERO,
        difference_kg=sums["difference"] or ZERO,
    )
