import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emissions.calculation.factors import Choice, FactorTable, choose
from emissions.calculation.vocabulary import FactorKind, FactorRole, Fit

WORLD, US, CALIFORNIA, CAMX, FRANCE, QUEBEC, CANADA = 0, 1, 2, 3, 4, 5, 6
PARENTS = {CAMX: CALIFORNIA, CALIFORNIA: US, QUEBEC: CANADA, US: WORLD, FRANCE: WORLD}


def factor(
    zone: int,
    value: float,
    year: int = 2023,
    *,
    kind: str = "direct",
    role: str = "location",
    rank: int = 1,
    published: int = 0,
    months: tuple[int, int] | None = None,
) -> dict[str, object]:
    starts, ends = months or (year * 12, year * 12 + 12)
    return {
        "zone": zone, "value": value, "kind": kind, "role": role, "rank": rank,
        "published": published, "starts_month": starts, "ends_month": ends,
    }  # fmt: skip


def table(*factors: dict[str, object]) -> FactorTable:
    columns = {name: [one[name] for one in factors] for name in factor(WORLD, 0.0)}
    return FactorTable.of(ids=np.arange(len(factors)), parents=PARENTS, world=WORLD, **columns)


def pick(
    factors: FactorTable, zone: int, month: int, role: FactorRole = FactorRole.LOCATION
) -> tuple[float, Fit, int]:
    choice = choose(
        zone=np.array([zone]), month=np.array([month], dtype=np.int32), table=factors, role=role
    )
    return (
        float(choice.take(factors.value)[0]), Fit(int(choice.fit[0])), int(choice.gap_years[0])
    )  # fmt: skip


JULY_2023 = 2023 * 12 + 6


def test_the_month_comes_before_the_year() -> None:
    factors = table(
        factor(FRANCE, 50), factor(FRANCE, 30, months=(JULY_2023, JULY_2023 + 1), rank=9)
    )

    assert pick(factors, FRANCE, JULY_2023) == (30, Fit.ZONE_MONTH, 0)
    assert pick(factors, FRANCE, JULY_2023 + 1) == (50, Fit.ZONE_YEAR, 0)


def test_the_parents_same_year_comes_before_the_zones_earlier_year() -> None:
    factors = table(factor(CALIFORNIA, 200, 2022), factor(US, 370, 2023))

    assert pick(factors, CALIFORNIA, JULY_2023) == (370, Fit.PARENT_YEAR, 0)


def test_a_subregion_falls_back_over_two_steps() -> None:
    assert pick(table(factor(US, 370)), CAMX, JULY_2023) == (370, Fit.PARENT_YEAR, 0)


def test_the_nearest_earlier_year_is_used_and_its_age_told() -> None:
    factors = table(factor(FRANCE, 60, 2019), factor(FRANCE, 55, 2021), factor(WORLD, 480))

    assert pick(factors, FRANCE, JULY_2023) == (55, Fit.ZONE_EARLIER_YEAR, 2)


def test_the_zones_earlier_year_comes_before_the_parents() -> None:
    factors = table(factor(QUEBEC, 2, 2019), factor(CANADA, 110, 2022))

    assert pick(factors, QUEBEC, JULY_2023) == (2, Fit.ZONE_EARLIER_YEAR, 4)


def test_the_parents_earlier_year() -> None:
    assert pick(table(factor(CANADA, 110, 2022)), QUEBEC, JULY_2023) == (
        110, Fit.PARENT_EARLIER_YEAR, 1,
    )  # fmt: skip


def test_the_world_comes_last() -> None:
    factors = table(factor(WORLD, 480, kind="lifecycle"), factor(US, 370))

    assert pick(factors, FRANCE, JULY_2023) == (480, Fit.WORLD, 0)


def test_a_direct_parent_beats_a_lifecycle_zone_of_the_same_year() -> None:
    factors = table(factor(CALIFORNIA, 250, kind="lifecycle"), factor(US, 370))

    assert pick(factors, CALIFORNIA, JULY_2023) == (370, Fit.PARENT_YEAR, 0)


def test_an_earlier_direct_factor_beats_a_lifecycle_one_of_the_year() -> None:
    factors = table(factor(FRANCE, 56, kind="lifecycle"), factor(FRANCE, 44, 2020))

    assert pick(factors, FRANCE, JULY_2023) == (44, Fit.ZONE_EARLIER_YEAR, 3)


def test_a_direct_world_average_does_not_beat_the_zones_lifecycle_factor() -> None:
    factors = table(factor(FRANCE, 56, kind="lifecycle"), factor(WORLD, 480))

    assert pick(factors, FRANCE, JULY_2023) == (56, Fit.ZONE_YEAR, 0)


def test_a_later_year_comes_only_before_the_world() -> None:
    later = factor(FRANCE, 44, 2025)
    lifecycle = factor(FRANCE, 56, 2022, kind="lifecycle")

    assert pick(table(later, lifecycle), FRANCE, JULY_2023)[0] == 56
    assert pick(table(later, factor(WORLD, 480)), FRANCE, JULY_2023) == (
        44, Fit.ZONE_EARLIER_YEAR, -2,
    )  # fmt: skip


def test_of_equal_fit_precedence_decides_then_publication_then_the_id() -> None:
    first = factor(FRANCE, 1, rank=2, published=900)
    second = factor(FRANCE, 2, rank=1, published=100)
    third = factor(FRANCE, 3, rank=1, published=200)

    assert pick(table(first, second), FRANCE, JULY_2023)[0] == 2
    assert pick(table(second, third), FRANCE, JULY_2023)[0] == 3
    assert pick(table(third, factor(FRANCE, 4, rank=1, published=200)), FRANCE, JULY_2023)[0] == 4


def test_the_nearest_year_decides_before_precedence() -> None:
    factors = table(factor(FRANCE, 60, 2020, rank=1), factor(FRANCE, 55, 2022, rank=5))

    assert pick(factors, FRANCE, JULY_2023) == (55, Fit.ZONE_EARLIER_YEAR, 1)


def test_a_fiscal_year_covers_its_months() -> None:
    factors = table(factor(FRANCE, 700, months=(JULY_2023, JULY_2023 + 12)))

    assert pick(factors, FRANCE, JULY_2023 + 11) == (700, Fit.ZONE_YEAR, 0)
    assert pick(factors, FRANCE, JULY_2023 + 12) == (700, Fit.ZONE_EARLIER_YEAR, 1)


def test_what_ended_last_is_nearest_however_early_it_began() -> None:
    factors = table(
        factor(US, 5, months=(2017 * 12, 2022 * 12)), factor(US, 6, 2020), factor(US, 7, 2016)
    )

    assert pick(factors, US, JULY_2023) == (5, Fit.ZONE_EARLIER_YEAR, 2)


@pytest.mark.parametrize("role", [FactorRole.RESIDUAL, FactorRole.UPSTREAM])
def test_no_world_average_stands_in_for_other_roles(role: FactorRole) -> None:
    factors = table(factor(WORLD, 480, role=role), factor(US, 400, role=role))

    assert np.isnan(pick(factors, FRANCE, JULY_2023, role)[0])
    assert pick(factors, CAMX, JULY_2023, role) == (400, Fit.PARENT_YEAR, 0)


def test_nothing_is_found_in_an_empty_table() -> None:
    empty = table()
    choice = choose(
        zone=np.array([FRANCE]), month=np.array([JULY_2023], dtype=np.int32), table=empty
    )

    assert choice.factor_index.tolist() == [-1]
    assert choice.fit.tolist() == [Fit.NONE]
    assert np.isnan(choice.take(empty.value)).all()
    assert not choice.flag(empty.lifecycle).any()


def test_an_unknown_place_gets_the_worlds_average() -> None:
    assert pick(table(factor(WORLD, 480)), -1, JULY_2023) == (480, Fit.WORLD, 0)


def test_rows_without_a_value_are_never_chosen() -> None:
    factors = table(factor(FRANCE, float("nan")), factor(WORLD, 480))

    assert pick(factors, FRANCE, JULY_2023) == (480, Fit.WORLD, 0)


def test_parents_that_go_in_a_circle_end() -> None:
    factors = FactorTable.of(
        ids=[1], zone=[9], role=["location"], kind=["direct"], rank=1, published=0,
        starts_month=0, ends_month=1, value=1.0, parents={1: 2, 2: 1},
    )  # fmt: skip

    assert pick(factors, 1, 0)[1] is Fit.NONE


def test_no_rows_asked_for() -> None:
    choice = choose(
        zone=np.zeros(0, dtype=np.int64), month=np.zeros(0, dtype=np.int32), table=table()
    )

    assert isinstance(choice, Choice)
    assert choice.fit.shape == (0,)


FACTORS = st.builds(
    factor,
    zone=st.sampled_from([WORLD, US, CALIFORNIA, CAMX, FRANCE]),
    value=st.integers(1, 900).map(float),
    year=st.integers(2019, 2025),
    kind=st.sampled_from(list(FactorKind)),
    rank=st.integers(1, 3),
    published=st.integers(0, 3),
)
ASKED = st.tuples(
    st.sampled_from([WORLD, US, CALIFORNIA, CAMX, FRANCE]), st.integers(2020 * 12, 2024 * 12)
)


@given(st.lists(FACTORS, max_size=12), st.lists(ASKED, min_size=1, max_size=10))
def test_choosing_many_is_choosing_each(
    factors: list[dict[str, object]], asked: list[tuple[int, int]]
) -> None:
    rows = table(*factors)
    together = choose(
        zone=np.array([zone for zone, _ in asked]),
        month=np.array([month for _, month in asked], dtype=np.int32),
        table=rows,
    )
    fresh = table(*factors)

    for row, (zone, month) in enumerate(asked):
        value, fit, gap = pick(fresh, zone, month)
        assert together.fit[row] == fit
        assert together.gap_years[row] == gap
        np.testing.assert_equal(together.take(rows.value)[row], value)


@given(st.lists(FACTORS, min_size=1, max_size=12), ASKED)
def test_a_lifecycle_factor_is_chosen_only_where_no_direct_one_of_the_time_exists(
    factors: list[dict[str, object]], asked: tuple[int, int]
) -> None:
    zone, month = asked
    rows = table(*factors)
    choice = choose(zone=np.array([zone]), month=np.array([month], dtype=np.int32), table=rows)
    chain, step = {zone}, zone
    while step in PARENTS:
        step = PARENTS[step]
        chain.add(step)
    usable = [
        one for one in factors
        if one["zone"] in chain - {WORLD} and one["starts_month"] <= month  # type: ignore[operator]
    ]  # fmt: skip

    if choice.flag(rows.lifecycle)[0]:
        assert all(one["kind"] == FactorKind.LIFECYCLE for one in usable)


def test_closed_months_are_answered_from_the_tables_of_then() -> None:
    now = table(factor(FRANCE, 77), factor(FRANCE, 11, role="residual"))
    first = table(factor(US, 1), factor(FRANCE, 50))
    second = table(factor(FRANCE, 60))
    joined = now.with_closed(
        [
            (JULY_2023 - 6, JULY_2023 - 3, first),
            (JULY_2023 - 3, JULY_2023, second),
            (JULY_2023 + 3, JULY_2023 + 4, first),
        ]
    )

    assert [pick(joined, FRANCE, JULY_2023 + step)[0] for step in (-4, -1, 0, 3, 4)] == [
        50, 60, 77, 50, 77,
    ]  # fmt: skip
    assert joined.ids.tolist() == [0, 1, 0, 1, 0]
    choice = choose(
        zone=np.array([FRANCE]),
        month=np.array([JULY_2023 - 4], dtype=np.int32),
        table=joined,
        role=FactorRole.RESIDUAL,
    )
    assert choice.factor_index.tolist() == [-1]
    assert {JULY_2023 - 3, JULY_2023, JULY_2023 + 4} <= joined.boundaries()


def test_without_closed_months_a_table_stays_itself() -> None:
    now = table(factor(FRANCE, 77))

    assert now.with_closed([]) is now
