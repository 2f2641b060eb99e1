"""The only door of the core: columns of activity in, columns of the footprint out."""

from dataclasses import dataclass

import numpy as np

from emissions.calculation import electricity, embodied, energy, uncertainty
from emissions.calculation.arrays import (
    LARGEST,
    NANO,
    Bools,
    Codes,
    Floats,
    Ints,
    flagged,
    out_of_range,
    quantise,
)
from emissions.calculation.inputs import Activity, Pieces, Place
from emissions.calculation.ledger import apportion, group_starts
from emissions.calculation.upstream import upstream
from emissions.calculation.vocabulary import Assumption, Fit, Preset
from emissions.calculation.water import water

__all__ = ["Activity", "Footprint", "Pieces", "Place", "embodied_rate", "footprint"]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What `footprint` returns.

    Attributes
    ----------
    basis : (n,) int8
        `Basis` of the run's energy.
    assumptions : (n,) int64
        `Assumption` bits; those of the run's pieces are or-ed in.
    watts_per_device : (n,) float64
        Average power of a device, without host; NaN where energy is stated. [W]
    host_factor : (n,) float64
        What the devices' energy was multiplied by for their host. [kWh/kWh]
    parts_kwh : (n,) float64
        Energy of stated cores and memory, contained in the IT energy. [kWh]
    energy_it_kwh : (n,) float64
        Energy of the run at the IT equipment: the sum of its pieces. [kWh]
    gpu_kwh, cpu_kwh, memory_kwh, host_kwh : (n,) float64
        IT energy by component; 0 unless one of them was observed. [kWh]
    exceeds_range : (n,) bool
        A quantity of the run is beyond 9e9 of its unit or is not a number. All quantities
        of the run are then 0 and must not be posted: report it as an error of the run.
    device_hours_nano, energy_it_kwh_nano, energy_facility_kwh_nano : (m,) int64
        [1e-9 h], [1e-9 kWh], [1e-9 kWh]
    location_based_kg_nano, location_based_annual_kg_nano, market_based_kg_nano : (m,) int64
        Location-based is weighted by hours where the place has them; the annual figure and
        what stands in for a residual mix keep the factor of the year. [1e-9 kg CO2e]
    upstream_kg_nano, losses_kg_nano : (m,) int64
        Category 3.3. [1e-9 kg CO2e]
    embodied_kg_nano : (m,) int64
        Lifetime share of the hardware. [1e-9 kg CO2e]
    water_litres_nano : (m,) int64
        [1e-9 l]
    independent_variance : (m,) float64
        The run's own variance of location-based emissions, carried by the piece. [kg²]
    pue : (m,) float64
        What was applied. [kWh/kWh]
    """

    basis: Codes
    assumptions: Ints
    watts_per_device: Floats
    host_factor: Floats
    parts_kwh: Floats
    energy_it_kwh: Floats
    gpu_kwh: Floats
    cpu_kwh: Floats
    memory_kwh: Floats
    host_kwh: Floats
    exceeds_range: Bools
    device_hours_nano: Ints
    energy_it_kwh_nano: Ints
    energy_facility_kwh_nano: Ints
    location_based_kg_nano: Ints
    location_based_annual_kg_nano: Ints
    market_based_kg_nano: Ints
    upstream_kg_nano: Ints
    losses_kg_nano: Ints
    embodied_kg_nano: Ints
    water_litres_nano: Ints
    independent_variance: Floats
    pue: Floats


class _Quantiser:
    """Makes integers of pieces' amounts, and remembers which runs are out of range."""

    def __init__(self, pieces: Pieces, exceeds: Bools) -> None:
        self.run_index = pieces.run_index
        self.exceeds = exceeds

    def __call__(self, nano: Floats) -> Ints:
        beyond = out_of_range(nano=nano)
        if beyond.any():
            self.exceeds[self.run_index[beyond]] = True
        return quantise(nano=nano)


def footprint(*, activity: Activity, pieces: Pieces, place: Place) -> Footprint:
    """Return energy, emissions, water and their pedigree.

    Parameters
    ----------
    activity : Activity
        What n runs did.
    pieces : Pieces
        Their m parts, one per run and month.
    place : Place
        Where and when the m parts ran: PUE and factors.

    Returns
    -------
    Footprint
        Columns per run, of shape (n,), and per piece, of shape (m,).

    Notes
    -----
    A run's energy (facility energy where that was stated) and its device-hours become
    integers once, and are split over the pieces exactly. Everything else follows from a
    piece's integers row by row, so that neither the order of the rows nor their company
    changes a digit.
    """
    # A row that divides by zero or overflows becomes infinite and is reported as such.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return _footprint(activity, pieces, place)


def _footprint(activity: Activity, pieces: Pieces, place: Place) -> Footprint:
    used = energy.at_it_equipment(activity=activity)
    hours_nano, energy_nano = used.device_hours * NANO, used.kwh * NANO
    exceeds = out_of_range(nano=hours_nano) | out_of_range(nano=energy_nano)
    whole = _Quantiser(pieces, exceeds)
    preset = activity.preset[pieces.run_index]
    pue = electricity.pue_or_default(pue=place.pue, preset=preset)
    hours = _split(quantise(nano=hours_nano), pieces)
    it, facility = _it_and_facility(_split(quantise(nano=energy_nano), pieces), used, pue, whole)
    amounts = _emissions(facility, place, whole)
    amounts["embodied_kg_nano"] = whole(_embodied(activity, pieces, place, hours))
    amounts["water_litres_nano"] = whole(_water(it, pue, place))
    amounts |= {
        "device_hours_nano": hours,
        "energy_it_kwh_nano": it,
        "energy_facility_kwh_nano": facility,
    }
    exceeds |= _exceeds_in_sum(amounts, pieces, exceeds.size)
    if exceeds.any():
        amounts = {
            name: np.where(exceeds[pieces.run_index], 0, column) for name, column in amounts.items()
        }
    return Footprint(
        basis=used.basis,
        assumptions=used.assumptions
        | _run_assumptions(activity)
        | _or_by_run(_piece_assumptions(place, preset), pieces, used.kwh.size),
        watts_per_device=used.watts_per_device,
        host_factor=used.host_factor,
        parts_kwh=used.parts_kwh,
        gpu_kwh=used.gpu_kwh,
        cpu_kwh=used.cpu_kwh,
        memory_kwh=used.memory_kwh,
        host_kwh=used.host_kwh,
        energy_it_kwh=_sum_by_run(amounts["energy_it_kwh_nano"], pieces, used.kwh.size) / NANO,
        exceeds_range=exceeds,
        independent_variance=_own_variance(amounts["location_based_kg_nano"], pieces, used.basis),
        pue=pue,
        **amounts,
    )


def _split(totals: Ints, pieces: Pieces) -> Ints:
    return apportion(totals=totals, group=pieces.run_index, weights=pieces.weight)


def _it_and_facility(
    split: Ints, used: energy.Energy, pue: Floats, whole: _Quantiser
) -> tuple[Ints, Ints]:
    """Return IT and facility energy of pieces; the stated one of the two is left untouched."""
    at_meter = used.includes_pue[whole.run_index]
    kwh = split.astype(np.float64)
    it_kwh = electricity.it_energy(energy_facility_kwh=kwh, pue=pue)
    facility_kwh = electricity.facility_energy(energy_it_kwh=kwh, pue=pue)
    it = np.where(at_meter, whole(np.where(at_meter, it_kwh, 0.0)), split)
    facility = np.where(at_meter, split, whole(np.where(at_meter, 0.0, facility_kwh)))
    return it, facility


def _emissions(facility: Ints, place: Place, whole: _Quantiser) -> dict[str, Ints]:
    kwh, factor = facility.astype(np.float64), place.location_g_per_kwh
    annual = whole(electricity.location_based(energy_kwh=kwh, factor_g_per_kwh=factor))
    hourly, weighted = place.hourly_g_per_kwh, ~np.isnan(place.hourly_g_per_kwh)
    by_hour = annual
    if weighted.any():
        kg = whole(electricity.location_based(energy_kwh=kwh, factor_g_per_kwh=hourly))
        by_hour = np.where(weighted, kg, annual)
    return {
        "location_based_kg_nano": by_hour,
        "location_based_annual_kg_nano": annual,
        "market_based_kg_nano": whole(
            electricity.market_based(
                energy_kwh=kwh,
                factor_g_per_kwh=place.market_g_per_kwh,
                location_g_per_kwh=factor,
            )
        ),
        "upstream_kg_nano": whole(
            upstream(
                energy_kwh=kwh,
                factor_g_per_kwh=place.upstream_g_per_kwh,
                included=place.factor_includes_upstream | place.factor_lifecycle,
            )
        ),
        "losses_kg_nano": whole(
            electricity.losses(
                energy_kwh=kwh,
                factor_g_per_kwh=factor,
                loss_share=place.loss_share,
                included=place.factor_includes_losses,
            )
        ),
    }


def _embodied(activity: Activity, pieces: Pieces, place: Place, hours: Ints) -> Floats:
    return embodied.lifetime_share(
        device_hours=hours.astype(np.float64),
        rate_kg_per_device_hour=embodied_rate(activity=activity, pieces=pieces, place=place),
    )


def embodied_rate(*, activity: Activity, pieces: Pieces, place: Place) -> Floats:
    """Return what of its footprint a device's hour carries, (m,) float64 [kg CO2e/h].

    A schedule's rate holds for a piece of its time; else the run's device has one life.
    """
    run = pieces.run_index
    rate = embodied.rate_per_device_hour(
        kg_per_device=activity.embodied_kg_per_device,
        life_years=activity.life_years,
        expected_utilisation=activity.expected_utilisation,
    )[run]
    scheduled = ~np.isnan(place.spread_years)
    if not scheduled.any():
        return rate
    own = embodied.rate_per_device_hour(
        kg_per_device=activity.embodied_kg_per_device[run],
        life_years=place.spread_years,
        expected_utilisation=activity.expected_utilisation[run],
    )
    return np.where(scheduled, own, rate)


def _water(it: Ints, pue: Floats, place: Place) -> Floats:
    return water(
        energy_it_kwh=it.astype(np.float64),
        pue=pue,
        wue_litres_per_kwh=place.wue_litres_per_kwh,
        grid_water_litres_per_kwh=place.grid_water_litres_per_kwh,
    )


def _run_assumptions(activity: Activity) -> Ints:
    unknown = np.isnan(activity.embodied_kg_per_device)
    no_life = ~unknown & np.isnan(activity.life_years)
    return (
        flagged(where=unknown, bit=Assumption.EMBODIED_UNKNOWN)
        | flagged(where=no_life, bit=Assumption.LIFE_DEFAULT)
        | flagged(where=activity.count_assumed, bit=Assumption.DEVICE_COUNT)
    )


def _piece_assumptions(place: Place, preset: Codes) -> Ints:
    missing = np.isnan(place.location_g_per_kwh)
    # ML CO2 Impact's "no PUE" is its convention, named with the preset, not a guess.
    survey_pue = np.isnan(place.pue) & (preset != Preset.MLCO2)
    fallback = ~missing & (place.fit > Fit.ZONE_YEAR)
    return (
        flagged(where=survey_pue, bit=Assumption.PUE_DEFAULT)
        | flagged(where=missing, bit=Assumption.NO_FACTOR)
        | flagged(where=fallback, bit=Assumption.FACTOR_FALLBACK)
        | flagged(where=~missing & place.factor_lifecycle, bit=Assumption.LIFECYCLE_FACTOR)
        | flagged(where=~np.isnan(place.hourly_g_per_kwh), bit=Assumption.HOURLY)
        | flagged(where=place.hourly_gaps, bit=Assumption.HOURLY_GAPS)
        | flagged(where=np.isnan(place.market_g_per_kwh), bit=Assumption.NO_RESIDUAL_MIX)
    )


def _or_by_run(flags: Ints, pieces: Pieces, runs: int) -> Ints:
    result = np.zeros(runs, dtype=np.int64)
    if flags.size:
        starts = group_starts(group=pieces.run_index)
        result[pieces.run_index[starts]] = np.bitwise_or.reduceat(flags, starts)
    return result


def _sum_by_run(column: Ints, pieces: Pieces, runs: int) -> Ints:
    result = np.zeros(runs, dtype=np.int64)
    if column.size:
        starts = group_starts(group=pieces.run_index)
        result[pieces.run_index[starts]] = np.add.reduceat(column, starts)
    return result


def _exceeds_in_sum(amounts: dict[str, Ints], pieces: Pieces, runs: int) -> Bools:
    """Tell which runs' pieces, each within range, add up to more than an integer holds."""
    result = np.zeros(runs, dtype=np.bool_)
    for column in amounts.values():
        if np.abs(column).sum(dtype=np.float64) > LARGEST:
            weights = column.astype(np.float64)
            sums = np.bincount(pieces.run_index, weights=weights, minlength=runs)
            result |= out_of_range(nano=sums.astype(np.float64))
    return result


def _own_variance(location_nano: Ints, pieces: Pieces, basis: Codes) -> Floats:
    run_kg = _sum_by_run(location_nano, pieces, basis.size) / NANO
    return uncertainty.own_variance(
        piece_kg=location_nano / NANO,
        run_kg=run_kg[pieces.run_index],
        basis=basis[pieces.run_index],
    )
