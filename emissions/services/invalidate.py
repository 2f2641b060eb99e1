"""The one map from a changed input to the runs that must be calculated, and the pools settled.

Each function queues in bulk, set-based, within the caller's transaction.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl
from django.db import connection
from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import Cause, PoolKind
from emissions.models import (
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
from emissions.selectors.closings import Sets
from emissions.selectors.years import years_of
from emissions.services.factors.affected import affected_runs
from emissions.services.factors.tables import adopted_sets
from emissions.services.pools.stale import (
    OF_RUNS,
    STALE,
    PoolKey,
    idle_due,
    insert_stale,
    mark_known_pools,
    mark_pools,
    months_between,
    purchases_due,
)
from emissions.services.queue import announce, queue_runs

HOURS_OF_A_CENTURY = 876_000
"""An interval as long as any run's would be beyond PostgreSQL's."""


def site_changed(*, site: Site, by: User | None, cause: Cause) -> int:
    """Queue the runs at a site: directly, or on a node that has stood there; and its pools."""
    placed = (
        "(pool.site_id = %s OR pool.node_id IN"
        " (SELECT node_id FROM emissions_nodeplacement WHERE site_id = %s))"
    )
    reason = f"Site {site.name} changed"
    mark_known_pools(site.organisation, placed, [site.pk, site.pk], by, cause, reason)
    runs = Run.objects.of(site.organisation).filter(Q(site=site) | Q(node__placements__site=site))
    return _queue(site.organisation, runs, by, cause, reason)


def node_changed(*, node: Node, by: User | None, cause: Cause = Cause.DATA) -> int:
    """Queue the runs on a node, and its pools: those that stand and those that are due."""
    runs = Run.objects.of(node.organisation).filter(node=node)
    reason = f"Node {node.name} changed"
    mark_known_pools(node.organisation, "pool.node_id = %s", [node.pk], by, cause, reason)
    idle_due(node=node)
    purchases_due(node=node)
    return _queue(node.organisation, runs, by, cause, reason)


def hardware_changed(
    *, hardware: HardwareModel, organisation: Organisation, by: User | None
) -> int:
    """Queue an organisation's runs on a hardware model, and the pools of such nodes."""
    of_model = "pool.node_id IN (SELECT id FROM emissions_node WHERE hardware_id = %s)"
    reason = f"{hardware.name} changed"
    mark_known_pools(organisation, of_model, [hardware.pk], by, Cause.DATA, reason)
    runs = Run.objects.of(organisation).filter(Q(hardware=hardware) | Q(node__hardware=hardware))
    return _queue(organisation, runs, by, Cause.DATA, reason)


def life_changed(*, node: Node, since: date | None, by: User | None) -> int:
    """Queue what a node's life moves: from a day on, or all of it where it was corrected.

    Idle hours only: what was bought, and what electricity is covered, know no life.
    """
    reason = f"Life of {node.name} " + (f"changed from {since} on" if since else "corrected")
    of_node = "pool.node_id = %s AND pool.kind = %s AND pool.month >= date_trunc('month', %s::date)"
    params = [node.pk, PoolKind.NODE_IDLE.value, since or date.min]
    mark_known_pools(node.organisation, of_node, params, by, Cause.DATA, reason)
    runs = _going_on(Run.objects.of(node.organisation).filter(node=node), node.organisation, since)
    return _queue(node.organisation, runs, by, Cause.DATA, reason)


def catalogue_life_changed(
    *, hardware: HardwareModel, organisation: Organisation, since: date, by: User | None
) -> int:
    """Queue what another life of a hardware model moves of an organisation's, from a day on."""
    reason = f"Life of {hardware.name} changed from {since} on"
    of_model = (
        "pool.node_id IN (SELECT id FROM emissions_node WHERE hardware_id = %s)"
        " AND pool.kind = %s AND pool.month >= date_trunc('month', %s::date)"
    )
    params = [hardware.pk, PoolKind.NODE_IDLE.value, since]
    mark_known_pools(organisation, of_model, params, by, Cause.DATA, reason)
    runs = Run.objects.of(organisation).filter(Q(hardware=hardware) | Q(node__hardware=hardware))
    return _queue(organisation, _going_on(runs, organisation, since), by, Cause.DATA, reason)


def _going_on(runs: QuerySet[Run], organisation: Organisation, since: date | None) -> QuerySet[Run]:
    """Return those of runs that go on after a day has begun; all of them without a day."""
    if since is None:
        return runs
    begun = datetime.combine(since, time(), tzinfo=ZoneInfo(organisation.time_zone))
    ended = "emissions_run.started_at + least(emissions_run.duration_hours, %s) * interval '1 hour'"
    return runs.extra(
        where=[f"({ended} > %s OR emissions_run.duration_hours > %s)"],
        params=[HOURS_OF_A_CENTURY, begun, HOURS_OF_A_CENTURY],
    )


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
    looked for: one that is recorded meanwhile is calculated once more. Closed months keep
    their factors: neither their runs nor their pools are queued.
    """
    announce(organisation)
    mark_known_pools(
        organisation,
        "NOT tonne_month_is_closed(pool.organisation_id, pool.month)",
        [],
        by,
        Cause.FACTOR,
        f"Factor set {factor_set}",
    )
    after = adopted_sets(organisation=organisation)
    runs = affected_runs(organisation=organisation, before=before, after=after)
    return _queue(organisation, runs, by, Cause.FACTOR, f"Factor set {factor_set}")


def organisation_changed(*, organisation: Organisation, by: User | None, reason: str) -> int:
    """Queue all runs and pools after a change of settings, or for a full recalculation."""
    pools_changed(organisation=organisation, by=by, reason=reason)
    return _queue(organisation, Run.objects.of(organisation), by, Cause.METHOD, reason)


def pools_changed(*, organisation: Organisation, by: User | None, reason: str) -> None:
    """Mark all pools of an organisation, the idle months that are due, and purchases."""
    mark_known_pools(organisation, "true", [], by, Cause.METHOD, reason)
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
    """Mark the coverage of all sites in the months of an instrument; it is allocated anew.

    What comes after a quarter was closed or a year trued up is a true-up, whatever its cause.
    """
    months = {month for start, end in periods for month in months_between(start, end)}
    sites = list(organisation.sites.order_by("pk").values_list("pk", flat=True))
    years = years_of(organisation=organisation)
    for settled in (False, True):
        found = sorted(month for month in months if years.settled(month) is settled)
        if found:
            mark_pools(
                organisation=organisation,
                kind=PoolKind.COVERAGE,
                keys=[PoolKey(site_id=site, month=month) for site in sites for month in found],
                by=by,
                cause=Cause.TRUE_UP if settled else cause,
                reason="Instruments changed",
            )


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
        insert_stale(
            run.organisation_id,
            stale.with_columns(
                pl.lit(PoolKind.NODE_IDLE.value).alias("kind"),
                pl.lit(Cause.DATA.value).alias("cause"),
                pl.lit("Run edited").alias("reason"),
            ),
        )


def cloud_accounts_changed(
    *,
    organisation: Organisation,
    provider: str,
    by: User | None,
    cause: Cause = Cause.DATA,
    reason: str,
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


def _queue(
    organisation: Organisation, runs: QuerySet[Run], by: User | None, cause: Cause, reason: str
) -> int:
    announce(organisation)
    return queue_runs(
        runs=runs, by=by, cause=cause, reason=reason, priority=PendingCalculation.BULK
    )
