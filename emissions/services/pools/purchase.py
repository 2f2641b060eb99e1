"""Hardware bought: category 3.2, whole, in the month of purchase; a pool per node and month."""

import numpy as np
import polars as pl

from emissions.calculation.vocabulary import Basis, Fit, PoolKind, Scope, Scope3Category
from emissions.models import Organisation
from emissions.models.entry import QUANTITIES
from emissions.selectors.periods import month_number
from emissions.selectors.purchases import Purchase, purchase_kg, purchases
from emissions.services.pools.cells import lines_of
from emissions.services.pools.lines import PoolLines, no_lines

#: SQL: whether a node was bought in a month.
NEEDED = (
    "EXISTS (SELECT FROM emissions_node node WHERE node.id = pool.node_id"
    " AND date_trunc('month', node.purchased_on)::date = pool.month)"
)


def wanted_purchases(*, organisation: Organisation, pools: pl.DataFrame) -> PoolLines:
    """Return one line for each pool whose node was bought in its month, with a known footprint.

    The line is the owner's and the site's of the day of purchase.
    """
    bought = {
        (one.node.pk, month_number(one.node.purchased_on)): one
        for one in purchases(organisation=organisation)
        if one.counts and one.node.purchased_on is not None
    }
    found = [
        (pool["pool_id"], bought[pool["node_id"], pool["month"]])
        for pool in pools.iter_rows(named=True)
        if (pool["node_id"], pool["month"]) in bought
    ]
    if not found:
        return no_lines()
    amounts = np.zeros((len(found), len(QUANTITIES)), dtype=np.int64)
    amounts[:, QUANTITIES.index("embodied_purchase_kg")] = [_nano(one) for _, one in found]
    return lines_of(
        pool_ids=[pool_id for pool_id, _ in found],
        cells=[_cell(one) for _, one in found],
        amounts=amounts,
    )


def _nano(one: Purchase) -> int:
    kg = purchase_kg(one)
    return 0 if kg is None else int(kg.scaleb(9))


def _cell(one: Purchase) -> dict[str, object]:
    return {
        "team_id": one.owner.pk if one.owner else None,
        "site_id": one.site.pk if one.site else None,
        "hardware_id": one.node.hardware_id,
        "source_kind": PoolKind.PURCHASE.value,
        "scope": int(Scope.SCOPE_3),
        "category": int(Scope3Category.CAPITAL_GOODS),
        "basis": int(Basis.ESTIMATED),
        "fit": int(Fit.NONE),
    }
