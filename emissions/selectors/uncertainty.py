"""The 95 % intervals of totals, and which inputs they come from: one query for all of them.

An input that stands behind many lines is off for all of them together, so lines are grouped
by their inputs: the zone of the grid factor, the power of a hardware model (one default share
for all models where power is assumed), the PUE of a site or the survey's, the footprint of a
hardware model. What is a run's own is in the lines' independent variance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import F, QuerySet, Sum

from emissions.calculation.arrays import Floats
from emissions.calculation.uncertainty import (
    EMBODIED_BAND,
    ENERGY_BANDS,
    FIT_BANDS,
    PUE_DEFAULT_BAND,
    PUE_STATED_BAND,
    Band,
    Interval,
    Shared,
    interval,
    ranking,
)
from emissions.calculation.vocabulary import Assumption, Basis, Fit
from emissions.models import EmissionEntry, Organisation, Run
from emissions.selectors.periods import Period
from emissions.selectors.totals import Filters, lines_of

AMOUNTS = ("location_based_kg", "market_based_kg", "energy_facility_kwh", "embodied_kg")
INPUTS = (
    "cell__basis",
    "cell__fit",
    "cell__zone_id",
    "cell__zone__name",
    "cell__hardware_id",
    "cell__hardware__name",
    "cell__site_id",
    "cell__site__name",
    "cell__cloud_region_id",
    "cell__cloud_region__provider",
    "cell__cloud_region__region",
    "pue_default",
)
SHOWN = 8
"""So many inputs are named; what remains is small, and summed up."""

CERTAIN = Band(1.0, 1.0, "not a part of this figure")


@dataclass(frozen=True, slots=True)
class Source:
    """One input and its share of the variance of location-based emissions, between 0 and 1."""

    input: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The 95 % intervals of totals: in kg CO2e and kWh.

    `sources` are the inputs of the location-based interval, largest first; a last one holds
    what is not named.
    """

    location_based_kg: Interval
    market_based_kg: Interval
    energy_facility_kwh: Interval
    embodied_kg: Interval
    sources: list[Source] = field(default_factory=list)

    def of(self, name: str) -> Interval | None:
        """Return the interval of a total by its name; None where none is known."""
        return getattr(self, name) if name in AMOUNTS else None


def uncertainty(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> Uncertainty:
    """Return how far the totals of an organisation in a period may be off."""
    return _of(lines_of(organisation=organisation, period=period, filters=filters))


def uncertainty_of_run(*, run: Run) -> Uncertainty:
    """Return how far the figures of one run may be off."""
    return _of(EmissionEntry.objects.filter(run=run))


def _of(lines: QuerySet[Any]) -> Uncertainty:
    sums = {f"sum_{name}": Sum(name) for name in (*AMOUNTS, "independent_variance_kg2")}
    flag = F("cell__assumptions").bitand(Assumption.PUE_DEFAULT.value)
    return of_rows(lines.annotate(pue_default=flag).order_by().values(*INPUTS).annotate(**sums))


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Uncertainty:
    """Return the intervals of sums: rows of `INPUTS` and of sums."""
    found = list(rows)
    inputs = _Inputs(found)
    amounts = {name: _amounts(found, name) for name in AMOUNTS}
    location, own = amounts["location_based_kg"], _amounts(found, "independent_variance_kg2")
    emissions = {"factor": inputs.factor, "energy": inputs.energy, "pue": inputs.pue}
    shared: dict[str, dict[str, Shared]] = {
        "location_based_kg": emissions,
        "market_based_kg": emissions,
        "energy_facility_kwh": {name: emissions[name] for name in ("energy", "pue")},
        "embodied_kg": {"footprint": inputs.footprint},
    }
    # A run's own error is that of its energy: as large a share of whatever follows from it.
    per_kg = {name: _ratio(amounts[name], location) for name in AMOUNTS}
    per_kg["embodied_kg"] = np.zeros(location.size)
    intervals = {
        name: interval(
            amounts=amounts[name],
            independent_variance=float((own * per_kg[name] ** 2).sum()),
            shared=shared[name],
        )
        for name in AMOUNTS
    }
    ranked = ranking(amounts=location, independent_variance=float(own.sum()), shared=emissions)
    sources = [Source(one.input, inputs.label(one.input, one.key), one.share) for one in ranked]
    rest = sum(one.share for one in sources[SHOWN:])
    named = sources[:SHOWN] + ([Source("rest", "All others", rest)] if rest else [])
    return Uncertainty(**intervals, sources=named)


def _amounts(rows: list[Mapping[str, Any]], name: str) -> Floats:
    return np.array([float(row[f"sum_{name}"] or 0) for row in rows], dtype=np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    known = whole != 0
    return np.where(known, part / np.where(known, whole, 1.0), 0.0)


class _Inputs:
    """The inputs behind rows: what each row shares with others, and what to call it."""

    def __init__(self, rows: list[Mapping[str, Any]]) -> None:
        self._labels: dict[tuple[str, int], str] = {}
        self.factor = self._shared("factor", [_factor(row) for row in rows])
        self.energy = self._shared("energy", [_energy(row) for row in rows])
        self.pue = self._shared("pue", [_pue(row) for row in rows])
        self.footprint = self._shared("footprint", [_footprint(row) for row in rows])

    def label(self, name: str, key: int) -> str:
        """Return the words for one input."""
        return self._labels.get((name, key), "Each run's own load and counters")

    def _shared(self, name: str, found: list[tuple[str, Band]]) -> Shared:
        keys: dict[str, int] = {}
        for label, _ in found:
            self._labels[name, keys.setdefault(label, len(keys) + 1)] = label
        sigmas = [band.sigmas for _, band in found]
        return Shared(
            key=np.array([keys[label] for label, _ in found], dtype=np.int64),
            sigma_low=np.array([low for low, _ in sigmas], dtype=np.float64),
            sigma_high=np.array([high for _, high in sigmas], dtype=np.float64),
        )


def _factor(row: Mapping[str, Any]) -> tuple[str, Band]:
    fit = Fit(row["cell__fit"]) if row["cell__fit"] else Fit.NONE
    if fit is Fit.STATED:
        return "Emission factors stated with runs", FIT_BANDS[fit]
    return f"Emission factor of {row['cell__zone__name'] or 'no zone'}", FIT_BANDS[fit]


def _energy(row: Mapping[str, Any]) -> tuple[str, Band]:
    basis = Basis(row["cell__basis"]) if row["cell__basis"] else Basis.DEFAULT
    band = ENERGY_BANDS[basis]
    if basis is Basis.DEFAULT:
        return "Default power and host share", band
    if basis is Basis.SITE_METER:
        return f"Meter of {row['cell__site__name'] or 'a site'}", band
    what = "Counters of" if basis is Basis.DEVICE_COUNTER else "Stated power or load of"
    return f"{what} {row['cell__hardware__name'] or 'hardware not stated'}", band


def _pue(row: Mapping[str, Any]) -> tuple[str, Band]:
    if row["cell__basis"] == Basis.SITE_METER:
        return "No PUE", CERTAIN  # The meter saw the overhead, too.
    if row["pue_default"]:
        return "PUE: the survey's average", PUE_DEFAULT_BAND
    region = f"{row['cell__cloud_region__provider']}:{row['cell__cloud_region__region']}"
    place = row["cell__site__name"] or (region if row["cell__cloud_region_id"] else "")
    return (f"PUE of {place}" if place else "PUE stated with runs"), PUE_STATED_BAND


def _footprint(row: Mapping[str, Any]) -> tuple[str, Band]:
    return f"Footprint of {row['cell__hardware__name'] or 'hardware not stated'}", EMBODIED_BAND
