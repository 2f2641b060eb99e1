"""Record, edit and delete meter readings; the ledger posts what they leave unexplained."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from emissions.calculation.vocabulary import MeasuringPoint
from emissions.models import MeterReading, Site, User
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import readings_changed


class OverlappingReading(Exception):
    """Some of the days have been metered by another reading of the site."""


class EmptyPeriod(Exception):
    """A reading covers at least a day."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a meter said of some days, or a bill."""

    starts_on: date
    ends_before: date
    energy_kwh: Decimal
    measuring_point: MeasuringPoint = MeasuringPoint.FACILITY
    other_load_kwh: Decimal = Decimal(0)
    source: str = ""


VALUES = tuple(field.name for field in fields(Reading))


@transaction.atomic
def record_readings(
    *, site: Site, readings: Sequence[Reading], by: User | None, now: datetime
) -> list[MeterReading]:
    """Store readings of a site, all or none.

    Raises
    ------
    OverlappingReading
        Two of them, or one and a stored one, share a day.
    EmptyPeriod
        One ends before it has begun.
    """
    rows = []
    for reading in readings:
        row = MeterReading(
            organisation=site.organisation, site=site, recorded_at=now, recorded_by=by
        )
        _take(row, reading)
        rows.append(row)
    try:
        with transaction.atomic():
            saved = MeterReading.objects.bulk_create(rows, batch_size=1000)
    except IntegrityError as error:
        raise _meaning(error) from error
    for row in saved:
        write_audit_event(
            organisation=site.organisation,
            by=by,
            action="meter reading recorded",
            instance=row,
            after=snapshot(row),
        )
    readings_changed(site=site, periods=[(row.starts_on, row.ends_before) for row in saved], by=by)
    return saved


def record_reading(*, site: Site, reading: Reading, by: User | None, now: datetime) -> MeterReading:
    """Store one reading of a site; see `record_readings`."""
    return record_readings(site=site, readings=[reading], by=by, now=now)[0]


@transaction.atomic
def edit_reading(
    *, reading: MeterReading, values: Reading, by: User | None, now: datetime
) -> MeterReading:
    """Change what a reading says.

    Raises
    ------
    OverlappingReading, EmptyPeriod
        As in `record_readings`.
    """
    row = _locked(reading)
    before, period = snapshot(row), (row.starts_on, row.ends_before)
    _take(row, values)
    row.recorded_at, row.recorded_by = now, by
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise _meaning(error) from error
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="meter reading edited",
        instance=row,
        before=before,
        after=snapshot(row),
    )
    readings_changed(site=row.site, periods=[period, (row.starts_on, row.ends_before)], by=by)
    return row


@transaction.atomic
def delete_reading(*, reading: MeterReading, by: User | None) -> None:
    """Remove a reading; the audit log keeps what it said."""
    row = _locked(reading)
    write_audit_event(
        organisation=row.organisation,
        by=by,
        action="meter reading deleted",
        instance=row,
        before=snapshot(row),
    )
    site, period = row.site, (row.starts_on, row.ends_before)
    row.delete()
    readings_changed(site=site, periods=[period], by=by)


def _locked(reading: MeterReading) -> MeterReading:
    rows = MeterReading.objects.select_for_update(of=("self",)).select_related("site__organisation")
    return rows.get(pk=reading.pk)


def _take(row: MeterReading, reading: Reading) -> None:
    if reading.ends_before <= reading.starts_on:
        raise EmptyPeriod
    for name in VALUES:
        setattr(row, name, getattr(reading, name))


def _meaning(error: IntegrityError) -> Exception:
    return OverlappingReading() if "reading_no_overlap" in str(error) else error
