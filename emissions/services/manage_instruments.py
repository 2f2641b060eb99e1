"""Record, edit, retire and delete instruments, and say what they are used for."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from emissions.calculation.vocabulary import Cause, InstrumentKind, InstrumentStatus
from emissions.models import (
    EnergyInstrument,
    GridZone,
    InstrumentUse,
    Organisation,
    Site,
    User,
)
from emissions.selectors.years import years_of
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import instrument_changed
from emissions.services.posting import share_ledger


class UsedUp(Exception):
    """More would be used than the instrument has."""


class OutsideItsPeriod(Exception):
    """The month lies outside the instrument's period."""


class YearNotOver(Exception):
    """Only a year that is over is trued up."""


class InUse(Exception):
    """A retired instrument is not deleted, nor one that is used in a closed quarter."""


class QuarterClosed(Exception):
    """What instruments cover of a closed quarter stays."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """What an instrument says."""

    name: str
    kind: InstrumentKind
    energy_mwh: Decimal
    starts_on: date
    ends_before: date
    vintage: str = ""
    market: GridZone | None = None
    site: Site | None = None
    registry: str = ""
    reference: str = ""
    rate_g_per_kwh: float = 0.0
    rate_source: str = ""
    status: InstrumentStatus = InstrumentStatus.CONTRACTED
    criteria_met: int = 0


VALUES = tuple(field.name for field in fields(Instrument))


@transaction.atomic
def record_instrument(
    *, organisation: Organisation, instrument: Instrument, by: User | None, now: datetime
) -> EnergyInstrument:
    """Store an instrument; it is allocated chronologically until somebody says otherwise."""
    row = EnergyInstrument(organisation=organisation, recorded_at=now)
    _take(row, instrument)
    row.save(force_insert=True)
    write_audit_event(
        organisation=organisation,
        by=by,
        action="instrument recorded",
        instance=row,
        after=snapshot(row),
    )
    instrument_changed(organisation=organisation, periods=[_period(row)], by=by)
    return row


@transaction.atomic
def edit_instrument(
    *, instrument: EnergyInstrument, values: Instrument, by: User | None
) -> EnergyInstrument:
    """Change what an instrument says.

    Raises
    ------
    UsedUp
        By hand or in closed quarters, more is used than it would have.
    OutsideItsPeriod
        By hand or in a closed quarter, it is used in a month that it would no longer cover.
    """
    row = _locked(instrument)
    before, period = snapshot(row), _period(row)
    _take(row, values)
    if row.status != InstrumentStatus.RETIRED:
        row.retired_on = None
    fixed, free = _uses(row)
    _refuse(row, fixed)
    row.save()
    row.uses.filter(pk__in=free).delete()
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="instrument edited",
        instance=row,
        before=before,
        after=snapshot(row),
    )
    instrument_changed(organisation=row.organisation, periods=[period, _period(row)], by=by)
    return row


@transaction.atomic
def retire_instrument(
    *, instrument: EnergyInstrument, retired_on: date, reference: str, by: User | None
) -> EnergyInstrument:
    """Record that an instrument was retired: what it covers is no longer provisional."""
    row = _locked(instrument)
    before = snapshot(row)
    row.status, row.retired_on = InstrumentStatus.RETIRED, retired_on
    row.reference = reference or row.reference
    row.save()
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="instrument retired",
        instance=row,
        before=before,
        after=snapshot(row),
    )
    years = years_of(organisation=row.organisation)
    if before["status"] == InstrumentStatus.LAPSED or years.trued_up(row.starts_on):
        _true_up(row, by)
    return row


@transaction.atomic
def lapse_instrument(*, instrument: EnergyInstrument, by: User | None) -> EnergyInstrument:
    """Record that an instrument was not retired in time: a true-up takes back its coverage."""
    row = _locked(instrument)
    before = snapshot(row)
    row.status, row.retired_on = InstrumentStatus.LAPSED, None
    row.save()
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="instrument lapsed",
        instance=row,
        before=before,
        after=snapshot(row),
    )
    _true_up(row, by)
    return row


@transaction.atomic
def set_use(
    *,
    instrument: EnergyInstrument,
    site: Site,
    month: date,
    energy_kwh: Decimal | None,
    by: User | None,
) -> None:
    """Say how much of a site's month an instrument covers; None leaves it to the default.

    Raises
    ------
    UsedUp
        All uses by hand would be more than the instrument's MWh.
    OutsideItsPeriod
        The month lies outside the instrument's period.
    QuarterClosed
        The month lies in a closed quarter.
    """
    row = _locked(instrument)
    month = month.replace(day=1)
    if years_of(organisation=row.organisation).frozen(month):
        raise QuarterClosed
    before = row.uses.filter(site=site, month=month, by_hand=True).first()
    row.uses.filter(site=site, month=month).delete()
    if energy_kwh is not None:
        use = InstrumentUse(
            organisation=row.organisation,
            instrument=row,
            site=site,
            month=month,
            energy_kwh=energy_kwh,
            by_hand=True,
        )
        fixed, free = _uses(row)
        _refuse(row, [*fixed, use])
        # What was allocated gives way: it is allocated anew before anything is posted.
        row.uses.filter(pk__in=free).delete()
        use.save(force_insert=True)
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="instrument use set",
        instance=row,
        before={"site": site.name, "month": month, "kwh": before and before.energy_kwh},
        after={"site": site.name, "month": month, "kwh": energy_kwh},
    )
    instrument_changed(organisation=row.organisation, periods=[_period(row)], by=by)


@transaction.atomic
def delete_instrument(*, instrument: EnergyInstrument, by: User | None) -> None:
    """Remove an instrument that was recorded in error; the audit log keeps it.

    Raises
    ------
    InUse
        It is retired, or used in a closed quarter.
    """
    row = _locked(instrument)
    years = years_of(organisation=row.organisation)
    if row.status == InstrumentStatus.RETIRED or any(
        years.frozen(use.month) for use in row.uses.all()
    ):
        raise InUse
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="instrument deleted",
        instance=row,
        before=snapshot(row),
    )
    organisation, period = row.organisation, _period(row)
    row.delete()
    instrument_changed(organisation=organisation, periods=[period], by=by)


@transaction.atomic
def true_up_year(
    *, organisation: Organisation, year: int, by: User | None, today: date
) -> Organisation:
    """Let only retired instruments count in a year that is over, and in those before it.

    What others covered is taken back; one that is retired later covers again. Both are posted
    as true-ups.

    Raises
    ------
    YearNotOver
        The year is not over on `today`.
    """
    if year >= today.year:
        raise YearNotOver
    row = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    share_ledger(organisation_id=row.pk)
    before, ends_before = row.trued_up_before, date(year + 1, 1, 1)
    if before is not None and before >= ends_before:
        return row
    row.trued_up_before = ends_before
    row.save(update_fields=["trued_up_before"])
    write_audit_event(
        organisation=row,
        by=by,
        action="instruments trued up",
        instance=row,
        before={"trued_up_before": before},
        after={"trued_up_before": ends_before},
    )
    periods = EnergyInstrument.objects.filter(organisation=row, starts_on__lt=ends_before)
    instrument_changed(
        organisation=row,
        periods=[
            (starts_on, min(end, ends_before))
            for starts_on, end in periods.values_list("starts_on", "ends_before")
        ],
        by=by,
        cause=Cause.TRUE_UP,
    )
    return row


def _true_up(row: EnergyInstrument, by: User | None) -> None:
    instrument_changed(
        organisation=row.organisation, periods=[_period(row)], by=by, cause=Cause.TRUE_UP
    )


def _uses(row: EnergyInstrument) -> tuple[list[InstrumentUse], list[int]]:
    """Return the uses that stay, by hand or in closed quarters, and the ids of the others."""
    years = years_of(organisation=row.organisation)
    fixed, free = list[InstrumentUse](), list[int]()
    for use in row.uses.all():
        if use.by_hand or years.frozen(use.month):
            fixed.append(use)
        else:
            free.append(use.pk)
    return fixed, free


def _locked(instrument: EnergyInstrument) -> EnergyInstrument:
    """Lock an instrument; as one who posts: no quarter is closed between look and write."""
    share_ledger(organisation_id=instrument.organisation_id)
    rows = EnergyInstrument.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("organisation").get(pk=instrument.pk)


def _take(row: EnergyInstrument, instrument: Instrument) -> None:
    for name in VALUES:
        setattr(row, name, getattr(instrument, name))


def _period(row: EnergyInstrument) -> tuple[date, date]:
    return row.starts_on, row.ends_before


def _refuse(row: EnergyInstrument, uses: Iterable[InstrumentUse]) -> None:
    """Raise what stands against uses by hand."""
    used = Decimal(0)
    for use in uses:
        used += use.energy_kwh
        if not row.starts_on.replace(day=1) <= use.month < row.ends_before:
            raise OutsideItsPeriod
    if used > row.energy_mwh * 1000:
        raise UsedUp
