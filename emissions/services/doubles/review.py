"""Runs that may be one job: found, merged, kept apart, and taken apart again.

One job can arrive by sacct, CodeCarbon and the form. Two records that look alike go to a list,
where a person decides; only what is certain is merged by a rule (`match_jobs`). Of merged runs
one counts, and the others stay, superseded, and count nothing of their own.
"""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from emissions.calculation.vocabulary import Cause, DoubleState
from emissions.models import DoublePair, EnergyStream, Organisation, PendingCalculation, Run, User
from emissions.services.audit import write_audit_event
from emissions.services.doubles.match_jobs import match_jobs
from emissions.services.invalidate import streams_changed
from emissions.services.queue import queue_runs

#: The most pairs that one search adds; decide some, and the next search brings the rest.
MOST_PAIRS = 2000

# Clocks differ: a job begins for Slurm minutes before its own process looks at the clock.
# Starts lie within 2 minutes and 10 % of the longer run, lengths within 2 minutes and 5 %.
# Runs of one source that have different ids of their own are different: tasks of a sweep.
FIND = """
WITH run AS MATERIALIZED (
  SELECT run.id, run.project_id, run.external_id, lower(btrim(run.name)) AS name,
    run.source_kind, run.device_count, coalesce(run.hardware_id, node.hardware_id) AS hardware_id,
    extract(epoch FROM run.started_at)::double precision AS starts,
    floor(extract(epoch FROM run.started_at) / 3600)::bigint AS hour,
    greatest(run.duration_hours, 1e-6) * 3600 AS seconds,
    coalesce(run.updated_at >= %(since)s, true) AS fresh
  FROM emissions_run run LEFT JOIN emissions_node node ON node.id = run.node_id
  WHERE run.organisation_id = %(organisation)s
    AND run.deleted_at IS NULL AND run.superseded_by_id IS NULL
), seen AS MATERIALIZED (
  SELECT run.id, run.fresh, lower(btrim(one.host)) AS host, one.started_at, one.ended_at,
    generate_series(date_trunc('day', one.started_at), one.ended_at, '1 day') AS day
  FROM emissions_observation one JOIN run ON run.id = one.run_id
  WHERE one.boundary = 'machine' AND one.host <> '' AND one.ended_at > one.started_at
), near AS MATERIALIZED (
  SELECT run.id, run.project_id, run.external_id, run.name, run.source_kind, run.device_count,
    run.hardware_id, run.starts, run.seconds, run.hour + step AS hour
  FROM run CROSS JOIN generate_series(-1, 1) AS step WHERE run.fresh
), candidate AS (
  SELECT least(a.id, b.id) AS first_id, greatest(a.id, b.id) AS second_id,
    'host' AS reason, 1 AS rank
  FROM seen a JOIN seen b ON b.host = a.host AND b.day = a.day AND a.id <> b.id
  WHERE a.fresh AND least(a.ended_at, b.ended_at) - greatest(a.started_at, b.started_at)
      > 0.05 * least(a.ended_at - a.started_at, b.ended_at - b.started_at)
  UNION ALL
  SELECT least(a.id, b.id), greatest(a.id, b.id), 'identity', 2
  FROM run a JOIN run b ON b.external_id = a.external_id AND a.id <> b.id
  WHERE a.external_id <> '' AND a.fresh
    AND least(a.starts + a.seconds, b.starts + b.seconds) - greatest(a.starts, b.starts)
      > 0.05 * least(a.seconds, b.seconds)
  UNION ALL
  SELECT least(a.id, b.id), greatest(a.id, b.id), 'alike', 3
  FROM near a JOIN run b
    ON b.hour = a.hour AND b.device_count = a.device_count AND a.id <> b.id
  WHERE (a.project_id = b.project_id OR a.project_id IS NULL OR b.project_id IS NULL)
    AND (a.hardware_id = b.hardware_id OR a.hardware_id IS NULL OR b.hardware_id IS NULL)
    AND abs(a.starts - b.starts) <= least(120 + 0.1 * greatest(a.seconds, b.seconds), 3600)
    AND abs(a.seconds - b.seconds) <= 120 + 0.05 * greatest(a.seconds, b.seconds)
    AND least(a.starts + a.seconds, b.starts + b.seconds) - greatest(a.starts, b.starts)
      > 0.05 * least(a.seconds, b.seconds)
    AND (a.source_kind <> b.source_kind
      OR (a.name = b.name AND (a.external_id = '' OR b.external_id = '')))
), found AS MATERIALIZED (
  SELECT DISTINCT ON (first_id, second_id) first_id, second_id, reason
  FROM candidate ORDER BY first_id, second_id, rank
), gone AS (
  DELETE FROM emissions_doublepair pair
  WHERE pair.organisation_id = %(organisation)s AND pair.state = 'open'
    AND pair.reason <> 'within'
    AND NOT EXISTS (SELECT FROM found
      WHERE found.first_id = pair.first_id AND found.second_id = pair.second_id)
    AND NOT (EXISTS (SELECT FROM run WHERE run.id = pair.first_id AND NOT run.fresh)
      AND EXISTS (SELECT FROM run WHERE run.id = pair.second_id AND NOT run.fresh))
)
INSERT INTO emissions_doublepair
  (organisation_id, first_id, second_id, reason, state, found_at)
SELECT %(organisation)s, first_id, second_id, reason, 'open', %(now)s
FROM found ORDER BY second_id DESC LIMIT %(most)s
ON CONFLICT (first_id, second_id) DO NOTHING
"""


class NotTwoRuns(Exception):
    """A run of the pair was deleted or merged meanwhile: there is nothing to decide."""


@transaction.atomic
def find_doubles(
    *, organisation: Organisation, now: datetime, since: datetime | None = None
) -> int:
    """List the pairs of runs that may be one job; return how many are new.

    One statement. Listed are overlapping observations of a whole machine by its host; runs
    with one id of their own in different projects; and, without either, runs of the same
    project, hardware and number of devices at nearly the same time and length that came by
    different entrances, or with the same name. What was decided stays decided, and an open
    pair that no longer looks alike is forgotten.

    With `since` only pairs of which one run was changed since then are looked at.
    """
    match_jobs(organisation=organisation, now=now, since=since)
    values = {"organisation": organisation.pk, "since": since, "now": now, "most": MOST_PAIRS}
    with connection.cursor() as cursor:
        cursor.execute(FIND, values)
        return int(cursor.rowcount)


@transaction.atomic
def merge_double(*, pair: DoublePair, keep: Run, by: User | None, now: datetime) -> DoublePair:
    """Let one run of a pair stand for both; the ledger posts the difference.

    Raises
    ------
    NotTwoRuns
        One of them is gone or merged already.
    """
    pair, runs = _locked(pair)
    kept, superseded = runs if runs[0].pk == keep.pk else (runs[1], runs[0])
    if kept.pk != keep.pk:
        raise NotTwoRuns
    # What the superseded run stood for, the other stands for from now on: no chains.
    Run.objects.filter(superseded_by=superseded).update(superseded_by=kept, updated_at=now)
    _supersede(superseded, kept, now)
    _decide(pair, DoubleState.MERGED, superseded, by, now)
    write_audit_event(
        organisation=pair.organisation,
        by=by,
        action="run merged",
        instance=superseded,
        before={"superseded_by": None},
        after={"superseded_by": kept.pk},
    )
    _queue([superseded.pk, kept.pk], by, f"Merged into run {kept.pk}: it is the same job")
    return pair


@transaction.atomic
def keep_double(*, pair: DoublePair, by: User | None, now: datetime) -> DoublePair:
    """Remember that two runs are two jobs, however alike.

    Raises
    ------
    NotTwoRuns
        One of them is gone or merged already.
    """
    pair, _ = _locked(pair)
    _decide(pair, DoubleState.KEPT, None, by, now)
    _audit(pair, by, "runs kept apart")
    return pair


@transaction.atomic
def reopen_double(*, pair: DoublePair, by: User | None, now: datetime) -> DoublePair:
    """Take a decision back: merged runs both count again, kept ones are asked about again.

    What a rule has merged is kept apart from then on, or the rule would merge it again.
    """
    pair = _lock_pair(pair)
    by_rule = pair.rule
    if pair.state == DoubleState.MERGED:
        assert pair.superseded_id is not None
        superseded = Run.objects.select_for_update(of=("self",), no_key=True).get(
            pk=pair.superseded_id
        )
        kept = superseded.superseded_by_id
        _supersede(superseded, None, now)
        _bring_back(superseded, now)
        _queue(
            [superseded.pk, *([kept] if kept else [])], by, "No longer merged: it is another job"
        )
    if pair.state != DoubleState.OPEN:
        state = pair.state
        if by_rule:
            _decide(pair, DoubleState.KEPT, None, by, now)
        else:
            _decide(pair, DoubleState.OPEN, None, None, None)
        _audit(pair, by, "merge undone" if state == DoubleState.MERGED else "runs no longer kept")
    return pair


def _bring_back(run: Run, now: datetime) -> None:
    """Let a run that counts again stand for what a rule had merged into it."""
    pairs = DoublePair.objects.filter(Q(first=run) | Q(second=run)).exclude(rule="")
    pairs = pairs.exclude(superseded=run)
    Run.objects.filter(merges__in=pairs).update(superseded_by=run, updated_at=now)


def _lock_pair(pair: DoublePair) -> DoublePair:
    pairs = DoublePair.objects.select_for_update(of=("self",), no_key=True)
    return pairs.select_related("organisation").get(pk=pair.pk)


def _locked(pair: DoublePair) -> tuple[DoublePair, list[Run]]:
    """Lock an open pair and its runs, in the order of their ids."""
    pair = _lock_pair(pair)
    runs = Run.objects.counted().filter(pk__in=[pair.first_id, pair.second_id])
    found = list(runs.select_for_update(of=("self",), no_key=True).order_by("pk"))
    if len(found) < 2 or pair.state != DoubleState.OPEN:
        raise NotTwoRuns
    return pair, found


def _supersede(run: Run, by_run: Run | None, now: datetime) -> None:
    run.superseded_by, run.updated_at = by_run, now
    run.save(update_fields=["superseded_by", "updated_at"])


def _decide(
    pair: DoublePair,
    state: DoubleState,
    superseded: Run | None,
    by: User | None,
    now: datetime | None,
) -> None:
    pair.state, pair.superseded, pair.decided_by, pair.decided_at = state, superseded, by, now
    pair.rule = ""
    pair.save(update_fields=["state", "superseded", "decided_by", "decided_at", "rule"])
    runs = [pair.first_id, pair.second_id]
    streams_changed(streams=EnergyStream.objects.filter(run__in=runs))


def _audit(pair: DoublePair, by: User | None, action: str) -> None:
    write_audit_event(
        organisation=pair.organisation,
        by=by,
        action=action,
        instance=pair,
        after={"first": pair.first_id, "second": pair.second_id},
    )


def _queue(run_ids: list[int], by: User | None, reason: str) -> None:
    queue_runs(
        runs=Run.objects.filter(pk__in=run_ids),
        by=by,
        cause=Cause.ERROR,
        reason=reason,
        priority=PendingCalculation.WAITING,
    )
