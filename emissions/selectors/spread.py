"""The 95 % intervals of sums, and which inputs they come from: arithmetic, no query.

An input that stands behind many lines is off for all of them together, so lines are grouped
by their inputs: the zone of the grid factor, the power of a hardware model (one default share
for all models where power is assumed), the PUE of a site or the survey's, the footprint of a
hardware model. What is a run's own is in the lines' independent variance. Where a meter's
remainder or a provider's statement is posted, the sum is no longer the runs' but what was
metered or stated, and as far off as that. `selectors/uncertainty.py` asks for the lines.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from emissions.calculation.arrays import Bools, Floats, Ints
from emissions.calculation.uncertainty import (
    EMBODIED_BAND,
    ENERGY_BANDS,
    FIT_BANDS,
    FUEL_BAND,
    OWN,
    OWN_SPREAD,
    PUE_DEFAULT_BAND,
    PUE_STATED_BAND,
    STATEMENT_BAND,
    UPSTREAM_BAND,
    WATER_BAND,
    Band,
    Interval,
    Intervals,
    Shared,
    interval,
    intervals,
    ranking,
)
from emissions.calculation.vocabulary import Basis, Fit, PoolKind

#: Which inputs a quantity follows from.
BEHIND: dict[str, tuple[str, ...]] = {
    "location_based_kg": ("factor", "energy", "pue", OWN),
    "market_based_kg": ("factor", "energy", "pue", OWN),
    "energy_facility_kwh": ("energy", "pue", OWN),
    "energy_it_kwh": ("energy", OWN),
    "upstream_kg": ("upstream", "energy", "pue", OWN),
    "losses_kg": ("factor", "energy", "pue", OWN),
    "water_litres": ("water", "energy", "pue", OWN),
    "embodied_kg": ("footprint",),
    "embodied_purchase_kg": ("footprint",),
}
AMOUNTS = tuple(BEHIND)
#: What a provider's statement replaces of the runs at its place.
STATED = ("location_based_kg", "market_based_kg", "upstream_kg", "losses_kg", "embodied_kg")
#: What `metered` says of a line: nothing, or where its site's meter measured.
AT_FACILITY, AT_IT = 1, 2
SHOWN = 8
"""So many inputs are named; what remains is small, and summed up."""

PLACE = ("cell__site_id", "cell__cloud_region_id", "cell__zone_id")
CERTAIN = Band(1.0, 1.0, "not a part of this figure")

ScopeKey = tuple[int, int | None]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One input and its share of the variance of location-based emissions, between 0 and 1."""

    input: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The 95 % intervals of totals: in kg CO2e, kWh and litres.

    `sources` are the inputs of the location-based interval, largest first; a last one holds
    what is not named.
    """

    location_based_kg: Interval
    market_based_kg: Interval
    energy_facility_kwh: Interval
    energy_it_kwh: Interval
    upstream_kg: Interval
    losses_kg: Interval
    water_litres: Interval
    embodied_kg: Interval
    embodied_purchase_kg: Interval
    sources: list[Source] = field(default_factory=list)

    def of(self, name: str) -> Interval | None:
        """Return the interval of a total by its name; None where none is known."""
        return getattr(self, name) if name in AMOUNTS else None


class Spread:
    """Lines by their inputs: the intervals of their sums, whole, by group or by scope.

    `key_of` names the group of a line; without it, all lines are one. What couples lines (a
    provider's statement in the place of runs) does so within a group only.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        key_of: Callable[[Row], Hashable] = lambda _: None,
        inputs: "_Inputs | None" = None,
    ) -> None:
        self.rows = rows
        self._keys: dict[Any, int] = {}
        groups = [self._keys.setdefault(key_of(row), len(self._keys)) for row in rows]
        self._group: Ints = np.array(groups, dtype=np.int64)
        self._inputs = inputs or _Inputs(rows, self._own_shares())
        self._amounts = {
            name: _column(rows, name) for name in AMOUNTS if not rows or f"sum_{name}" in rows[0]
        }
        self._net_of_statements()

    def regrouped(self, key_of: Callable[[Row], Hashable]) -> "Spread":
        """Return the same lines by groups."""
        return Spread(self.rows, key_of=key_of, inputs=self._inputs)

    def weighted(self, weight_of: Callable[[Row], float]) -> "Spread":
        """Return the same lines times a number each: 0 leaves one out, −1 takes it away."""
        found = copy(self)
        for name in ("whole", "each"):
            found.__dict__.pop(name, None)
        weights = np.array([weight_of(row) for row in self.rows], dtype=np.float64)
        found._amounts = {name: weights * amounts for name, amounts in self._amounts.items()}
        return found

    @cached_property
    def whole(self) -> Uncertainty:
        """The intervals of all lines, of which there is one group."""
        found = {name: self._interval([(name, None, 1.0)]) for name in AMOUNTS}
        return Uncertainty(**found, sources=self._sources())

    @cached_property
    def each(self) -> dict[Any, Uncertainty]:
        """The intervals of each group, by its key; what they come from is left out."""
        found = {name: self._intervals([(name, None, 1.0)]) for name in AMOUNTS}
        return {
            key: Uncertainty(**{name: one[at] for name, one in found.items()}, sources=[])
            for key, at in self._keys.items()
        }

    def of(self, name: str) -> dict[Any, Interval]:
        """Return the intervals of one total, by the keys of groups."""
        found = self._intervals([(name, None, 1.0)])
        return {key: found[at] for key, at in self._keys.items()}

    def of_sums(self, *names: str) -> dict[Any, Interval]:
        """Return the intervals of sums of several totals, by the keys of groups."""
        found = self._intervals([(name, None, 1.0) for name in names])
        return {key: found[at] for key, at in self._keys.items()}

    def merged(self, name: str, into: Mapping[Any, Hashable]) -> dict[Any, Interval]:
        """Return the intervals of sums of groups, by what their keys are merged into.

        Groups that are not named are in none, as are sums without a line.
        """
        sums: dict[Any, int] = {}
        to = np.full(max(len(self._keys), 1), -1, dtype=np.int64)
        for key, at in self._keys.items():
            if key in into:
                to[at] = sums.setdefault(into[key], len(sums))
        group = to[self._group]
        found = self._intervals([(name, None, 1.0)], np.where(group < 0, len(sums), group))
        return {key: found[at] for key, at in sums.items()}

    def of_parts(self, parts: Iterable[tuple[ScopeKey, str]]) -> Interval:
        """Return the interval of a sum of quantities of some scopes and categories."""
        return self._interval([(name, self._of_scope(key), 1.0) for key, name in parts])

    def of_inputs(self, name: str, *kinds: str) -> Interval:
        """Return the interval of a total of which only some kinds of inputs are uncertain."""
        found = self._inputs.behind([name])
        return interval(amounts=self._amounts[name], shared={kind: found[kind] for kind in kinds})

    def of_ratio(self, name: str, per: str) -> Interval | None:
        """Return the interval of one total per another: what both rest on cancels out.

        None without both. It is the ratio × (1 + their relative errors' difference).
        """
        above, below = (float(self._amounts[one].sum()) for one in (name, per))
        if not (above > 0 and below > 0):
            return None
        found = self._interval([(name, None, 1 / above), (per, None, -1 / below)])
        ratio = above / below
        return Interval(ratio, ratio * (1 + found.low), ratio * (1 + found.high))

    def _interval(self, parts: Sequence[tuple[str, Bools | None, float]]) -> Interval:
        if len(self._keys) > 1:
            raise ValueError("These lines are several groups.")
        return self._intervals(parts)[0]

    def _intervals(
        self,
        parts: Sequence[tuple[str, Bools | None, float]],
        group: Ints | None = None,
    ) -> Intervals:
        amounts = [self._part(*part) for part in parts]
        group = self._group if group is None else group
        return intervals(
            amounts=np.concatenate(amounts) if amounts else np.zeros(0),
            group=np.tile(group, len(parts)),
            groups=int(np.max(group, initial=0)) + 1,
            shared=self._inputs.behind([name for name, _, _ in parts]),
        )

    def _part(self, name: str, where: Bools | None, times: float) -> Floats:
        amounts = times * self._amounts[name]
        return amounts if where is None else np.where(where, amounts, 0.0)

    def _of_scope(self, key: ScopeKey) -> Bools:
        found = [(row["cell__scope"], row["cell__category"]) == key for row in self.rows]
        return np.array(found, dtype=np.bool_)

    def _sources(self) -> list[Source]:
        ranked = ranking(
            amounts=self._amounts["location_based_kg"],
            shared=self._inputs.behind(["location_based_kg"]),
        )
        sources = [
            Source(one.input, self._inputs.label(one.input, one.key), one.share) for one in ranked
        ]
        rest = sum(one.share for one in sources[SHOWN:])
        return sources[:SHOWN] + ([Source("rest", "All others", rest)] if rest else [])

    def _own_shares(self) -> Floats:
        """Return the runs' own standard deviation as a share of an amount: as large of whatever
        follows from their energy. Where the sum is metered it cancels out.
        """
        location, own = _column(self.rows, "by_hour"), _column(self.rows, "own")
        known = location != 0
        shares = np.sqrt(np.maximum(own, 0.0)) / np.where(known, np.abs(location), 1.0)
        shares = np.where(known, shares, 0.0)
        metered = np.array([row["metered"] for row in self.rows], dtype=np.int64)
        return np.where(metered != 0, 0.0, shares)

    def _net_of_statements(self) -> None:
        """Move what stands at a place with a provider's statement to the statement's line."""
        places = [
            (group, row.get("month"), *(row[column] for column in PLACE))
            for group, row in zip(self._group.tolist(), self.rows, strict=True)
        ]
        stated: dict[Any, int] = {}
        for at, row in enumerate(self.rows):
            if row["kind"] == PoolKind.STATEMENT:
                stated.setdefault(places[at], at)
        for at, row in enumerate(self.rows) if stated else ():
            to = stated.get(places[at])
            same = to is not None and row["cell__category"] == self.rows[to]["cell__category"]
            if to is None or to == at or not same:
                continue
            for name in STATED:
                if name in self._amounts:
                    self._amounts[name][to] += self._amounts[name][at]
                    self._amounts[name][at] = 0.0


@dataclass(frozen=True, slots=True)
class NotPosted:
    """A run that is not in the ledger, by its inputs: what the calculator was asked."""

    amounts: Mapping[str, float]
    basis: Basis
    fit: Fit
    zone: str
    hardware: str
    pue_default: bool

    @property
    def uncertainty(self) -> Uncertainty:
        """The intervals of its figures, by the rules of what is posted."""
        location = self.amounts["location_based_kg"]
        nothing = dict.fromkeys(
            ["cell__scope", "cell__category", *PLACE, "cell__site__name", "cell__hardware_id"]
        )
        row = nothing | {
            "cell__basis": self.basis,
            "cell__fit": self.fit,
            "cell__zone__name": self.zone,
            "cell__hardware__name": self.hardware,
            "cell__cloud_region__provider": None,
            "cell__cloud_region__region": None,
            "pue_default": self.pue_default,
            "kind": "",
            "metered": 0,
            "sum_own": (OWN_SPREAD[self.basis] * location) ** 2,
            "sum_by_hour": location,
            **{f"sum_{name}": self.amounts.get(name, 0.0) for name in AMOUNTS},
        }
        return Spread([row]).whole


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([float(row[f"sum_{name}"] or 0) for row in rows], dtype=np.float64)


class _Inputs:
    """The inputs behind rows: what each row shares with others, and what to call it."""

    def __init__(self, rows: Sequence[Row], own: Floats) -> None:
        self._rows = rows
        self._labels: dict[tuple[str, int], str] = {}
        # What is off in each line alone: the runs' own load and counters.
        self._found = {OWN: Shared(np.arange(1, own.size + 1), own, own)}
        nothing = np.zeros(len(rows))
        self._nothing = Shared(np.zeros(len(rows), dtype=np.int64), nothing, nothing)

    def label(self, name: str, key: int) -> str:
        """Return the words for one input."""
        return self._labels.get((name, key), "Each run's own load and counters")

    def behind(self, names: Collection[str]) -> dict[str, Shared]:
        """Return the inputs of quantities that stand one after the other."""
        return {
            kind: _stacked(
                [self._shared(kind) if kind in BEHIND[name] else self._nothing for name in names]
            )
            for kind in (*FIND, OWN)
            if any(kind in BEHIND[name] for name in names)
        }

    def _shared(self, kind: str) -> Shared:
        if kind not in self._found:
            self._found[kind] = self._of(kind, [FIND[kind](row) for row in self._rows])
        return self._found[kind]

    def _of(self, name: str, found: list[tuple[str, Band]]) -> Shared:
        keys: dict[str, int] = {}
        for label, _ in found:
            self._labels[name, keys.setdefault(label, len(keys) + 1)] = label
        sigmas = [band.sigmas for _, band in found]
        return Shared(
            key=np.array([keys[label] for label, _ in found], dtype=np.int64),
            sigma_low=np.array([low for low, _ in sigmas], dtype=np.float64),
            sigma_high=np.array([high for _, high in sigmas], dtype=np.float64),
        )


def _stacked(parts: Sequence[Shared]) -> Shared:
    return Shared(
        np.concatenate([one.key for one in parts]),
        np.concatenate([one.sigma_low for one in parts]),
        np.concatenate([one.sigma_high for one in parts]),
    )


def _factor(row: Row) -> tuple[str, Band]:
    fit = Fit(row["cell__fit"]) if row["cell__fit"] else Fit.NONE
    if fit is Fit.STATED:
        return "Emission factors stated with runs", FIT_BANDS[fit]
    return f"Emission factor of {row['cell__zone__name'] or 'no zone'}", FIT_BANDS[fit]


def _upstream(row: Row) -> tuple[str, Band]:
    if row["kind"]:
        return "No upstream", CERTAIN
    return f"Upstream factor of {row['cell__zone__name'] or 'no zone'}", UPSTREAM_BAND


def _water(row: Row) -> tuple[str, Band]:
    return f"Water at {_place(row) or row['cell__zone__name'] or 'no place'}", WATER_BAND


def _energy(row: Row) -> tuple[str, Band]:
    place = _place(row)
    if row["kind"] == PoolKind.FUEL:
        return f"Fuel at {place}", FUEL_BAND
    if row["kind"] == PoolKind.STATEMENT:
        return f"Provider's statement of {place or 'an account'}", STATEMENT_BAND
    basis = Basis(row["cell__basis"]) if row["cell__basis"] else Basis.DEFAULT
    if basis is Basis.SITE_METER or row["metered"]:
        return f"Meter of {place or 'a site'}", ENERGY_BANDS[Basis.SITE_METER]
    band = ENERGY_BANDS[basis]
    if basis is Basis.DEFAULT:
        return "Default power and host share", band
    what = "Counters of" if basis is Basis.DEVICE_COUNTER else "Stated power or load of"
    return f"{what} {row['cell__hardware__name'] or 'hardware not stated'}", band


def _pue(row: Row) -> tuple[str, Band]:
    metered = row["cell__basis"] == Basis.SITE_METER and row["metered"] != AT_IT
    if metered or row["metered"] == AT_FACILITY or row["kind"]:
        return "No PUE", CERTAIN  # The meter saw the overhead, too.
    if row["pue_default"]:
        return "PUE: the survey's average", PUE_DEFAULT_BAND
    place = _place(row)
    return (f"PUE of {place}" if place else "PUE stated with runs"), PUE_STATED_BAND


def _footprint(row: Row) -> tuple[str, Band]:
    if row["kind"] == PoolKind.STATEMENT:
        return f"Provider's statement of {_place(row) or 'an account'}", STATEMENT_BAND
    return f"Footprint of {row['cell__hardware__name'] or 'hardware not stated'}", EMBODIED_BAND


def _place(row: Row) -> str:
    region = f"{row['cell__cloud_region__provider']}:{row['cell__cloud_region__region']}"
    return row["cell__site__name"] or (region if row["cell__cloud_region_id"] else "")


FIND: dict[str, Callable[[Row], tuple[str, Band]]] = {
    "factor": _factor,
    "energy": _energy,
    "pue": _pue,
    "upstream": _upstream,
    "water": _water,
    "footprint": _footprint,
}
