"""Where each piece of a run ran, and what is true of the place: factors, PUE, water."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from emissions.calculation.arrays import Codes, Floats, Ints
from emissions.calculation.factors import Choice, choose
from emissions.calculation.footprint import Place
from emissions.calculation.hourly import hourly_average
from emissions.calculation.scopes import Standing, standing
from emissions.calculation.vocabulary import FactorRole, Fit, Preset, SiteKind, Tenure
from emissions.services.factors.tables import NONE
from emissions.services.resolving.columns import first_known, floats, ids_of
from emissions.services.resolving.devices import Devices
from emissions.services.resolving.facts import Facts, is_cloud, is_controlled
from emissions.services.resolving.pieces import Split


@dataclass(frozen=True, slots=True)
class Spot:
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


def spots_of(
    runs: pl.DataFrame, split: Split, hardware: Devices, preset: Codes, facts: Facts
) -> Spot:
    """Find where each piece ran: its site, its node's site then, its cloud region, its zone."""
    placed = facts.placements.at(keys=hardware.node_id[split.run_index], days=split.day)
    site_id = ids_of(runs, "site_id")[split.run_index]
    site_id = np.where(site_id >= 0, site_id, facts.placements.ints("site_id", placed))
    site = facts.sites.rows(site_id)
    then = facts.conditions.at(keys=site_id, days=split.day)
    region_id = ids_of(runs, "cloud_region_id")[split.run_index]
    region_id = np.where(region_id >= 0, region_id, facts.sites.ints("cloud_region_id", site))
    region = facts.regions.rows(region_id)
    zone_id = facts.conditions.ints("zone_id", then)
    zone_id = np.where(zone_id >= 0, zone_id, facts.regions.ints("zone_id", region))
    zone_id = np.where(zone_id >= 0, zone_id, ids_of(runs, "zone_id")[split.run_index])
    kind = facts.sites.text("kind", site)
    tenure = facts.placements.text("tenure", placed)
    pue = first_known(facts.conditions.floats("pue", then), facts.regions.floats("pue", region))
    provider, year = facts.regions.text("provider", region), split.month // 12
    pue = first_known(pue, _published(provider, year, facts.provider_pue))
    wue = first_known(
        facts.conditions.floats("wue_litres_per_kwh", then),
        facts.regions.floats("wue_litres_per_kwh", region),
    )
    wue = first_known(wue, _published(provider, year, facts.provider_wue))
    return Spot(
        site_id=site_id,
        region_id=region_id,
        zone_id=np.where(zone_id >= 0, zone_id, _world(facts)),
        pue=np.where(preset[split.run_index] == Preset.MLCO2, np.nan, pue),
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


class Chosen(NamedTuple):
    """The rows of the factor tables that hold for each piece."""

    location: Choice
    market: Choice
    upstream: Choice
    losses: Choice


def factors_of(split: Split, spot: Spot, facts: Facts) -> Chosen:
    """Choose the factors of each piece by its place and its month."""
    month = split.month.astype(np.int32)
    location, market, upstream = (
        choose(zone=spot.zone_id, month=month, table=facts.factors, role=role, site=spot.site_id)
        for role in (FactorRole.LOCATION, FactorRole.RESIDUAL, FactorRole.UPSTREAM)
    )
    losses = choose(zone=spot.zone_id, month=month, table=facts.losses, role=FactorRole.UPSTREAM)
    return Chosen(location, market, upstream, losses)


def place_of(
    runs: pl.DataFrame,
    split: Split,
    spot: Spot,
    chosen: Chosen,
    spread_years: Floats,
    facts: Facts,
) -> Place:
    """Return the factors of each piece; a factor stated with the run stands for all of them."""
    location, market, upstream, losses = chosen
    own = floats(runs, "stated_factor_g_per_kwh")[split.run_index]
    stated = ~np.isnan(own)
    table = facts.factors

    def unless_stated(values: Floats) -> Floats:
        return np.where(stated, np.nan, values)

    hourly = hourly_average(
        table=facts.hourly,
        zone=spot.zone_id,
        lifecycle=location.flag(table.lifecycle),
        starts_us=split.starts_us,
        ends_us=split.starts_us + split.length_us,
        annual_g_per_kwh=unless_stated(location.take(table.value)),
        month=split.month,
    )
    return Place.of(
        split.run_index.size,
        hourly_g_per_kwh=hourly.g_per_kwh,
        hourly_gaps=hourly.gaps,
        pue=first_known(floats(runs, "stated_pue")[split.run_index], spot.pue),
        location_g_per_kwh=first_known(own, location.take(table.value)),
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
