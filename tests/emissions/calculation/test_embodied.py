import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.embodied import (
    NEVER,
    lifetime_bridge,
    lifetime_share,
    purchase_nano,
    rate_per_device_hour,
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


def bridge(bought: int, *, before: int, disposed_on: int = NEVER, life_years: float = 4.0):
    return lifetime_bridge(
        bought_nano=np.array([bought]),
        bought_on=np.array([DAY]),
        disposed_on=np.array([disposed_on]),
        life_years=np.array([life_years]),
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
