"""What pools would post after a change of the factor sets: the same rules, nothing written.

Idle hours and the meter's remainder read no factor from the ledger: they are settled with the
facts of before and of after. Coverage and statements read what the ledger holds of market-based
emissions and of clouds: they are settled with it as it is, and with it as runs and the pools
before them would leave it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from emissions.calculation.arrays import Ints
from emissions.calculation.vocabulary import PoolKind
from emissions.models import Cell, Organisation
from emissions.models.entry import QUANTITIES
from emissions.services.copying import read_frame
from emissions.services.pools.coverage import wanted_coverage
from emissions.services.pools.idle import wanted_idle
from emissions.services.pools.lines import CELL_TYPES, POOL_COLUMNS, PoolLines
from emissions.services.pools.meter import wanted_remainder
from emissions.services.pools.statement import wanted_statements
from emissions.services.resolving.facts import Facts

KEY = [*Cell.KEY, "month"]
COLUMNS: dict[str, type[pl.DataType]] = {
    **CELL_TYPES,
    "month": pl.Int64,
    **dict.fromkeys(QUANTITIES, pl.Int128),
}
NOTHING = pl.lit(0, dtype=pl.Int128)
CHUNK = 2_000
"""Pools that are settled at a time."""

MONTH = "extract(year FROM month)::int * 12 + extract(month FROM month)::int - 1"


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that stand, and those that would: a row per cell and month, of the same columns.

    The columns are those of `KEY`, and `QUANTITIES` as 128-bit integers.
    """

    old: pl.DataFrame
    new: pl.DataFrame

    @property
    def moved(self) -> pl.DataFrame:
        """New − old by cell and month, where it is not nothing."""
        negative = self.old.with_columns(
            (NOTHING - pl.col(name)).alias(name) for name in QUANTITIES
        )
        sums = _summed([self.new, negative])
        return sums.filter(pl.any_horizontal(pl.col(name) != 0 for name in QUANTITIES))


def lines_of(*, cells: pl.DataFrame, month: Ints, amounts: Ints) -> pl.DataFrame:
    """Return lines by cell and month, summed.

    Parameters
    ----------
    cells : pl.DataFrame
        The columns of `Cell.KEY`, (m,).
    month : (m,) int64
        year × 12 + month − 1.
    amounts : (m, k) int64
        The columns of `QUANTITIES`.
    """
    frame = cells.select(pl.col(name).cast(kind) for name, kind in CELL_TYPES.items())
    frame = frame.with_columns(
        pl.Series("month", month, dtype=pl.Int64),
        *(pl.Series(name, amounts[:, at]).cast(pl.Int128) for at, name in enumerate(QUANTITIES)),
    )
    return _summed([frame])


def together(parts: Iterable[Lines]) -> Lines:
    """Return the sums of lines."""
    parts = list(parts)
    return Lines(_summed([one.old for one in parts]), _summed([one.new for one in parts]))


def _summed(frames: list[pl.DataFrame]) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema=COLUMNS)
    return pl.concat(frames).group_by(KEY).agg(pl.col(QUANTITIES).sum())


def count_pools(*, organisation: Organisation) -> int:
    """Return how many pools a change of factor sets would settle again."""
    return sum(_open_pools(organisation, kind).height for kind in KINDS)


def preview_pools(*, organisation: Organisation, runs: Lines, old: Facts, new: Facts) -> Lines:
    """Return the lines of pools before and after a change that moves runs as given."""
    found = [runs]
    for kind, wanted in (
        (PoolKind.NODE_IDLE, wanted_idle),
        (PoolKind.METER_REMAINDER, wanted_remainder),
    ):
        for pools in _chunks(_open_pools(organisation, kind)):
            was = wanted(organisation=organisation, pools=pools, facts=old)
            would = wanted(organisation=organisation, pools=pools, facts=new)
            found.append(Lines(_of_pools(pools, was), _of_pools(pools, would)))
    for kind, rule in (
        (PoolKind.COVERAGE, wanted_coverage),
        (PoolKind.STATEMENT, wanted_statements),
    ):
        moved = together(found).moved
        touched = _open_pools(organisation, kind).filter(
            pl.col("month").is_in(moved["month"].unique().implode())
        )
        for pools in _chunks(touched):
            was = rule(organisation=organisation, pools=pools)
            would = rule(organisation=organisation, pools=pools, moved=moved)
            found.append(Lines(_of_pools(pools, was), _of_pools(pools, would)))
    return together(found[1:])


KINDS = (
    PoolKind.NODE_IDLE, PoolKind.METER_REMAINDER, PoolKind.COVERAGE, PoolKind.STATEMENT,
)  # fmt: skip


def _open_pools(organisation: Organisation, kind: PoolKind) -> pl.DataFrame:
    """Return the pools of a kind in months that are not closed."""
    return read_frame(
        f"SELECT id, site_id, node_id, subject, {MONTH} FROM emissions_pool"
        " WHERE organisation_id = %s AND kind = %s"
        " AND NOT tonne_month_is_closed(organisation_id, month) ORDER BY month, id",
        [organisation.pk, kind.value],
        POOL_COLUMNS,
    ).with_columns(pl.col("subject").fill_null(""))


def _chunks(pools: pl.DataFrame) -> Iterable[pl.DataFrame]:
    return (pools.slice(at, CHUNK) for at in range(0, pools.height, CHUNK))


def _of_pools(pools: pl.DataFrame, lines: PoolLines) -> pl.DataFrame:
    months = dict(zip(pools["pool_id"].to_list(), pools["month"].to_list(), strict=True))
    month = np.array([months[one] for one in lines.pool_id.tolist()], dtype=np.int64)
    return lines_of(cells=lines.cells, month=month, amounts=lines.amounts)
