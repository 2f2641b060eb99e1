"""Recompute every run and pool and compare it with its entries, and the entries with the totals.

`verify_totals` alone could not see a double posting: entries and totals would agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from django.db import connection, transaction

from emissions.calculation.ledger import difference
from emissions.calculation.vocabulary import PoolKind
from emissions.models import Organisation, PendingCalculation, StalePool
from emissions.models.entry import QUANTITIES
from emissions.services import calculate
from emissions.services.calculate import HOURS_PER_MONTH, read_runs, wanted_lines
from emissions.services.cells import MissingCellsError
from emissions.services.copying import read_frame
from emissions.services.pools.lines import POOL_COLUMNS
from emissions.services.pools.rules import RULES
from emissions.services.pools.settle import MONTH, SAME_POOL, wanted_pool_lines
from emissions.services.posting import read_lines
from emissions.services.resolving.facts import load_facts
from emissions.services.resolving.resolve import resolve

CHUNK = 50_000
POOL_CHUNK = 500
SHOWN = 20
CHOSEN = "SELECT unnest(%s::bigint[])"


@dataclass(slots=True)
class Verification:
    """What a verification found."""

    runs: int = 0
    pending: int = 0
    pools: int = 0
    stale: int = 0
    wrong_runs: list[int] = field(default_factory=list)
    wrong_pools: list[int] = field(default_factory=list)
    wrong_totals: list[tuple[int, str]] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every line is as it should be."""
        return not (self.wrong_runs or self.wrong_pools or self.wrong_totals)


def verify_ledger(*, organisation: Organisation | None = None) -> Verification:
    """Recompute every run and pool that is not pending, and all totals, in one snapshot.

    Returns
    -------
    Verification
        Ids of runs whose entries differ from a fresh calculation (deleted runs must net
        to nothing), ids of pools likewise, and the (cell, month) of totals, whole or of a
        node, that differ from their entries.
    """
    found = Verification()
    with transaction.atomic(), connection.cursor() as cursor:
        if not transaction.get_connection().in_atomic_block or _outermost():
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        organisations = Organisation.objects.order_by("pk")
        if organisation is not None:
            organisations = organisations.filter(pk=organisation.pk)
        for one in organisations:
            _verify_runs(one, found)
            _verify_pools(one, found)
            found.wrong_totals.extend(_wrong_totals(one))
    return found


def _outermost() -> bool:
    return len(connection.savepoint_ids) == 0


def _verify_runs(organisation: Organisation, found: Verification) -> None:
    facts = load_facts(organisation=organisation)
    pending = set(
        PendingCalculation.objects.filter(organisation=organisation).values_list("run", flat=True)
    )
    found.pending += len(pending)
    for chunk in _run_ids(organisation):
        run_ids = [one for one in chunk if one not in pending]
        runs = read_runs(chosen=CHOSEN, params=[run_ids])
        resolved = resolve(runs=runs, facts=facts)
        present_keys, present = read_lines(origin="run_id", chosen=CHOSEN, params=[run_ids])
        try:
            keys, wanted = wanted_lines(
                runs=runs, resolved=resolved, organisation_id=organisation.pk
            )
        except MissingCellsError:
            keys, wanted = _without_cells(resolved.month.size)
            keys[:, 0] = runs["id"].to_numpy()[resolved.pieces.run_index]
        wrong, _ = difference(
            wanted_keys=keys, wanted=wanted, present_keys=present_keys, present=present
        )
        found.wrong_runs.extend(_elsewhere(run_ids, runs))
        too_large = runs["id"].to_numpy()[resolved.figures.exceeds_range]
        found.wrong_runs.extend(np.setdiff1d(wrong[:, 0], too_large).tolist())
        found.runs += len(run_ids)


def _verify_pools(organisation: Organisation, found: Verification) -> None:
    """Recompute the pools that nothing has marked; a pool that should exist is marked."""
    found.stale += StalePool.objects.filter(organisation=organisation).count()
    for kind in RULES:
        pools = _settled_pools(organisation, kind)
        for at in range(0, pools.height, POOL_CHUNK):
            chunk = pools.slice(at, POOL_CHUNK)
            present_keys, present = read_lines(
                origin="pool_id", chosen=CHOSEN, params=[chunk["pool_id"].to_list()]
            )
            try:
                keys, wanted = wanted_pool_lines(organisation=organisation, kind=kind, pools=chunk)
            except MissingCellsError:
                keys, wanted = _without_cells(chunk.height)
                keys[:, 0] = chunk["pool_id"].to_numpy()
            wrong, _ = difference(
                wanted_keys=keys, wanted=wanted, present_keys=present_keys, present=present
            )
            found.wrong_pools.extend(np.unique(wrong[:, 0]).tolist())
            found.pools += chunk.height


def _settled_pools(organisation: Organisation, kind: PoolKind) -> pl.DataFrame:
    return read_frame(
        f"SELECT pool.id, pool.site_id, pool.node_id, pool.subject, {MONTH}"
        " FROM emissions_pool pool WHERE pool.organisation_id = %s AND pool.kind = %s"
        f" AND NOT EXISTS (SELECT FROM emissions_stalepool stale WHERE {SAME_POOL})"
        " ORDER BY pool.id",
        [organisation.pk, kind.value],
        POOL_COLUMNS,
    ).with_columns(pl.col("subject").fill_null(""))


def _without_cells(
    size: int,
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.int64]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]
]:
    """Return lines that equal nothing posted: a cell that should exist does not."""
    return (
        np.zeros((size, 3), dtype=np.int64),
        np.ones((size, len(QUANTITIES)), dtype=np.int64),
    )


def _run_ids(organisation: Organisation) -> Iterator[list[int]]:
    """Yield the ids of runs in chunks that are bounded in runs and, as batches are, in lines.

    PostgreSQL refuses a quotient too small for a double: the shortest runs count as an hour.
    """
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM (SELECT id, row_number() OVER span AS number,"
                "  sum(ceil(greatest(duration_hours, 1) / %s) + 1) OVER span AS lines FROM"
                "  (SELECT id, duration_hours FROM emissions_run"
                "   WHERE organisation_id = %s AND id > %s ORDER BY id LIMIT %s) next"
                "  WINDOW span AS (ORDER BY id)) run"
                " WHERE number = 1 OR lines <= %s ORDER BY id",
                [HOURS_PER_MONTH, organisation.pk, after, CHUNK, calculate.LINES],
            )
            chunk = [row[0] for row in cursor.fetchall()]
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


def _elsewhere(run_ids: list[int], runs: pl.DataFrame) -> list[int]:
    """Return the runs whose lines stand in the totals of another node than their own."""
    stands = read_frame(
        f"SELECT run_id, node_id FROM emissions_runstate WHERE run_id IN ({CHOSEN})",
        [run_ids],
        {"run_id": pl.Int64, "stands": pl.Int64},
    )
    on = stands.join(runs.select("node_id", run_id="id"), on="run_id", how="left")
    return on.filter(pl.col("stands").ne_missing(pl.col("node_id")))["run_id"].to_list()


#: The lines of an organisation, and what sums them: by cell and month, and of each node.
LINES = (
    "(SELECT entry.*, coalesce(state.node_id, pool.node_id) AS node_id"
    " FROM emissions_emissionentry entry"
    " LEFT JOIN emissions_runstate state ON state.run_id = entry.run_id"
    " LEFT JOIN emissions_pool pool ON pool.id = entry.pool_id)"
)
TOTALS = (
    ("emissions_emissionentry", "emissions_monthlytotal", "cell_id, month"),
    (LINES, "emissions_nodetotal", "node_id, cell_id, month"),
)


def _wrong_totals(organisation: Organisation) -> list[tuple[int, str]]:
    """Return cell and month of the totals that are not the sums of their lines."""
    cells = "SELECT id FROM emissions_cell WHERE organisation_id = %s"
    sums = ", ".join(f"sum({name}) AS {name}" for name in QUANTITIES)
    differ = " OR ".join(
        f"coalesce(line.{name}, 0) <> coalesce(total.{name}, 0)" for name in QUANTITIES
    )
    found: set[tuple[int, str]] = set()
    with connection.cursor() as cursor:
        for lines, totals, key in TOTALS:
            known = " AND node_id IS NOT NULL" if "node_id" in key else ""
            cursor.execute(
                f"WITH line AS (SELECT {key}, {sums} FROM {lines} line"
                f"  WHERE cell_id IN ({cells}){known} GROUP BY {key}),"
                f" total AS (SELECT * FROM {totals} WHERE cell_id IN ({cells}))"
                f" SELECT cell_id, month::text FROM line FULL JOIN total USING ({key})"
                f" WHERE {differ}",
                [organisation.pk, organisation.pk],
            )
            found |= set(cursor.fetchall())
    return sorted(found)
