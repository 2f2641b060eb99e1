"""From runs to ledger lines that should stand: facts looked up, one call of the core.

Pure but for its input: it reads no database and writes nothing. The live preview of one
run and the recalculation of a hundred thousand meet here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from emissions.calculation.arrays import Bools, Codes, Floats, Ints
from emissions.calculation.electricity import pue_or_default
from emissions.calculation.factors import Choice, choose
from emissions.calculation.footprint import Activity, Footprint, Pieces, Place, footprint
from emissions.calculation.hourly import hourly_average
from emissions.calculation.periods import split_months
from emissions.calculation.scopes import Standing, standing
from emissions.calculation.vocabulary import (
    Basis,
    FactorRole,
    Fit,
    HardwareKind,
    Preset,
    SiteKind,
    Tenure,
)
from emissions.services.factors.tables import NONE
from emissions.services.facts import Facts, column, is_cloud, is_controlled

HOUR_US = 3_600_000_000

#: What a frame of runs holds: name → type. Absent or null means “not stated”.
RUN_COLUMNS: dict[str, type[pl.DataType]] = {
    "id": pl.Int64,
    "project_id": pl.Int64,
    "hardware_id": pl.Int64,
    "node_id": pl.Int64,
    "site_id": pl.Int64,
    "cloud_region_id": pl.Int64,
    "zone_id": pl.Int64,
    "stage": pl.String,
    "status": pl.String,
    "source_kind": pl.String,
    "started_at_us": pl.Int64,
    "duration_hours": pl.Float64,
    "device_count": pl.Float64,
    "device_hours": pl.Float64,
    "energy_kwh": pl.Float64,
    "energy_includes_pue": pl.Boolean,
    "energy_measured": pl.Boolean,
    "stated_power_watts": pl.Float64,
    "power_share": pl.Float64,
    "utilisation": pl.Float64,
    "cpu_cores": pl.Float64,
    "cpu_watts_per_core": pl.Float64,
    "memory_gb": pl.Float64,
    "stated_pue": pl.Float64,
    "stated_factor_g_per_kwh": pl.Float64,
}
#: What only the calculator states.
CALCULATOR_COLUMNS: dict[str, type[pl.DataType]] = {
    "preset": pl.Int8,
    "embodied_kg_per_device": pl.Float64,
    "life_years": pl.Float64,
    "expected_utilisation": pl.Float64,
    "span_hours": pl.Float64,  # over which months it counts, where not over its whole length
}


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


@dataclass(frozen=True, slots=True)
class _Hardware:
    """Columns per run of what it ran on."""

    hardware_id: Ints
    node_id: Ints
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Spot:
    """Columns per piece of where it ran."""

    site_id: Ints
    region_id: Ints
    zone_id: Ints
    pue: Floats
    wue: Floats
    grid_water: Floats
    standing: Standing
    conditions: Ints
    region: Ints


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
    hardware = _hardware(runs, facts)
    preset = column(runs, "preset", missing=int(facts.preset), dtype=np.int8)
    starts_us = column(runs, "started_at_us", missing=0, dtype=np.int64)
    hours = column(runs, "duration_hours", missing=0.0, dtype=np.float64)
    hours = _first(_floats(runs, "span_hours"), hours)
    run_index, month, weight, piece_us = split_months(
        starts_at_us=starts_us,
        ends_at_us=starts_us + np.rint(hours * HOUR_US).astype(np.int64),
        time_zone=facts.time_zone,
    )
    pieces = Pieces(run_index=run_index, weight=weight)
    months = month.astype(np.int64)
    days = _local_days(piece_us, facts)
    spot = _spot(runs, run_index, hardware, days, months, preset, facts)
    location, market, upstream = (
        choose(zone=spot.zone_id, month=month, table=facts.factors, role=role, site=spot.site_id)
        for role in (FactorRole.LOCATION, FactorRole.RESIDUAL, FactorRole.UPSTREAM)
    )
    losses = choose(zone=spot.zone_id, month=month, table=facts.losses, role=FactorRole.UPSTREAM)
    starts = np.ones(run_index.size, dtype=np.bool_)
    starts[1:] = run_index[1:] != run_index[:-1]
    lives, spread_years = _lives(runs, run_index, starts, hardware, days, facts)
    place, stated = _place(
        runs,
        run_index,
        spot,
        facts,
        (location, market, upstream, losses),
        (piece_us, weight, months),
        spread_years,
    )
    pue = np.full(runs.height, np.nan)
    pue[run_index[starts]] = place.pue[starts]
    activity = _activity(runs, hardware, preset, pue_or_default(pue=pue, preset=preset))
    figures = footprint(activity=activity, pieces=pieces, place=place)
    return Resolved(
        pieces=pieces,
        month=months,
        cells=_cells(
            runs,
            run_index,
            hardware,
            spot,
            days,
            figures,
            place,
            facts,
            stated,
            (location, market, upstream, losses),
        ),
        standing=spot.standing,
        activity=activity,
        place=place,
        figures=figures,
        location=location,
        market=market,
        upstream=upstream,
        losses=losses,
        starts=starts,
        conditions=spot.conditions,
        region=spot.region,
        lives=lives,
    )


def _hardware(runs: pl.DataFrame, facts: Facts) -> _Hardware:
    """Look up each run's device: of the run, or of its node; a node's own figures come first."""
    node_id = _ids(runs, "node_id")
    node = facts.nodes.rows(node_id)
    own = _ids(runs, "hardware_id")
    hardware_id = np.where(own >= 0, own, facts.nodes.ints("hardware_id", node))
    row = facts.hardware.rows(hardware_id)
    in_node = np.maximum(facts.nodes.floats("device_count", node), 1.0)
    node_max = facts.nodes.floats("max_watts", node) / in_node
    node_idle = facts.nodes.floats("idle_watts", node) / in_node
    kind = facts.hardware.text("kind", row)
    whole = ~np.isnan(node_max)
    return _Hardware(
        hardware_id=hardware_id,
        node_id=node_id,
        columns={
            "device_max_watts": _first(node_max, facts.hardware.floats("max_watts", row)),
            "device_idle_watts": np.where(
                whole, node_idle, facts.hardware.floats("idle_watts", row)
            ),
            "host_included": whole
            | np.isin(kind, [HardwareKind.MACHINE.value, HardwareKind.CPU.value]),
            "memory_included": whole | (kind == HardwareKind.MACHINE.value),
            "embodied_kg_per_device": _first(
                facts.nodes.floats("embodied_kg", node) / in_node,
                facts.hardware.floats("embodied_kg", row),
            ),
            "life_years": facts.hardware.floats("life_years", row),
        },
    )


def _lives(
    runs: pl.DataFrame,
    run_index: Ints,
    starts: Bools,
    hardware: _Hardware,
    days: Ints,
    facts: Facts,
) -> tuple[Ints, Floats]:
    """Return the row of each piece's node's lives, and in how many years its device is spread.

    A run's life is that which holds when it begins: how it is known does not move with what
    is recorded of a later time.
    """
    node = facts.lives.at(keys=hardware.node_id[run_index], days=days)
    of_model = np.where(hardware.node_id >= 0, NONE, hardware.hardware_id)
    model = facts.hardware_lives.at(keys=of_model[run_index], days=days)
    life = hardware.columns["life_years"]
    for table, rows in ((facts.lives, node), (facts.hardware_lives, model)):
        begun = starts & (rows >= 0)
        life[run_index[begun]] = table.floats("life_years", rows[begun])
    spread_years = _first(
        facts.lives.floats("spread_years", node),
        facts.hardware_lives.floats("spread_years", model),
    )
    own = ~np.isnan(_floats(runs, "life_years"))[run_index]
    return node, np.where(own, np.nan, spread_years)


def _activity(runs: pl.DataFrame, hardware: _Hardware, preset: Codes, pue: Floats) -> Activity:
    """Return what runs did; `pue` divides what a client measured at the meter, or made so."""
    known = dict(hardware.columns)
    for name in ("embodied_kg_per_device", "life_years"):
        known[name] = _first(_floats(runs, name), known[name])
    known |= _evidence(runs, pue)
    return Activity.of(
        runs.height,
        device_count=_floats(runs, "device_count"),
        duration_hours=_floats(runs, "duration_hours"),
        device_hours=_floats(runs, "device_hours"),
        power_watts=_floats(runs, "stated_power_watts"),
        power_share=_floats(runs, "power_share"),
        utilisation=_floats(runs, "utilisation"),
        cpu_cores=_floats(runs, "cpu_cores"),
        cpu_watts_per_core=_floats(runs, "cpu_watts_per_core"),
        memory_gb=_floats(runs, "memory_gb"),
        preset=preset,
        expected_utilisation=_floats(runs, "expected_utilisation"),
        **known,
    )


def _evidence(runs: pl.DataFrame, pue: Floats) -> dict[str, Any]:
    """Return the energy columns of runs: as stated, or as observed where that is better known."""
    kwh = _floats(runs, "energy_kwh")
    measured = column(runs, "energy_measured", missing=False, dtype=np.bool_)
    includes_pue = column(runs, "energy_includes_pue", missing=False, dtype=np.bool_)
    if "total_kwh" not in runs.columns:
        return {
            "energy_kwh": kwh,
            "energy_measured": measured,
            "energy_includes_pue": includes_pue,
        }
    observed = _floats(runs, "total_kwh")
    counted = column(runs, "total_basis", missing=0, dtype=np.int8) <= Basis.SITE_METER
    better = ~np.isnan(observed) & (np.isnan(kwh) | (counted & ~measured))
    at_meter = column(runs, "total_at_meter", missing=False, dtype=np.bool_)
    found: dict[str, Any] = {
        "energy_kwh": np.where(better, observed, kwh),
        "energy_measured": np.where(better, counted, measured),
        "energy_includes_pue": np.where(better, at_meter, includes_pue),
    }
    for part in ("gpu", "cpu", "memory"):
        at_meter = column(runs, f"{part}_at_meter", missing=False, dtype=np.bool_)
        found[f"{part}_kwh"] = _floats(runs, f"{part}_kwh") / np.where(at_meter, pue, 1.0)
        found[f"{part}_basis"] = column(runs, f"{part}_basis", missing=0, dtype=np.int8)
    return found


def _spot(
    runs: pl.DataFrame,
    run_index: Ints,
    hardware: _Hardware,
    days: Ints,
    months: Ints,
    preset: Codes,
    facts: Facts,
) -> _Spot:
    """Find where each piece ran: its site, its node's site then, its cloud region, its zone."""
    placed = facts.placements.at(keys=hardware.node_id[run_index], days=days)
    site_id = _ids(runs, "site_id")[run_index]
    site_id = np.where(site_id >= 0, site_id, facts.placements.ints("site_id", placed))
    site = facts.sites.rows(site_id)
    then = facts.conditions.at(keys=site_id, days=days)
    region_id = _ids(runs, "cloud_region_id")[run_index]
    region_id = np.where(region_id >= 0, region_id, facts.sites.ints("cloud_region_id", site))
    region = facts.regions.rows(region_id)
    zone_id = facts.conditions.ints("zone_id", then)
    zone_id = np.where(zone_id >= 0, zone_id, facts.regions.ints("zone_id", region))
    zone_id = np.where(zone_id >= 0, zone_id, _ids(runs, "zone_id")[run_index])
    kind = facts.sites.text("kind", site)
    tenure = facts.placements.text("tenure", placed)
    pue = _first(facts.conditions.floats("pue", then), facts.regions.floats("pue", region))
    provider, year = facts.regions.text("provider", region), months // 12
    pue = _first(pue, _published(provider, year, facts.provider_pue))
    wue = _first(
        facts.conditions.floats("wue_litres_per_kwh", then),
        facts.regions.floats("wue_litres_per_kwh", region),
    )
    wue = _first(wue, _published(provider, year, facts.provider_wue))
    return _Spot(
        site_id=site_id,
        region_id=region_id,
        zone_id=np.where(zone_id >= 0, zone_id, _world(facts)),
        pue=np.where(preset[run_index] == Preset.MLCO2, np.nan, pue),
        wue=wue,
        grid_water=_grid_water(zone_id, year, facts),
        standing=standing(
            cloud=is_cloud(kind) | ((region_id >= 0) & (site_id < 0)),
            it_controlled=is_controlled(facts.conditions.text("it_control", then)),
            overhead_controlled=is_controlled(facts.conditions.text("overhead_control", then)),
            colocation=np.asarray(kind == SiteKind.COLOCATION.value, dtype=np.bool_),
            operating_lease=np.asarray(tenure == Tenure.OPERATING_LEASE.value, dtype=np.bool_),
        ),
        conditions=then,
        region=region,
    )


def _place(
    runs: pl.DataFrame,
    run_index: Ints,
    spot: _Spot,
    facts: Facts,
    chosen: tuple[Choice, Choice, Choice, Choice],
    times: tuple[Ints, Ints, Ints],
    spread_years: Floats,
) -> tuple[Place, Bools]:
    """Return the factors of each piece; a factor stated with the run stands for all of them.

    `times` are the pieces' beginnings and lengths in µs, and their months.
    """
    piece_us, weight, month = times
    location, market, upstream, losses = chosen
    own = _floats(runs, "stated_factor_g_per_kwh")[run_index]
    stated = ~np.isnan(own)
    table = facts.factors

    def unless_stated(values: Floats) -> Floats:
        return np.where(stated, np.nan, values)

    hourly = hourly_average(
        table=facts.hourly,
        zone=spot.zone_id,
        lifecycle=location.flag(table.lifecycle),
        starts_us=piece_us,
        ends_us=piece_us + weight,
        annual_g_per_kwh=unless_stated(location.take(table.value)),
        month=month,
    )
    place = Place.of(
        run_index.size,
        hourly_g_per_kwh=hourly.g_per_kwh,
        hourly_gaps=hourly.gaps,
        pue=_first(_floats(runs, "stated_pue")[run_index], spot.pue),
        location_g_per_kwh=_first(own, location.take(table.value)),
        market_g_per_kwh=unless_stated(market.take(table.value)),
        upstream_g_per_kwh=unless_stated(upstream.take(table.value)),
        loss_share=unless_stated(losses.take(facts.losses.value)),
        factor_includes_upstream=~stated & location.flag(table.includes_upstream),
        factor_includes_losses=~stated
        & (location.flag(table.includes_losses) | upstream.flag(table.includes_losses)),
        factor_lifecycle=~stated & location.flag(table.lifecycle),
        fit=np.where(stated, np.int8(Fit.STATED), location.fit),
        wue_litres_per_kwh=spot.wue,
        grid_water_litres_per_kwh=spot.grid_water,
        spread_years=spread_years,
    )
    return place, stated


def _cells(
    runs: pl.DataFrame,
    run_index: Ints,
    hardware: _Hardware,
    spot: _Spot,
    days: Ints,
    figures: Footprint,
    place: Place,
    facts: Facts,
    stated: Bools,
    chosen: tuple[Choice, Choice, Choice, Choice],
) -> pl.DataFrame:
    """Return everything about each line that is not a quantity."""
    project_id = _ids(runs, "project_id")[run_index]
    assigned = facts.assignments.at(keys=project_id, days=days)
    cost_centre = facts.assignments.text("cost_centre", assigned)
    location, market, upstream, losses = chosen

    def text(name: str) -> pl.Series:
        return runs[name].gather(run_index)

    def factor(choice: Choice, ids: Ints, unused: Bools) -> pl.Series:
        row = np.where(stated | unused, NONE, choice.factor_index)
        return _nullable(np.where(row >= 0, ids[row], NONE) if ids.size else row)

    no = np.zeros(run_index.size, dtype=np.bool_)
    return pl.DataFrame(
        {
            "team_id": _nullable(facts.assignments.ints("team_id", assigned)),
            "cost_centre": pl.Series(cost_centre.tolist(), dtype=pl.String),
            "project_id": _nullable(project_id),
            "site_id": _nullable(spot.site_id),
            "cloud_region_id": _nullable(spot.region_id),
            "zone_id": _nullable(spot.zone_id),
            "hardware_id": _nullable(hardware.hardware_id[run_index]),
            "stage": text("stage"),
            "status": text("status"),
            "source_kind": text("source_kind"),
            "scope": spot.standing.scope,
            "category": _nullable(spot.standing.category),
            "basis": figures.basis[run_index].astype(np.int64),
            "location_factor_id": factor(location, facts.factors.ids, no),
            "market_factor_id": factor(market, facts.factors.ids, no),
            "upstream_factor_id": factor(
                upstream,
                facts.factors.ids,
                place.factor_includes_upstream | place.factor_lifecycle,
            ),
            "grid_loss_id": factor(losses, facts.losses.ids, place.factor_includes_losses),
            "fit": place.fit.astype(np.int64),
            "assumptions": figures.assumptions[run_index],
        }
    )


def _local_days(piece_us: Ints, facts: Facts) -> Ints:
    """Return the organisation's local day of instants, as days since 0001-01-01."""
    local = (
        pl.Series(piece_us)
        .cast(pl.Datetime("us", "UTC"))
        .dt.convert_time_zone(str(facts.time_zone))
        .dt.date()
        .cast(pl.Int64)
    )
    return local.to_numpy() + 719_163


def _published(provider: Any, year: Ints, known: dict[tuple[str, int], float]) -> Floats:
    """Return what providers published of their fleets: of the year, else of the nearest one."""
    found = np.full(year.shape, np.nan)
    for name in {entity for entity, _ in known}:
        of_it = np.asarray(provider == name, dtype=np.bool_)
        if of_it.any():
            values = {one: value for (entity, one), value in known.items() if entity == name}
            found[of_it] = _nearest(year[of_it], values)
    return found


def _nearest(year: Ints, known: dict[int, float]) -> Floats:
    """Return the value of each year, else of the nearest one, the earlier of two."""
    years = {
        int(one): known[min(known, key=lambda at: (abs(at - one), at))] for one in np.unique(year)
    }
    return np.array([years[one] for one in year.tolist()], dtype=np.float64)


def _grid_water(zone_id: Ints, year: Ints, facts: Facts) -> Floats:
    """Return the water of each piece's electricity; NaN where none is published. [l/kWh]."""
    found = np.full(zone_id.shape, np.nan)
    for zones, known in facts.grid_water:
        there = np.isin(zone_id, zones)
        if there.any():
            found[there] = _nearest(year[there], known)
    return found


def _world(facts: Facts) -> int:
    return NONE if facts.factors.world is None else facts.factors.world


def _first(first: Floats, second: Floats) -> Floats:
    return np.where(np.isnan(first), second, first)


def _floats(runs: pl.DataFrame, name: str) -> Floats:
    values: Floats = column(runs, name, missing=float("nan"), dtype=np.float64)
    return values


def _ids(runs: pl.DataFrame, name: str) -> Ints:
    values: Ints = column(runs, name, missing=NONE, dtype=np.int64)
    return values


def _nullable(ids: Ints) -> pl.Series:
    return pl.Series(ids).replace(NONE, None)
