import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.embodied import (
    NEVER,
    Schedule,
    life_schedule,
    lifetime_bridge,
    lifetime_share,
    purchase_nano,
    rate_per_device_hour,
    spread_share,
)

NAN = np.nan


def rate(kg: float, years: float, utilisation: float) -> float:
    return float(
        rate_per_device_hour(
            kg_per_device=np.array([kg]),
            life_years=np.array([years]),
            expected_utilisation=np.array([utilisation]),
        )[0]
    )


def test_blooms_rate_per_gpu_hour() -> None:
    assert rate(150, 6, 0.85) == pytest.approx(3.358e-3, rel=1e-3)


def test_idle_hours_carry_their_share_by_default() -> None:
    assert rate(150, 6, NAN) == pytest.approx(150 / (6 * 8760))


def test_a_life_that_is_not_stated_is_four_years() -> None:
    assert rate(150, NAN, NAN) == pytest.approx(150 / (4 * 8760))


def test_an_unknown_footprint_gives_nothing() -> None:
    assert rate(NAN, 4, 1) == 0


def test_the_shares_of_a_whole_life_are_the_whole() -> None:
    share = lifetime_share(
        device_hours=np.array([4.0 * 8760]), rate_kg_per_device_hour=np.array([rate(164, 4, 1)])
    )

    assert share[0] == pytest.approx(164)


DAY = 738_000


def schedule(lives: list[tuple[float, float]], bought: float = DAY) -> Schedule:
    """Return the schedule of one thing with these lives: (from day, years)."""
    return life_schedule(
        thing=np.zeros(len(lives), dtype=np.int64),
        starts=np.array([day for day, _ in lives], dtype=np.float64),
        life_years=np.array([years for _, years in lives], dtype=np.float64),
        purchased=np.full(len(lives), bought, dtype=np.float64),
    )


def bridge(bought: int, *, before: int, disposed_on: int = NEVER, life_years: float = 4.0):
    return lifetime_bridge(
        bought_nano=np.array([bought]),
        bought_on=np.array([DAY]),
        disposed_on=np.array([disposed_on]),
        schedule=schedule([(DAY, life_years)]),
        before=np.array([before]),
    )


def test_hardware_bought_counts_in_full_for_every_node_alike() -> None:
    nano = purchase_nano(kg_per_node=np.array([3700.0, NAN]), node_count=np.array([16, 3]))
    assert nano.tolist() == [59_200 * 10**9, 0]


def test_nothing_is_there_before_the_day_of_purchase() -> None:
    found = bridge(1000, before=DAY)
    assert [found.bought[0], found.attributed[0], found.remaining[0]] == [0, 0, 0]
    assert bridge(1000, before=DAY + 1).bought[0] == 1000


def test_half_a_life_carries_half_and_a_whole_life_all_of_it() -> None:
    assert bridge(1000, before=DAY + 2 * 365).attributed[0] == 500
    found = bridge(10**18 + 1, before=DAY + 4 * 365)
    assert (found.attributed[0], found.remaining[0]) == (10**18 + 1, 0)


def test_what_leaves_early_leaves_the_rest_of_its_footprint() -> None:
    found = bridge(1000, before=DAY + 900, disposed_on=DAY + 365)
    assert [found.attributed[0], found.disposed[0], found.remaining[0]] == [250, 750, 0]
    assert bridge(1000, before=DAY + 365, disposed_on=DAY + 365).disposed[0] == 0


@settings(max_examples=25, deadline=None)
@given(
    bought=st.integers(0, 9 * 10**18),
    life=st.floats(0.1, 50),
    days=st.lists(st.integers(-10, 30_000), min_size=1, max_size=6),
    stood=st.integers(0, 20_000) | st.none(),
)
def test_the_bridge_adds_up_on_every_day_and_never_runs_back(bought, life, days, stood) -> None:
    gone = NEVER if stood is None else DAY + stood
    earlier = 0
    for day in sorted(days):
        found = bridge(bought, before=DAY + day, disposed_on=gone, life_years=life)
        parts = [found.attributed[0], found.disposed[0], found.remaining[0]]
        assert sum(map(int, parts)) == int(found.bought[0])
        assert all(part >= 0 for part in parts)
        assert found.attributed[0] >= earlier
        earlier = found.attributed[0]


def share(lives: list[tuple[float, float]], until: float, bought: float = DAY) -> float:
    """Return what a thing's schedule has spread of its footprint by a day."""
    found = spread_share(schedule=schedule(lives, bought), until=np.array([until], dtype=float))
    return float(found[0])


YEAR = 365


def test_a_longer_life_spreads_what_is_left_over_the_rest_of_it() -> None:
    """1,000 kg and 4 years; after 2 years prolonged to 6: 500 kg left ÷ 4 a = 125 kg/a."""
    lives = [(DAY, 4.0), (DAY + 2 * YEAR, 6.0)]
    found = schedule(lives)
    assert found.spread.tolist() == [0.0, 0.5]
    assert found.spread_years.tolist() == [4.0, 8.0]
    assert [1000 / years for years in found.spread_years] == [250.0, 125.0]
    for years, kg in ((1, 250), (2, 500), (3, 625), (5, 875), (6, 1000), (9, 1000)):
        assert 1000 * share(lives, DAY + years * YEAR) == pytest.approx(kg, abs=1e-9)


def test_a_shorter_life_spreads_it_faster() -> None:
    """1,000 kg and 4 years; after 1 year cut to 2: 750 kg left ÷ 1 a."""
    lives = [(DAY, 4.0), (DAY + YEAR, 2.0)]
    assert schedule(lives).spread_years[1] == pytest.approx(1000 / 750)
    assert share(lives, DAY + 2 * YEAR) == 1.0


def test_a_life_that_is_over_when_it_begins_changes_nothing() -> None:
    plain = schedule([(DAY, 4.0)])
    found = schedule([(DAY, 4.0), (DAY + 2 * YEAR, 1.0)])
    assert found.ends.tolist() == [plain.ends[0]] * 2
    assert share([(DAY, 4.0), (DAY + 2 * YEAR, 1.0)], DAY + 3 * YEAR) == 0.75


def test_what_is_spread_is_not_spread_again_by_a_longer_life() -> None:
    lives = [(DAY, 1.0), (DAY + 2 * YEAR, 6.0)]
    assert schedule(lives).spread_years[1] == np.inf
    assert share(lives, DAY + 5 * YEAR) == 1.0


def test_lives_that_begin_by_the_purchase_are_one_the_last_of_them() -> None:
    lives = [(DAY - 500, 3.0), (DAY - 10, 4.0)]
    assert share(lives, DAY + YEAR) == 0.25
    assert share(lives, DAY - 5) == 0.0
    late = [(DAY + 100, 4.0), (DAY + 2 * YEAR, 6.0)]
    assert share(late, DAY + YEAR) == 0.25


def test_without_a_purchase_each_life_has_its_own_rate_and_no_end() -> None:
    lives = [(DAY, 4.0), (DAY + 2 * YEAR, 8.0)]
    assert schedule(lives, np.nan).spread_years.tolist() == [4.0, 8.0]
    assert share(lives, DAY + 10 * YEAR, np.nan) == pytest.approx(0.5 + 1.0)


def test_things_do_not_see_one_another() -> None:
    both = life_schedule(
        thing=np.array([0, 0, 1, 1]),
        starts=np.array([DAY, DAY + 2 * YEAR, DAY, DAY + YEAR], dtype=float),
        life_years=np.array([4.0, 6.0, NAN, 2.0]),
        purchased=np.array([DAY, DAY, DAY + 10, DAY + 10], dtype=float),
    )
    second = schedule([(DAY, 4.0), (DAY + YEAR, 2.0)], DAY + 10)
    assert both.spread_years[2:].tolist() == second.spread_years.tolist()
    assert spread_share(schedule=both, until=np.full(2, DAY + 400.0)).tolist() == [
        share([(DAY, 4.0), (DAY + 2 * YEAR, 6.0)], DAY + 400),
        share([(DAY, 4.0), (DAY + YEAR, 2.0)], DAY + 400, DAY + 10),
    ]


@settings(max_examples=25, deadline=None)
@given(
    bought=st.integers(0, 9 * 10**18),
    changes=st.lists(st.tuples(st.integers(-200, 4000), st.floats(0.1, 50)), max_size=5),
    life=st.floats(0.1, 50),
    stood=st.integers(0, 20_000) | st.none(),
)
def test_however_often_a_life_changes_the_shares_are_the_whole(bought, changes, life, stood):
    """Never back, never more than all of it, and at the end exactly all of it; and what a
    change moves lies after it."""
    lives = [(float(DAY - 300), life)]
    for day, years in sorted(changes):
        before = [share(lives, DAY + at) for at in range(-5, day + 1, 97)]
        lives.append((float(DAY + day), years))
        assert before == [share(lives, DAY + at) for at in range(-5, day + 1, 97)] or day <= 0
    gone = np.array([NEVER if stood is None else DAY + stood])
    earlier = 0
    for before in (*range(DAY - 1, DAY + 4500, 311), DAY + 20_000):
        found = lifetime_bridge(
            bought_nano=np.array([bought]),
            bought_on=np.array([DAY]),
            disposed_on=gone,
            schedule=schedule(lives),
            before=np.array([before]),
        )
        parts = [int(found.attributed[0]), int(found.disposed[0]), int(found.remaining[0])]
        assert sum(parts) == int(found.bought[0])
        assert all(part >= 0 for part in parts)
        assert parts[0] >= earlier
        earlier = parts[0]
    if stood is None:
        assert earlier == bought
