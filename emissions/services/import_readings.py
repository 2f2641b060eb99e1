"""Take over readings of a site from a file: first what they would do, then all or none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from statistics import median

from django.db import transaction

from emissions.calculation.vocabulary import MeasuringPoint
from emissions.importers.meters import ReadingLine
from emissions.models import MeterReading, Site, User
from emissions.services.manage_meters import Reading, edit_reading, record_readings

#: So many times more or less a day than the median reading is remarked on …
UNLIKE = 10
#: … where more readings than this say what is usual.
MOST_ALIKE = 2


class Verdict(StrEnum):
    """What a reading would do."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(slots=True)
class PlannedReading:
    """A reading of the file, the stored one of the same days, and what it would do."""

    line: ReadingLine
    verdict: Verdict
    reason: str = ""
    present: MeterReading | None = None
    reading: Reading | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What a file's readings would do."""

    rows: list[PlannedReading]

    @property
    def counts(self) -> dict[str, int]:
        """How many readings would do what."""
        return {one.value: sum(row.verdict == one for row in self.rows) for one in Verdict}

    @property
    def applicable(self) -> bool:
        """Whether none is refused and some would change something."""
        counts = self.counts
        return not counts["refused"] and bool(counts["new"] or counts["changed"])

    @property
    def fingerprint(self) -> str:
        """Return what two plans share if they would do the same."""
        said = [
            (row.verdict, row.reading, row.present.pk if row.present else None) for row in self.rows
        ]
        return hashlib.sha256(repr(said).encode()).hexdigest()


class PlanChanged(Exception):
    """Readings were changed since somebody looked at the plan, or some are refused."""


def plan_readings(
    *, site: Site, lines: Sequence[ReadingLine], point: MeasuringPoint, today: date
) -> ReadingPlan:
    """Return what readings would do; nothing is written. Days after `today` are refused."""
    present = list(MeterReading.objects.filter(site=site).order_by("starts_on"))
    rows: list[PlannedReading] = []
    for line in lines:
        if line.last_day is not None and line.last_day > today:
            words = "Some of these days have not come yet. Is the year right?"
            rows.append(PlannedReading(line, Verdict.REFUSED, words))
        else:
            rows.append(_planned(line, point, present, [row.line for row in rows]))
    _mark_unlike(rows, present)
    return ReadingPlan(rows)


def _mark_unlike(rows: Sequence[PlannedReading], present: Sequence[MeterReading]) -> None:
    """Remark on a reading that is ten times what is usual a day, or a tenth: kWh for MWh."""
    taken = [row for row in rows if row.verdict != Verdict.REFUSED]
    days = {(one.starts_on, one.ends_before): one.energy_kwh for one in present}
    days |= {
        (one.starts_on, one.ends_before): one.energy_kwh
        for row in taken
        for one in [row.reading]
        if one
    }
    daily = [float(kwh) / (end - start).days for (start, end), kwh in days.items()]
    usual = median(daily) if len(daily) > MOST_ALIKE else 0.0
    for row in taken:
        if row.reading is None or not usual:
            continue
        own = float(row.reading.energy_kwh) / (row.reading.ends_before - row.reading.starts_on).days
        if not usual / UNLIKE < own < usual * UNLIKE:
            row.remark = "Far from what the other readings say a day. Is the unit right?"


def _planned(
    line: ReadingLine,
    point: MeasuringPoint,
    present: Sequence[MeterReading],
    earlier: Sequence[ReadingLine],
) -> PlannedReading:
    start, end = line.starts_on, line.ends_before
    if line.errors or start is None or end is None:
        return PlannedReading(line, Verdict.REFUSED, " ".join(line.errors))
    for other in earlier:
        if _overlap(other, start, end):
            words = "An earlier row of the file has some of these days."
            return PlannedReading(line, Verdict.REFUSED, words)
    reading = Reading(
        starts_on=start, ends_before=end, energy_kwh=line.energy_kwh, measuring_point=point,
        other_load_kwh=line.other_load_kwh, source=line.source,
    )  # fmt: skip
    for stored in present:
        if (stored.starts_on, stored.ends_before) == (start, end):
            same = all(
                getattr(stored, name) == getattr(reading, name)
                for name in ("energy_kwh", "other_load_kwh", "measuring_point", "source")
            )
            verdict = Verdict.UNCHANGED if same else Verdict.CHANGED
            return PlannedReading(line, verdict, "", stored, reading)
        if stored.starts_on < end and start < stored.ends_before:
            return PlannedReading(
                line,
                Verdict.REFUSED,
                f"A stored reading from {stored.starts_on:%Y-%m-%d} has some of these days."
                " Delete or change that one first.",
            )
    return PlannedReading(line, Verdict.NEW, "", None, reading)


def _overlap(line: ReadingLine, start: date, end: date) -> bool:
    if line.starts_on is None or line.ends_before is None:
        return False
    return line.starts_on < end and start < line.ends_before


@transaction.atomic
def apply_readings(
    *,
    site: Site,
    lines: Sequence[ReadingLine],
    point: MeasuringPoint,
    fingerprint: str,
    today: date,
    by: User | None,
    now: datetime,
) -> ReadingPlan:
    """Do what a plan said, all of it or nothing.

    Raises
    ------
    PlanChanged
        The plan is another one by now.
    """
    Site.objects.select_for_update(of=("self",), no_key=True).get(pk=site.pk)
    plan = plan_readings(site=site, lines=lines, point=point, today=today)
    if not plan.applicable or plan.fingerprint != fingerprint:
        raise PlanChanged
    for row in plan.rows:
        if row.verdict == Verdict.CHANGED and row.present is not None and row.reading is not None:
            edit_reading(reading=row.present, values=row.reading, by=by, now=now)
    new = [row.reading for row in plan.rows if row.verdict == Verdict.NEW and row.reading]
    if new:
        record_readings(site=site, readings=new, by=by, now=now)
    return plan
