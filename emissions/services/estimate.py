"""What runs would post, without posting it: previews, the calculator, the working."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO, Ints
from emissions.calculation.embodied import LIFE_YEARS_DEFAULT
from emissions.calculation.energy import HOST_SHARE_DEFAULT
from emissions.calculation.inputs import Place
from emissions.calculation.vocabulary import Assumption, Basis, Fit, Headline
from emissions.models import EmissionFactor, Organisation, Run
from emissions.services.evidence import EVIDENCE_COLUMNS, WHOLE_TIME, with_evidence
from emissions.services.factor_tables import NONE
from emissions.services.facts import Facts, load_facts
from emissions.services.resolve import CALCULATOR_COLUMNS, RUN_COLUMNS, Resolved, resolve

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
class Step:
    """One step of the working: what was multiplied by what."""

    label: str
    formula: str
    values: str
    result: float
    unit: str
    source: str = ""


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


def estimate_columns(
    *, columns: pl.DataFrame, organisation: Organisation | None = None
) -> list[Estimate]:
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
    factors = _factors_used(resolved, facts, last)
    return [
        _estimate(row, int(last[row]), runs, resolved, facts, sums, factors[row])
        for row in range(size)
    ]


def _estimate(
    row: int,
    piece: int,
    runs: pl.DataFrame,
    resolved: Resolved,
    facts: Facts,
    sums: dict[str, list[float]],
    factor: FactorUsed | None,
) -> Estimate:
    figures, place = resolved.figures, resolved.place
    bits = int(figures.assumptions[row])
    watts = float(figures.watts_per_device[row])
    total = {name: column[row] for name, column in sums.items()}
    by_hour = facts.headline is Headline.HOURLY
    headline = "location_based_kg" if by_hour else "location_based_annual_kg"
    estimate = Estimate(
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
        factor=factor,
        pue=float(figures.pue[piece]),
        pue_source=_pue_source(row, piece, runs, resolved, facts, bits),
        watts_per_device=None if np.isnan(watts) else watts,
        exceeds_range=bool(figures.exceeds_range[row]),
    )
    if runs.height <= WORKING_UP_TO:
        estimate.steps.extend(_steps(row, piece, runs, resolved, estimate))
    return estimate


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


def _steps(
    row: int, piece: int, runs: pl.DataFrame, resolved: Resolved, estimate: Estimate
) -> list[Step]:
    """Write down how the figures follow from one another, with the values that were used."""
    steps = _energy_steps(row, runs, resolved, estimate)
    steps.append(
        Step(
            "Energy at the meter",
            "IT energy × PUE",
            f"{estimate.energy_it_kwh:,.6g} kWh × {estimate.pue:.4g}",
            estimate.energy_facility_kwh,
            "kWh",
            estimate.pue_source,
        )
    )
    place = resolved.place
    spans = int((resolved.pieces.run_index == row).sum()) > 1
    months = ", month by month" if spans else ""
    location = float(place.location_g_per_kwh[piece])
    factor = estimate.factor
    steps.append(
        Step(
            "Location-based",
            f"facility energy × grid factor ÷ 1000{months}",
            f"{estimate.energy_facility_kwh:,.6g} kWh × {location:,.6g} g CO₂e/kWh ÷ 1000",
            estimate.location_based_annual_kg,
            "kg CO₂e",
            f"{factor.source} ({factor.zone_name}, {factor.year})" if factor else "",
        )
    )
    if estimate.location_based_hourly_kg is not None:
        steps.append(_hourly_step(piece, resolved, estimate, months))
    market = float(place.market_g_per_kwh[piece])
    steps.append(
        Step(
            "Market-based, uncovered",
            f"facility energy × residual mix ÷ 1000{months}",
            f"{estimate.energy_facility_kwh:,.6g} kWh × "
            f"{location if np.isnan(market) else market:,.6g} g CO₂e/kWh ÷ 1000",
            estimate.market_based_kg,
            "kg CO₂e",
            "No residual mix published: the location-based factor"
            if np.isnan(market)
            else "Residual mix",
        )
    )
    if estimate.upstream_kg:
        steps.append(
            Step(
                "Upstream",
                "facility energy × upstream factor ÷ 1000",
                f"{estimate.energy_facility_kwh:,.6g} kWh × "
                f"{float(place.upstream_g_per_kwh[piece]):,.6g} g CO₂e/kWh ÷ 1000",
                estimate.upstream_kg,
                "kg CO₂e",
            )
        )
    if estimate.losses_kg:
        loss = float(place.loss_share[piece])
        steps.append(
            Step(
                "Transmission and distribution losses",
                "facility energy × grid factor × L ÷ (1 − L) ÷ 1000",
                f"{estimate.energy_facility_kwh:,.6g} kWh × {location:,.6g} × "
                f"{loss:.4g} ÷ {1 - loss:.4g} ÷ 1000",
                estimate.losses_kg,
                "kg CO₂e",
            )
        )
    if estimate.embodied_kg is not None:
        steps.append(_embodied_step(row, resolved, estimate))
    return steps


def _hourly_step(piece: int, resolved: Resolved, estimate: Estimate, months: str) -> Step:
    """Return the step that weights the factor by the hours of the run."""
    place = resolved.place
    hourly = float(place.hourly_g_per_kwh[piece])
    weighted = place.location_g_per_kwh[piece] if np.isnan(hourly) else hourly
    gaps = " Hours without a value count at the factor of the year." * bool(
        place.hourly_gaps[piece]
    )
    return Step(
        "Location-based, by the hour",
        f"facility energy × mean of the run's hours ÷ 1000{months}",
        f"{estimate.energy_facility_kwh:,.6g} kWh × {weighted:,.6g} g CO₂e/kWh ÷ 1000",
        estimate.location_based_hourly_kg or 0.0,
        "kg CO₂e",
        f"Hourly intensities of the zone.{gaps}",
    )


def _energy_steps(
    row: int, runs: pl.DataFrame, resolved: Resolved, estimate: Estimate
) -> list[Step]:
    """Return the steps from hours and power, or from stated energy, to IT energy."""
    components = _component_steps(row, runs, resolved)
    if components:
        values = " + ".join(f"{step.result:,.6g}" for step in components)
        formula = "sum of the components"
        return [
            *components,
            Step(
                "Energy at the IT equipment",
                formula,
                f"{values} kWh",
                estimate.energy_it_kwh,
                "kWh",
                f"{estimate.basis.label}: the worst basis of what matters in it",
            ),
        ]
    stated = _stated_energy(row, resolved)
    if stated is not None:
        within = bool(resolved.activity.energy_includes_pue[row])
        return [
            Step(
                "Energy at the IT equipment",
                "stated energy ÷ PUE" if within else "stated energy",
                f"{stated:,.6g} kWh ÷ {estimate.pue:.4g}" if within else f"{stated:,.6g} kWh",
                estimate.energy_it_kwh,
                "kWh",
                "Device counter" if estimate.basis == Basis.DEVICE_COUNTER else "As stated",
            )
        ]
    activity, figures = resolved.activity, resolved.figures
    watts = estimate.watts_per_device or 0.0
    count = float(activity.device_count[row])
    steps = [
        Step(
            "Device-hours",
            "devices × wall-clock hours",
            f"{1.0 if np.isnan(count) else count:,.6g} × "
            f"{float(activity.duration_hours[row]):,.6g} h",
            estimate.device_hours,
            "h",
        ),
        Step(
            "Average power of one device",
            *_power(row, resolved),
            watts,
            "W",
        ),
    ]
    host = float(figures.host_factor[row])
    parts = float(figures.parts_kwh[row])
    formula, values = (
        "device-hours × power ÷ 1000",
        (f"{estimate.device_hours:,.6g} h × {watts:,.6g} W ÷ 1000"),
    )
    if host != 1.0:
        formula, values = f"{formula} × host share", f"{values} × {host:.4g}"
    if parts:
        formula = f"{formula} + processor cores and memory"
        values = f"{values} + {parts:,.6g} kWh"
    steps.append(Step("Energy at the IT equipment", formula, values, estimate.energy_it_kwh, "kWh"))
    return steps


def _stated_energy(row: int, resolved: Resolved) -> float | None:
    """Return the energy of the whole run that was stated or observed."""
    kwh = float(resolved.activity.energy_kwh[row])
    return None if np.isnan(kwh) else kwh


COMPONENTS = {"gpu": "Accelerators", "cpu": "Processors", "memory": "Memory"}


def _component_steps(row: int, runs: pl.DataFrame, resolved: Resolved) -> list[Step]:
    """Return a step for each component, where the energy of at least one was observed."""
    figures, activity = resolved.figures, resolved.activity
    found = []
    for part, label in COMPONENTS.items():
        kwh = float(getattr(figures, f"{part}_kwh")[row])
        basis = int(getattr(activity, f"{part}_basis")[row])
        if not kwh:
            continue
        source = Basis(basis).label if basis else "Estimated: nothing was observed of it"
        found.append(Step(label, "as observed" if basis else "as modelled", "", kwh, "kWh", source))
    host = float(figures.host_kwh[row])
    if host:
        formula = f"accelerators × {HOST_SHARE_DEFAULT - 1:.4g}"
        found.append(Step("Rest of the node", formula, "", host, "kWh", "Default host share"))
    if found and "evidence_share" in runs.columns:
        share = runs["evidence_share"][row]
        if share is not None and share < WHOLE_TIME:
            found[0] = replace(
                found[0],
                source=f"{found[0].source}; seen for {share:.0%} of the time, the rest by its mean",
            )
    return found


def _power(row: int, resolved: Resolved) -> tuple[str, str]:
    """Return the formula and the values of a device's average power."""
    activity = resolved.activity
    most = float(activity.device_max_watts[row])
    if not np.isnan(activity.power_watts[row]):
        return "as stated", f"{float(activity.power_watts[row]):,.6g} W"
    share, used = float(activity.power_share[row]), float(activity.utilisation[row])
    if not np.isnan(share):
        return "rated power × average power, % of maximum", f"{most:,.6g} W × {share:.0%}"
    if not np.isnan(used):
        return "idle + utilisation × (rated − idle)", f"{most:,.6g} W rated, {used:.0%} used"
    return "rated power × assumed share", f"{most:,.6g} W rated"


def _embodied_step(row: int, resolved: Resolved, estimate: Estimate) -> Step:
    activity = resolved.activity
    life = float(activity.life_years[row])
    use = float(activity.expected_utilisation[row])
    years = f"{LIFE_YEARS_DEFAULT if np.isnan(life) else life:.3g} years × 8,760 h"
    share = "" if np.isnan(use) else f" × {use:.0%} expected use"
    return Step(
        "Lifetime share of hardware",
        "footprint of one device ÷ hours of its life × device-hours",
        f"{float(activity.embodied_kg_per_device[row]):,.6g} kg ÷ ({years}{share})"
        f" × {estimate.device_hours:,.6g} h",
        estimate.embodied_kg or 0.0,
        "kg CO₂e",
    )


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


def _factors_used(resolved: Resolved, facts: Facts, last: Ints) -> list[FactorUsed | None]:
    """Return the factor of each run's last piece, with its source."""
    rows = resolved.location.factor_index[last]
    ids = np.where(rows >= 0, facts.factors.ids[rows], NONE) if facts.factors.ids.size else rows
    known = {
        factor.pk: factor
        for factor in EmissionFactor.objects.select_related("zone", "factor_set").filter(
            pk__in={int(one) for one in ids if one >= 0}
        )
    }
    place = resolved.place
    return [
        _factor_used(
            known.get(int(factor_id)),
            Fit(int(place.fit[piece])),
            float(place.location_g_per_kwh[piece]),
            int(resolved.month[piece]) // 12,
        )
        for factor_id, piece in zip(ids, last, strict=True)
    ]


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
