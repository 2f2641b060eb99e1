"""Mark pools stale: what runs share is settled again after what it reads has changed.

Marks are rows, written in the transaction of the change; `settle_pools` works them off.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from django.db import connection

from emissions.calculation.vocabulary import Cause, PoolKind, Scope3Category
from emissions.models import CloudAccount, Node, Organisation, User
from emissions.services.copying import read_frame, write_frame
from emissions.services.posting import CAUSE
from emissions.services.queue import announce, wake_after_commit

#: Which pools of a site read the lines of a kind; no kind marks itself or one before it.
OF_RUNS = (PoolKind.METER_REMAINDER, PoolKind.COVERAGE)
DEPENDENTS: dict[PoolKind, tuple[PoolKind, ...]] = {
    PoolKind.NODE_IDLE: (PoolKind.METER_REMAINDER, PoolKind.COVERAGE),
    PoolKind.METER_REMAINDER: (PoolKind.COVERAGE,),
}

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

#: Whether a month is over everywhere on earth: it ends last at UTC−12.
IDLE_IS_DUE = "month + interval '1 month 12 hours' <= now() AT TIME ZONE 'UTC'"


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
    announce(organisation)
    rows = [
        (kind.value, one.site_id, one.node_id, one.subject, one.month, cause.value, reason[:250],
         by.pk if by else None)
        for one in keys
    ]  # fmt: skip
    insert_stale(organisation.pk, pl.DataFrame(rows, schema=STALE, orient="row"))


def mark_known_pools(
    organisation: Organisation, condition: str, params: Sequence[Any], by: User | None,
    cause: Cause, reason: str,
) -> None:  # fmt: skip
    """Mark the pools that exist and meet a condition on `pool`."""
    announce(organisation)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_stalepool (organisation_id, kind, site_id, node_id, subject,"
            "  month, cause, reason, by_id, attempts, last_error)"
            " SELECT organisation_id, kind, site_id, node_id, subject, month, %s, %s, %s, 0, ''"
            f" FROM emissions_pool pool WHERE organisation_id = %s AND {condition}",
            [cause.value, reason[:250], by.pk if by else None, organisation.pk, *params],
        )
    wake_after_commit("pools")


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
        insert_stale(organisation_id, stale)


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
    insert_stale(organisation_id, marked.join(of_kinds, how="cross"))


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
    insert_stale(
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


def insert_stale(organisation_id: int, rows: pl.DataFrame) -> None:
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
    wake_after_commit("pools")


def months_between(starts_on: date, ends_before: date) -> list[date]:
    """Return the first days of the months that a half-open period touches."""
    last = ends_before - timedelta(days=1)
    first, end = starts_on.year * 12 + starts_on.month - 1, last.year * 12 + last.month
    return [date(month // 12, month % 12 + 1, 1) for month in range(first, end)]


def idle_due(*, organisation: Organisation | None = None, node: Node | None = None) -> int:
    """Mark the months of nodes that have ended and have no pool of idle hours; return how many."""
    return _mark_nodes(
        PoolKind.NODE_IDLE,
        "Month ended",
        " FROM emissions_node node"
        " JOIN emissions_organisation organisation ON organisation.id = node.organisation_id"
        " JOIN (SELECT node_id, min(starts_on) AS starts_on FROM emissions_nodeplacement"
        "  WHERE superseded_at IS NULL GROUP BY node_id) placed ON placed.node_id = node.id,"
        " LATERAL (SELECT generate_series(date_trunc('month', placed.starts_on::timestamp),"
        "   least(now() AT TIME ZONE 'UTC', node.disposed_on::timestamp), '1 month')::date"
        "   AS month) due"
        f" WHERE organisation.idle_rule <> 'off' AND {IDLE_IS_DUE}",
        organisation,
        node,
    )


def purchases_due(*, organisation: Organisation | None = None, node: Node | None = None) -> int:
    """Mark the months of purchase that have no pool yet; return how many."""
    return _mark_nodes(
        PoolKind.PURCHASE,
        "Hardware bought",
        " FROM emissions_node node,"
        " LATERAL (SELECT date_trunc('month', node.purchased_on)::date AS month) due"
        " WHERE node.purchased_on IS NOT NULL",
        organisation,
        node,
    )


def _mark_nodes(
    kind: PoolKind, reason: str, due: str, organisation: Organisation | None, node: Node | None
) -> int:
    """Mark the months `due.month` of nodes that have no pool of a kind yet."""
    narrowed = ""
    params: list[str | int] = [kind.value, reason, kind.value]
    if node is not None:
        narrowed, params = " AND node.id = %s", [*params, node.pk]
    elif organisation is not None:
        narrowed, params = " AND node.organisation_id = %s", [*params, organisation.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO emissions_stalepool (organisation_id, kind, node_id, subject, month,"
            "  cause, reason, attempts, last_error)"
            f" SELECT node.organisation_id, %s, node.id, '', due.month, 'data', %s, 0, '' {due}"
            "  AND NOT EXISTS (SELECT FROM emissions_pool pool WHERE pool.kind = %s"
            "   AND pool.organisation_id = node.organisation_id AND pool.node_id = node.id"
            f"   AND pool.month = due.month){narrowed}"
            " ORDER BY node.id, due.month",
            params,
        )
        marked = int(cursor.rowcount)
    if marked:
        wake_after_commit("pools")
    return marked
