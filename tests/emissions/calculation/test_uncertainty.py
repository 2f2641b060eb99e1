from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emissions.calculation.uncertainty import (
    EMBODIED_BAND,
    ENERGY_BANDS,
    FIT_BANDS,
    OWN_SPREAD,
    PUE_DEFAULT_BAND,
    Z_95,
    Interval,
    Shared,
    interval,
    own_variance,
)
from emissions.calculation.vocabulary import Basis, Fit


def of_one_input(amounts: list[float], keys: list[int], sigma: float) -> Interval:
    sigmas = np.full(len(amounts), sigma)
    return interval(
        amounts=np.array(amounts),
        independent_variance=0.0,
        shared={"factor": Shared(np.array(keys, dtype=np.int64), sigmas, sigmas)},
    )


def test_every_basis_and_fit_has_a_band_around_the_figure() -> None:
    assert set(ENERGY_BANDS) == set(OWN_SPREAD) == set(Basis)
    assert set(FIT_BANDS) == set(Fit)
    for band in [*ENERGY_BANDS.values(), *FIT_BANDS.values(), PUE_DEFAULT_BAND, EMBODIED_BAND]:
        assert 0 < band.low <= 1 <= band.high
        assert band.why


def test_a_single_line_gets_about_its_band_back() -> None:
    low, high = EMBODIED_BAND.sigmas
    found = interval(
        amounts=np.array([100.0]),
        independent_variance=0.0,
        shared={"embodied": Shared(np.zeros(1, dtype=np.int64), np.array([low]), np.array([high]))},
    )

    assert found.low == pytest.approx(50, rel=0.05)
    assert found.high == pytest.approx(200, rel=0.05)


def test_a_lopsided_band_stays_lopsided() -> None:
    low, high = ENERGY_BANDS[Basis.DEFAULT].sigmas

    assert exp(-Z_95 * low) == pytest.approx(0.6)
    assert exp(Z_95 * high) == pytest.approx(1.2)


def test_a_shared_error_does_not_shrink_in_a_sum() -> None:
    alone = of_one_input([100.0], [1], 0.1)
    together = of_one_input([1.0] * 100, [1] * 100, 0.1)

    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))


def test_errors_of_different_inputs_shrink_by_the_root() -> None:
    shared = of_one_input([1.0] * 100, [1] * 100, 0.1)
    separate = of_one_input([1.0] * 100, list(range(100)), 0.1)

    assert separate.high / 100 - 1 == pytest.approx((shared.high / 100 - 1) / 10, rel=0.12)


def test_runs_own_errors_add_up_as_variances() -> None:
    found = interval(amounts=np.full(100, 1.0), independent_variance=100 * 0.15**2, shared={})

    assert found.high == pytest.approx(100 * exp(Z_95 * 0.015), rel=1e-4)
    assert found.contributions == {"own": 1.0}


def test_the_input_that_matters_most_comes_first() -> None:
    key = np.zeros(1, dtype=np.int64)
    found = interval(
        amounts=np.array([10.0]),
        independent_variance=0.01,
        shared={
            "pue": Shared(key, np.array([0.05]), np.array([0.05])),
            "factor": Shared(key, np.array([0.2]), np.array([0.2])),
        },
    )

    assert list(found.contributions) == ["factor", "pue", "own"]
    assert sum(found.contributions.values()) == pytest.approx(1)


def test_a_total_that_is_not_positive_has_no_interval() -> None:
    assert of_one_input([1.0, -3.0], [1, 1], 0.1) == Interval(-2.0, -2.0, -2.0, {})


@given(
    st.lists(st.floats(0.01, 1e6), min_size=1, max_size=12),
    st.integers(1, 4),
    st.floats(0.001, 0.5),
)
def test_the_total_lies_in_its_interval(amounts: list[float], keys: int, sigma: float) -> None:
    found = of_one_input(amounts, [row % keys for row in range(len(amounts))], sigma)

    assert 0 < found.low <= found.total <= found.high


def test_the_pieces_variances_add_up_to_the_runs() -> None:
    pieces = np.array([30.0, 70.0])
    variance = own_variance(
        piece_kg=pieces, run_kg=np.full(2, 100.0), basis=np.full(2, Basis.DEFAULT, dtype=np.int8)
    )

    assert sqrt(variance.sum()) == pytest.approx(15.0)
