from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.arrays import NANO
from emissions.calculation.footprint import Activity, Footprint, Pieces, Place, footprint
from emissions.calculation.periods import split_months
from emissions.calculation.vocabulary import Assumption, Basis, Fit, Preset

PER_RUN = {
    "basis", "assumptions", "watts_per_device", "host_factor", "parts_kwh", "energy_it_kwh",
    "exceeds_range", "gpu_kwh", "cpu_kwh", "memory_kwh", "host_kwh",
}  # fmt: skip
PER_PIECE = {field.name for field in fields(Footprint)} - PER_RUN


def one(activity: dict[str, Any], place: dict[str, Any] | None = None) -> Footprint:
    return footprint(
        activity=Activity.of(1, **activity),
        pieces=Pieces.whole(1),
        place=Place.of(1, **(place or {})),
    )


def pieces_of(weights: list[int]) -> Pieces:
    return Pieces(
        run_index=np.zeros(len(weights), dtype=np.int64),
        weight=np.array(weights, dtype=np.int64),
    )


def flags(result: Footprint) -> Assumption:
    return Assumption(int(result.assumptions[0]))


GRID = {"pue": 1.2, "location_g_per_kwh": 400, "market_g_per_kwh": 500}
KNOWN = {"energy_kwh": 100, "embodied_kg_per_device": 150, "life_years": 4}


def test_the_chain_from_energy_to_emissions() -> None:
    result = one(
        KNOWN | {"device_count": 2, "duration_hours": 8760},
        GRID | {"upstream_g_per_kwh": 50, "loss_share": 0.05, "wue_litres_per_kwh": 1},
    )

    assert result.energy_it_kwh_nano[0] == 100 * NANO
    assert result.energy_facility_kwh_nano[0] == 120 * NANO
    assert result.location_based_kg_nano[0] == 48 * NANO
    assert result.location_based_annual_kg_nano[0] == 48 * NANO
    assert result.market_based_kg_nano[0] == 60 * NANO
    assert result.upstream_kg_nano[0] == 6 * NANO
    assert result.losses_kg_nano[0] / NANO == pytest.approx(48 / 19)
    assert result.embodied_kg_nano[0] == 75 * NANO
    assert result.water_litres_nano[0] == 100 * NANO
    assert result.device_hours_nano[0] == 2 * 8760 * NANO
    assert flags(result) == Assumption(0)


def test_stated_facility_energy_is_left_as_it_is() -> None:
    result = one({"energy_kwh": 120, "energy_includes_pue": True}, GRID)

    assert result.energy_facility_kwh_nano[0] == 120 * NANO
    assert result.energy_it_kwh_nano[0] == 100 * NANO
    assert result.energy_it_kwh[0] == pytest.approx(100)


def test_a_lifecycle_factor_takes_no_upstream_but_losses() -> None:
    place = GRID | {"factor_lifecycle": True, "upstream_g_per_kwh": 50, "loss_share": 0.05}
    result = one(KNOWN, place)

    assert result.upstream_kg_nano[0] == 0
    assert result.losses_kg_nano[0] > 0
    assert flags(result) == Assumption.LIFECYCLE_FACTOR


@pytest.mark.parametrize("contained", ["upstream", "losses"])
def test_a_factor_takes_only_what_it_does_not_contain(contained: str) -> None:
    grid = GRID | {"upstream_g_per_kwh": 50, "loss_share": 0.05}
    result = one(KNOWN, grid | {f"factor_includes_{contained}": True})

    assert bool(result.upstream_kg_nano[0]) is (contained != "upstream")
    assert bool(result.losses_kg_nano[0]) is (contained != "losses")


def test_hours_weigh_location_based_and_leave_annual_market_and_losses() -> None:
    known = GRID | {"market_g_per_kwh": None, "loss_share": 0.05}
    annual, hourly = one(KNOWN, known), one(KNOWN, known | {"hourly_g_per_kwh": 25.0})

    assert hourly.location_based_annual_kg_nano[0] == annual.location_based_kg_nano[0]
    assert hourly.location_based_kg_nano[0] < annual.location_based_kg_nano[0]
    assert hourly.market_based_kg_nano[0] == annual.market_based_kg_nano[0]
    assert hourly.losses_kg_nano[0] == annual.losses_kg_nano[0]
    assert flags(hourly) & Assumption.HOURLY


def test_no_factor_is_nought_and_said() -> None:
    result = one(KNOWN, {"pue": 1.2, "fit": Fit.NONE})

    assert result.location_based_kg_nano[0] == 0
    assert flags(result) == Assumption.NO_FACTOR | Assumption.NO_RESIDUAL_MIX


def test_without_a_residual_mix_the_grid_stands_in_and_it_is_said() -> None:
    result = one(KNOWN, {"pue": 1.2, "location_g_per_kwh": 400})

    assert result.market_based_kg_nano[0] == result.location_based_kg_nano[0]
    assert flags(result) == Assumption.NO_RESIDUAL_MIX


@pytest.mark.parametrize(
    ("fit", "told"), [(Fit.ZONE_YEAR, False), (Fit.PARENT_YEAR, True), (Fit.WORLD, True)]
)
def test_a_factor_that_fits_badly_is_told(fit: Fit, told: bool) -> None:
    assert (Assumption.FACTOR_FALLBACK in flags(one(KNOWN, GRID | {"fit": fit}))) is told


def test_the_survey_pue_is_told_and_mlco2_uses_none() -> None:
    place = {"location_g_per_kwh": 400, "market_g_per_kwh": 400}
    tonne, mlco2 = one(KNOWN, place), one(KNOWN | {"preset": Preset.MLCO2}, place)

    assert tonne.energy_facility_kwh_nano[0] == 154 * NANO
    assert flags(tonne) == Assumption.PUE_DEFAULT
    assert mlco2.energy_facility_kwh_nano[0] == 100 * NANO
    assert flags(mlco2) == Assumption(0)


def test_hardware_without_a_known_footprint_or_life_is_told() -> None:
    assert flags(one({"energy_kwh": 1}, GRID)) == Assumption.EMBODIED_UNKNOWN
    life_unknown = {"energy_kwh": 1, "embodied_kg_per_device": 150}
    assert flags(one(life_unknown, GRID)) == Assumption.LIFE_DEFAULT


def test_what_is_assumed_in_any_month_is_told_for_the_run() -> None:
    result = footprint(
        activity=Activity.of(1, **KNOWN),
        pieces=pieces_of([1, 1]),
        place=Place.of(
            2, pue=[1.2, 1.2], location_g_per_kwh=[400, None], market_g_per_kwh=400, fit=[8, 9]
        ),
    )

    assert flags(result) == Assumption.FACTOR_FALLBACK | Assumption.NO_FACTOR


def test_a_run_without_length_is_whole_in_its_last_piece() -> None:
    result = footprint(
        activity=Activity.of(1, **KNOWN), pieces=pieces_of([0, 0]), place=Place.of(2, **GRID)
    )

    assert result.energy_it_kwh_nano.tolist() == [0, 100 * NANO]


def test_no_runs() -> None:
    result = footprint(activity=Activity.of(0), pieces=Pieces.whole(0), place=Place.of(0))

    assert all(getattr(result, field.name).shape == (0,) for field in fields(Footprint))


def test_a_run_without_pieces_posts_nothing() -> None:
    none = Pieces(run_index=np.zeros(0, dtype=np.int64), weight=np.zeros(0, dtype=np.int64))
    result = footprint(activity=Activity.of(2, energy_kwh=5), pieces=none, place=Place.of(0))

    assert result.energy_it_kwh.tolist() == [0, 0]
    assert result.basis.tolist() == [Basis.ESTIMATED, Basis.ESTIMATED]


def test_nine_billion_kilowatt_hours_are_exact() -> None:
    result = one({"energy_kwh": 9e9}, {"pue": 1.0, "location_g_per_kwh": 500})

    assert result.energy_it_kwh_nano[0] == 9_000_000_000 * NANO
    assert result.location_based_kg_nano[0] == 4_500_000_000 * NANO
    assert not result.exceeds_range[0]


@pytest.mark.parametrize(
    ("activity", "place"),
    [
        ({"energy_kwh": 1e10}, GRID),
        ({"energy_kwh": float("inf")}, GRID),
        ({"energy_kwh": 8e9}, GRID),
        ({"energy_kwh": 5}, GRID | {"location_g_per_kwh": float("inf")}),
        ({"energy_kwh": 5}, GRID | {"loss_share": 1.0}),
        ({"energy_kwh": 5, "energy_includes_pue": True}, GRID | {"pue": 0.0}),
        ({"energy_kwh": 5, "device_hours": 1e300}, GRID),
    ],
)
def test_a_run_beyond_range_is_marked_and_hurts_no_other(
    activity: dict[str, Any], place: dict[str, Any]
) -> None:
    columns = {name: [value, None] for name, value in activity.items() if value is not True}
    columns |= {name: [True, False] for name, value in activity.items() if value is True}
    columns["energy_kwh"] = [activity["energy_kwh"], 100]
    result = footprint(
        activity=Activity.of(2, **columns),
        pieces=Pieces.whole(2),
        place=Place.of(2, **{name: [value, GRID.get(name)] for name, value in place.items()}),
    )

    assert result.exceeds_range.tolist() == [True, False]
    assert result.location_based_kg_nano.tolist() == [0, 48 * NANO]
    assert result.energy_it_kwh_nano.tolist() == [0, 100 * NANO]


def test_pieces_whose_sum_is_beyond_range_are_marked() -> None:
    result = footprint(
        activity=Activity.of(1, energy_kwh=8e9),
        pieces=pieces_of([1, 1]),
        place=Place.of(2, pue=2.0, location_g_per_kwh=1),
    )

    assert result.exceeds_range[0]
    assert not result.energy_facility_kwh_nano.any()


def test_unknown_columns_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(TypeError, match="watts"):
        Activity.of(1, watts=3)
    with pytest.raises(ValueError, match="pue"):
        Place.of(2, pue=[1.0, 1.1, 1.2])


def number(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.one_of(st.none(), st.floats(low, high))


RUN = st.fixed_dictionaries(
    {
        "device_count": st.one_of(st.none(), st.integers(1, 1_000)),
        "duration_hours": number(0, 3e5),
        "device_hours": st.one_of(st.none(), st.none(), st.floats(0, 1e6)),
        "device_max_watts": number(1, 1500),
        "device_idle_watts": number(0, 200),
        "power_watts": st.one_of(st.none(), st.none(), st.floats(0, 2000)),
        "power_share": number(0, 1),
        "utilisation": number(0, 1),
        "energy_kwh": st.one_of(st.none(), st.none(), st.floats(0, 9e6)),
        "energy_includes_pue": st.booleans(),
        "energy_measured": st.booleans(),
        "cpu_cores": number(0, 500),
        "cpu_watts_per_core": number(0, 30),
        "cpu_use": number(0, 1),
        "memory_gb": number(0, 4000),
        "host_included": st.booleans(),
        "memory_included": st.booleans(),
        "node_idle_watts": number(0, 1000),
        "node_max_watts": st.one_of(st.none(), st.none(), st.floats(1000, 12_000)),
        "preset": st.sampled_from(list(Preset)),
        "embodied_kg_per_device": number(0, 5000),
        "life_years": number(1, 10),
        "expected_utilisation": number(0.1, 1),
    }
)
WHERE = st.fixed_dictionaries(
    {
        "pue": number(1, 3),
        "location_g_per_kwh": number(0, 1500),
        "market_g_per_kwh": number(0, 1500),
        "upstream_g_per_kwh": number(0, 200),
        "loss_share": number(0, 0.5),
        "factor_includes_upstream": st.booleans(),
        "factor_includes_losses": st.booleans(),
        "factor_lifecycle": st.booleans(),
        "fit": st.sampled_from(list(Fit)),
        "wue_litres_per_kwh": number(0, 5),
        "grid_water_litres_per_kwh": number(0, 5),
    }
)
PIECE = st.tuples(st.integers(0, 3 * 10**12), WHERE)
RUNS = st.lists(st.tuples(RUN, st.lists(PIECE, min_size=1, max_size=3)), min_size=1, max_size=6)
TypeOfRuns = list[tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]]


def table(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def calculate(runs: TypeOfRuns) -> Footprint:
    parts = [(run, piece) for run, (_, pieces) in enumerate(runs) for piece in pieces]
    return footprint(
        activity=Activity.of(len(runs), **table([activity for activity, _ in runs])),
        pieces=Pieces(
            run_index=np.array([run for run, _ in parts], dtype=np.int64),
            weight=np.array([weight for _, (weight, _) in parts], dtype=np.int64),
        ),
        place=Place.of(len(parts), **table([where for _, (_, where) in parts])),
    )


def columns_of(result: Footprint, runs: np.ndarray, pieces: np.ndarray) -> dict[str, list[Any]]:
    return {
        field.name: getattr(result, field.name)[runs if field.name in PER_RUN else pieces].tolist()
        for field in fields(Footprint)
    }


@given(RUNS)
def test_one_run_at_a_time_equals_all_at_once(runs: TypeOfRuns) -> None:
    together = calculate(runs)
    ends = np.cumsum([len(pieces) for _, pieces in runs])

    for row, run in enumerate(runs):
        rows = np.arange(ends[row] - len(run[1]), ends[row])
        alone = calculate([run])
        np.testing.assert_equal(
            columns_of(together, np.array([row]), rows),
            columns_of(alone, np.array([0]), np.arange(len(run[1]))),
        )


@given(RUNS, st.randoms(use_true_random=False))
def test_the_order_of_the_runs_changes_nothing(runs: TypeOfRuns, random: Any) -> None:
    order = list(range(len(runs)))
    random.shuffle(order)
    counts = np.array([len(pieces) for _, pieces in runs])
    starts = np.cumsum(counts) - counts
    pieces = np.concatenate([np.arange(starts[one], starts[one] + counts[one]) for one in order])
    shuffled = calculate([runs[one] for one in order])

    np.testing.assert_equal(
        columns_of(calculate(runs), np.array(order), pieces),
        columns_of(shuffled, np.arange(len(runs)), np.arange(counts.sum())),
    )


@given(RUN, WHERE, st.lists(st.integers(0, 3 * 10**12), min_size=1, max_size=40))
@settings(max_examples=60)
def test_pieces_add_up_to_the_run_exactly(
    run: dict[str, Any], where: dict[str, Any], weights: list[int]
) -> None:
    whole = footprint(
        activity=Activity.of(1, **run), pieces=Pieces.whole(1), place=Place.of(1, **where)
    )
    split = footprint(
        activity=Activity.of(1, **run),
        pieces=pieces_of(weights),
        place=Place.of(len(weights), **where),
    )
    stated_at_meter = run["energy_kwh"] is not None and run["energy_includes_pue"]
    exact = "energy_facility_kwh_nano" if stated_at_meter else "energy_it_kwh_nano"

    for name in (exact, "device_hours_nano"):
        assert getattr(split, name).sum() == getattr(whole, name).sum()
    # The rest is rounded piece by piece: at most half a nano-unit each, times what follows.
    for name in ("location_based_kg_nano", "market_based_kg_nano", "embodied_kg_nano"):
        after, before = getattr(split, name).sum(), int(getattr(whole, name).sum())
        assert abs(after - before) <= 3 * len(weights) + abs(before) * 1e-14


@given(RUN, WHERE)
def test_energy_emissions_and_hours_are_never_negative(
    run: dict[str, Any], where: dict[str, Any]
) -> None:
    result = one(run, where)

    for name in PER_PIECE:
        assert (getattr(result, name) >= 0).all()
    assert not result.exceeds_range.any()


def test_a_run_across_new_year_is_split_by_time_and_each_part_takes_its_years_factor() -> None:
    start = np.array([1_735_678_800_000_000])  # 2024-12-31 21:00 UTC
    run_index, month, weight, _ = split_months(
        starts_at_us=start, ends_at_us=start + 8 * 3_600_000_000, time_zone=ZoneInfo("UTC")
    )
    result = footprint(
        activity=Activity.of(1, device_count=1, duration_hours=8, power_watts=1000),
        pieces=Pieces(run_index=run_index, weight=weight),
        place=Place.of(2, pue=1.0, location_g_per_kwh=np.where(month < 2025 * 12, 400, 300)),
    )

    assert result.energy_it_kwh_nano.tolist() == [3 * NANO, 5 * NANO]
    assert result.location_based_kg_nano.tolist() == [1_200_000_000, 1_500_000_000]
