"""Instruments, what they are used for, and how much electricity they match."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from emissions.calculation.vocabulary import Assumption, InstrumentStatus, PoolKind
from emissions.models import EnergyInstrument, InstrumentUse, MonthlyTotal, Organisation

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


def instrument_rows(*, organisation: Organisation) -> list[InstrumentRow]:
    """Return an organisation's instruments, latest period first."""
    rows = (
        EnergyInstrument.objects.filter(organisation=organisation)
        .select_related("market", "site")
        .annotate(used=Sum("uses__energy_kwh"))
        .order_by("-ends_before", "name", "pk")
    )
    return [InstrumentRow(row, (row.used or ZERO) / 1000) for row in rows]


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
