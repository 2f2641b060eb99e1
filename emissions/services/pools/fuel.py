"""Site generator fuel: scope 1, a pool per site and month.

What is burnt on site is no electricity and has no two methods: the same amount stands in the
location-based and the market-based column, so that both totals contain it once.
"""

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO, quantise
from emissions.calculation.vocabulary import Basis, Fit, PoolKind, Scope
from emissions.models import FuelUse, Organisation
from emissions.models.entry import QUANTITIES
from emissions.selectors.periods import first_day, month_number
from emissions.services.pools.cells import lines_of
from emissions.services.pools.lines import PoolLines, no_lines

COLUMNS = ("location_based_kg", "location_based_annual_kg", "market_based_kg")

#: SQL: whether fuel was burnt at a site in a month.
NEEDED = (
    "EXISTS (SELECT FROM emissions_fueluse burnt WHERE burnt.site_id = pool.site_id"
    " AND burnt.month = pool.month AND burnt.removed_at IS NULL)"
)


def wanted_fuel(*, organisation: Organisation, pools: pl.DataFrame) -> PoolLines:
    """Return one line for each pool with fuel: amounts × their factors, summed."""
    uses = FuelUse.objects.filter(
        organisation=organisation,
        removed_at=None,
        site__in=pools["site_id"].unique().to_list(),
        month__in=[first_day(month) for month in pools["month"].unique().to_list()],
    )
    kg: dict[tuple[int, int], int] = {}
    for use in uses:
        key = (use.site_id, month_number(use.month))
        kg[key] = kg.get(key, 0) + fuel_nano(use)
    found = [
        (pool["pool_id"], pool["site_id"], kg[pool["site_id"], pool["month"]])
        for pool in pools.iter_rows(named=True)
        if (pool["site_id"], pool["month"]) in kg
    ]
    if not found:
        return no_lines()
    amounts = np.zeros((len(found), len(QUANTITIES)), dtype=np.int64)
    for name in COLUMNS:
        amounts[:, QUANTITIES.index(name)] = [nano for _, _, nano in found]
    return lines_of(
        pool_ids=[pool_id for pool_id, _, _ in found],
        cells=[_cell(site_id) for _, site_id, _ in found],
        amounts=amounts,
    )


def fuel_nano(use: FuelUse) -> int:
    """Return the emissions of one entry, as the ledger has them, in 1e-9 kg CO2e."""
    return int(quantise(nano=np.array([use.amount * use.kg_per_unit * NANO]))[0])


def _cell(site_id: int) -> dict[str, object]:
    return {
        "site_id": site_id,
        "source_kind": PoolKind.FUEL.value,
        "scope": int(Scope.SCOPE_1),
        "basis": int(Basis.ESTIMATED),
        "fit": int(Fit.NONE),
    }
