"""The demo's closed quarters, and a run that somebody logged too late."""

from datetime import UTC, datetime, timedelta

from emissions.calculation.vocabulary import RunStatus, SourceKind, Stage
from emissions.models import ClosedQuarter, HardwareModel, Organisation, Run, User
from emissions.selectors.closings import open_quarters_before
from emissions.selectors.periods import month_number, of_months, quarter_of
from emissions.services.close_quarter import close_quarter
from emissions.services.record_runs import record_runs

HALF_A_YEAR = timedelta(days=183)
HARDWARE = "NVIDIA Tesla V100 SXM2 32 GB"


def close_old_quarters(*, organisation: Organisation, by: User | None, now: datetime) -> int:
    """Close every quarter that ended half a year ago or before; return how many.

    Call it once everything is calculated and settled. The latest twelve months, which pages
    show first, then hold closed quarters and open ones.
    """
    due = quarter_of((now - HALF_A_YEAR).date()).starts_on
    quarters = open_quarters_before(organisation=organisation, starts_on=due)
    for quarter in quarters:
        close_quarter(organisation=organisation, quarter=quarter, by=by, now=now)
    return len(quarters)


def log_late(*, organisation: Organisation, by: User | None, now: datetime) -> None:
    """Record a run of the last closed quarter: what it adds is a difference to what was closed."""
    closed = ClosedQuarter.objects.filter(organisation=organisation).first()
    if closed is None:
        return
    quarter = of_months(value="", first=month_number(closed.starts_on), months=3)
    starts_at = datetime.combine(quarter.last_day - timedelta(days=20), datetime.min.time(), UTC)
    run = Run(
        project=organisation.projects.get(slug="speech-recognition"),
        name="Notebook experiments, logged late",
        external_id="late",
        site=organisation.sites.get(slug="google-cloud-belgium"),
        hardware=HardwareModel.objects.get(organisation=None, name=HARDWARE),
        stage=Stage.FINE_TUNING,
        status=RunStatus.COMPLETED,
        source_kind=SourceKind.FORM,
        started_at=starts_at + timedelta(hours=9),
        duration_hours=61.5,
        device_count=8.0,
        device_hours=8 * 61.5,
    )
    record_runs(organisation=organisation, runs=[run], by=by, now=now)
