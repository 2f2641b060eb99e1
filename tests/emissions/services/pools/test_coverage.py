"""What instruments change is shared over lines exactly; the rest is at one known line."""

from fractions import Fraction

import pytest

from emissions.services.pools.coverage import Covered, _differences


@pytest.mark.parametrize(
    ("kwh", "wanted"),
    [
        # −10 each, of which a third is covered: rounded down to −4, and the sum is −10.
        ((1, 1, 1), [(5, -2), (6, -4), (7, -4)]),
        ((1, 2, 1), [(5, -4), (6, -2), (7, -4)]),
        ((1, -2, 1), [(5, -4), (6, -2), (7, -4)]),
    ],
)
def test_the_largest_line_takes_the_rest_and_of_equals_the_oldest(kwh, wanted):
    covered = Covered(kwh_nano=1, grams_nano=Fraction(0), electricity_nano=3)
    cells = [(5 + at, one, 10) for at, one in enumerate(kwh)]
    found = _differences(covered, cells)
    assert found == wanted
    assert sum(part for _, part in found) == -10


def test_a_line_is_moved_to_the_rate_of_what_covers_it():
    """Half of 4 kWh at 50 g is covered at 20 g: 2 × 0.02 − 2 × 0.05 kg."""
    covered = Covered(2 * 10**9, Fraction(2 * 10**9 * 20), 4 * 10**9)
    assert _differences(covered, [(1, 4 * 10**9, 200_000_000)]) == [(1, -60_000_000)]
