from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emissions.calculation.ledger import apportion, difference

TOTALS = st.integers(-(9 * 10**18), 9 * 10**18)
WEIGHTS = st.one_of(st.integers(0, 10), st.integers(0, 10**15), st.integers(0, 10**18 // 2))


def ints(values: object) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def split(total: int, weights: list[int]) -> list[int]:
    group = np.zeros(len(weights), dtype=np.int64)
    return apportion(totals=ints([total]), group=group, weights=ints(weights)).tolist()


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1], [5, 5]),
        (10, [1, 1, 1], [3, 3, 4]),
        (10, [1, 2, 1], [2, 6, 2]),
        (-10, [1, 1, 1], [-3, -3, -4]),
        (7, [0, 0], [0, 7]),
        (7, [0, 5, 0], [0, 7, 0]),
        (0, [3, 4], [0, 0]),
        (5, [1], [5]),
    ],
)
def test_the_rest_goes_to_the_largest_share_and_of_equals_to_the_last(
    total: int, weights: list[int], parts: list[int]
) -> None:
    assert split(total, weights) == parts


@given(TOTALS, st.lists(WEIGHTS, min_size=1, max_size=8))
@example(9 * 10**18, [10**15, 10**15 - 1, 1])
def test_parts_add_up_exactly(total: int, weights: list[int]) -> None:
    assert sum(split(total, weights)) == total


@given(TOTALS, st.lists(st.integers(0, 10**15), min_size=2, max_size=4))
def test_every_share_but_the_one_with_the_rest_is_exact(total: int, weights: list[int]) -> None:
    if not any(weights):
        return
    parts = split(total, weights)
    floors = [abs(total) * weight // sum(weights) for weight in weights]
    off = [abs(part) - floor for part, floor in zip(parts, floors, strict=True)]

    assert sum(1 for one in off if one) <= 1
    assert all(0 <= one < len(weights) for one in off)


@given(st.integers(0, 9 * 10**18), st.lists(st.integers(1, 10**18), min_size=2, max_size=8))
def test_huge_weights_keep_their_proportion(total: int, weights: list[int]) -> None:
    for part, weight in zip(split(total, weights), weights, strict=True):
        exact = Fraction(total) * weight / sum(weights)
        assert abs(part - exact) <= total * 2.0**-47 + len(weights)


@given(st.data())
def test_groups_need_no_order_and_do_not_touch_each_other(data: st.DataObject) -> None:
    totals = data.draw(st.lists(TOTALS, min_size=1, max_size=5))
    group = data.draw(st.lists(st.integers(0, len(totals) - 1), max_size=20))
    weights = data.draw(st.lists(st.integers(0, 9), min_size=len(group), max_size=len(group)))

    parts = apportion(totals=ints(totals), group=ints(group), weights=ints(weights))

    for number in set(group):
        rows = [row for row, one in enumerate(group) if one == number]
        assert parts[rows].tolist() == split(totals[number], [weights[row] for row in rows])


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        split(5, [1, -1])


KEYS = arrays(np.int64, st.tuples(st.integers(0, 12), st.just(3)), elements=st.integers(-2, 2))


@st.composite
def lines(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    keys = draw(KEYS)
    amounts = draw(arrays(np.int64, (keys.shape[0], 2), elements=st.integers(-3, 3)))
    return keys, amounts


def summed(keys: np.ndarray, amounts: np.ndarray) -> dict[tuple[int, ...], tuple[int, ...]]:
    sums: dict[tuple[int, ...], tuple[int, ...]] = {}
    for key, row in zip(map(tuple, keys.tolist()), amounts.tolist(), strict=True):
        before = sums.get(key, (0,) * len(row))
        sums[key] = tuple(a + b for a, b in zip(before, row, strict=True))
    return {key: row for key, row in sums.items() if any(row)}


@given(lines(), lines())
def test_what_stands_and_the_difference_make_what_is_wanted(
    wanted: tuple[np.ndarray, np.ndarray], present: tuple[np.ndarray, np.ndarray]
) -> None:
    keys, deltas = difference(
        wanted_keys=wanted[0], wanted=wanted[1], present_keys=present[0], present=present[1]
    )

    after = summed(np.concatenate([present[0], keys]), np.concatenate([present[1], deltas]))
    assert after == summed(*wanted)
    assert keys.tolist() == sorted({tuple(key): key for key in keys.tolist()}.values())
    assert deltas.any(axis=1).all()


@given(lines(), lines())
def test_a_second_difference_is_empty(
    wanted: tuple[np.ndarray, np.ndarray], present: tuple[np.ndarray, np.ndarray]
) -> None:
    keys, deltas = difference(
        wanted_keys=wanted[0], wanted=wanted[1], present_keys=present[0], present=present[1]
    )

    again, _ = difference(
        wanted_keys=wanted[0],
        wanted=wanted[1],
        present_keys=np.concatenate([present[0], keys]),
        present=np.concatenate([present[1], deltas]),
    )
    assert again.shape == (0, 3)


def test_an_edit_that_moves_a_run_posts_minus_on_the_old_cell_and_plus_on_the_new() -> None:
    keys, deltas = difference(
        wanted_keys=ints([[1, 24000, 8]]),
        wanted=ints([[500]]),
        present_keys=ints([[1, 24000, 7]]),
        present=ints([[400]]),
    )

    assert keys.tolist() == [[1, 24000, 7], [1, 24000, 8]]
    assert deltas.tolist() == [[-400], [500]]


def test_first_lines_are_posted_as_they_are() -> None:
    keys, deltas = difference(
        wanted_keys=ints([[1, 2, 3], [1, 3, 3]]),
        wanted=ints([[5], [0]]),
        present_keys=np.zeros((0, 3), dtype=np.int64),
        present=np.zeros((0, 1), dtype=np.int64),
    )

    assert (keys.tolist(), deltas.tolist()) == ([[1, 2, 3]], [[5]])
