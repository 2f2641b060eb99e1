"""What other factor sets would make of the same runs: the same core, and nothing is written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from emissions.models import FactorSet, Organisation
from emissions.selectors.closings import Sets
from emissions.services.affected import affected_runs
from emissions.services.calculate import read_runs
from emissions.services.factor_tables import adopted_sets
from emissions.services.facts import Facts, load_facts
from emissions.services.resolve import Resolved, resolve

CHUNK = 20_000
NANO = Decimal("1e-9")

#: (runs done, runs in all); returns whether to go on.
Progress = Callable[[int, int], bool]


class PreviewCancelled(Exception):
    """Somebody stopped the preview."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Old and new figures of a quarter, team and grid zone, as far as runs are affected."""

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
    """What a change of the sets in use would post."""

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
    found: list[pl.DataFrame] = []
    for done, chunk in _chunks(run_ids):
        if not progress(done, len(run_ids)):
            raise PreviewCancelled
        found.append(_differences(chunk, old, new))
    return FactorPreview(len(run_ids), _rows(found))


def _chunks(run_ids: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    for start in range(0, len(run_ids), CHUNK):
        yield start, run_ids[start : start + CHUNK]


GROUP = ["year", "quarter", "team_id", "zone_id"]
AMOUNTS = ["old_location", "new_location", "old_market", "new_market"]


def _differences(run_ids: Sequence[int], old: Facts, new: Facts) -> pl.DataFrame:
    """Calculate runs with both facts, and sum by quarter, team and zone in whole nano-kg."""
    runs = read_runs(chosen="SELECT unnest(%s::bigint[])", params=[list(run_ids)])
    was, would = resolve(runs=runs, facts=old), resolve(runs=runs, facts=new)
    month = pl.Series("month", was.month, dtype=pl.Int64)
    lines = pl.DataFrame(
        {
            "year": month // 12,
            "quarter": month % 12 // 3 + 1,
            "team_id": was.cells["team_id"].cast(pl.Int64),
            "zone_id": was.cells["zone_id"].cast(pl.Int64),
            **_amounts("old", was),
            **_amounts("new", would),
        }
    )
    return lines.group_by(GROUP).agg(pl.col(AMOUNTS).cast(pl.Int128).sum())


def _amounts(prefix: str, resolved: Resolved) -> dict[str, object]:
    return {
        f"{prefix}_location": resolved.figures.location_based_kg_nano,
        f"{prefix}_market": resolved.figures.market_based_kg_nano,
    }


def _rows(found: list[pl.DataFrame]) -> list[Difference]:
    if not found:
        return []
    sums = pl.concat(found).group_by(GROUP).agg(pl.col(AMOUNTS).sum())
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
