"""The registry of pools: how each kind is settled, in the order in which they are.

A run posts only what depends on itself. What depends on its neighbours is posted per pool: a
month of a node, a site, or another subject. To add a kind: give it a member of `PoolKind`;
write a function that returns the lines that should stand (`lines.Rule.wanted`) and
register it here; mark its pools stale in `services/invalidate` (`mark_pools`) after every
change of what the function reads. Settling, posting, verifying and recalculating follow.

A kind may read the lines of runs and of kinds before it, and its posting marks only kinds
after it (`stale.DEPENDENTS`), so that there are no cycles.
"""

from emissions.calculation.vocabulary import EntrySource, PoolKind
from emissions.services.pools import coverage, fuel, idle, meter, purchase, statement
from emissions.services.pools.allocate_instruments import allocate_instruments
from emissions.services.pools.lines import Rule

RULES: dict[PoolKind, Rule] = {
    PoolKind.NODE_IDLE: Rule(wanted=idle.wanted_idle, needed=idle.NEEDED),
    PoolKind.METER_REMAINDER: Rule(wanted=meter.wanted_remainder, needed=meter.NEEDED),
    PoolKind.COVERAGE: Rule(
        wanted=coverage.wanted_coverage,
        needed=coverage.NEEDED,
        before=allocate_instruments,
    ),
    PoolKind.PURCHASE: Rule(
        wanted=purchase.wanted_purchases,
        needed=purchase.NEEDED,
        source=EntrySource.PURCHASE,
    ),
    PoolKind.FUEL: Rule(wanted=fuel.wanted_fuel, needed=fuel.NEEDED, source=EntrySource.MANUAL),
    PoolKind.STATEMENT: Rule(
        wanted=statement.wanted_statements,
        needed=statement.NEEDED,
        source=EntrySource.STATEMENT,
    ),
}
