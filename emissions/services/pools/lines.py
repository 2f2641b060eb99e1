"""What a rule of a pool is given and what it returns: see `services/pools/rules`."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from emissions.calculation.arrays import Floats, Ints
from emissions.calculation.footprint import embodied_rate
from emissions.calculation.vocabulary import EntrySource, PoolKind
from emissions.models import Cell
from emissions.models.entry import QUANTITIES
from emissions.services.calculate import quantities
from emissions.services.resolving.columns import RUN_COLUMNS
from emissions.services.resolving.facts import Facts
from emissions.services.resolving.resolve import Resolved, resolve

#: What a rule is given: a row per pool, the month as year × 12 + month − 1.
POOL_COLUMNS: dict[str, type[pl.DataType]] = {
    "pool_id": pl.Int64,
    "site_id": pl.Int64,
    "node_id": pl.Int64,
    "subject": pl.String,
    "month": pl.Int64,
}
TEXT = {"cost_centre", "stage", "status", "source_kind"}
CELL_TYPES: dict[str, type[pl.DataType]] = {
    name: pl.String if name in TEXT else pl.Int64 for name in Cell.KEY
}


@dataclass(frozen=True, slots=True)
class PoolLines:
    """Lines that should stand for pools: m rows; those of one pool and cell are added.

    Attributes
    ----------
    pool_id : (m,) int64
        The pool; its month is the line's.
    cells : pl.DataFrame
        The columns of `Cell.KEY`, one row per line; `source_kind` is the pool's kind, and
        `stage` and `status` are null where the line belongs to no run's cell.
    amounts : (m, k) int64
        The columns of `QUANTITIES`, in units of 10^−`DECIMALS`.
    """

    pool_id: Ints
    cells: pl.DataFrame
    amounts: Ints


@dataclass(frozen=True, slots=True)
class Rule:
    """How pools of one kind are settled.

    Attributes
    ----------
    wanted : callable
        Takes `organisation` and `pools` (a frame of `POOL_COLUMNS`) and returns `PoolLines`.
        It reads the ledger and the facts, never the clock, and writes nothing.
    needed : str
        SQL: whether a pool named by the columns of `pool` (`organisation_id`, `site_id`,
        `node_id`, `subject`, `month`) is to be made. One that exists is always settled.
    source : EntrySource
        What its entries are called.
    before : callable, optional
        Takes `organisation` and writes what must stand before pools are settled.
    """

    wanted: Callable[..., PoolLines]
    needed: str = "true"
    source: EntrySource = EntrySource.POOL
    before: Callable[..., None] | None = field(default=None)


def no_lines() -> PoolLines:
    """Return lines of no pool."""
    return PoolLines(
        np.zeros(0, dtype=np.int64),
        pl.DataFrame(schema=CELL_TYPES),
        np.zeros((0, len(QUANTITIES)), dtype=np.int64),
    )


class PoolOutOfRange(Exception):
    """A pool's figures are too large to be kept."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the core returned for rows of pools.

    Attributes
    ----------
    resolved : Resolved
        The facts and factors that were chosen.
    embodied_rate : (m,) float64
        Hardware's share of a device-hour; NaN where its footprint is unknown. [kg CO2e/h]
    """

    resolved: Resolved
    embodied_rate: Floats


def pool_figures(
    *, rows: pl.DataFrame, kind: PoolKind, facts: Facts
) -> tuple[Figures, pl.DataFrame, Ints]:
    """Return figures of what pools did, as if each were a run of one place and moment.

    Parameters
    ----------
    rows : pl.DataFrame
        Some of the columns of `RUN_COLUMNS`; `started_at_us` says which facts hold. With
        `span_hours`, the time within a month over which the energy is taken as even, the
        figure by the hour is that of its hours; without, it is the figure of the year.
    kind : PoolKind
        Becomes the cells' source.
    facts : Facts
        What is known of the organisation's world.

    Returns
    -------
    figures : Figures
    cells : pl.DataFrame
        The columns of `Cell.KEY`, a row per row.
    amounts : (m, k) int64
        The columns of `QUANTITIES`; no run is started.
    """
    stated = {"source_kind": pl.lit(kind.value), "device_count": pl.lit(1.0)}
    columns = [
        (pl.col(name) if name in rows.columns else stated.get(name, pl.lit(None)))
        .cast(dtype)
        .alias(name)
        for name, dtype in RUN_COLUMNS.items()
    ]
    span = pl.col("span_hours") if "span_hours" in rows.columns else pl.lit(0.0)
    runs = rows.select(*columns, span.alias("span_hours")).with_columns(
        pl.lit(1.0).alias("duration_hours")
    )
    resolved = resolve(runs=runs, facts=facts)
    if resolved.figures.exceeds_range.any():
        raise PoolOutOfRange("The figures of this pool are too large to be kept.")
    amounts = quantities(resolved=resolved)
    amounts[:, QUANTITIES.index("runs_started")] = 0
    run = resolved.pieces.run_index
    known = ~np.isnan(resolved.activity.embodied_kg_per_device)[run]
    rate = embodied_rate(activity=resolved.activity, pieces=resolved.pieces, place=resolved.place)
    return Figures(resolved, np.where(known, rate, np.nan)), resolved.cells, amounts
