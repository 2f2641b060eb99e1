"""Settle stale pools: post wanted − present, per pool, month and cell.

A batch is one transaction over pools of one organisation and kind. It claims stale rows whose
pool it can lock (with SKIP LOCKED), and only in later statements (READ COMMITTED) reads the
ledger and the facts; a posting that commits meanwhile has added a stale row of its own and is
settled next. Pools are made in an earlier transaction, as cells are. While a fact is being
changed, the organisation's pools wait: its change marks them anew.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from django.db import InterfaceError, OperationalError, connection, transaction

from emissions.calculation.arrays import Ints
from emissions.calculation.ledger import difference
from emissions.calculation.vocabulary import PoolKind
from emissions.models import Organisation
from emissions.services.cells import MissingCellsError, find_cells, intern_cells
from emissions.services.pools.lines import POOL_COLUMNS
from emissions.services.pools.rules import RULES
from emissions.services.pools.stale import pools_posted
from emissions.services.posting import (
    add_to_nodes,
    frame_of_lines,
    read_lines,
    share_ledger,
    write_lines,
)
from emissions.services.queue import CHANGING, facts_are_changing

logger = logging.getLogger(__name__)

BATCH = 500
"""Stale rows of a batch."""

SAME_POOL = (
    "pool.organisation_id = stale.organisation_id AND pool.kind = stale.kind"
    " AND pool.month = stale.month AND pool.subject = stale.subject"
    " AND pool.site_id IS NOT DISTINCT FROM stale.site_id"
    " AND pool.node_id IS NOT DISTINCT FROM stale.node_id"
)
MONTH = "extract(year FROM pool.month)::int * 12 + extract(month FROM pool.month)::int - 1"


@dataclass(frozen=True, slots=True)
class Claim:
    """Stale rows of one organisation and kind that this transaction holds.

    `pools` has the columns of `POOL_COLUMNS`; `causes` has a row per pool: pool_id, cause,
    reason, by_id, of its earliest request.
    """

    organisation_id: int
    kind: PoolKind
    stale_ids: list[int]
    pools: pl.DataFrame
    causes: pl.DataFrame


class BatchFailedError(Exception):
    """A batch raised what repeating it would raise again; `claim` is what it held."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{claim.pools.height} pools of {claim.kind}")
        self.claim = claim


def settle_pools(*, limit: int = BATCH, pool_ids: Sequence[int] | None = None) -> int:
    """Settle one batch of stale pools.

    Returns
    -------
    int
        Stale rows settled; 0 when there was nothing to do.
    """
    make_pools()
    try:
        return _settle_batch(limit, pool_ids)
    except BatchFailedError as failed:
        return _isolate(failed)


@transaction.atomic
def make_pools() -> None:
    """Make the pools that stale rows name and that are needed; forget the other rows.

    A row may go: what makes its pool needed later marks it again, and what the row stands
    for has been committed with it.
    """
    columns = "organisation_id, kind, site_id, node_id, subject, month"
    known = f"EXISTS (SELECT FROM emissions_pool pool WHERE {SAME_POOL})"
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT kind FROM emissions_stalepool")
        kinds = {PoolKind(row[0]) for row in cursor.fetchall()}
        for kind, rule in RULES.items():
            if kind not in kinds:
                continue
            needed = (
                f"(SELECT {rule.needed} FROM (SELECT stale.organisation_id, stale.site_id,"
                " stale.node_id, stale.subject, stale.month) pool)"
            )
            cursor.execute(
                "DELETE FROM emissions_stalepool WHERE id IN (SELECT id FROM emissions_stalepool"
                f" stale WHERE kind = %s AND NOT {known} AND NOT {needed}"
                " FOR UPDATE SKIP LOCKED)",
                [kind.value],
            )
            cursor.execute(
                f"INSERT INTO emissions_pool ({columns}) SELECT DISTINCT {columns}"
                f" FROM emissions_stalepool stale WHERE kind = %s AND NOT {known} AND {needed}"
                f" ORDER BY {columns} ON CONFLICT DO NOTHING",
                [kind.value],
            )


def wanted_pool_lines(
    *, organisation: Organisation, kind: PoolKind, pools: pl.DataFrame
) -> tuple[Ints, Ints]:
    """Return the keys (pool, month, cell) and quantities of the lines that should stand.

    Raises
    ------
    MissingCellsError
        Some cells must be interned first.
    """
    lines = RULES[kind].wanted(organisation=organisation, pools=pools)
    if not lines.pool_id.size:
        return np.zeros((0, 3), dtype=np.int64), lines.amounts
    cell_id = find_cells(organisation_id=organisation.pk, cells=lines.cells).to_numpy()
    months = dict(zip(pools["pool_id"].to_list(), pools["month"].to_list(), strict=True))
    month = np.array([months[one] for one in lines.pool_id.tolist()], dtype=np.int64)
    return np.column_stack([lines.pool_id, month, cell_id]), lines.amounts


def _settle_batch(limit: int, pool_ids: Sequence[int] | None) -> int:
    """Settle one batch; again, when its cells had to be interned first."""
    claim = None
    for _ in range(20):
        try:
            with transaction.atomic():
                claim = _claim(limit, pool_ids)
                if claim is None:
                    return 0
                _settle(claim)
            return len(claim.stale_ids)
        except MissingCellsError as missing:
            intern_cells(organisation_id=missing.organisation_id, cells=missing.cells)
        except (OperationalError, InterfaceError):
            raise
        except (Exception, pl.exceptions.PanicException) as error:
            if claim is None:
                raise
            raise BatchFailedError(claim) from error
    assert claim is not None
    raise BatchFailedError(claim) from RuntimeError("Cells could not be interned")


def _claim(limit: int, pool_ids: Sequence[int] | None) -> Claim | None:
    """Claim stale rows of one organisation and kind, and lock their pools."""
    kinds = [kind.value for kind in RULES]
    stale = (
        f"emissions_stalepool stale JOIN emissions_pool pool ON {SAME_POOL}"
        " WHERE stale.not_before <= clock_timestamp() AND stale.kind = ANY(%s)"
        f" AND stale.organisation_id NOT IN ({CHANGING})"
    )
    params: list[Any] = [kinds]
    if pool_ids is not None:
        stale += " AND pool.id = ANY(%s)"
        params.append(list(pool_ids))
    lock = "LIMIT %s FOR UPDATE OF pool SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT stale.organisation_id, stale.kind FROM {stale}"
            f" ORDER BY array_position(%s::text[], stale.kind::text), stale.id {lock}",
            [*params, kinds, 1],
        )
        first = cursor.fetchone()
        if first is None:
            return None
        organisation_id, kind = first[0], PoolKind(first[1])
        cursor.execute(
            f"SELECT stale.id, pool.id, pool.site_id, pool.node_id, pool.subject, {MONTH},"
            f" stale.cause, stale.reason, stale.by_id FROM {stale}"
            " AND stale.organisation_id = %s AND stale.kind = %s"
            f" ORDER BY pool.month, pool.id, stale.id {lock}",
            [*params, organisation_id, kind.value, limit],
        )
        rows = cursor.fetchall()
    share_ledger(organisation_id=organisation_id)
    if facts_are_changing(organisation_id=organisation_id):
        return None
    frame = pl.DataFrame(rows, schema=CLAIMED, orient="row")
    return Claim(
        organisation_id,
        kind,
        frame["stale_id"].to_list(),
        frame.select(list(POOL_COLUMNS)).unique("pool_id", keep="first", maintain_order=True),
        frame.select("pool_id", "cause", "reason", "by_id").unique(
            "pool_id", keep="first", maintain_order=True
        ),
    )


CLAIMED: dict[str, type[pl.DataType]] = {
    "stale_id": pl.Int64,
    **POOL_COLUMNS,
    "cause": pl.String,
    "reason": pl.String,
    "by_id": pl.Int64,
}


def _settle(claim: Claim) -> None:
    """Post what is missing of the claimed pools, mark what depends on it, clear the claim."""
    rule = RULES[claim.kind]
    organisation = Organisation.objects.get(pk=claim.organisation_id)
    if rule.before is not None:
        rule.before(organisation=organisation)
    keys, amounts = wanted_pool_lines(organisation=organisation, kind=claim.kind, pools=claim.pools)
    present_keys, present = read_lines(
        origin="pool_id",
        chosen="SELECT unnest(%s::bigint[])",
        params=[claim.pools["pool_id"].to_list()],
    )
    keys, amounts = difference(
        wanted_keys=keys, wanted=amounts, present_keys=present_keys, present=present
    )
    lines = frame_of_lines(origin="pool_id", keys=keys, amounts=amounts).with_columns(
        pl.lit(rule.source.value).alias("source")
    )
    write_lines(
        organisation_id=claim.organisation_id, origin="pool_id", lines=lines, causes=claim.causes
    )
    add_to_nodes(lines=lines.join(claim.pools.select("pool_id", "node_id"), on="pool_id"))
    pools_posted(
        organisation_id=claim.organisation_id, kind=claim.kind, lines=lines, causes=claim.causes
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM emissions_stalepool WHERE id = ANY(%s)", [claim.stale_ids])


def _isolate(failed: BatchFailedError) -> int:
    """Settle the halves of a failed batch on their own, down to the pool that fails."""
    pool_ids = failed.claim.pools["pool_id"].to_list()
    if len(pool_ids) == 1:
        logger.error("Pool %s failed", pool_ids[0], exc_info=failed.__cause__)
        return _set_aside(failed.claim, str(failed.__cause__))
    middle = len(pool_ids) // 2
    return sum(settle_pools(pool_ids=half) for half in (pool_ids[:middle], pool_ids[middle:]))


def _set_aside(claim: Claim, message: str) -> int:
    """Note why a pool cannot be settled, and try again later and later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emissions_stalepool SET attempts = attempts + 1, last_error = %s,"
            " not_before = clock_timestamp()"
            "  + least(power(2, least(attempts, 11)), 1440) * interval '1 min'"
            " WHERE id = ANY(%s)",
            [message, claim.stale_ids],
        )
    return len(claim.stale_ids)
