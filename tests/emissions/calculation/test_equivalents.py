import numpy as np
import pytest

from emissions.calculation.equivalents import (
    EQUIVALENTS,
    Group,
    equivalents,
    lb_from_kg,
)


def test_every_equivalent_has_an_amount_and_a_source() -> None:
    assert len({one.key for one in EQUIVALENTS}) == len(EQUIVALENTS)
    for one in EQUIVALENTS:
        assert one.amount > 0
        assert one.source
        assert one.url.startswith("https://")


def test_strubells_car_is_57_tonnes() -> None:
    (car,) = (one for one in EQUIVALENTS if one.key == "car_lifetime")
    assert car.amount == pytest.approx(57_153, abs=1)


def test_amounts_are_divided_by_their_own_measure() -> None:
    found = equivalents(
        emissions_kg=np.array([552_100.0, 0.0]), energy_kwh=np.array([10_715.0, 21_430.0])
    )

    assert found["gpt3"].tolist() == [1.0, 0.0]
    assert found["us_home_year"].tolist() == [1.0, 2.0]


def test_published_models_are_in_order_of_size() -> None:
    amounts = [one.amount for one in EQUIVALENTS if one.group is Group.PUBLISHED_MODEL]

    assert amounts == sorted(amounts)


def test_pounds() -> None:
    assert lb_from_kg(kg=np.array([0.45359237]))[0] == 1
