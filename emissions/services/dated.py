"""Change a dated fact from a day on, and keep what was believed before.

A row is never overwritten. What a change touches is superseded, and the parts of it that
still hold are written again as rows of their own. So the current rows of one thing never
overlap (the EXCLUDE constraint sees to it), and the rows that were current at any moment
can be read back from `recorded_at` and `superseded_at`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import ForeignKey, Max, Model

from emissions.models.dated import DatedFact

Fact = TypeVar("Fact", bound=DatedFact)

#: Columns that a change sets itself; all others are the fact's values.
BOOKKEEPING = {"id", "starts_on", "ends_before", "recorded_at", "superseded_at"}


class EmptyPeriod(Exception):
    """A fact must hold for at least a day."""


@transaction.atomic
def set_from(
    *,
    model: type[Fact],
    key: str,
    thing: Model,
    starts_on: date,
    values: Mapping[str, Any],
    now: datetime,
    ends_before: date | None = None,
) -> Fact:
    """Record that a fact holds from a day on, and return its row.

    `key` names the model's reference ("site") to `thing`; `values` are the fact's other
    columns without the organisation. Without `ends_before` the fact holds until the next
    recorded change, so that a correction of the past leaves later facts as they are. A fact
    that already stands is returned as it is.
    """
    if ends_before is not None and ends_before <= starts_on:
        raise EmptyPeriod
    rows = _current_rows(model, key, thing)
    end = ends_before or _end_of_span(rows, starts_on)
    unchanged = _same_fact(rows, starts_on, end, values)
    if unchanged is not None:
        return unchanged
    moment = _carve(model, rows, starts_on, end, now)
    fact = model(
        **{key: thing, "organisation": thing.organisation},  # type: ignore[attr-defined]
        **values,
        starts_on=starts_on,
        ends_before=end,
        recorded_at=moment,
    )
    fact.save(force_insert=True)
    return fact


@transaction.atomic
def end_on(
    *, model: type[DatedFact], key: str, thing: Model, ends_before: date, now: datetime
) -> bool:
    """Record that no fact holds from a day on; return whether that changed anything."""
    rows = _current_rows(model, key, thing)
    if not any(row.ends_before is None or row.ends_before > ends_before for row in rows):
        return False
    _carve(model, rows, ends_before, None, now)
    return True


def _current_rows(model: type[Fact], key: str, thing: Model) -> list[Fact]:
    """Lock the thing itself, so that two changes of it follow each other; return its facts."""
    reference = model._meta.get_field(key)
    assert isinstance(reference, ForeignKey)
    reference.related_model._default_manager.select_for_update(no_key=True).get(pk=thing.pk)
    return list(model.objects.current().filter(**{key: thing}).order_by("starts_on"))


def _end_of_span(rows: list[Fact], day: date) -> date | None:
    """Return when the fact that holds on a day ends, or the next one starts."""
    for row in rows:
        if row.starts_on > day:
            return row.starts_on
        if row.ends_before is None or row.ends_before > day:
            return row.ends_before
    return None


def _same_fact(
    rows: list[Fact], starts_on: date, end: date | None, values: Mapping[str, Any]
) -> Fact | None:
    """Return the row that says the same of at least the same time, if there is one."""
    for row in rows:
        covers = row.starts_on <= starts_on and (
            row.ends_before is None or (end is not None and end <= row.ends_before)
        )
        if covers and all(getattr(row, name) == value for name, value in values.items()):
            return row
    return None


def _carve(
    model: type[Fact], rows: list[Fact], start: date, end: date | None, now: datetime
) -> datetime:
    """Supersede what overlaps [start, end) and write again what still holds around it.

    Returns the moment of the change: `now`, or later if a row was recorded later than that
    by a clock that runs ahead.
    """
    touched = [
        row
        for row in rows
        if (end is None or row.starts_on < end)
        and (row.ends_before is None or row.ends_before > start)
    ]
    of_these = model.objects.filter(pk__in=[row.pk for row in touched])
    latest: datetime | None = of_these.aggregate(latest=Max("recorded_at"))["latest"]
    moment = max(now, latest) if latest else now
    of_these.update(superseded_at=moment)
    for row in touched:
        if row.starts_on < start:
            _write_again(row, row.starts_on, start, moment)
        if end is not None and (row.ends_before is None or row.ends_before > end):
            _write_again(row, end, row.ends_before, moment)
    return moment


def _write_again(
    row: DatedFact, starts_on: date, ends_before: date | None, moment: datetime
) -> None:
    values = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in BOOKKEEPING
    }
    type(row)(**values, starts_on=starts_on, ends_before=ends_before, recorded_at=moment).save(
        force_insert=True
    )
