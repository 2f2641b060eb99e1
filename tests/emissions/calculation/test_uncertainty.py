from math import exp, log1p, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.uncertainty import (
    EMBODIED_BAND,
    ENERGY_BANDS,
    FIT_BANDS,
    OWN,
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
        shared={"factor": Shared(np.array(keys, dtype=np.int64), sigmas, sigmas)},
    )


def own(sigmas: np.ndarray) -> Shared:
    """Each line's own error."""
    return Shared(np.arange(sigmas.size), sigmas, sigmas)


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
    found = interval(amounts=np.full(100, 1.0), shared={OWN: own(np.full(100, 0.15))})

    assert found.high == pytest.approx(100 * exp(Z_95 * 0.015), rel=1e-4)


def test_the_input_that_matters_most_comes_first() -> None:
    key = np.zeros(1, dtype=np.int64)
    found = ranking(
        amounts=np.array([10.0]),
        shared={
            OWN: own(np.array([0.01])),
            "pue": Shared(key, np.array([0.05]), np.array([0.05])),
            "factor": Shared(key, np.array([0.2]), np.array([0.2])),
        },
    )

    assert [one.input for one in found] == ["factor", "pue", "own"]
    assert sum(one.share for one in found) == pytest.approx(1)


class TestWhatIsTakenAway:
    """Differences, corrections and remainders: lines of both signs."""

    def test_a_difference_of_a_thing_with_itself_is_nothing(self) -> None:
        assert of_one_input([3.0, 0.25, -3.0, -0.25], [1, 2, 1, 2], 0.3) == Interval(0.0, 0.0, 0.0)

    def test_what_two_sides_share_is_off_in_their_difference_only(self) -> None:
        alone, found = of_one_input([10.0], [1], 0.2), of_one_input([100.0, -90.0], [1, 1], 0.2)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high))

    def test_what_they_do_not_share_is_off_in_both(self) -> None:
        found = of_one_input([100.0, -90.0], [1, 2], 0.05)
        half = Z_95 * 0.05 * sqrt(100**2 + 90**2)
        assert (10 - found.low, found.high - 10) == pytest.approx((half, half), rel=0.02)

    @given(
        st.lists(
            st.tuples(
                st.floats(-1e4, 1e4), st.integers(0, 3), st.floats(0.0, 0.4), st.floats(0.0, 0.4)
            ),
            min_size=1,
            max_size=8,
        )
    )
    @settings(max_examples=25)
    def test_what_is_turned_around_has_its_interval_turned_around(
        self, lines: list[tuple[float, int, float, float]]
    ) -> None:
        amounts, keys, low, high = (np.array(column) for column in zip(*lines, strict=True))
        shared = {"factor": Shared(keys, low, high)}
        found, turned = (interval(amounts=one, shared=shared) for one in (amounts, -amounts))
        assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
        assert found.low <= found.total <= found.high

    @given(st.floats(10, 1e4), st.floats(0.01, 0.4), st.floats(0.0, 1e-4))
    @settings(max_examples=25)
    def test_a_small_correction_moves_an_interval_a_little(
        self, amount: float, sigma: float, part: float
    ) -> None:
        without = of_one_input([amount], [1], sigma)
        found = of_one_input([amount, -amount * part], [1, 2], sigma)
        assert found.low == pytest.approx(without.low, abs=5e-4 * amount)
        assert found.high == pytest.approx(without.high, abs=5e-4 * amount)

    def test_next_to_nothing_is_as_far_off_as_what_is_next_to_it(self) -> None:
        ends = [of_one_input([100.0, rest - 100.0], [1, 2], 0.1) for rest in (-0.01, 0.0, 0.01)]
        for found in ends:
            assert found.low == pytest.approx(-27, rel=0.05)
            assert found.high == pytest.approx(27, rel=0.05)


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
    found = intervals(
        amounts=amounts,
        group=group,
        groups=5,
        shared={
            OWN: own(1 / amounts),
            "factor": Shared(keys, sigmas, 2 * sigmas),
            "pue": Shared(0 * keys, sigmas, sigmas),
        },
    )
    for at in range(5):
        mine = group == at
        below = above = float(mine.sum())
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
        alone = 0.15
        found = interval(amounts=amounts, shared=self.shared(keys, sigmas, alone))

        logs = random.normal(0.0, alone, (self.SAMPLES, amounts.size))
        for name, of_lines in keys.items():
            errors = random.normal(0.0, 1.0, (self.SAMPLES, max(of_lines)))
            logs += errors[:, np.array(of_lines) - 1] * np.array(sigmas[name])
        low, high = np.percentile((amounts * np.exp(logs)).sum(axis=1), [2.5, 97.5])

        assert found.low == pytest.approx(low, rel=0.03)
        assert found.high == pytest.approx(high, rel=0.03)

    @pytest.mark.parametrize(
        "before",
        [
            [820.0, 390.0, 100.0, 120.0],  # A little less of the same.
            [300.0, 1200.0, 250.0, 0.0],  # Moved from one zone and model to others.
            [1.0, 0.0, 0.0, 0.0],  # Next to nothing.
            [900.0, 400.0, 250.0, 120.0],  # As much, from other runs.
        ],
    )
    def test_so_is_that_of_a_change(self, before: list[float]) -> None:
        """The half-width within 4 %, each end within a twentieth of it: the draws are lopsided."""
        random = np.random.default_rng(20_261_124)
        amounts = np.array([900.0, 400.0, 250.0, 120.0, *(-one for one in before)])
        keys = {"factor": [1, 1, 2, 2] * 2, "energy": [1, 2, 1, 2] * 2, "pue": [1] * 8}
        sigmas = {
            "factor": [0.05, 0.05, 0.11, 0.11] * 2,
            "energy": [0.06, 0.12, 0.06, 0.12] * 2,
            "pue": [0.03] * 8,
        }
        alone = 0.05
        found = interval(amounts=amounts, shared=self.shared(keys, sigmas, alone))

        logs = random.normal(0.0, alone, (self.SAMPLES, amounts.size))
        for name, of_lines in keys.items():
            errors = random.normal(0.0, 1.0, (self.SAMPLES, max(of_lines)))
            logs += errors[:, np.array(of_lines) - 1] * np.array(sigmas[name])
        low, high = np.percentile((amounts * np.exp(logs)).sum(axis=1), [2.5, 97.5])

        half = (high - low) / 2
        assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.04)
        assert found.low == pytest.approx(low, abs=0.05 * half)
        assert found.high == pytest.approx(high, abs=0.05 * half)

    def shared(self, keys: dict, sigmas: dict, alone: float) -> dict[str, Shared]:
        """Return inputs with symmetric spreads, and the lines' own."""
        found = {
            name: Shared(np.array(keys[name]), np.array(sigmas[name]), np.array(sigmas[name]))
            for name in keys
        }
        return found | {OWN: own(np.full(len(keys["pue"]), alone))}


LINES = st.lists(
    st.tuples(st.floats(0.1, 1e6), st.integers(1, 3), st.floats(0.0, 0.4)), min_size=1, max_size=8
)


def of_lines(lines: list[tuple[float, int, float]], times: float = 1.0) -> Interval:
    amounts, keys, sigmas = (np.array(column) for column in zip(*lines, strict=True))
    shared = {"factor": Shared(keys, sigmas * times, sigmas * times)}
    return interval(amounts=amounts, shared=shared)


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


@given(LINES, st.floats(0, 0.5))
def test_the_shares_of_a_ranking_add_up_and_fall(
    lines: list[tuple[float, int, float]], alone: float
) -> None:
    amounts, keys, sigmas = (np.array(column) for column in zip(*lines, strict=True))
    shared = {"factor": Shared(keys, sigmas, sigmas), OWN: own(np.full(amounts.size, alone))}
    found = ranking(amounts=amounts, shared=shared)
    shares = [one.share for one in found]

    assert shares == sorted(shares, reverse=True)
    assert not shares or sum(shares) == pytest.approx(1)
