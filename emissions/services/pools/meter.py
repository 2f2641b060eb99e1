"""The remainder of a site's month: metered − other load − runs − idle, posted at its site.

It may be negative and is never clamped. When in the month it was drawn is not known: where
the grid's hours are, it counts at the mean of the month's. Where readings do not cover the
whole month, or were taken at two points, nothing is posted.
"""

from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO
from emissions.calculation.periods import month_bounds_us
from emissions.calculation.vocabulary import (
    Assumption,
    Basis,
    MeasuringPoint,
    PoolKind,
    RemainderRule,
)
from emissions.models import Organisation
from emissions.models.entry import QUANTITIES
from emissions.selectors.metering import Reconciliation, nano, reconciliations
from emissions.services.divide import divide
from emissions.services.pools.lines import PoolLines, no_lines, pool_figures
from emissions.services.resolving.facts import Facts, load_facts

HOUR_US = 3_600_000_000
IT, FACILITY = QUANTITIES.index("energy_it_kwh"), QUANTITIES.index("energy_facility_kwh")
VARIANCE = QUANTITIES.index("independent_variance_kg2")

NEEDED = (
    "EXISTS (SELECT FROM emissions_meterreading reading WHERE reading.site_id = pool.site_id"
    " AND reading.starts_on < pool.month + interval '1 month'"
    " AND reading.ends_before > pool.month)"
)


def wanted_remainder(
    *, organisation: Organisation, pools: pl.DataFrame, facts: Facts | None = None
) -> PoolLines:
    """Return the remainder of each metered month that readings cover as a whole.

    With the organisation's facts, or with others.
    """
    if organisation.remainder_rule == RemainderRule.UNEXPLAINED:
        return no_lines()
    months = pools["month"]
    found = {
        (one.site_id, one.month): one
        for one in reconciliations(
            organisation=organisation,
            sites=pools["site_id"].unique().to_list(),
            starts_on=_first_day(int(months.min())),  # type: ignore[arg-type]
            ends_before=_first_day(int(months.max()) + 1),  # type: ignore[arg-type]
        )
        if one.complete
    }
    rows = [
        (pool_id, month, found[site_id, _first_day(month)])
        for pool_id, site_id, month in pools.select("pool_id", "site_id", "month").iter_rows()
        if (site_id, _first_day(month)) in found
    ]
    if not rows:
        return no_lines()
    return _lines(rows, facts or load_facts(organisation=organisation))


def _lines(rows: list[tuple[int, int, Reconciliation]], facts: Facts) -> PoolLines:
    """Return a line for each remainder: the core's figures of its size, and its sign."""
    rest = np.array([nano(one.remainder_kwh or Decimal(0)) for _, _, one in rows], dtype=np.int64)
    at_it = np.array([one.point is MeasuringPoint.IT for _, _, one in rows], dtype=np.bool_)
    bounds = [
        month_bounds_us(first_month=month, last_month=month, time_zone=facts.time_zone)
        for _, month, _ in rows
    ]
    figures, cells, amounts = pool_figures(
        rows=pl.DataFrame(
            {
                "id": range(len(rows)),
                "site_id": [one.site_id for _, _, one in rows],
                "started_at_us": [int(start) for start, _ in bounds],
                "span_hours": [int(end - start) / HOUR_US for start, end in bounds],
                "energy_kwh": np.abs(rest) / NANO,
                "energy_includes_pue": ~at_it,
                "energy_measured": [True] * len(rows),
                "device_hours": [0.0] * len(rows),
            }
        ),
        kind=PoolKind.METER_REMAINDER,
        facts=facts,
    )
    signs = np.where(rest < 0, -1, 1)[:, np.newaxis].repeat(amounts.shape[1], axis=1)
    signs[:, VARIANCE] = 1
    amounts = amounts * signs
    amounts[at_it, IT], amounts[~at_it, FACILITY] = rest[at_it], rest[~at_it]
    known = ~pl.lit(Assumption.EMBODIED_UNKNOWN.value, dtype=pl.Int64)
    cells = cells.with_columns(
        pl.lit(Basis.SITE_METER.value, dtype=pl.Int64).alias("basis"),
        (pl.col("assumptions") & known).alias("assumptions"),
    )
    row, cells, amounts = divide(cells=cells, amounts=amounts, where=figures.resolved.standing)
    pool_id = np.array([pool_id for pool_id, _, _ in rows], dtype=np.int64)
    return PoolLines(pool_id[row], cells, amounts)


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
