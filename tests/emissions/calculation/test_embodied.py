import numpy as np
import pytest

from emissions.calculation.embodied import lifetime_share, rate_per_device_hour

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
