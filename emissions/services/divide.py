"""Divide what stands in several categories: one line, one scope.

A run's month is one line, unless its overhead or its hardware stands elsewhere in the
inventory than the electricity of its IT equipment (calculation/scopes): then that part is a
line of its own. The parts add up to the undivided line exactly.
"""

import numpy as np
import polars as pl

from emissions.calculation.arrays import Ints
from emissions.calculation.scopes import NONE, Standing
from emissions.calculation.vocabulary import Scope
from emissions.models.entry import QUANTITIES

#: What is shared between the IT equipment and the overhead in proportion to their energy.
WITH_ENERGY = (
    "location_based_kg",
    "location_based_annual_kg",
    "market_based_kg",
    "upstream_kg",
    "losses_kg",
    "independent_variance_kg2",
)
IT, FACILITY, HARDWARE = (
    QUANTITIES.index(name) for name in ("energy_it_kwh", "energy_facility_kwh", "embodied_kg")
)


def divide(
    *, cells: pl.DataFrame, amounts: Ints, where: Standing
) -> tuple[Ints, pl.DataFrame, Ints]:
    """Return the lines that m pieces become.

    Parameters
    ----------
    cells : pl.DataFrame
        The columns of `Cell.KEY`, one row per piece.
    amounts : (m, k) int64
        The columns of `QUANTITIES`.
    where : Standing
        Columns of shape (m,).

    Returns
    -------
    piece : (l,) int64
        Row of the piece that each line is a part of; never falls.
    cells : pl.DataFrame
        One row per line.
    amounts : (l, k) int64
    """
    has_overhead = (where.overhead_category != NONE) & (amounts[:, IT] != amounts[:, FACILITY])
    has_hardware = (where.hardware_category != NONE) & (amounts[:, HARDWARE] != 0)
    size = amounts.shape[0]
    if not (has_overhead.any() or has_hardware.any()):
        return np.arange(size), cells, amounts
    at = [np.arange(size), np.flatnonzero(has_overhead), np.flatnonzero(has_hardware)]
    overhead = np.where(has_overhead[:, np.newaxis], _overhead(amounts), 0)
    hardware = np.zeros_like(amounts)
    hardware[has_hardware, HARDWARE] = amounts[has_hardware, HARDWARE]
    parts = [amounts - overhead - hardware, overhead[at[1]], hardware[at[2]]]
    category = [where.category, where.overhead_category[at[1]], where.hardware_category[at[2]]]
    scope = [where.scope, np.full(at[1].size + at[2].size, int(Scope.SCOPE_3))]
    piece = np.concatenate(at)
    order = np.argsort(piece, kind="stable")
    piece = piece[order]
    divided = cells[piece].with_columns(
        pl.Series("scope", np.concatenate(scope)[order]),
        pl.Series("category", np.concatenate(category)[order]).replace(NONE, None),
    )
    return piece, divided, np.concatenate(parts)[order]


def _overhead(amounts: Ints) -> Ints:
    """Return the part of pieces that their overhead has."""
    part = np.zeros_like(amounts)
    part[:, FACILITY] = amounts[:, FACILITY] - amounts[:, IT]
    share = amounts[:, IT] / np.where(amounts[:, FACILITY] == 0, 1, amounts[:, FACILITY])
    for name in WITH_ENERGY:
        at = QUANTITIES.index(name)
        part[:, at] = amounts[:, at] - np.rint(amounts[:, at] * share).astype(np.int64)
    return part
