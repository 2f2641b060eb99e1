"""From runs to ledger lines that should stand: facts looked up, one call of the core.

Pure but for its input: it reads no database and writes nothing. The live preview of one
run and the recalculation of a hundred thousand meet here.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from emissions.calculation.arrays import Bools, Ints
from emissions.calculation.electricity import pue_or_default
from emissions.calculation.factors import Choice
from emissions.calculation.footprint import Activity, Footprint, Pieces, Place, footprint
from emissions.calculation.scopes import Standing
from emissions.calculation.vocabulary import Fit
from emissions.services.factors.tables import NONE
from emissions.services.resolving.columns import column, ids_of, nullable
from emissions.services.resolving.devices import Devices, activity_of, devices_of, lives_of_pieces
from emissions.services.resolving.facts import Facts
from emissions.services.resolving.pieces import Split, split_runs
from emissions.services.resolving.places import Chosen, Spot, factors_of, place_of, spots_of


@dataclass(frozen=True, slots=True)
class Resolved:
    """What should stand: n runs, m pieces (one per run and month).

    Attributes
    ----------
    pieces : Pieces
        Which run each piece belongs to.
    month : (m,) int64
        year × 12 + month − 1. [month]
    cells : pl.DataFrame
        The columns of `Cell.KEY`, one row per piece; null where there is none.
    standing : Standing
        Where the parts of each piece stand in the inventory; `cells` has that of its IT.
    activity, place : Activity, Place
        What the core was given.
    figures : Footprint
        What it returned.
    location, market, upstream, losses : Choice
        The chosen rows of the factor tables.
    starts : (m,) bool
        The first piece of its run.
    conditions, region, lives : (m,) int64
        Rows of the site's conditions, of the cloud region and of the node's lives, or NONE.
    """

    pieces: Pieces
    month: Ints
    cells: pl.DataFrame
    standing: Standing
    activity: Activity
    place: Place
    figures: Footprint
    location: Choice
    market: Choice
    upstream: Choice
    losses: Choice
    starts: Bools
    conditions: Ints
    region: Ints
    lives: Ints


def resolve(*, runs: pl.DataFrame, facts: Facts) -> Resolved:
    """Return the lines that should stand for runs.

    Parameters
    ----------
    runs : pl.DataFrame
        n rows with the columns of `RUN_COLUMNS`, and those of `CALCULATOR_COLUMNS` if stated
        and of `evidence.EVIDENCE_COLUMNS` if anything was observed.
    facts : Facts
        What is known of the organisation's world.
    """
    split = split_runs(runs, facts)
    hardware = devices_of(runs, facts)
    preset = column(runs, "preset", missing=int(facts.preset), dtype=np.int8)
    spot = spots_of(runs, split, hardware, preset, facts)
    chosen = factors_of(split, spot, facts)
    lives, spread_years = lives_of_pieces(runs, split, hardware, facts)
    place = place_of(runs, split, spot, chosen, spread_years, facts)
    pue = np.full(runs.height, np.nan)
    pue[split.run_index[split.first]] = place.pue[split.first]
    activity = activity_of(runs, hardware, preset, pue_or_default(pue=pue, preset=preset))
    pieces = Pieces(run_index=split.run_index, weight=split.length_us)
    figures = footprint(activity=activity, pieces=pieces, place=place)
    return Resolved(
        pieces=pieces,
        month=split.month,
        cells=_cells(runs, split, hardware, spot, chosen, place, figures, facts),
        standing=spot.standing,
        activity=activity,
        place=place,
        figures=figures,
        location=chosen.location,
        market=chosen.market,
        upstream=chosen.upstream,
        losses=chosen.losses,
        starts=split.first,
        conditions=spot.conditions,
        region=spot.region,
        lives=lives,
    )


def _cells(
    runs: pl.DataFrame,
    split: Split,
    hardware: Devices,
    spot: Spot,
    chosen: Chosen,
    place: Place,
    figures: Footprint,
    facts: Facts,
) -> pl.DataFrame:
    """Return everything about each line that is not a quantity."""
    run_index, stated = split.run_index, place.fit == Fit.STATED
    project_id = ids_of(runs, "project_id")[run_index]
    assigned = facts.assignments.at(keys=project_id, days=split.day)
    cost_centre = facts.assignments.text("cost_centre", assigned)

    def text(name: str) -> pl.Series:
        return runs[name].gather(run_index)

    def factor(choice: Choice, ids: Ints, unused: Bools) -> pl.Series:
        row = np.where(stated | unused, NONE, choice.factor_index)
        return nullable(np.where(row >= 0, ids[row], NONE) if ids.size else row)

    no = np.zeros(run_index.size, dtype=np.bool_)
    return pl.DataFrame(
        {
            "team_id": nullable(facts.assignments.ints("team_id", assigned)),
            "cost_centre": pl.Series(cost_centre.tolist(), dtype=pl.String),
            "project_id": nullable(project_id),
            "site_id": nullable(spot.site_id),
            "cloud_region_id": nullable(spot.region_id),
            "zone_id": nullable(spot.zone_id),
            "hardware_id": nullable(hardware.hardware_id[run_index]),
            "stage": text("stage"),
            "status": text("status"),
            "source_kind": text("source_kind"),
            "scope": spot.standing.scope,
            "category": nullable(spot.standing.category),
            "basis": figures.basis[run_index].astype(np.int64),
            "location_factor_id": factor(chosen.location, facts.factors.ids, no),
            "market_factor_id": factor(chosen.market, facts.factors.ids, no),
            "upstream_factor_id": factor(
                chosen.upstream,
                facts.factors.ids,
                place.factor_includes_upstream | place.factor_lifecycle,
            ),
            "grid_loss_id": factor(chosen.losses, facts.losses.ids, place.factor_includes_losses),
            "fit": place.fit.astype(np.int64),
            "assumptions": figures.assumptions[run_index],
        }
    )
