"""How far a figure may be off: bands as data, a run's own variance, intervals of sums.

The bands are by judgement over the literature (docs: how a figure is made, section 10),
and are to be shown as such. An error is *shared* where one input stands behind many
lines (a zone's factor, a model's power, a site's PUE): it does not shrink in a sum. What
is a run's own (this job's load, this counter) does, and its variance adds up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from emissions.calculation.arrays import Codes, Floats, Ints
from emissions.calculation.vocabulary import Basis, Fit

Z_95 = 1.959964
"""Half-width of a 95 % interval, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Band:
    """A 95 % band around a figure, as multiples of it."""

    low: float
    high: float
    why: str

    @property
    def sigmas(self) -> tuple[float, float]:
        """Standard deviations of the logarithm, below and above."""
        return -log(self.low) / Z_95, log(self.high) / Z_95


ENERGY_BANDS: dict[Basis, Band] = {
    Basis.DEVICE_COUNTER: Band(0.88, 1.13, "device counter with the site's PUE, ±10–15 %"),
    Basis.SITE_METER: Band(0.96, 1.04, "metered facility energy, ±2–5 %"),
    Basis.ESTIMATED: Band(0.80, 1.25, "hours × stated power or load, ±20–25 %"),
    Basis.DEFAULT: Band(0.60, 1.20, "hours × TDP with default power, −40/+20 %"),
}
"""Shared error of the energy of runs, by how it is known."""

FIT_BANDS: dict[Fit, Band] = {
    Fit.STATED: Band(0.95, 1.05, "stated with the run, ±5 %"),
    Fit.SITE: Band(0.95, 1.05, "the site's own, ±5 %"),
    Fit.ZONE_MONTH: Band(0.95, 1.05, "right zone and month, ±5 %"),
    Fit.ZONE_YEAR: Band(0.90, 1.10, "right zone and year, ±5–15 %"),
    Fit.PARENT_YEAR: Band(0.80, 1.25, "a country for a sub-national grid, ±25 % or more"),
    Fit.ZONE_EARLIER_YEAR: Band(0.80, 1.25, "an old edition, up to 25 %"),
    Fit.PARENT_EARLIER_YEAR: Band(0.70, 1.40, "a country for its part, and an old edition"),
    Fit.WORLD: Band(0.30, 1.90, "grids reach from a third of the world average to twice it"),
    Fit.NONE: Band(1.0, 1.0, "no factor: nothing was counted"),
}
"""Shared error of the grid factor, by its fit."""

PUE_DEFAULT_BAND = Band(0.75, 1.25, "a default PUE, ±20–30 %")
PUE_STATED_BAND = Band(0.97, 1.03, "the site's own or a published PUE, ±3 %")
EMBODIED_BAND = Band(0.5, 2.0, "product carbon footprints, × 0.5–2")
UPSTREAM_BAND = Band(0.80, 1.25, "editions of one zone differ by up to a fifth")
WATER_BAND = Band(0.5, 2.0, "published water intensities, × 0.5–2")
FUEL_BAND = Band(0.95, 1.05, "amount on a bill × a published factor, ±5 %")
STATEMENT_BAND = Band(0.80, 1.25, "a provider's allocation to its customers, ±20–25 %")

OWN_SPREAD: dict[Basis, float] = {
    Basis.DEVICE_COUNTER: 0.03,
    Basis.SITE_METER: 0.0,
    Basis.ESTIMATED: 0.10,
    Basis.DEFAULT: 0.15,
}
"""A run's own relative standard deviation. DEFAULT: averages of jobs reach from 43 % to
92 % of TDP around 75 %, about three standard deviations down and one up. [kg/kg]"""

_OWN_SPREAD = np.array([OWN_SPREAD.get(Basis(b), 0.0) if b else 0.0 for b in range(len(Basis) + 1)])


def own_variance(*, piece_kg: Floats, run_kg: Floats, basis: Codes) -> Floats:
    """Return the part of a run's own variance that its piece carries: σ² × run × piece.

    Parameters
    ----------
    piece_kg : (m,) float64
        Location-based emissions of the piece. [kg CO2e]
    run_kg : (m,) float64
        Those of its run: the pieces share one error, so that their variances add up to
        the run's, (σ × run)². [kg CO2e]
    basis : (m,) int8
        `Basis` of the run's energy.

    Returns
    -------
    (m,) float64
        Additive over pieces, runs, months. [kg²]
    """
    spread: Floats = _OWN_SPREAD[basis]
    return np.asarray(spread * spread * run_kg * piece_kg)


@dataclass(frozen=True, slots=True)
class Shared:
    """One kind of input behind the lines of a sum, such as the grid factor.

    Attributes
    ----------
    key : (c,) int64
        From 0: lines with the same key rest on the same input, and are off together.
    sigma_low, sigma_high : (c,) float64
        Standard deviation of the logarithm of the input, below and above; see `Band.sigmas`.
    """

    key: Ints
    sigma_low: Floats
    sigma_high: Floats


@dataclass(frozen=True, slots=True)
class Interval:
    """A sum with its 95 % interval, in the unit of the amounts."""

    total: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """Sums of groups with their 95 % intervals, each of shape (g,), in the unit of the amounts."""

    total: Floats
    low: Floats
    high: Floats

    def __getitem__(self, group: int) -> Interval:
        low, high = float(self.low[group]), float(self.high[group])
        return Interval(float(self.total[group]), low, high)


def intervals(
    *,
    amounts: Floats,
    group: Ints,
    groups: int,
    independent_variance: Floats,
    shared: Mapping[str, Shared],
) -> Intervals:
    """Return the 95 % intervals of the sums of groups of lines, on a logarithmic scale.

    Parameters
    ----------
    amounts : (c,) float64
        Lines, such as cells. [any unit]
    group : (c,) int64
        Which sum each line belongs to, from 0.
    groups : int
        g, how many sums there are.
    independent_variance : (g,) float64
        Sum of the own variances of each group's lines. [unit²]
    shared : mapping of str to Shared
        The inputs behind the lines: errors of the same key are fully correlated, those of
        different keys and inputs independent.

    Returns
    -------
    Intervals
        Of a total that is not positive, the total itself.

    Notes
    -----
    With A_k the Σ amount × σ of a key in a group, its variance is Σ_inputs Σ_k A_k² +
    independent. The relative deviation s = √variance ÷ total becomes the lognormal's
    √ln(1 + s²), and the interval is total × exp(±1.96 × that), each side with its own σ.
    Groups that share an input are correlated with each other: the intervals of parts do not
    add up to that of their sum, by any rule; ask for the sum.

    References
    ----------
    IPCC 2006 Guidelines, volume 1, chapter 3, approach 1 (correlated inputs added linearly).
    """
    total: Floats = np.bincount(group, weights=amounts, minlength=groups).astype(np.float64)
    below, above = independent_variance.copy(), independent_variance.copy()
    for one in shared.values():
        keys = int(np.max(one.key, initial=0)) + 1
        pairs, of_pair = np.unique(group * keys + one.key, return_inverse=True)
        for variance, sigma in ((below, one.sigma_low), (above, one.sigma_high)):
            linear = np.bincount(of_pair, weights=amounts * sigma, minlength=pairs.size)
            variance += np.bincount(pairs // keys, weights=np.square(linear), minlength=groups)
    return Intervals(total, _end(total, below, -Z_95), _end(total, above, Z_95))


def interval(
    *, amounts: Floats, independent_variance: float, shared: Mapping[str, Shared]
) -> Interval:
    """Return the 95 % interval of one sum: of all lines, as `intervals` does of groups."""
    return intervals(
        amounts=amounts,
        group=np.zeros(amounts.size, dtype=np.int64),
        groups=1,
        independent_variance=np.array([independent_variance]),
        shared=shared,
    )[0]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One input's part in the uncertainty of a sum.

    Attributes
    ----------
    input : str
        The kind of input, as `interval` was given it; "own" is what belongs to single runs.
    key : int
        Which one of that kind; 0 for "own".
    share : float
        Of the variance. [0–1]
    """

    input: str
    key: int
    share: float


def ranking(
    *, amounts: Floats, independent_variance: float, shared: Mapping[str, Shared]
) -> list[Contribution]:
    """Return what the uncertainty of a sum comes from, largest first; the shares add up to 1.

    Parameters
    ----------
    amounts, independent_variance, shared
        As `interval` takes them.

    Notes
    -----
    A lopsided input counts with the mean of its variances below and above.
    """
    parts = [("own", 0, independent_variance)]
    for name, one in shared.items():
        keys, groups = np.unique(one.key, return_inverse=True)
        below = np.bincount(groups, weights=amounts * one.sigma_low, minlength=keys.size)
        above = np.bincount(groups, weights=amounts * one.sigma_high, minlength=keys.size)
        variances = (np.square(below) + np.square(above)) / 2
        parts += [(name, int(key), float(part)) for key, part in zip(keys, variances, strict=True)]
    whole = sum(part for _, _, part in parts)
    if not whole > 0:
        return []
    found = [Contribution(name, key, part / whole) for name, key, part in parts if part > 0]
    return sorted(found, key=lambda one: (-one.share, one.input, one.key))


def _end(total: Floats, variance: Floats, deviations: float) -> Floats:
    """Return one end of the intervals: so many standard deviations of the logarithm away."""
    positive = total > 0
    divisor = np.where(positive, total, 1.0)
    spread = np.sqrt(np.log1p(variance / (divisor * divisor)))
    return np.where(positive, total * np.exp(deviations * spread), total)
