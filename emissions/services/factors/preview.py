"""What other factor sets would make of the same runs and pools: the same core, nothing written.

The differences are those that adopting the sets posts, to the last digit, if nothing else is
waiting. Closed quarters keep their factors: they have none.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from emissions.calculation.vocabulary import Headline
from emissions.models import FactorSet, Organisation
from emissions.models.closing import MONTHS
from emissions.selectors.closings import Sets, closed_spans
from emissions.selectors.periods import Period, first_day, quarter_of
from emissions.services.calculate import quantities, read_runs
from emissions.services.divide import divide
from emissions.services.factors.affected import affected_runs, zone_spans
from emissions.services.factors.tables import adopted_sets
from emissions.services.pools.preview import Lines, lines_of, preview_pools, together
from emissions.services.resolving.facts import Facts, load_facts
from emissions.services.resolving.resolve import Resolved, resolve

CHUNK = 20_000
NANO = Decimal("1e-9")

#: (runs done, runs in all); returns whether to go on.
Progress = Callable[[int, int], bool]


class PreviewCancelled(Exception):
    """Somebody stopped the preview."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Old and new figures of a quarter, team and grid zone, as far as lines are affected.

    Of runs, and of what pools post: idle hours, the meter's remainder, instruments, provider
    statements. Location-based is the figure that the organisation shows first.
    """

    year: int
    quarter: int
    team_id: int | None
    zone_id: int | None
    old_location_kg: Decimal
    new_location_kg: Decimal
    old_market_kg: Decimal
    new_market_kg: Decimal


@dataclass(frozen=True, slots=True)
class FactorPreview:
    """What a change of the sets in use would post: of so many runs, and of pools."""

    runs: int
    differences: list[Difference]


def sets_with(*, organisation: Organisation, factor_set: FactorSet, precedence: int) -> Sets:
    """Return the sets in use as they would be with one adopted, or moved, to a precedence."""
    others = sets_without(organisation=organisation, factor_set=factor_set)
    # An adoption is the latest of its precedence: `adopted_sets` orders those by their ids.
    return tuple(sorted([*others, (factor_set.pk, precedence)], key=lambda one: one[1]))


def sets_without(*, organisation: Organisation, factor_set: FactorSet) -> Sets:
    """Return the sets in use as they would be with one withdrawn."""
    adopted = adopted_sets(organisation=organisation)
    return tuple(one for one in adopted if one[0] != factor_set.pk)


def count_affected(*, organisation: Organisation, after: Sets) -> int:
    """Return how many runs a change to other sets would have calculated again."""
    before = adopted_sets(organisation=organisation)
    return affected_runs(organisation=organisation, before=before, after=after).count()


def closed_quarters_kept(*, organisation: Organisation, after: Sets) -> list[Period]:
    """Return the closed quarters in which other sets would choose other factors, latest first."""
    found = list[Period]()
    for kept in closed_spans(organisation=organisation):
        spans = zone_spans(organisation=organisation, before=kept.sets, after=after, closed=())
        found.extend(
            quarter_of(first_day(first))
            for first in range(kept.first_month, kept.end_month, MONTHS)
            if any(one.first_month < first + MONTHS and first < one.end_month for one in spans)
        )
    return found[::-1]


def preview_factors(
    *, organisation: Organisation, after: Sets, progress: Progress = lambda done, of: True
) -> FactorPreview:
    """Return what the affected runs give with the sets in use, and would give with others.

    Parameters
    ----------
    organisation : Organisation
        Whose runs.
    after : tuple of (factor set id, precedence)
        The sets that would be in use, such as `sets_with` returns.
    progress : callable, optional
        Told how far it is; returns False to stop.

    Raises
    ------
    PreviewCancelled
        `progress` said so.
    """
    before = adopted_sets(organisation=organisation)
    runs = affected_runs(organisation=organisation, before=before, after=after)
    run_ids = list(runs.order_by("pk").values_list("pk", flat=True))
    old = load_facts(organisation=organisation, sets=before)
    new = load_facts(organisation=organisation, sets=after)
    found: list[Lines] = []
    for done, chunk in _chunks(run_ids):
        if not progress(done, len(run_ids)):
            raise PreviewCancelled
        found.append(_of_runs(chunk, old, new))
    of_runs = together(found)
    if not progress(len(run_ids), len(run_ids)):
        raise PreviewCancelled
    of_pools = preview_pools(organisation=organisation, runs=of_runs, old=old, new=new)
    return FactorPreview(len(run_ids), _rows(organisation, together([of_runs, of_pools])))


def _chunks(run_ids: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    for start in range(0, len(run_ids), CHUNK):
        yield start, run_ids[start : start + CHUNK]


def _of_runs(run_ids: Sequence[int], old: Facts, new: Facts) -> Lines:
    """Calculate runs with both facts; what cannot be kept is not posted, and stays as it is."""
    runs = read_runs(chosen="SELECT unnest(%s::bigint[])", params=[list(run_ids)])
    was, would = resolve(runs=runs, facts=old), resolve(runs=runs, facts=new)
    too_large = pl.Series(was.figures.exceeds_range | would.figures.exceeds_range)
    if too_large.any():
        runs = runs.filter(~too_large)
        was, would = resolve(runs=runs, facts=old), resolve(runs=runs, facts=new)
    return Lines(_lines(was), _lines(would))


def _lines(resolved: Resolved) -> pl.DataFrame:
    piece, cells, amounts = divide(
        cells=resolved.cells, amounts=quantities(resolved=resolved), where=resolved.standing
    )
    return lines_of(cells=cells, month=resolved.month[piece], amounts=amounts)


GROUP = ["year", "quarter", "team_id", "zone_id"]
AMOUNTS = ["old_location", "new_location", "old_market", "new_market"]


def _rows(organisation: Organisation, lines: Lines) -> list[Difference]:
    """Sum by quarter, team and zone in whole nano-kg, where anything differs."""
    hourly = organisation.headline == Headline.HOURLY
    location = "location_based_kg" if hourly else "location_based_annual_kg"
    sides = [
        side.select(
            (pl.col("month") // 12).alias("year"),
            (pl.col("month") % 12 // 3 + 1).alias("quarter"),
            "team_id",
            "zone_id",
            pl.col(location).alias(f"{name}_location"),
            pl.col("market_based_kg").alias(f"{name}_market"),
        )
        for name, side in (("old", lines.old), ("new", lines.new))
    ]
    sums = (
        pl.concat(sides, how="diagonal")
        .with_columns(pl.col(AMOUNTS).fill_null(0))
        .group_by(GROUP)
        .agg(pl.col(AMOUNTS).sum())
    )
    differing = (pl.col("old_location") != pl.col("new_location")) | (
        pl.col("old_market") != pl.col("new_market")
    )
    rows = sums.filter(differing).sort(
        GROUP, descending=[True, True, False, False], nulls_last=True
    )
    return [
        Difference(
            row["year"],
            row["quarter"],
            row["team_id"],
            row["zone_id"],
            *(Decimal(int(row[name])) * NANO for name in AMOUNTS),
        )
        for row in rows.iter_rows(named=True)
    ]
