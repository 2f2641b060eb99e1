from math import exp, log1p, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
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
    intervals,
    own_variance,
    ranking,
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
    found = interval(
        amounts=np.array([100.0]),
        independent_variance=0.0,
        shared={"energy": Shared(np.zeros(1, dtype=np.int64), np.array([low]), np.array([high]))},
    )
    assert (found.low, found.high) == pytest.approx((60, 120), rel=0.02)


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


def test_the_input_that_matters_most_comes_first() -> None:
    key = np.zeros(1, dtype=np.int64)
    found = ranking(
        amounts=np.array([10.0]),
        independent_variance=0.01,
        shared={
            "pue": Shared(key, np.array([0.05]), np.array([0.05])),
            "factor": Shared(key, np.array([0.2]), np.array([0.2])),
        },
    )

    assert [one.input for one in found] == ["factor", "pue", "own"]
    assert sum(one.share for one in found) == pytest.approx(1)


def test_a_total_that_is_not_positive_has_no_interval() -> None:
    assert of_one_input([1.0, -3.0], [1, 1], 0.1) == Interval(-2.0, -2.0, -2.0)


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


@given(
    st.lists(
        st.tuples(st.floats(0.1, 1e4), st.integers(0, 3), st.integers(0, 2), st.floats(0.0, 0.4)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=25)
def test_groups_have_the_intervals_of_their_lines_alone(
    lines: list[tuple[float, int, int, float]],
) -> None:
    amounts, group, keys, sigmas = (np.array(column) for column in zip(*lines, strict=True))
    own = np.bincount(group, minlength=5).astype(np.float64)
    found = intervals(
        amounts=amounts,
        group=group,
        groups=5,
        independent_variance=own,
        shared={
            "factor": Shared(keys, sigmas, 2 * sigmas),
            "pue": Shared(0 * keys, sigmas, sigmas),
        },
    )
    for at in range(5):
        mine = group == at
        below, above = own[at], own[at]
        for key in range(3):
            linear = (amounts * sigmas)[mine & (keys == key)].sum()
            below, above = below + linear**2, above + (2 * linear) ** 2
        of_all = (amounts * sigmas)[mine].sum() ** 2
        total = amounts[mine].sum()
        assert found[at].total == pytest.approx(total)
        for end, sign, variance in ((found[at].low, -1, below), (found[at].high, 1, above)):
            deviation = sqrt(log1p((variance + of_all) / total**2)) if total else 0.0
            assert end == pytest.approx(total * exp(sign * Z_95 * deviation))


class TestAgainstSimulation:
    """The interval against a simulation of the same model: 3 % of each end is allowed.

    Symmetric bands: the formula works with moments, the simulation multiplies lognormal
    errors, one for each shared input and one for each run.
    """

    SAMPLES = 100_000

    def test_the_interval_is_that_of_a_monte_carlo_simulation(self) -> None:
        random = np.random.default_rng(20_260_701)
        amounts = np.array([900.0, 400.0, 250.0, 120.0, 80.0, 40.0])
        keys = {"factor": [1, 1, 2, 2, 3, 3], "energy": [1, 2, 1, 2, 1, 2], "pue": [1] * 6}
        sigmas = {
            "factor": [0.05, 0.05, 0.11, 0.11, 0.17, 0.17],
            "energy": [0.06, 0.12, 0.06, 0.12, 0.06, 0.12],
            "pue": [0.03] * 6,
        }
        own = 0.15
        found = interval(
            amounts=amounts,
            independent_variance=float((own * amounts).__pow__(2).sum()),
            shared={
                name: Shared(np.array(keys[name]), np.array(sigmas[name]), np.array(sigmas[name]))
                for name in keys
            },
        )

        logs = random.normal(0.0, own, (self.SAMPLES, amounts.size))
        for name, of_lines in keys.items():
            errors = random.normal(0.0, 1.0, (self.SAMPLES, max(of_lines)))
            logs += errors[:, np.array(of_lines) - 1] * np.array(sigmas[name])
        low, high = np.percentile((amounts * np.exp(logs)).sum(axis=1), [2.5, 97.5])

        assert found.low == pytest.approx(low, rel=0.03)
        assert found.high == pytest.approx(high, rel=0.03)


LINES = st.lists(
    st.tuples(st.floats(0.1, 1e6), st.integers(1, 3), st.floats(0.0, 0.4)), min_size=1, max_size=8
)


def of_lines(lines: list[tuple[float, int, float]], times: float = 1.0) -> Interval:
    amounts, keys, sigmas = (np.array(column) for column in zip(*lines, strict=True))
    shared = {"factor": Shared(keys, sigmas * times, sigmas * times)}
    return interval(amounts=amounts, independent_variance=0.0, shared=shared)


@given(LINES)
def test_an_interval_holds_its_figure_and_grows_with_the_spread(
    lines: list[tuple[float, int, float]],
) -> None:
    once, wider = of_lines(lines), of_lines(lines, times=1.5)

    assert once.low <= once.total <= once.high
    assert wider.low <= once.low
    assert wider.high >= once.high


@given(LINES)
def test_fully_correlated_deviations_add_up(lines: list[tuple[float, int, float]]) -> None:
    one_key = [(amount, 1, sigma) for amount, _, sigma in lines]
    found = of_lines(one_key)
    deviation = sum(amount * sigma for amount, _, sigma in lines)
    relative = sqrt(np.log1p((deviation / found.total) ** 2))

    assert found.high == pytest.approx(found.total * exp(Z_95 * relative))
    assert of_lines(lines).high <= found.high * (1 + 1e-12), "correlation is the worst case"


@given(LINES, st.floats(0, 1e6))
def test_the_shares_of_a_ranking_add_up_and_fall(
    lines: list[tuple[float, int, float]], own: float
) -> None:
    amounts, keys, sigmas = (np.array(column) for column in zip(*lines, strict=True))
    shared = {"factor": Shared(keys, sigmas, sigmas)}
    found = ranking(amounts=amounts, independent_variance=own, shared=shared)
    shares = [one.share for one in found]

    assert shares == sorted(shares, reverse=True)
    assert not shares or sum(shares) == pytest.approx(1)
