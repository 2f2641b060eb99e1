"""The one map from a changed input to the runs that must be calculated again.

Each function queues runs in bulk, set-based, within the caller's transaction. The rows
are the queue; `nudge` only wakes a worker once the transaction has committed.

A run that is recorded or edited while a fact is being changed may not be visible to the
statement that queues the fact's runs, and may be calculated with the old fact before the
change commits. So the change announces itself by an advisory lock until it has committed,
and workers keep such runs in the queue. Nobody waits for anybody.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import Cause, PoolKind, Scope3Category
from emissions.models import (
    CloudAccount,
    EnergyStream,
    FactorSet,
    FuelUse,
    HardwareModel,
    Node,
    Organisation,
    PendingCalculation,
    Project,
    ProviderStatement,
    Run,
    Site,
    User,
)
from emissions.services.affected import affected_runs
from emissions.services.copying import read_frame, write_frame
from emissions.services.facts import Sets, adopted_sets
from emissions.services.posting import CAUSE

FACTS_LOCK = 7_460_002
"""Class of the advisory lock that changes of facts share, per organisation."""

#: The organisations whose facts another transaction, not yet committed, is changing.
CHANGING = (
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f" AND classid = {FACTS_LOCK} AND objsubid = 2 AND pid <> pg_backend_pid()"
)

#: Which pools of a site read the lines of a kind; no kind marks itself or one before it.
OF_RUNS = (PoolKind.METER_REMAINDER, PoolKind.COVERAGE)
DEPENDENTS: dict[PoolKind, tuple[PoolKind, ...]] = {
    PoolKind.NODE_IDLE: (PoolKind.METER_REMAINDER, PoolKind.COVERAGE),
    PoolKind.METER_REMAINDER: (PoolKind.COVERAGE,),
}

GROWN_EVERY = timedelta(hours=1)
"""How often a run that is going is calculated again."""
SOON = timedelta(minutes=1)

#: Set by emissions.tasks: how a worker is woken. Services never import Celery.
wake: dict[str, Callable[[], None]] = {}


def nudge(*, priority: int) -> None:
    """Wake a worker after the commit; a lost message loses nothing, beat repeats it."""
    kind = "waiting" if priority < PendingCalculation.BULK else "bulk"
    if kind in wake:
        transaction.on_commit(wake[kind], robust=True)


def wake_after_commit(kind: str) -> None:
    """Wake a worker of a kind after the commit; a lost message loses nothing."""
    if kind in wake:
        transaction.on_commit(wake[kind], robust=True)


def queue_runs(
    *, runs: QuerySet[Run], by: User | None, cause: Cause, reason: str = "", priority: int
) -> int:
    """Insert a pending row for each run of a queryset, in one statement; return how many."""
    try:
        select, params = runs.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_pendingcalculation"
            " (organisation_id, run_id, priority, cause, reason, by_id, not_before, attempts,"
            "  last_error)"
            " SELECT run.organisation_id, run.id, %s, %s, %s, %s, now(), 0, ''"
            f" FROM emissions_run run WHERE run.id IN ({select}) ORDER BY run.id",
            [priority, cause.value, reason[:250], by.pk if by else None, *params],
        )
        queued = int(cursor.rowcount)
    if queued:
        nudge(priority=priority)
    return queued


def run_grows(*, run: Run, by: User | None, now: datetime) -> None:
    """Have a run that is still going calculated within the hour, however often it grows.

    A row that is due in a moment may be claimed before this transaction commits: it is not
    relied upon.
    """
    later = PendingCalculation.objects.filter(run=run, not_before__gt=now + SOON)
    if not later.exists():
        PendingCalculation.objects.create(
            organisation_id=run.organisation_id,
            run=run,
            by=by,
            cause=Cause.DATA,
            reason="Run is going",
            priority=PendingCalculation.WAITING,
            not_before=now + GROWN_EVERY,
        )


def site_changed(*, site: Site, by: User | None, cause: Cause = Cause.DATA) -> int:
    """Queue the runs at a site: directly, or on a node that has stood there; and its pools."""
    placed = (
        "(pool.site_id = %s OR pool.node_id IN"
        " (SELECT node_id FROM emissions_nodeplacement WHERE site_id = %s))"
    )
    reason = f"Site {site.name} changed"
    _mark_known_pools(site.organisation, placed, [site.pk, site.pk], by, cause, reason)
    runs = Run.objects.of(site.organisation).filter(Q(site=site) | Q(node__placements__site=site))
    return _queue(site.organisation, runs, by, cause, reason)


def node_changed(*, node: Node, by: User | None, cause: Cause = Cause.DATA) -> int:
    """Queue the runs on a node, and its pools: those that stand and those that are due."""
    runs = Run.objects.of(node.organisation).filter(node=node)
    reason = f"Node {node.name} changed"
    _mark_known_pools(node.organisation, "pool.node_id = %s", [node.pk], by, cause, reason)
    idle_due(node=node)
    purchases_due(node=node)
    return _queue(node.organisation, runs, by, cause, reason)


def hardware_changed(
    *, hardware: HardwareModel, organisation: Organisation, by: User | None
) -> int:
    """Queue an organisation's runs on a hardware model, and the pools of such nodes."""
    of_model = "pool.node_id IN (SELECT id FROM emissions_node WHERE hardware_id = %s)"
    reason = f"{hardware.name} changed"
    _mark_known_pools(organisation, of_model, [hardware.pk], by, Cause.DATA, reason)
    runs = Run.objects.of(organisation).filter(Q(hardware=hardware) | Q(node__hardware=hardware))
    return _queue(organisation, runs, by, Cause.DATA, reason)


def assignment_changed(*, project: Project, by: User | None) -> int:
    """Queue the runs of a project whose team or cost centre changed."""
    runs = Run.objects.of(project.organisation).filter(project=project)
    return _queue(
        project.organisation, runs, by, Cause.BOUNDARY, f"Assignment of {project.name} changed"
    )


def adoption_changed(
    *, organisation: Organisation, factor_set: FactorSet, before: Sets, by: User | None
) -> int:
    """Queue the runs whose factors change, and all pools, after a set was adopted or withdrawn.

    `before` names the sets that were in use. The change is announced before the runs are
    looked for: one that is recorded meanwhile is calculated once more.
    """
    _announce(organisation)
    _mark_known_pools(organisation, "true", [], by, Cause.FACTOR, f"Factor set {factor_set}")
    after = adopted_sets(organisation=organisation)
    runs = affected_runs(organisation=organisation, before=before, after=after)
    return _queue(organisation, runs, by, Cause.FACTOR, f"Factor set {factor_set}")


def organisation_changed(*, organisation: Organisation, by: User | None, reason: str) -> int:
    """Queue all runs and pools after a change of settings, or for a full recalculation."""
    pools_changed(organisation=organisation, by=by, reason=reason)
    return _queue(organisation, Run.objects.of(organisation), by, Cause.METHOD, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKey:
    """Which pool to mark: a month (its first day) of a site, a node or another subject."""

    month: date
    site_id: int | None = None
    node_id: int | None = None
    subject: str = ""


def mark_pools(
    *,
    organisation: Organisation,
    kind: PoolKind,
    keys: Iterable[PoolKey],
    by: User | None,
    cause: Cause = Cause.DATA,
    reason: str = "",
) -> None:
    """Mark pools of one kind stale, whether they exist or not, after a change of a fact.

    Call it after the write, in its transaction. All months that a fact may concern must be
    named, not only those in which something is posted: a calculation that has not committed
    yet may be posting there.
    """
    _announce(organisation)
    rows = [
        (kind.value, one.site_id, one.node_id, one.subject, one.month, cause.value, reason[:250],
         by.pk if by else None)
        for one in keys
    ]  # fmt: skip
    _insert_stale(organisation.pk, pl.DataFrame(rows, schema=STALE, orient="row"))


def _mark_known_pools(
    organisation: Organisation, condition: str, params: list[int], by: User | None,
    cause: Cause, reason: str,
) -> None:  # fmt: skip
    """Mark the pools that exist and meet a condition on `pool`."""
    _announce(organisation)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_stalepool (organisation_id, kind, site_id, node_id, subject,"
            "  month, cause, reason, by_id, attempts, last_error)"
            " SELECT organisation_id, kind, site_id, node_id, subject, month, %s, %s, %s, 0, ''"
            f" FROM emissions_pool pool WHERE organisation_id = %s AND {condition}",
            [cause.value, reason[:250], by.pk if by else None, organisation.pk, *params],
        )
    nudge_pools()


def runs_posted(
    *, organisation_id: int, touched: pl.DataFrame, lines: pl.DataFrame, causes: pl.DataFrame
) -> None:
    """Mark the pools that read what has been posted for runs, in the posting's transaction.

    Always, and not only where a pool is needed: a meter whose reading has not committed yet
    sees no lines of this transaction. What nobody needs is forgotten in settling.

    Parameters
    ----------
    organisation_id : int
        Whose runs.
    touched : pl.DataFrame
        run_id, node_id and month (a date) of the runs on nodes that were calculated, changed
        or not: a run may have come from another node.
    lines : pl.DataFrame
        run_id, month, cell_id of the lines posted.
    causes : pl.DataFrame
        run_id, cause, reason, by_id.
    """
    _mark_sites(organisation_id, lines, causes, "run_id", OF_RUNS)
    _mark_statements(organisation_id, lines, causes, "run_id")
    if touched.height:
        nodes = _with_cause(touched, causes, "run_id", ["node_id", "month"])
        stale = nodes.with_columns(pl.lit(PoolKind.NODE_IDLE.value).alias("kind"))
        _insert_stale(organisation_id, stale)


def pools_posted(
    *, organisation_id: int, kind: PoolKind, lines: pl.DataFrame, causes: pl.DataFrame
) -> None:
    """Mark the pools that read what has been posted for pools of a kind."""
    _mark_sites(organisation_id, lines, causes, "pool_id", DEPENDENTS.get(kind, ()))
    if kind is not PoolKind.STATEMENT:
        _mark_statements(organisation_id, lines, causes, "pool_id")


def _mark_sites(
    organisation_id: int,
    lines: pl.DataFrame,
    causes: pl.DataFrame,
    origin: str,
    kinds: tuple[PoolKind, ...],
) -> None:
    if lines.is_empty() or not kinds:
        return
    found = _with_cause(lines, causes, origin, ["cell_id", "month"])
    sites = read_frame(
        "SELECT id, site_id FROM emissions_cell WHERE id = ANY(%s) AND site_id IS NOT NULL",
        [found["cell_id"].unique().to_list()],
        {"cell_id": pl.Int64, "site_id": pl.Int64},
    )
    marked = found.join(sites, on="cell_id").select("site_id", "month", *CAUSE).unique()
    of_kinds = pl.DataFrame({"kind": [kind.value for kind in kinds]})
    _insert_stale(organisation_id, marked.join(of_kinds, how="cross"))


def _mark_statements(
    organisation_id: int, lines: pl.DataFrame, causes: pl.DataFrame, origin: str
) -> None:
    """Mark the months of all cloud accounts in which something of category 3.1 was posted.

    Of all accounts: whose a run is depends on how all of them are narrowed.
    """
    accounts = CloudAccount.objects.filter(organisation=organisation_id).values_list("pk")
    subjects = [str(account_id) for (account_id,) in accounts.order_by("pk")]
    if lines.is_empty() or not subjects:
        return
    found = _with_cause(lines, causes, origin, ["cell_id", "month"])
    of_clouds = read_frame(
        "SELECT id FROM emissions_cell WHERE id = ANY(%s) AND category = %s",
        [found["cell_id"].unique().to_list(), int(Scope3Category.PURCHASED_SERVICES)],
        {"cell_id": pl.Int64},
    )
    months = found.join(of_clouds, on="cell_id").select("month", *CAUSE).unique()
    stale = months.join(pl.DataFrame({"subject": subjects}), how="cross")
    _insert_stale(
        organisation_id, stale.with_columns(pl.lit(PoolKind.STATEMENT.value).alias("kind"))
    )


def _with_cause(
    rows: pl.DataFrame, causes: pl.DataFrame, origin: str, columns: list[str]
) -> pl.DataFrame:
    """Return the distinct values of columns with why they were posted."""
    reasons = causes.select(CAUSE).unique()
    if reasons.height == 1:
        return rows.select(columns).unique().join(reasons, how="cross")
    return rows.join(causes, on=origin).select(*columns, *CAUSE).unique()


STALE: dict[str, type[pl.DataType]] = {
    "kind": pl.String,
    "site_id": pl.Int64,
    "node_id": pl.Int64,
    "subject": pl.String,
    "month": pl.Date,
    "cause": pl.String,
    "reason": pl.String,
    "by_id": pl.Int64,
}


def _insert_stale(organisation_id: int, rows: pl.DataFrame) -> None:
    """Append rows with some of the columns of `STALE` to the queue of pools."""
    if rows.is_empty():
        return
    defaults = {"site_id": None, "node_id": None, "subject": "", "by_id": None}
    columns = [
        (pl.col(name) if name in rows.columns else pl.lit(defaults[name])).cast(kind).alias(name)
        for name, kind in STALE.items()
    ]
    write_frame(
        rows.select(columns)
        .sort("kind", "month", "site_id", "node_id", "subject")
        .with_columns(
            pl.lit(organisation_id).alias("organisation_id"),
            pl.lit(0).alias("attempts"),
            pl.lit("").alias("last_error"),
        ),
        "emissions_stalepool",
    )
    nudge_pools()


def nudge_pools() -> None:
    """Wake a worker for the pools after the commit."""
    if "pools" in wake:
        transaction.on_commit(wake["pools"], robust=True)


def pools_changed(*, organisation: Organisation, by: User | None, reason: str) -> None:
    """Mark all pools of an organisation, the idle months that are due, and purchases."""
    _mark_known_pools(organisation, "true", [], by, Cause.METHOD, reason)
    idle_due(organisation=organisation)
    purchases_due(organisation=organisation)


def readings_changed(*, site: Site, periods: Iterable[tuple[date, date]], by: User | None) -> None:
    """Mark what a site's meter says of some days: the remainder, and the share that is covered."""
    months = {month for start, end in periods for month in months_between(start, end)}
    for kind in OF_RUNS:
        mark_pools(
            organisation=site.organisation,
            kind=kind,
            keys=[PoolKey(site_id=site.pk, month=month) for month in sorted(months)],
            by=by,
            reason=f"Meter reading of {site.name}",
        )


def instrument_changed(
    *,
    organisation: Organisation,
    periods: Iterable[tuple[date, date]],
    by: User | None,
    cause: Cause = Cause.DATA,
) -> None:
    """Mark the coverage of all sites in the months of an instrument; it is allocated anew."""
    months = {month for start, end in periods for month in months_between(start, end)}
    sites = list(organisation.sites.order_by("pk").values_list("pk", flat=True))
    mark_pools(
        organisation=organisation,
        kind=PoolKind.COVERAGE,
        keys=[PoolKey(site_id=site, month=month) for site in sites for month in sorted(months)],
        by=by,
        cause=cause,
        reason="Instruments changed",
    )


def months_between(starts_on: date, ends_before: date) -> list[date]:
    """Return the first days of the months that a half-open period touches."""
    last = ends_before - timedelta(days=1)
    first, end = starts_on.year * 12 + starts_on.month - 1, last.year * 12 + last.month
    return [date(month // 12, month % 12 + 1, 1) for month in range(first, end)]


def run_moved(*, run: Run, node_ids: Collection[int | None], by: User | None) -> None:
    """Mark the idle hours of nodes that a run has left or come to, in the months it is posted.

    Months that are yet to be posted are marked by their posting.
    """
    of_run = "SELECT DISTINCT month FROM emissions_emissionentry WHERE run_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(of_run, [run.pk])
        months = [row[0] for row in cursor.fetchall()]
    nodes = sorted(one for one in set(node_ids) if one is not None)
    rows = [
        {"node_id": node, "month": month, "by_id": by.pk if by else None}
        for node in nodes
        for month in months
    ]
    if rows:
        stale = pl.DataFrame(rows, schema={name: STALE[name] for name in rows[0]})
        _insert_stale(
            run.organisation_id,
            stale.with_columns(
                pl.lit(PoolKind.NODE_IDLE.value).alias("kind"),
                pl.lit(Cause.DATA.value).alias("cause"),
                pl.lit("Run edited").alias("reason"),
            ),
        )


#: Whether a month is over everywhere on earth: it ends last at UTC−12.
IDLE_IS_DUE = "month + interval '1 month 12 hours' <= now() AT TIME ZONE 'UTC'"


def idle_due(*, organisation: Organisation | None = None, node: Node | None = None) -> int:
    """Mark the months of nodes that have ended and have no pool of idle hours; return how many."""
    condition, params = "true", list[int]()
    if node is not None:
        condition, params = "node.id = %s", [node.pk]
    elif organisation is not None:
        condition, params = "node.organisation_id = %s", [organisation.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_stalepool (organisation_id, kind, node_id, subject, month,"
            "  cause, reason, attempts, last_error)"
            " SELECT node.organisation_id, 'node_idle', node.id, '', month, 'data',"
            "  'Month ended', 0, ''"
            " FROM emissions_node node"
            " JOIN emissions_organisation organisation ON organisation.id = node.organisation_id"
            " JOIN (SELECT node_id, min(starts_on) AS starts_on FROM emissions_nodeplacement"
            "  WHERE superseded_at IS NULL GROUP BY node_id) placed ON placed.node_id = node.id,"
            " LATERAL (SELECT generate_series(date_trunc('month', placed.starts_on::timestamp),"
            "   least(now() AT TIME ZONE 'UTC', node.disposed_on::timestamp), '1 month')::date"
            "   AS month) months"
            f" WHERE {condition} AND organisation.idle_rule <> 'off' AND {IDLE_IS_DUE}"
            "  AND NOT EXISTS (SELECT FROM emissions_pool pool WHERE pool.kind = 'node_idle'"
            "   AND pool.organisation_id = node.organisation_id AND pool.node_id = node.id"
            "   AND pool.month = months.month)"
            " ORDER BY node.id, month",
            params,
        )
        marked = int(cursor.rowcount)
    if marked:
        nudge_pools()
    return marked


def purchases_due(*, organisation: Organisation | None = None, node: Node | None = None) -> int:
    """Mark the months of purchase that have no pool yet; return how many."""
    condition, params = "true", list[int]()
    if node is not None:
        condition, params = "node.id = %s", [node.pk]
    elif organisation is not None:
        condition, params = "node.organisation_id = %s", [organisation.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_stalepool (organisation_id, kind, node_id, subject, month,"
            "  cause, reason, attempts, last_error)"
            " SELECT node.organisation_id, 'purchase', node.id, '',"
            "  date_trunc('month', node.purchased_on)::date, 'data', 'Hardware bought', 0, ''"
            " FROM emissions_node node"
            f" WHERE {condition} AND node.purchased_on IS NOT NULL"
            "  AND NOT EXISTS (SELECT FROM emissions_pool pool WHERE pool.kind = 'purchase'"
            "   AND pool.organisation_id = node.organisation_id AND pool.node_id = node.id"
            "   AND pool.month = date_trunc('month', node.purchased_on)::date)"
            " ORDER BY node.id",
            params,
        )
        marked = int(cursor.rowcount)
    if marked:
        nudge_pools()
    return marked


def cloud_accounts_changed(
    *,
    organisation: Organisation,
    provider: str,
    by: User | None,
    cause: Cause = Cause.DATA,
    reason: str = "",
) -> None:
    """Mark all months that a provider has stated of any account: whose a run is may change."""
    stated = ProviderStatement.objects.filter(organisation=organisation, account__provider=provider)
    months = stated.order_by("account_id", "month").values_list("account_id", "month").distinct()
    keys = [PoolKey(month=month, subject=str(account_id)) for account_id, month in months]
    mark_pools(
        organisation=organisation,
        kind=PoolKind.STATEMENT,
        keys=keys,
        by=by,
        cause=cause,
        reason=reason,
    )


def statements_changed(
    *,
    organisation: Organisation,
    statements: Iterable[ProviderStatement],
    by: User | None,
    cause: Cause,
) -> None:
    """Mark the accounts' months of which a provider states something new."""
    keys = [PoolKey(month=one.month, subject=str(one.account_id)) for one in statements]
    mark_pools(
        organisation=organisation,
        kind=PoolKind.STATEMENT,
        keys=keys,
        by=by,
        cause=cause,
        reason="Provider's statement",
    )


def fuel_changed(*, use: FuelUse, by: User | None) -> None:
    """Mark the site's month of an entry of fuel."""
    mark_pools(
        organisation=use.organisation,
        kind=PoolKind.FUEL,
        keys=[PoolKey(month=use.month, site_id=use.site_id)],
        by=by,
        reason=f"Fuel at {use.site.name}",
    )


def streams_changed(*, streams: QuerySet[EnergyStream]) -> int:
    """Have trackers' posts folded anew: which of them count, or how they are known, changed.

    Neighbours on the same machine are folded with them.
    """
    return streams.order_by().update(to_be_folded=True)


def facts_are_changing(*, organisation_id: int) -> bool:
    """Whether another transaction, not yet committed, changes facts of an organisation."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s IN ({CHANGING})", [organisation_id])
        return bool(cursor.fetchone()[0])


def _queue(
    organisation: Organisation, runs: QuerySet[Run], by: User | None, cause: Cause, reason: str
) -> int:
    _announce(organisation)
    return queue_runs(
        runs=runs, by=by, cause=cause, reason=reason, priority=PendingCalculation.BULK
    )


def _announce(organisation: Organisation) -> None:
    """Say until the commit that facts of the organisation are being changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [FACTS_LOCK, organisation.pk])
