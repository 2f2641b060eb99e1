"""Calculate what is pending and post the difference: wanted − present, per run, month and cell.

A batch is one transaction. It claims pending rows whose run it can lock (the state row, with
SKIP LOCKED), and only in later statements (READ COMMITTED) reads the runs and what is posted; an
edit that commits meanwhile has added a pending row of its own and is calculated next. A fact
that is just being changed has not queued the runs that it does not see yet (`invalidate`):
what somebody waits for is then calculated at once and once more, all else a little later.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from emissions.calculation.arrays import Ints
from emissions.calculation.ledger import difference
from emissions.calculation.vocabulary import EntrySource
from emissions.models import Organisation, PendingCalculation
from emissions.models.entry import QUANTITIES
from emissions.services.cells import MissingCellsError, find_cells, intern_cells
from emissions.services.copying import read_frame
from emissions.services.divide import divide
from emissions.services.pools.stale import runs_posted
from emissions.services.posting import (
    add_to_nodes,
    as_date,
    frame_of_lines,
    read_lines,
    share_ledger,
    write_lines,
)
from emissions.services.queue import CHANGING, facts_are_changing
from emissions.services.resolving.columns import RUN_COLUMNS
from emissions.services.resolving.evidence import with_evidence
from emissions.services.resolving.facts import Facts, load_facts
from emissions.services.resolving.resolve import Resolved, resolve

logger = logging.getLogger(__name__)

BATCH = 50_000
WAITING_BATCH = 200
LINES = 1_000_000
HOURS_PER_MONTH = 28 * 24
AGAIN_AFTER_SECONDS = 5
"""When a run is calculated again that was calculated while a fact was being changed."""

CLAIMED = "SELECT run_id FROM claimed"
"""The runs of the claim that this transaction holds: `claimed` is a temporary table."""

PENDING = {
    "id": pl.Int64,
    "run_id": pl.Int64,
    "node_id": pl.Int64,
    "cause": pl.String,
    "reason": pl.String,
    "by_id": pl.Int64,
}

OUT_OF_RANGE = "The figures of this run are too large to be kept: check its hours and power."


@dataclass(frozen=True, slots=True)
class Claim:
    """Pending rows of one organisation that this transaction holds.

    `pending` has a row per request: id, run_id.
    `causes` has a row per run: run_id, cause, reason, by_id, of its most urgent request.
    `nodes` has a row per run: run_id, and node_id of the node whose totals have its lines.
    A `provisional` claim is calculated once more, for a fact is just being changed.
    """

    organisation_id: int
    pending: pl.DataFrame
    run_ids: list[int]
    causes: pl.DataFrame
    nodes: pl.DataFrame
    provisional: bool = False

    @property
    def pending_ids(self) -> list[int]:
        """Ids of the claimed rows."""
        return self.pending["id"].to_list()


def calculate_pending(
    *, limit: int = BATCH, priority_below: int | None = None, run_ids: Sequence[int] | None = None
) -> int:
    """Calculate one batch of what is pending and post it.

    Parameters
    ----------
    limit : int
        The largest number of pending rows to claim.
    priority_below : int, optional
        Claim only what is more urgent than this: `PendingCalculation.BULK` leaves the
        recalculations to others.
    run_ids : sequence of int, optional
        Claim only these runs.

    Returns
    -------
    int
        Pending rows settled; 0 when there was nothing to do.
    """
    try:
        return _calculate_batch(limit, priority_below, run_ids)
    except BatchFailedError as failed:
        return _isolate(failed)


class BatchFailedError(Exception):
    """A batch raised what repeating it would raise again; `claim` is what it held."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{len(claim.run_ids)} runs")
        self.claim = claim


class FactsFailedError(Exception):
    """What is known of the organisation cannot be read: none of its runs can be calculated."""


def _isolate(failed: BatchFailedError) -> int:
    """Calculate the halves of a failed batch on their own, down to the run that fails."""
    run_ids, cause = failed.claim.run_ids, failed.__cause__
    if len(run_ids) == 1 or isinstance(cause, FactsFailedError):
        logger.error("%s runs from %s on failed", len(run_ids), run_ids[0], exc_info=cause)
        return _set_aside(failed.claim, str(cause))
    middle = len(run_ids) // 2
    halves = run_ids[:middle], run_ids[middle:]
    return sum(calculate_pending(limit=2 * len(half), run_ids=half) for half in halves)


@transaction.atomic
def _set_aside(claim: Claim, message: str) -> int:
    """Note why runs cannot be calculated, and try again later and later.

    Only the rows of the claim are put off: an edit that came since may be the cure.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pending.id, run_id FROM emissions_pendingcalculation pending"
            " JOIN emissions_runstate state USING (run_id)"
            " WHERE pending.id = ANY(%s) FOR UPDATE SKIP LOCKED",
            [claim.pending_ids],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "UPDATE emissions_pendingcalculation SET attempts = attempts + 1, last_error = %s,"
            " not_before = clock_timestamp()"
            "  + least(power(2, least(attempts, 11)), 1440) * interval '1 min'"
            " WHERE id = ANY(%s)",
            [message, [row[0] for row in rows]],
        )
        cursor.execute(
            "UPDATE emissions_runstate SET error = %s WHERE run_id = ANY(%s)",
            [message, [row[1] for row in rows]],
        )
    return len(claim.pending_ids)


def _calculate_batch(limit: int, priority_below: int | None, run_ids: Sequence[int] | None) -> int:
    """Calculate one batch; again, when its cells had to be interned first.

    A database that is away, or busy, is not the runs' fault: that error goes to the caller,
    and everything is still pending. Any other would come back with every repetition.
    """
    claim = None
    for _ in range(20):
        try:
            with transaction.atomic():
                claim = _claim(limit, priority_below, run_ids)
                if claim is None:
                    return 0
                _post(claim)
            return len(claim.pending_ids)
        except MissingCellsError as missing:
            _intern(claim, missing)
        except (OperationalError, InterfaceError):
            raise
        # A panic of Polars is no Exception; unnoticed it would end one worker after another.
        except (Exception, pl.exceptions.PanicException) as error:
            if claim is None:
                raise
            raise BatchFailedError(claim) from error
    assert claim is not None
    raise BatchFailedError(claim) from RuntimeError("Cells could not be interned")


def _intern(claim: Claim | None, missing: MissingCellsError) -> None:
    try:
        intern_cells(organisation_id=missing.organisation_id, cells=missing.cells)
    except (DataError, IntegrityError) as error:
        assert claim is not None
        raise BatchFailedError(claim) from error


def _claim(limit: int, priority_below: int | None, run_ids: Sequence[int] | None) -> Claim | None:
    """Claim pending rows of one organisation, the most urgent first, and lock their runs.

    Rows whose run another worker holds are passed over, or those of one long batch would
    stand before everybody else's.
    """
    conditions, params = ["not_before <= clock_timestamp()"], list[Any]()
    if priority_below is not None:
        conditions.append("priority < %s")
        params.append(priority_below)
    if run_ids is not None:
        conditions.append("run_id = ANY(%s)")
        params.append(list(run_ids))
    where = " AND ".join(conditions)
    free = (
        "emissions_pendingcalculation pending,"
        " LATERAL (SELECT state.node_id FROM emissions_runstate state"
        " WHERE state.run_id = pending.run_id FOR UPDATE SKIP LOCKED) locked"
    )
    lock = "ORDER BY priority, id LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT organisation_id, priority FROM {free} WHERE {where}"
            f" AND (priority < {PendingCalculation.BULK} OR organisation_id NOT IN ({CHANGING}))"
            f" {lock}",
            [*params, 1],
        )
        first = cursor.fetchone()
        if first is None:
            return None
        organisation_id, priority = first
        urgent = priority < PendingCalculation.BULK
        if urgent:
            where += f" AND priority < {PendingCalculation.BULK}"
            limit = min(limit, WAITING_BATCH)
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS claimed"
            " (LIKE emissions_pendingcalculation, node_id bigint) ON COMMIT DELETE ROWS"
        )
        cursor.execute("DELETE FROM claimed")
        cursor.execute(
            "INSERT INTO claimed SELECT pending.*, locked.node_id"
            f" FROM {free} WHERE {where} AND organisation_id = %s {lock}",
            [*params, organisation_id, limit],
        )
    share_ledger(organisation_id=organisation_id)
    changing = facts_are_changing(organisation_id=organisation_id)
    if changing and not urgent:
        return None
    columns = ", ".join(PENDING)
    frame = read_frame(f"SELECT {columns} FROM claimed ORDER BY priority, id", [], PENDING)
    of_runs = frame.drop("id").unique("run_id", keep="first", maintain_order=True)
    return Claim(
        organisation_id,
        frame.select("id", "run_id"),
        frame["run_id"].unique().sort().to_list(),
        of_runs.drop("node_id"),
        of_runs.select("run_id", "node_id"),
        provisional=changing,
    )


def _post(claim: Claim) -> None:
    """Calculate the claimed runs, post the difference and clear the claim."""
    claim, runs = _within_reach(claim, read_runs(chosen=CLAIMED))
    resolved = resolve(runs=runs, facts=_facts(claim))
    failed = runs["id"].filter(pl.Series(resolved.figures.exceeds_range)).to_list()
    keys, amounts = wanted_lines(
        runs=runs, resolved=resolved, organisation_id=claim.organisation_id
    )
    calculated = keys[:, :2]
    present_keys, present = read_lines(origin="run_id", chosen=CLAIMED)
    keys, amounts = difference(
        wanted_keys=keys, wanted=amounts, present_keys=present_keys, present=present
    )
    kept = ~np.isin(keys[:, 0], failed)
    lines = _write_lines(claim, keys[kept], amounts[kept])
    nodes = _nodes(claim, runs)
    _add_to_nodes(nodes, lines, present_keys, present)
    runs_posted(
        organisation_id=claim.organisation_id,
        touched=_on_nodes(nodes, calculated, lines),
        lines=lines,
        causes=claim.causes,
    )
    _clear(claim, failed)


def _within_reach(claim: Claim, runs: pl.DataFrame) -> tuple[Claim, pl.DataFrame]:
    """Leave for the next batch what would make this one too large: runs of many years.

    A batch is bounded in lines, not only in runs: a run has a line for each month.
    """
    months = (pl.col("duration_hours") / HOURS_PER_MONTH).ceil() + 1
    reached = runs.filter((months.cum_sum() <= LINES) | (pl.int_range(pl.len()) == 0))
    if reached.height == runs.height:
        return claim, runs
    left = set(runs["id"].to_list()) - set(reached["id"].to_list())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM claimed WHERE run_id = ANY(%s)", [list(left)])
    return replace(
        claim,
        pending=claim.pending.filter(~pl.col("run_id").is_in(left)),
        nodes=claim.nodes.filter(~pl.col("run_id").is_in(left)),
        run_ids=[run_id for run_id in claim.run_ids if run_id not in left],
    ), reached


def _facts(claim: Claim) -> Facts:
    organisation = Organisation.objects.get(pk=claim.organisation_id)
    try:
        return load_facts(organisation=organisation)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        raise FactsFailedError(str(error)) from error


def read_runs(*, chosen: str, params: Sequence[Any] = ()) -> pl.DataFrame:
    """Return runs that count, by id.

    They have the columns of `RUN_COLUMNS`, and of `EVIDENCE_COLUMNS` if any was observed. A
    deleted run counts nothing, nor does one that is another record of the same job.
    `chosen` is the SQL of their ids: a million of them as parameters would take longer. The
    rest is asked of those rows only (OFFSET 0): of a table just filled PostgreSQL believes
    that hardly a row is NULL there, and would look for each among all that are claimed.
    """
    microseconds = "round(date_part('epoch', started_at) * 1000000)::bigint"
    names = [microseconds if name == "started_at_us" else name for name in RUN_COLUMNS]
    runs = read_frame(
        f"SELECT {', '.join(names)}"
        f" FROM (SELECT * FROM emissions_run WHERE id IN ({chosen}) OFFSET 0) run"
        " WHERE deleted_at IS NULL AND superseded_by_id IS NULL ORDER BY id",
        params,
        RUN_COLUMNS,
    )
    return with_evidence(runs=runs, chosen=chosen, params=params)


def wanted_lines(
    *, runs: pl.DataFrame, resolved: Resolved, organisation_id: int
) -> tuple[Ints, Ints]:
    """Return the keys (run, month, cell) and quantities of the lines that should stand.

    Returns
    -------
    keys : (m, 3) int64
    amounts : (m, k) int64
        The columns of `QUANTITIES`, in units of 10^−`DECIMALS`.

    Raises
    ------
    MissingCellsError
        Some cells must be interned first.
    """
    if not resolved.month.size:
        return np.zeros((0, 3), dtype=np.int64), np.zeros((0, len(QUANTITIES)), dtype=np.int64)
    piece, cells, amounts = divide(
        cells=resolved.cells, amounts=quantities(resolved=resolved), where=resolved.standing
    )
    cell_id = find_cells(organisation_id=organisation_id, cells=cells).to_numpy()
    run_id = runs["id"].to_numpy()[resolved.pieces.run_index[piece]]
    return np.column_stack([run_id, resolved.month[piece], cell_id]), amounts


def quantities(*, resolved: Resolved) -> Ints:
    """Return the quantities of pieces, undivided, (m, k) int64, in the order of `QUANTITIES`."""
    figures = resolved.figures
    nothing = np.zeros(resolved.month.size, dtype=np.int64)
    columns = {
        "device_hours": figures.device_hours_nano,
        "energy_it_kwh": figures.energy_it_kwh_nano,
        "energy_facility_kwh": figures.energy_facility_kwh_nano,
        "location_based_kg": figures.location_based_kg_nano,
        "location_based_annual_kg": figures.location_based_annual_kg_nano,
        "market_based_kg": figures.market_based_kg_nano,
        "upstream_kg": figures.upstream_kg_nano,
        "losses_kg": figures.losses_kg_nano,
        "embodied_kg": figures.embodied_kg_nano,
        "embodied_purchase_kg": nothing,
        "water_litres": figures.water_litres_nano,
        "independent_variance_kg2": np.rint(
            np.minimum(figures.independent_variance, 9e14) * 1000
        ).astype(np.int64),
        "runs_started": resolved.starts.astype(np.int64),
    }
    return np.column_stack([columns[name] for name in QUANTITIES])


def _write_lines(claim: Claim, keys: Ints, amounts: Ints) -> pl.DataFrame:
    lines = frame_of_lines(origin="run_id", keys=keys, amounts=amounts).with_columns(
        pl.lit(EntrySource.RUN.value).alias("source")
    )
    write_lines(
        organisation_id=claim.organisation_id, origin="run_id", lines=lines, causes=claim.causes
    )
    return lines


def _nodes(claim: Claim, runs: pl.DataFrame) -> pl.DataFrame:
    """Return run, node_id and `before` of what is on a node or was: the node that has its lines.

    What counts no more is on none.
    """
    now = runs.select(run_id="id", node_id="node_id")
    nodes = claim.nodes.rename({"node_id": "before"}).join(now, on="run_id", how="left")
    return nodes.filter(pl.any_horizontal(pl.col("node_id", "before").is_not_null()))


def _add_to_nodes(nodes: pl.DataFrame, lines: pl.DataFrame, keys: Ints, present: Ints) -> None:
    """Add what was posted to the totals of nodes; a run that moved takes along what it had."""
    added = lines.drop("source").join(nodes.select("run_id", "node_id"), on="run_id")
    moved = nodes.filter(pl.col("node_id").ne_missing(pl.col("before")))
    if moved.height:
        stood = frame_of_lines(origin="run_id", keys=keys, amounts=present).join(moved, on="run_id")
        gone = stood.drop("node_id").rename({"before": "node_id"}).with_columns(-pl.col(QUANTITIES))
        parts = [added, stood.drop("before"), gone.select(added.columns)]
        added = pl.concat([part.select(added.columns) for part in parts])
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE emissions_runstate state SET node_id = moved.node_id"
                " FROM unnest(%s::bigint[], %s::bigint[]) AS moved (run_id, node_id)"
                " WHERE state.run_id = moved.run_id",
                [moved["run_id"].to_list(), moved["node_id"].to_list()],
            )
    add_to_nodes(lines=added)


def _on_nodes(nodes: pl.DataFrame, calculated: Ints, lines: pl.DataFrame) -> pl.DataFrame:
    """Return run, node and month of what was calculated on nodes, and on those that it left."""
    months = pl.DataFrame({"run_id": calculated[:, 0], "month": calculated[:, 1]})
    months = months.with_columns(as_date(pl.col("month")).alias("month"))
    months = months.vstack(lines.select("run_id", "month")).unique()
    before = nodes.select("run_id", node_id="before")
    both = nodes.select("run_id", "node_id").vstack(before).drop_nulls().unique()
    return both.join(months, on="run_id")


def _clear(claim: Claim, failed: list[int]) -> None:
    """Delete the claimed rows, or put them off; note or clear the runs' errors."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE emissions_runstate SET error = '' WHERE run_id IN ({CLAIMED}) AND error <> ''"
        )
        if failed:
            cursor.execute(
                "UPDATE emissions_runstate SET error = %s WHERE run_id = ANY(%s)",
                [OUT_OF_RANGE, failed],
            )
        if claim.provisional:
            cursor.execute(
                "UPDATE emissions_pendingcalculation SET priority = %s,"
                " not_before = clock_timestamp() + %s * interval '1 s'"
                " WHERE id IN (SELECT id FROM claimed)",
                [PendingCalculation.BULK, AGAIN_AFTER_SECONDS],
            )
            return
        cursor.execute(
            "DELETE FROM emissions_pendingcalculation WHERE id IN (SELECT id FROM claimed)"
        )
