"""One job that came by Slurm and by CodeCarbon counts once, with nobody asked, where it is certain.

What should be merged follows from the runs alone, whatever came first: it is worked out anew
whenever trackers or jobs arrive, and what stands is brought to it. A tracker is merged into a
job of its own project if

- it names the job (`experiment_id` = "default/4711"), and the trackers that do so see all of
  its devices; or
- it is the only tracker within the only job that it can be of: its span within the job's, the
  same number of devices, no other chip, and at least half of the job's time.

The scheduler's record counts; what the tracker saw counts as evidence of it, component by
component (`services/resolving/evidence`). Whatever is less certain goes to the review list. What a
person has decided of two runs stays decided.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl
from django.db import connection, transaction
from django.db.models import Q

from emissions.calculation.vocabulary import (
    Cause,
    DoubleReason,
    DoubleState,
    MergeRule,
    SourceKind,
)
from emissions.models import (
    AuditEvent,
    DoublePair,
    Organisation,
    PendingCalculation,
    Project,
    Run,
)
from emissions.services.copying import read_frame
from emissions.services.doubles.job_pairs import (
    LONGEST_US,
    PAIR,
    TOLERANCE_US,
    Wanted,
    contained,
    in_order,
    read_records,
    wanted_matches,
    within_spans,
)
from emissions.services.queue import queue_runs

MATCHED = (SourceKind.CODECARBON, SourceKind.SACCT)

MOST_ASKED = 2000
"""The most pairs that one search adds to the review list: the latest; decide some."""

MATCH_LOCK = 7_460_006
"""Class of the advisory lock of an organisation's matching: who comes later sees it all."""

REASON = {
    MergeRule.JOB_ID: "Merged by rule: the tracker names the job",
    MergeRule.ONLY_ONE: "Merged by rule: the only tracker within the only job",
}
UNDONE = "No longer merged by rule: what came since leaves it uncertain"


@transaction.atomic
def match_jobs(
    *,
    organisation: Organisation,
    now: datetime,
    run_ids: Collection[int] | None = None,
    since: datetime | None = None,
) -> int:
    """Merge what the rules say, take back what they no longer say; return how many changed.

    Looked at is what runs touch: those of `run_ids`, or that changed `since`, or all.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [MATCH_LOCK, organisation.pk])
    if not _has_trackers(organisation):
        return 0
    touched, spans = _touched(organisation, run_ids, since)
    if not touched:
        return 0
    trackers = read_records("codecarbon", spans, LONGEST_US)
    jobs = read_records("sacct", spans, 2 * LONGEST_US) if trackers.height else trackers
    jobs = jobs.with_columns(touched=within_spans(jobs, spans))
    within = contained(trackers, jobs, _kept_apart(organisation))
    wanted = wanted_matches(trackers, jobs, within)
    near = {*touched, *trackers["id"].to_list(), *jobs.filter("touched")["id"].to_list()}
    core = {*touched, *jobs.filter("touched")["id"].to_list()}
    return _bring(organisation, wanted, core, near, now)


def _has_trackers(organisation: Organisation) -> bool:
    projects = Project.objects.filter(organisation=organisation)
    runs = Run.objects.alive().filter(project__in=projects, source_kind=SourceKind.CODECARBON)
    return runs.exists()


def _touched(
    organisation: Organisation, run_ids: Collection[int] | None, since: datetime | None
) -> tuple[set[int], pl.DataFrame]:
    """Return the runs that are new or changed, and by project the time that they span."""
    runs = Run.objects.filter(organisation=organisation, source_kind__in=MATCHED)
    if run_ids is not None:
        runs = runs.filter(pk__in=list(run_ids))
    if since is not None:
        runs = runs.filter(updated_at__gte=since)
    select, params = runs.order_by().values("pk").query.sql_with_params()
    found = read_frame(
        "SELECT id, project_id, (extract(epoch FROM started_at) * 1000000)::bigint,"
        " (extract(epoch FROM started_at + make_interval(secs => duration_hours * 3600))"
        f"  * 1000000)::bigint FROM emissions_run WHERE id IN ({select})",
        params,
        dict.fromkeys(("id", "project_id", "starts", "ends"), pl.Int64),
    )
    spans = (
        found.drop_nulls("project_id")
        .group_by("project_id", maintain_order=True)
        .agg(low=pl.col("starts").min() - TOLERANCE_US, high=pl.col("ends").max() + TOLERANCE_US)
    )
    return set(found["id"].to_list()), spans


def _kept_apart(organisation: Organisation) -> pl.DataFrame:
    """Return the pairs of which a person said that they are two jobs, in both orders."""
    kept = DoublePair.objects.filter(organisation=organisation, state=DoubleState.KEPT)
    pairs = list(kept.order_by().values_list("first_id", "second_id"))
    return pl.DataFrame([*pairs, *((b, a) for a, b in pairs)], schema=PAIR, orient="row")


def _bring(
    organisation: Organisation, wanted: Wanted, core: set[int], near: set[int], now: datetime
) -> int:
    """Bring what stands to what is wanted, as far as `core` is concerned: both ways at once."""
    pairs = DoublePair.objects.filter(organisation=organisation).filter(
        Q(first__in=near) | Q(second__in=near)
    )
    known = {(pair.first_id, pair.second_id): pair for pair in pairs}
    standing = {
        (pair.superseded_id, other_of(pair)): pair
        for pair in known.values()
        if pair.rule and {pair.first_id, pair.second_id} & core
    }
    wanted_here = {pair: rule for pair, rule in wanted.merges.items() if core & set(pair)}
    # What a person has merged further is theirs.
    direct = set(
        Run.objects.filter(pk__in=[key[0] for key in standing]).values_list("pk", "superseded_by")
    )
    undone = [
        pair
        for key, pair in standing.items()
        if key in direct and wanted_here.get(key) != pair.rule
    ]
    fresh = {
        key: rule
        for key, rule in wanted_here.items()
        if key not in standing or standing[key].rule != rule
    }
    locked = _locked({run for key in fresh for run in key} | _runs(undone))
    undone = [pair for pair in undone if _runs([pair]) <= locked]
    fresh = {key: rule for key, rule in fresh.items() if set(key) <= locked}
    _take_back(undone, now)
    merged = _merge(organisation, fresh, known, now)
    _ask(organisation, wanted.asked, known, core, now)
    touched = _runs(undone) | {run for key in merged for run in key}
    if touched:
        _tell(organisation, undone, merged, touched)
    return len(undone) + len(merged)


def other_of(pair: DoublePair) -> int:
    """Return the run of a merged pair that counts."""
    return pair.first_id if pair.superseded_id == pair.second_id else pair.second_id


def _runs(pairs: Collection[DoublePair]) -> set[int]:
    return {run for pair in pairs for run in (pair.first_id, pair.second_id)}


def _locked(run_ids: set[int]) -> set[int]:
    """Lock runs, but for those that somebody else is changing: their change is looked at next."""
    rows = Run.objects.alive().filter(pk__in=run_ids).order_by("pk")
    return set(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))


def _take_back(pairs: Collection[DoublePair], now: datetime) -> None:
    for pair in pairs:
        assert pair.superseded_id is not None
        Run.objects.filter(pk=pair.superseded_id).update(superseded_by=None, updated_at=now)
        pair.state, pair.superseded, pair.rule, pair.decided_at = DoubleState.OPEN, None, "", None
    fields = ["state", "superseded", "rule", "decided_at"]
    DoublePair.objects.bulk_update(pairs, fields, batch_size=1000)


def _merge(
    organisation: Organisation,
    fresh: dict[tuple[int, int], MergeRule],
    known: dict[tuple[int, int], DoublePair],
    now: datetime,
) -> dict[tuple[int, int], MergeRule]:
    """Merge pairs of which nobody has decided; return which."""
    counted = set(
        Run.objects.counted()
        .filter(pk__in=[run for key in fresh for run in key])
        .values_list("pk", flat=True)
    )
    merged = {
        key: rule
        for key, rule in fresh.items()
        if set(key) <= counted
        and (in_order(*key) not in known or known[in_order(*key)].state == DoubleState.OPEN)
    }
    rows = [
        (*in_order(*key), key[0], rule.value, DoubleReason.IDENTITY.value)
        if rule is MergeRule.JOB_ID
        else (*in_order(*key), key[0], rule.value, DoubleReason.WITHIN.value)
        for key, rule in merged.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_doublepair (organisation_id, first_id, second_id,"
            " superseded_id, rule, reason, state, found_at, decided_at)"
            " SELECT %s, first, second, superseded, rule, reason, 'merged', %s, %s FROM"
            " unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])"
            "  AS row (first, second, superseded, rule, reason) ORDER BY first, second"
            " ON CONFLICT (first_id, second_id) DO UPDATE SET superseded_id ="
            "  EXCLUDED.superseded_id, rule = EXCLUDED.rule, reason = EXCLUDED.reason,"
            "  state = 'merged', decided_at = EXCLUDED.decided_at, decided_by_id = NULL",
            [organisation.pk, now, now, *([row[at] for row in rows] for at in range(5))],
        )
        # What a superseded run stood for, the other stands for from now on: no chains.
        cursor.execute(
            "UPDATE emissions_run run SET superseded_by_id = pair.kept, updated_at = %s"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS pair (superseded, kept)"
            " WHERE run.id = pair.superseded OR run.superseded_by_id = pair.superseded",
            [now, [key[0] for key in merged], [key[1] for key in merged]],
        )
    return merged


def _ask(
    organisation: Organisation,
    asked: set[tuple[int, int]],
    known: dict[tuple[int, int], DoublePair],
    core: set[int],
    now: datetime,
) -> None:
    """Put what is not certain on the review list; forget what is not asked any more."""
    fresh = [key for key in sorted(asked, reverse=True) if key not in known and core & set(key)]
    DoublePair.objects.bulk_create(
        [
            DoublePair(
                organisation=organisation, first_id=first, second_id=second, found_at=now,
                reason=DoubleReason.WITHIN,
            )
            for first, second in fresh[:MOST_ASKED]
        ],
        batch_size=2000,
        ignore_conflicts=True,
    )  # fmt: skip
    old = [
        pair.pk
        for key, pair in known.items()
        if pair.reason == DoubleReason.WITHIN and core & set(key) and key not in asked
    ]
    DoublePair.objects.filter(pk__in=old, state=DoubleState.OPEN).delete()


def _tell(
    organisation: Organisation,
    undone: Collection[DoublePair],
    merged: dict[tuple[int, int], MergeRule],
    touched: set[int],
) -> None:
    """Write down what was merged and taken back, and queue the runs."""
    runs = Run.objects.in_bulk(touched)
    said = [(superseded, kept, REASON[rule]) for (superseded, kept), rule in merged.items()]
    taken = [(pair.first_id, pair.second_id, UNDONE) for pair in undone]
    AuditEvent.objects.bulk_create(
        [
            AuditEvent(
                organisation=organisation, by=None, action=action, subject="run",
                subject_id=one, label=runs[one].name, after=after,
            )
            for action, one, after in (
                *(("run merged by rule", one, {"superseded_by": kept, "rule": reason})
                  for one, kept, reason in said),
                *(("merge by rule undone", one, {"other": other, "reason": reason})
                  for one, other, reason in taken),
            )
        ],
        batch_size=2000,
    )  # fmt: skip
    queue_runs(
        runs=Run.objects.filter(pk__in=touched),
        by=None,
        cause=Cause.ESTIMATE_REPLACED,
        reason="Records of one job by Slurm and CodeCarbon",
        priority=PendingCalculation.WAITING if len(touched) < 500 else PendingCalculation.BULK,
    )
