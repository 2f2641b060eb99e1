"""Close a quarter: fix what stands and what is in use, once and for good.

Posting shares a lock on the organisation's ledger, and a close takes it alone: no transaction
that posts lies half before and half after the ledger position. Whoever closes first locks the
organisation's row, as an adoption does, and then the ledger; a worker takes the lock of the
ledger after those of its runs and pools, none of which a close waits for.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from emissions.calculation.periods import month_bounds_us
from emissions.calculation.vocabulary import IdleRule
from emissions.models import ClosedQuarter, Organisation, UnfoldedPost, User
from emissions.selectors.closings import open_quarters_before, sums_by_quarter
from emissions.selectors.periods import Period, month_number
from emissions.services.audit import write_audit_event
from emissions.services.factors.tables import adopted_sets
from emissions.services.pools.stale import idle_due, purchases_due
from emissions.services.posting import METHODOLOGY_VERSION, hold_ledger
from emissions.services.queue import facts_are_changing
from emissions.services.streams.fold import CLOSE_AFTER, fold_streams

IDLE_AFTER = timedelta(hours=12)
"""When a month is over everywhere on earth, after its end in UTC: idle hours are settled then."""


class Obstacle(StrEnum):
    """What stands against a close."""

    CLOSED = "closed"
    NOT_ENDED = "not ended"
    IDLE_NOT_DUE = "idle not due"
    EARLIER_OPEN = "earlier open"
    CHANGING = "changing"
    PENDING_RUNS = "pending runs"
    FAILED_RUNS = "failed runs"
    STALE_POOLS = "stale pools"
    FAILED_POOLS = "failed pools"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a quarter cannot be closed now, in words; `count` says of how much."""

    obstacle: Obstacle
    text: str
    count: int = 0


class CannotClose(Exception):
    """The quarter cannot be closed now: `reasons` says why, all of them."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__(" ".join(reason.text for reason in reasons))
        self.reasons = reasons


def close_quarter(
    *,
    organisation: Organisation,
    quarter: Period,
    by: User | None,
    now: datetime,
    close_after: timedelta = CLOSE_AFTER,
) -> ClosedQuarter:
    """Close a quarter of an organisation: its months keep their factors from then on.

    What trackers that began before its end have posted is folded first, and what the ended
    months ask of idle nodes and purchases is queued: whoever is refused for what that adds
    may try again in a moment.

    Parameters
    ----------
    organisation : Organisation
        Whose quarter.
    quarter : Period
        A calendar quarter.
    by : User or None
        Who closes it.
    now : datetime
        The time of asking.
    close_after : timedelta
        When a tracker's run counts as ended without a post.

    Raises
    ------
    CannotClose
        Something is in the way; nothing is closed.
    """
    if not hindrances(organisation=organisation, quarter=quarter, now=now, settled=False):
        fold_streams(now=now, close_after=close_after, stream_ids=_unfolded(organisation, quarter))
        idle_due(organisation=organisation)
        purchases_due(organisation=organisation)
    return _close(organisation, quarter, by, now)


def _unfolded(organisation: Organisation, quarter: Period) -> list[int]:
    """Return the trackers that began before a quarter's end and have posts to be folded."""
    began = organisation.energy_streams.filter(sent_at__lt=_bounds(organisation, quarter)[1])
    posts = UnfoldedPost.objects.filter(stream=OuterRef("pk"))
    waiting = began.filter(Q(to_be_folded=True) | Exists(posts))
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def _bounds(organisation: Organisation, quarter: Period) -> tuple[datetime, datetime]:
    """Return when a quarter begins and ends where the organisation is."""
    bounds = month_bounds_us(
        first_month=quarter.first_month,
        last_month=month_number(quarter.ends_before) - 1,
        time_zone=ZoneInfo(organisation.time_zone),
    )
    begins, ends = int(bounds[0]), int(bounds[-1])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + timedelta(microseconds=begins), epoch + timedelta(microseconds=ends)


@transaction.atomic
def _close(
    organisation: Organisation, quarter: Period, by: User | None, now: datetime
) -> ClosedQuarter:
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    hold_ledger(organisation_id=organisation.pk)
    reasons = hindrances(organisation=organisation, quarter=quarter, now=now)
    if reasons:
        raise CannotClose(reasons)
    sums = sums_by_quarter(organisation=organisation, quarters=[quarter.starts_on])
    closed = ClosedQuarter.objects.create(
        organisation=organisation,
        starts_on=quarter.starts_on,
        closed_at=now,
        closed_by=by,
        ledger_position=_position(),
        methodology_version=METHODOLOGY_VERSION,
        factor_sets=[list(one) for one in adopted_sets(organisation=organisation)],
        **sums[quarter.starts_on],
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="quarter closed",
        instance=closed,
        after={
            "ledger_position": closed.ledger_position,
            "factor_sets": closed.factor_sets,
            "location_based_kg": closed.location_based_kg,
            "market_based_kg": closed.market_based_kg,
        },
    )
    return closed


def _position() -> int:
    """Return the last entry's id: nobody posts for the organisation, so none below it is to come.

    Ids do not commit in order; those of this organisation that are yet to be taken are higher.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM emissions_emissionentry")
        return int(cursor.fetchone()[0])


def hindrances(
    *, organisation: Organisation, quarter: Period, now: datetime, settled: bool = True
) -> list[Reason]:
    """Return what stands against closing a quarter; nothing means that it can be closed.

    `settled` asks, too, for what passes by itself: queues that workers are working off.
    """
    if ClosedQuarter.objects.filter(
        organisation=organisation, starts_on=quarter.starts_on
    ).exists():
        return [Reason(Obstacle.CLOSED, f"{quarter.label} is closed already.")]
    found = [*_too_early(organisation, quarter, now)]
    earlier = open_quarters_before(organisation=organisation, starts_on=quarter.starts_on)
    if earlier:
        labels = [one.label for one in earlier]
        words = labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        verb = "is" if len(labels) == 1 else "are"
        found.append(
            Reason(
                Obstacle.EARLIER_OPEN,
                f"Quarters are closed in order, and {words} {verb} still open.",
                len(labels),
            )
        )
    if not settled:
        return found
    if facts_are_changing(organisation_id=organisation.pk):
        found.append(
            Reason(Obstacle.CHANGING, "Somebody is changing the inventory or factors right now.")
        )
    return [*found, *_waiting(organisation, quarter)]


def _too_early(organisation: Organisation, quarter: Period, now: datetime) -> list[Reason]:
    today = now.astimezone(ZoneInfo(organisation.time_zone)).date()
    if today < quarter.ends_before:
        last = quarter.last_day
        return [
            Reason(Obstacle.NOT_ENDED, f"{quarter.label} has not ended: its last day is {last}.")
        ]
    due = datetime.combine(quarter.ends_before, time(), tzinfo=UTC) + IDLE_AFTER
    if organisation.idle_rule != IdleRule.OFF and now < due:
        return [
            Reason(
                Obstacle.IDLE_NOT_DUE,
                f"Idle hours of the quarter's last month are settled from {due:%Y-%m-%d %H:%M}"
                " UTC on.",
            )
        ]
    return []


#: Runs with something pending that stand in a time, or that have lines in its months: a run
#: that was moved elsewhere or deleted still has them.
PENDING = """
SELECT count(DISTINCT run.id) FILTER (WHERE attempts = 0),
  count(DISTINCT run.id) FILTER (WHERE attempts > 0)
FROM emissions_pendingcalculation pending JOIN emissions_run run ON run.id = pending.run_id
WHERE pending.organisation_id = %(organisation)s AND (
  run.deleted_at IS NULL AND run.superseded_by_id IS NULL
  AND extract(epoch FROM started_at) < %(ends)s
  AND extract(epoch FROM started_at) + 3600 * least(duration_hours, 1e9) >= %(starts)s
  OR EXISTS (SELECT FROM emissions_emissionentry entry
    WHERE entry.run_id = run.id AND entry.month = ANY(%(months)s)))
"""

STALE = """
SELECT count(DISTINCT (kind, site_id, node_id, subject, month)) FILTER (WHERE attempts = 0),
  count(DISTINCT (kind, site_id, node_id, subject, month)) FILTER (WHERE attempts > 0)
FROM emissions_stalepool
WHERE organisation_id = %(organisation)s AND month = ANY(%(months)s)
"""


def _waiting(organisation: Organisation, quarter: Period) -> list[Reason]:
    """Return what of the quarter's months is not calculated or not settled."""
    begins, ends = _bounds(organisation, quarter)
    params: dict[str, Any] = {
        "organisation": organisation.pk,
        "months": list[date](quarter.month_starts),
        "starts": begins.timestamp(),
        "ends": ends.timestamp(),
    }
    with connection.cursor() as cursor:
        cursor.execute(PENDING, params)
        pending, failed = cursor.fetchone()
        cursor.execute(STALE, params)
        stale, unsettled = cursor.fetchone()
    shared = "what runs share (idle hours, meters, instruments)"
    words = (
        (Obstacle.PENDING_RUNS, pending, f"{_runs(pending)} being calculated."),
        (Obstacle.FAILED_RUNS, failed, f"{_runs(failed)} impossible to calculate."),
        (Obstacle.STALE_POOLS, stale, f"{shared.capitalize()} is being settled: {stale:,} to go."),
        (Obstacle.FAILED_POOLS, unsettled, f"{unsettled:,} of {shared} cannot be settled."),
    )
    return [Reason(obstacle, text, count) for obstacle, count, text in words if count]


def _runs(count: int) -> str:
    return (
        f"{count:,} run{'' if count == 1 else 's'} of the quarter {'is' if count == 1 else 'are'}"
    )
