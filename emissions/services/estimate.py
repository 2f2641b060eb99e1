"""What runs would post, without posting it: previews, the calculator, the working."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO, Ints
from emissions.calculation.factors import Choice
from emissions.calculation.inputs import Place
from emissions.calculation.vocabulary import Assumption, Basis, Fit, Headline
from emissions.models import EmissionFactor, GridLoss, Organisation, Run
from emissions.services.factors.tables import NONE
from emissions.services.resolving.columns import CALCULATOR_COLUMNS, RUN_COLUMNS
from emissions.services.resolving.evidence import EVIDENCE_COLUMNS, with_evidence
from emissions.services.resolving.facts import Facts, load_facts
from emissions.services.resolving.resolve import Resolved, resolve
from emissions.services.working import Sources, Step, steps_of

ASSUMED = {
    Assumption.POWER_SHARE_DEFAULT: "Average power is not stated: 75 % of the rated power is"
    " assumed.",
    Assumption.HOST_SHARE_DEFAULT: "Only the accelerator is known: its energy is multiplied by 1.35"
    " for the host.",
    Assumption.IDLE_POWER_DEFAULT: "Idle power is not published: 12 % of the rated power is"
    " assumed.",
    Assumption.PUE_DEFAULT: "The PUE is not known: the world survey average is assumed.",
    Assumption.FACTOR_FALLBACK: "There is no emission factor of this zone and year: the nearest"
    " one is used.",
    Assumption.NO_RESIDUAL_MIX: "No residual mix is published: market-based uses the"
    " location-based factor.",
    Assumption.LIFECYCLE_FACTOR: "Only a lifecycle factor is published: upstream emissions are"
    " inside it.",
    Assumption.EMBODIED_UNKNOWN: "The hardware's footprint is not published: its lifetime share"
    " is unknown.",
    Assumption.LIFE_DEFAULT: "The hardware's life is not stated: the default is assumed.",
    Assumption.FULL_POWER: "Average power is not stated: the rated power is taken in full.",
    Assumption.ENERGY_UNKNOWN: "Neither power nor energy is known: the energy counts as 0.",
    Assumption.CPU_POWER_DEFAULT: "Power per processor core is not stated: 12 W is assumed.",
    Assumption.HOURLY_GAPS: "Some hours of the grid are not published: they count at the factor"
    " of the year.",
    Assumption.NO_FACTOR: "There is no emission factor for this place.",
    Assumption.DEVICE_COUNT: "Only device-hours are stated: one device is assumed, or as many as"
    " take no more than a year.",
}


@lru_cache(maxsize=1024)
def _assumed(bits: int) -> tuple[str, ...]:
    """Return the sentences for a run's assumption bits."""
    return tuple(text for bit, text in ASSUMED.items() if bits & bit)


@dataclass(frozen=True, slots=True)
class FactorUsed:
    """The location-based factor of a run: of its last month, where it spans several."""

    factor_id: int | None
    value_g_per_kwh: float
    zone_code: str
    zone_name: str
    year: int
    kind: str
    fit: Fit
    set_name: str
    source: str
    source_url: str
    licence: str
    verification: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The figures of one run; its months are added up."""

    device_hours: float
    energy_it_kwh: float
    energy_facility_kwh: float
    location_based_kg: float
    location_based_annual_kg: float
    location_based_hourly_kg: float | None
    market_based_kg: float
    upstream_kg: float
    losses_kg: float
    embodied_kg: float | None
    water_litres: float
    water_known: str
    basis: Basis
    fit: Fit
    assumptions: list[str]
    factor: FactorUsed | None
    pue: float
    pue_source: str
    watts_per_device: float | None
    exceeds_range: bool
    steps: list[Step] = field(default_factory=list)


def estimate_runs(*, runs: Sequence[Run], organisation: Organisation | None) -> list[Estimate]:
    """Return the figures of runs, saved or not, in one call of the core."""
    columns = {name: [_value(run, name) for run in runs] for name in RUN_COLUMNS if name != "id"}
    ids = [-1 - row if run.pk is None else run.pk for row, run in enumerate(runs)]
    frame = pl.DataFrame({"id": ids, **columns}, schema=RUN_COLUMNS, strict=False)
    saved = [run.pk for run in runs if run.pk is not None]
    if saved:
        frame = with_evidence(runs=frame, chosen="SELECT unnest(%s)", params=[saved])
    return estimate_columns(columns=frame, organisation=organisation)


def estimate_columns(*, columns: pl.DataFrame, organisation: Organisation | None) -> list[Estimate]:
    """Return the figures of a table of runs, in one call of the core.

    Parameters
    ----------
    columns : pl.DataFrame
        Columns of `RUN_COLUMNS` (`started_at`, a datetime in UTC, may stand for
        `started_at_us`) and of `CALCULATOR_COLUMNS`; null where not stated.
    organisation : Organisation, optional
        Whose sites, nodes and adopted factors count; without one, shared data only.
    """
    if not columns.height:
        return []
    runs = _completed(columns)
    facts = load_facts(organisation=organisation)
    return _estimates(runs, resolve(runs=runs, facts=facts), facts)


def _value(run: Run, name: str) -> object:
    if name == "started_at_us":
        return round(run.started_at.timestamp() * 1e6)
    return getattr(run, name)


def _completed(columns: pl.DataFrame) -> pl.DataFrame:
    """Add the columns that are not stated, with the types the core expects."""
    if "started_at" in columns.columns:
        moment = pl.col("started_at").cast(pl.Datetime("us", "UTC")).dt.timestamp("us")
        columns = columns.with_columns(moment.alias("started_at_us"))
    texts = {"stage": "pre_training", "status": "completed", "source_kind": "form"}
    have = set(columns.columns)
    wanted = {**RUN_COLUMNS, **CALCULATOR_COLUMNS}
    wanted |= {name: kind for name, kind in EVIDENCE_COLUMNS.items() if name in have}
    return columns.select(
        *(
            pl.col(name).cast(kind)
            if name in have
            else pl.lit(texts.get(name), dtype=kind).alias(name)
            for name, kind in wanted.items()
        )
    )


def _estimates(runs: pl.DataFrame, resolved: Resolved, facts: Facts) -> list[Estimate]:
    figures, index = resolved.figures, resolved.pieces.run_index
    size = runs.height
    last = np.searchsorted(index, np.arange(size), side="right") - 1
    sums = {
        name: _sums(getattr(figures, f"{name}_nano"), index, size)
        for name in (
            "device_hours",
            "energy_it_kwh",
            "energy_facility_kwh",
            "location_based_kg",
            "location_based_annual_kg",
            "market_based_kg",
            "upstream_kg",
            "losses_kg",
            "embodied_kg",
            "water_litres",
        )
    }
    chosen = [resolved.location]
    if size <= WORKING_UP_TO:
        chosen += [resolved.market, resolved.upstream]
    factors = _known_factors(chosen, facts.factors.ids, last)
    estimates = [
        _estimate(row, int(last[row]), runs, resolved, facts, sums, factors) for row in range(size)
    ]
    if size <= WORKING_UP_TO:
        sources = _sources(resolved, facts, last, factors)
        for row, one in enumerate(estimates):
            one.steps.extend(steps_of(row, runs, resolved, one, sources[row]))
    return estimates


def _estimate(
    row: int,
    piece: int,
    runs: pl.DataFrame,
    resolved: Resolved,
    facts: Facts,
    sums: dict[str, list[float]],
    factors: dict[int, EmissionFactor],
) -> Estimate:
    figures, place = resolved.figures, resolved.place
    bits = int(figures.assumptions[row])
    watts = float(figures.watts_per_device[row])
    total = {name: column[row] for name, column in sums.items()}
    by_hour = facts.headline is Headline.HOURLY
    headline = "location_based_kg" if by_hour else "location_based_annual_kg"
    return Estimate(
        device_hours=total["device_hours"],
        energy_it_kwh=total["energy_it_kwh"],
        energy_facility_kwh=total["energy_facility_kwh"],
        location_based_kg=total[headline],
        location_based_annual_kg=total["location_based_annual_kg"],
        location_based_hourly_kg=total["location_based_kg"] if bits & Assumption.HOURLY else None,
        market_based_kg=total["market_based_kg"],
        upstream_kg=total["upstream_kg"],
        losses_kg=total["losses_kg"],
        embodied_kg=None if bits & Assumption.EMBODIED_UNKNOWN else total["embodied_kg"],
        water_litres=total["water_litres"],
        water_known=_water_known(place, piece),
        basis=Basis(int(figures.basis[row])),
        fit=Fit(int(place.fit[piece])),
        assumptions=list(_assumed(bits)),
        factor=_factor_used(
            factors.get(int(resolved.location.factor_index[piece])),
            Fit(int(place.fit[piece])),
            float(place.location_g_per_kwh[piece]),
            int(resolved.month[piece]) // 12,
        ),
        pue=float(figures.pue[piece]),
        pue_source=_pue_source(row, piece, runs, resolved, facts, bits),
        watts_per_device=None if np.isnan(watts) else watts,
        exceeds_range=bool(figures.exceeds_range[row]),
    )


def _water_known(place: Place, piece: int) -> str:
    """Return which of the two parts of a run's water are known, in words; empty for none."""
    cooling = not np.isnan(place.wue_litres_per_kwh[piece])
    grid = not np.isnan(place.grid_water_litres_per_kwh[piece])
    if cooling and grid:
        return "cooling and electricity"
    if cooling or grid:
        return f"{'cooling' if cooling else 'electricity'} alone; the other part is not known"
    return ""


#: The working is written for previews and pages, not for tables of thousands.
WORKING_UP_TO = 20


def _pue_source(
    row: int, piece: int, runs: pl.DataFrame, resolved: Resolved, facts: Facts, bits: int
) -> str:
    """Return where the PUE comes from, in the order in which it is looked for."""
    if runs["stated_pue"][row] is not None:
        return "Stated with the run"
    if bits & Assumption.PUE_DEFAULT:
        return "World survey average (Uptime Institute)"
    if np.isnan(resolved.place.pue[piece]):
        return "None applied"
    site, region = resolved.conditions[piece : piece + 1], resolved.region[piece : piece + 1]
    if not np.isnan(facts.conditions.floats("pue", site)[0]):
        return facts.conditions.text("pue_source", site)[0] or "The site's own PUE"
    if not np.isnan(facts.regions.floats("pue", region)[0]):
        return facts.regions.text("pue_source", region)[0] or "The region's published PUE"
    return f"Published average of {facts.regions.text('provider', region)[0]}"


def _known_factors(chosen: Iterable[Choice], ids: Ints, last: Ints) -> dict[int, EmissionFactor]:
    """Return the factors of the runs' last pieces by their rows in the table of factors."""
    rows = {int(row) for one in chosen for row in one.factor_index[last].tolist() if row >= 0}
    by_id = (
        EmissionFactor.objects.select_related("zone", "factor_set")
        .filter(pk__in={int(ids[row]) for row in rows})
        .in_bulk()
        if rows
        else {}
    )
    return {row: by_id[int(ids[row])] for row in rows if int(ids[row]) in by_id}


def _sources(
    resolved: Resolved, facts: Facts, last: Ints, factors: dict[int, EmissionFactor]
) -> list[Sources]:
    """Return where each run's values come from, for the working."""
    loss_rows = resolved.losses.factor_index[last].tolist()
    ids = {row: int(facts.losses.ids[row]) for row in set(loss_rows) if row >= 0}
    losses = GridLoss.objects.select_related("zone").in_bulk(list(ids.values())) if ids else {}
    place = resolved.place
    found = []
    for piece, loss_row in zip(last.tolist(), loss_rows, strict=True):
        location, market, upstream = (
            _said(factors.get(int(choice.factor_index[piece])))
            for choice in (resolved.location, resolved.market, resolved.upstream)
        )
        stated = place.fit[piece] == Fit.STATED
        loss = losses.get(ids.get(loss_row, NONE))
        found.append(
            Sources(
                location="Stated with the run" if stated else location,
                market="" if np.isnan(place.market_g_per_kwh[piece]) else market,
                upstream=upstream,
                losses=_said(loss),
                life=_life(int(resolved.lives[piece]), facts),
            )
        )
    return found


def _life(row: int, facts: Facts) -> str:
    """Say which life of its node held, since when, and what had been spread before."""
    if row < 0:
        return ""
    at, lives = np.array([row]), facts.lives
    years, spread_years = (
        float(lives.floats(name, at)[0]) for name in ("life_years", "spread_years")
    )
    spread = float(lives.floats("spread", at)[0])
    day = f"{date.fromordinal(int(lives.ints('starts_on', at)[0])):%-d %B %Y}"
    if np.isnan(spread):
        return "The node was not bought yet, or had left: nothing of its footprint is carried"
    if np.isinf(spread_years):
        return f"The node's whole footprint has been spread over its life, which ended by {day}"
    said = "the default" if np.isnan(years) else f"{years:g} years"
    whose = "as the node states" if lives.bools("own", at)[0] else "as the catalogue says"
    words = f"Life: {said}" if np.isnan(years) else f"Life: {said}, {whose}"
    if not spread:
        return words
    return (
        f"{words}, from {day} on. By then {spread:.3g} of the footprint was spread; the rest goes"
        f" over the rest of the life, as if all of it went over {spread_years:.6g} years"
    )


def _said(one: EmissionFactor | GridLoss | None) -> str:
    if one is None:
        return ""
    source = one.source
    if isinstance(one, EmissionFactor):
        source = source or one.factor_set.source
    return f"{source} ({one.zone.name}, {one.starts_on.year})"


def _factor_used(
    factor: EmissionFactor | None, fit: Fit, value: float, year: int
) -> FactorUsed | None:
    if fit == Fit.STATED:
        return FactorUsed(None, value, "", "", year, "", fit, "", "Stated with the run", "", "", "")
    if factor is None:
        return None
    return FactorUsed(
        factor_id=factor.pk,
        value_g_per_kwh=factor.g_co2e_per_kwh,
        zone_code=factor.zone.code,
        zone_name=factor.zone.name,
        year=factor.starts_on.year,
        kind=factor.kind,
        fit=fit,
        set_name=str(factor.factor_set),
        source=factor.source or factor.factor_set.source,
        source_url=factor.source_url or factor.factor_set.source_url,
        licence=factor.licence or factor.factor_set.licence,
        verification=factor.verification,
    )


def _sums(nano: Ints, index: Ints, size: int) -> list[float]:
    """Add up pieces by run; exact integers first, then one division."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, index, nano)
    return [value / NANO for value in sums.tolist()]
