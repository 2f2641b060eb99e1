"""Make the lines of pools whose cells are written down by hand, not resolved from runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.arrays import Ints
from emissions.models import Cell
from emissions.services.pools.lines import TEXT, PoolLines

DEFAULTS: dict[str, Any] = {"cost_centre": "", "assumptions": 0}


def lines_of(
    *, pool_ids: Sequence[int], cells: Sequence[Mapping[str, Any]], amounts: Ints
) -> PoolLines:
    """Return lines whose cells name only what they have; the rest is null.

    Parameters
    ----------
    pool_ids : (m,) int
        The pool of each line.
    cells : (m,) mappings
        Some of the columns of `Cell.KEY`, source kind, scope, basis and fit among them.
    amounts : (m, k) int64
        The columns of `QUANTITIES`.
    """
    frame = pl.DataFrame(
        {
            name: pl.Series(
                [cell.get(name, DEFAULTS.get(name)) for cell in cells],
                dtype=pl.String if name in TEXT else pl.Int64,
            )
            for name in Cell.KEY
        }
    )
    return PoolLines(np.array(pool_ids, dtype=np.int64), frame, amounts)
