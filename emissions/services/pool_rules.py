"""The registry of pools: how each kind is settled, in the order in which they are.

A run posts only what depends on itself. What depends on its neighbours is posted per pool: a
month of a node, a site, or another subject. To add a kind: give it a member of `PoolKind`;
write a function that returns the lines that should stand (`pool_lines.Rule.wanted`) and
register it here; mark its pools stale in `services/invalidate` (`mark_pools`) after every
change of what the function reads. Settling, posting, verifying and recalculating follow.

A kind may read the lines of runs and of kinds before it, and its posting marks only kinds
after it (`stale_pools.DEPENDENTS`), so that there are no cycles.
"""

from emissions.calculation.vocabulary import EntrySource, PoolKind
from emissions.services import (
    pool_coverage,
    pool_fuel,
    pool_idle,
    pool_meter,
    pool_purchase,
    pool_statement,
)
from emissions.services.allocate_instruments import allocate_instruments
from emissions.services.pool_lines import Rule

RULES: dict[PoolKind, Rule] = {
    PoolKind.NODE_IDLE: Rule(wanted=pool_idle.wanted_idle, needed=pool_idle.NEEDED),
    PoolKind.METER_REMAINDER: Rule(wanted=pool_meter.wanted_remainder, needed=pool_meter.NEEDED),
    PoolKind.COVERAGE: Rule(
        wanted=pool_coverage.wanted_coverage,
        needed=pool_coverage.NEEDED,
        before=allocate_instruments,
    ),
    PoolKind.PURCHASE: Rule(
        wanted=pool_purchase.wanted_purchases,
        needed=pool_purchase.NEEDED,
        source=EntrySource.PURCHASE,
    ),
    PoolKind.FUEL: Rule(
        wanted=pool_fuel.wanted_fuel, needed=pool_fuel.NEEDED, source=EntrySource.MANUAL
    ),
    PoolKind.STATEMENT: Rule(
        wanted=pool_statement.wanted_statements,
        needed=pool_statement.NEEDED,
        source=EntrySource.STATEMENT,
    ),
}
