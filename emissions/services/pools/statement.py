"""Provider statements: a pool per account and month posts statement − own estimate in 3.1.

Runs keep their lines. The difference is shared over the teams, projects and sites that have
the own estimate, in proportion to it, so that their totals show the statement's figure too;
where there is no own estimate it is posted to what the account is narrowed to.
"""

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import polars as pl

from emissions.calculation.ledger import apportion
from emissions.calculation.statement import Estimate, replaced
from emissions.calculation.vocabulary import (
    Basis,
    Fit,
    PoolKind,
    Scope,
    Scope3Category,
)
from emissions.models import CloudRegion, Organisation, ProviderStatement
from emissions.models.entry import QUANTITIES
from emissions.selectors.cloud import (
    KEPT,
    REPLACED,
    AccountMonth,
    MovedLines,
    OwnLines,
    account_months,
)
from emissions.selectors.periods import first_day, month_number
from emissions.services.pools.cells import lines_of
from emissions.services.pools.lines import PoolLines, no_lines

#: SQL: whether a provider states something for an account and month.
NEEDED = (
    "EXISTS (SELECT FROM emissions_providerstatement stated"
    " WHERE stated.organisation_id = pool.organisation_id AND stated.month = pool.month"
    " AND stated.account_id::text = pool.subject AND stated.superseded_at IS NULL)"
)


def wanted_statements(
    *, organisation: Organisation, pools: pl.DataFrame, moved: pl.DataFrame | None = None
) -> PoolLines:
    """Return the differences of the pools whose account has chosen the statement.

    Parameters
    ----------
    organisation : Organisation
        Whose accounts.
    pools : pl.DataFrame
        The columns of `POOL_COLUMNS`.
    moved : pl.DataFrame, optional
        What would be posted before: the columns of `Cell.KEY`, `month` (year × 12 + month −
        1) and `QUANTITIES`.
    """
    months = pools["month"].to_list()
    known = {
        (str(one.account.pk), month_number(one.month)): one
        for one in account_months(
            organisation=organisation,
            starts_on=first_day(min(months)),
            ends_before=first_day(max(months) + 1),
            moved=() if moved is None else _own_moved(moved),
            as_posted=True,
        )
        if one.uses_statement
    }
    pool_ids, cells, amounts = [], [], []
    for pool in pools.iter_rows(named=True):
        one = known.get((pool["subject"], pool["month"]))
        if one is not None:
            for cell, line in _difference(one):
                pool_ids.append(pool["pool_id"])
                cells.append(cell)
                amounts.append(line)
    if not pool_ids:
        return no_lines()
    return lines_of(pool_ids=pool_ids, cells=cells, amounts=np.array(amounts, dtype=np.int64))


def _own_moved(moved: pl.DataFrame) -> list[MovedLines]:
    """Return what would be posted of clouds."""
    rows = moved.filter(
        pl.col("scope") == int(Scope.SCOPE_3),
        pl.col("category") == int(Scope3Category.PURCHASED_SERVICES),
        pl.col("source_kind") != PoolKind.STATEMENT.value,
    )
    providers = dict(CloudRegion.objects.values_list("pk", "provider"))
    return [
        MovedLines(
            first_day(row["month"]),
            providers.get(row["cloud_region_id"]),
            {name: row[name] for name in KEPT},
            {name: Decimal(int(row[name])).scaleb(-9) for name in REPLACED},
        )
        for row in rows.iter_rows(named=True)
    ]


def _difference(one: AccountMonth) -> Iterable[tuple[dict[str, object], list[int]]]:
    """Yield the lines of one account and month: what should stand − what the runs have."""
    assert one.statement is not None
    after = _after(one, one.statement)
    own = one.own_lines or [_nowhere(one)]
    weights = np.array([max(_nano(part.amounts["location_based_kg"]), 0) for part in own])
    for at, part in enumerate(own):
        line = [0] * len(QUANTITIES)
        for name in REPLACED:
            line[QUANTITIES.index(name)] = -_nano(part.amounts[name])
        yield_cell = {**part.cell, **_FIXED}
        for name, whole in after.items():
            shares = apportion(
                totals=np.array([whole]), group=np.zeros(len(own), dtype=np.int64), weights=weights
            )
            line[QUANTITIES.index(name)] += int(shares[at])
        yield yield_cell, line


def _after(one: AccountMonth, statement: ProviderStatement) -> dict[str, int]:
    """Return what should stand of each quantity."""
    sums = {name: _nano(one.own_sum(name)) for name in REPLACED}
    scope_3 = statement.scope_3_location_kg
    if scope_3 is None:
        scope_3 = statement.scope_3_market_kg
    after = replaced(
        own=Estimate(
            sums["location_based_kg"],
            sums["market_based_kg"],
            sums["upstream_kg"],
            sums["losses_kg"],
            sums["embodied_kg"],
        ),
        location=_known(statement.location_based_kg),
        market=_known(statement.market_based_kg),
        scope_3=_known(scope_3),
    )
    stated = statement.location_based_kg is not None
    return {
        "location_based_kg": after.location,
        "location_based_annual_kg": (
            after.location if stated else sums["location_based_annual_kg"]
        ),
        "market_based_kg": after.market,
        "upstream_kg": after.upstream,
        "losses_kg": after.losses,
        "embodied_kg": after.embodied,
    }


def _nowhere(one: AccountMonth) -> OwnLines:
    """Return the cell of an account that no run belongs to."""
    account = one.account
    cell = {
        "team_id": account.team_id,
        "project_id": account.project_id,
        "site_id": account.site_id,
        "cloud_region_id": account.site.cloud_region_id if account.site else None,
    }
    return OwnLines(cell, dict.fromkeys(REPLACED, Decimal(0)))


_FIXED: dict[str, object] = {
    "source_kind": PoolKind.STATEMENT.value,
    "scope": int(Scope.SCOPE_3),
    "category": int(Scope3Category.PURCHASED_SERVICES),
    "basis": int(Basis.ESTIMATED),
    "fit": int(Fit.NONE),
}


def _known(kg: Decimal | None) -> int | None:
    return None if kg is None else _nano(kg)


def _nano(kg: Decimal) -> int:
    return int(kg.scaleb(9))
