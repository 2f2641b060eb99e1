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


OWN = "own"
"""The input of `intervals` and `ranking` whose keys are single lines: what is a run's own."""


def intervals(
    *, amounts: Floats, group: Ints, groups: int, shared: Mapping[str, Shared]
) -> Intervals:
    """Return the 95 % intervals of the sums of groups of lines, on a logarithmic scale.

    Parameters
    ----------
    amounts : (c,) float64
        Lines, such as cells; negative where they are taken away. [any unit]
    group : (c,) int64
        Which sum each line belongs to, from 0.
    groups : int
        g, how many sums there are.
    shared : mapping of str to Shared
        The inputs behind the lines: errors of the same key are fully correlated, those of
        different keys and inputs independent.

    Notes
    -----
    With A_k the Σ amount × σ of a key in a group, its variance is Σ_inputs Σ_k A_k²: an input
    behind lines of both signs counts with what is left of it. The relative deviation
    s = √variance ÷ total becomes the lognormal's √ln(1 + s²), and the interval is
    total × exp(±1.96 × that), each side with its own σ.

    Where lines are taken away (a difference, a correction, the remainder of a meter), keys with
    A_k < 0 lower the sum when they rise. They and the others are independent, so that each part
    gets the interval above, the lower one mirrored, and the distances to the ends are joined as
    roots of sums of squares. The size of a part, which its s refers to, is what the amounts of
    its keys add up to, by input, weighted with the inputs' variances: of lines of one sign the
    total, of a difference whose inputs are all shared the difference.

    Groups that share an input are correlated with each other: the intervals of parts do not
    add up to that of their sum, by any rule; ask for the sum.

    References
    ----------
    IPCC 2006 Guidelines, volume 1, chapter 3, approach 1 (correlated inputs added linearly).
    Zou and Donner 2008, Statistics in Medicine 27, 1693 (ends of a difference from those of
    its parts).
    """
    total: Floats = np.bincount(group, weights=amounts, minlength=groups).astype(np.float64)
    low_up, low_down = _parts(amounts, group, groups, shared, low=True)
    high_up, high_down = _parts(amounts, group, groups, shared, low=False)
    below = np.hypot(low_up.shrunk, high_down.grown)
    above = np.hypot(high_up.grown, low_down.shrunk)
    return Intervals(total, total - below, total + above)


@dataclass(frozen=True, slots=True)
class _Part:
    """What of groups rises, or falls, with its inputs: variances and sizes, of shape (g,)."""

    variance: Floats
    size: Floats

    @property
    def _spread(self) -> Floats:
        divisor = np.where(self.size > 0, self.size, 1.0)
        return np.asarray(Z_95 * np.sqrt(np.log1p(self.variance / (divisor * divisor))))

    @property
    def grown(self) -> Floats:
        """How much larger the part may be, in the unit of the amounts."""
        return np.asarray(self.size * np.expm1(self._spread))

    @property
    def shrunk(self) -> Floats:
        """How much smaller it may be."""
        return np.asarray(-self.size * np.expm1(-self._spread))


def _parts(
    amounts: Floats, group: Ints, groups: int, shared: Mapping[str, Shared], *, low: bool
) -> tuple[_Part, _Part]:
    """Return the parts of groups that rise with their inputs, and those that fall."""
    variances, sizes = np.zeros((2, groups)), np.zeros((2, groups))
    for one in shared.values():
        sigma = one.sigma_low if low else one.sigma_high
        keys = int(np.max(one.key, initial=0)) + 1
        pairs, of_pair = np.unique(group * keys + one.key, return_inverse=True)

        def summed(weights: Floats, of_pair: Ints = of_pair, pairs: Ints = pairs) -> Floats:
            found = np.bincount(of_pair, weights=weights, minlength=pairs.size)
            return found.astype(np.float64)

        gross = summed(np.abs(amounts))
        deviation, known = summed(amounts * sigma), summed(np.abs(amounts) * sigma)
        deviation[np.abs(deviation) <= NOTHING_LEFT * known] = 0.0
        # What is left of the amounts: their sum, where all have the same σ.
        left = np.where(known > 0, deviation * gross, summed(amounts)) / np.where(
            known > 0, known, 1.0
        )
        for at, mine in enumerate((left > 0, left < 0)):
            of_groups = pairs // keys
            variance = np.bincount(of_groups, np.square(deviation) * mine, groups)
            variances[at] += variance
            sizes[at] += variance * np.bincount(of_groups, np.abs(left) * mine, groups)
    found = variances > 0
    sizes = np.where(found, sizes, 0.0) / np.where(found, variances, 1.0)
    return _Part(variances[0], sizes[0]), _Part(variances[1], sizes[1])


NOTHING_LEFT = 1e-12
"""Of amounts that cancel out, what is left by rounding."""


def interval(*, amounts: Floats, shared: Mapping[str, Shared]) -> Interval:
    """Return the 95 % interval of one sum: of all lines, as `intervals` does of groups."""
    return intervals(
        amounts=amounts, group=np.zeros(amounts.size, dtype=np.int64), groups=1, shared=shared
    )[0]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One input's part in the uncertainty of a sum.

    Attributes
    ----------
    input : str
        The kind of input, as `interval` was given it; `OWN` is what belongs to single runs.
    key : int
        Which one of that kind; 0 for `OWN`.
    share : float
        Of the variance. [0–1]
    """

    input: str
    key: int
    share: float


def ranking(*, amounts: Floats, shared: Mapping[str, Shared]) -> list[Contribution]:
    """Return what the uncertainty of a sum comes from, largest first; the shares add up to 1.

    Parameters
    ----------
    amounts, shared
        As `interval` takes them; the lines' own errors count as one input.

    Notes
    -----
    A lopsided input counts with the mean of its variances below and above.
    """
    parts: list[tuple[str, int, float]] = []
    for name, one in shared.items():
        keys, groups = np.unique(one.key, return_inverse=True)
        below = np.bincount(groups, weights=amounts * one.sigma_low, minlength=keys.size)
        above = np.bincount(groups, weights=amounts * one.sigma_high, minlength=keys.size)
        variances = (np.square(below) + np.square(above)) / 2
        if name == OWN:
            parts.append((OWN, 0, float(variances.sum())))
        else:
            parts += [(name, int(key), float(v)) for key, v in zip(keys, variances, strict=True)]
    whole = sum(part for _, _, part in parts)
    if not whole > 0:
        return []
    found = [Contribution(name, key, part / whole) for name, key, part in parts if part > 0]
    return sorted(found, key=lambda one: (-one.share, one.input, one.key))
