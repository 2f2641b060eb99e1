"""What instruments change of a site's month: used kWh × (instrument rate − uncovered rate).

Every line of the site's month is covered in the same share: MWh used ÷ all electricity of the
site, other load included. The difference is posted per cell as market-based emissions, beside
the cell that it covers, so that it follows team, project and stage.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.vocabulary import (
    PoolKind,
)
from emissions.models import (
    Cell,
    MonthlyTotal,
    Organisation,
)
from emissions.models.entry import QUANTITIES
from emissions.selectors.coverage import NO_ELECTRICITY, Key, covered_uses
from emissions.selectors.metering import nano
from emissions.services.pools.lines import CELL_TYPES, PoolLines, no_lines

NEEDED = (
    "EXISTS (SELECT FROM emissions_energyinstrument instrument"
    " WHERE instrument.organisation_id = pool.organisation_id"
    " AND coalesce(instrument.site_id, pool.site_id) = pool.site_id"
    " AND instrument.starts_on < pool.month + interval '1 month'"
    " AND instrument.ends_before > pool.month)"
)
MARKET = QUANTITIES.index("market_based_kg")
#: From where on the ids of cells that do not exist yet are counted.
NEW_CELL = 2**62


@dataclass(frozen=True, slots=True)
class Covered:
    """What is covered of a site's month, of how much."""

    kwh_nano: int
    grams_nano: Fraction
    electricity_nano: int


def wanted_coverage(
    *, organisation: Organisation, pools: pl.DataFrame, moved: pl.DataFrame | None = None
) -> PoolLines:
    """Return the market-based difference that instruments make to each cell of a site's month.

    Parameters
    ----------
    organisation : Organisation
        Whose sites.
    pools : pl.DataFrame
        The columns of `POOL_COLUMNS`.
    moved : pl.DataFrame, optional
        What would be posted before: the columns of `Cell.KEY`, `month` (year × 12 + month −
        1) and `QUANTITIES`. It covers no more and no less energy than what stands.
    """
    rows = [
        (pool_id, (site_id, date(month // 12, month % 12 + 1, 1)))
        for pool_id, site_id, month in pools.select("pool_id", "site_id", "month").iter_rows()
    ]
    sites = {key[0] for _, key in rows}
    covered = _covered_months(organisation, sites)
    cells = _electricity_by_cell(organisation, {key for _, key in rows if key in covered})
    attributes = {} if moved is None else _move(organisation, cells, moved, covered)
    lines = [
        (pool_id, cell, amount)
        for pool_id, key in rows
        if key in covered
        for cell, amount in _differences(covered[key], cells.get(key, []))
    ]
    if not lines:
        return no_lines()
    amounts = np.zeros((len(lines), len(QUANTITIES)), dtype=np.int64)
    amounts[:, MARKET] = [amount for _, _, amount in lines]
    return PoolLines(
        np.array([pool_id for pool_id, _, _ in lines], dtype=np.int64),
        _cells([cell for _, cell, _ in lines], attributes),
        amounts,
    )


def _covered_months(organisation: Organisation, sites: Collection[int]) -> dict[Key, Covered]:
    """Return what instruments cover of sites' months."""
    uses, electricity = covered_uses(organisation=organisation, sites=sites)
    found: dict[Key, Covered] = {}
    for one in uses:
        key = one.use.site_id, one.use.month
        before = found.get(key) or Covered(0, Fraction(0), electricity[key])
        grams = one.kwh_nano * Fraction(str(one.use.instrument.rate_g_per_kwh))
        found[key] = Covered(
            before.kwh_nano + one.kwh_nano, before.grams_nano + grams, before.electricity_nano
        )
    return found


def _electricity_by_cell(
    organisation: Organisation, keys: set[Key]
) -> dict[Key, list[tuple[int, int, int]]]:
    """Return (cell, energy [1e-9 kWh], market-based [1e-9 kg]) of the lines of months."""
    lines = MonthlyTotal.objects.filter(
        cell__organisation=organisation,
        cell__site__in={site for site, _ in keys},
        month__in={month for _, month in keys},
    ).exclude(cell__source_kind__in=NO_ELECTRICITY)
    found: dict[Key, list[tuple[int, int, int]]] = {}
    for site, month, cell, kwh, kg in lines.order_by("cell_id").values_list(
        "cell__site", "month", "cell_id", "energy_facility_kwh", "market_based_kg"
    ):
        if kwh or kg:
            found.setdefault((site, month), []).append((cell, nano(kwh), nano(kg)))
    return found


def _move(
    organisation: Organisation,
    cells: dict[Key, list[tuple[int, int, int]]],
    moved: pl.DataFrame,
    keys: Iterable[Key],
) -> dict[int, tuple[Any, ...]]:
    """Add what would be posted to the electricity of months; return the cells that are new.

    A cell that does not exist yet counts as younger than all others.
    """
    sites = {site for site, _ in keys}
    sums = (
        moved.filter(
            pl.col("site_id").is_in(list(sites)),
            ~pl.col("source_kind").is_in([kind.value for kind in NO_ELECTRICITY]),
        )
        .select(*Cell.KEY, "month", "energy_facility_kwh", "market_based_kg")
        .sort(Cell.KEY)
    )
    known = {
        row[1:]: row[0]
        for row in Cell.objects.filter(organisation=organisation, site__in=sites).values_list(
            "pk", *Cell.KEY
        )
    }
    new: dict[tuple[Any, ...], int] = {}
    found: dict[Key, dict[int, list[int]]] = {
        key: {cell: [kwh, kg] for cell, kwh, kg in rows} for key, rows in cells.items()
    }
    at = Cell.KEY.index("site_id")
    for *names, month, kwh, kg in sums.iter_rows():
        attributes = tuple(names)
        cell = known.get(attributes) or new.setdefault(attributes, NEW_CELL + len(new))
        day = date(month // 12, month % 12 + 1, 1)
        both = found.setdefault((attributes[at], day), {}).setdefault(cell, [0, 0])
        both[0] += kwh
        both[1] += kg
    for key, rows in found.items():
        cells[key] = [(cell, kwh, kg) for cell, (kwh, kg) in sorted(rows.items()) if kwh or kg]
    return {pk: attributes for attributes, pk in new.items()}


def _differences(covered: Covered, cells: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Return (cell, market-based difference), exact in sum: the largest cell takes the rest."""
    if not cells:
        return []
    exact = [
        (Fraction(kwh) * covered.grams_nano / 1000 - kg * covered.kwh_nano)
        / covered.electricity_nano
        for _, kwh, kg in cells
    ]
    parts = [amount.__floor__() for amount in exact]
    largest = max(range(len(cells)), key=lambda at: (abs(cells[at][1]), -cells[at][0]))
    parts[largest] += round(sum(exact)) - sum(parts)
    return [(cell, part) for (cell, _, _), part in zip(cells, parts, strict=True) if part]


def _cells(ids: list[int], new: dict[int, tuple[Any, ...]]) -> pl.DataFrame:
    """Return the attributes of the cells that are covered, as those of coverage."""
    known = Cell.objects.filter(pk__in=set(ids) - set(new)).values_list("pk", *Cell.KEY)
    rows = new | {row[0]: row[1:] for row in known}
    frame = pl.DataFrame([rows[one] for one in ids], schema=CELL_TYPES, orient="row")
    return frame.with_columns(pl.lit(PoolKind.COVERAGE.value).alias("source_kind"))
