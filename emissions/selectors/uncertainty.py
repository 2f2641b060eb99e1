"""The 95 % intervals of totals, and which inputs they come from: one query for all of them.

An input that stands behind many lines is off for all of them together, so lines are grouped
by their inputs: the zone of the grid factor, the power of a hardware model (one default share
for all models where power is assumed), the PUE of a site or the survey's, the footprint of a
hardware model. What is a run's own is in the lines' independent variance. Where a meter's
remainder or a provider's statement is posted, the sum is no longer the runs' but what was
metered or stated, and as far off as that.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from django.db.models import Case, CharField, F, IntegerField, Q, QuerySet, Sum, Value, When

from emissions.calculation.arrays import Bools, Floats
from emissions.calculation.uncertainty import (
    EMBODIED_BAND,
    ENERGY_BANDS,
    FIT_BANDS,
    FUEL_BAND,
    PUE_DEFAULT_BAND,
    PUE_STATED_BAND,
    STATEMENT_BAND,
    UPSTREAM_BAND,
    WATER_BAND,
    Band,
    Interval,
    Shared,
    interval,
    ranking,
)
from emissions.calculation.vocabulary import (
    Assumption,
    Basis,
    Fit,
    MeasuringPoint,
    PoolKind,
)
from emissions.models import EmissionEntry, MeterReading, Node, Organisation, Run
from emissions.selectors.headline import summed
from emissions.selectors.periods import Period
from emissions.selectors.totals import Filters, lines_of

#: Which inputs a quantity follows from; those of energy carry the runs' own errors, too.
OF_ENERGY: dict[str, tuple[str, ...]] = {
    "location_based_kg": ("factor", "energy", "pue"),
    "market_based_kg": ("factor", "energy", "pue"),
    "energy_facility_kwh": ("energy", "pue"),
    "energy_it_kwh": ("energy",),
    "upstream_kg": ("upstream", "energy", "pue"),
    "losses_kg": ("factor", "energy", "pue"),
    "water_litres": ("water", "energy", "pue"),
}
OF_HARDWARE: dict[str, tuple[str, ...]] = {
    "embodied_kg": ("footprint",),
    "embodied_purchase_kg": ("footprint",),
}
BEHIND = OF_ENERGY | OF_HARDWARE
AMOUNTS = tuple(BEHIND)
#: What a provider's statement replaces of the runs at its place.
STATED = ("location_based_kg", "market_based_kg", "upstream_kg", "losses_kg", "embodied_kg")
INPUTS = (
    "cell__scope",
    "cell__category",
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
    "kind",
    "metered",
)
#: What `metered` says of a line: nothing, or where its site's meter measured.
AT_FACILITY, AT_IT = 1, 2
SHOWN = 8
"""So many inputs are named; what remains is small, and summed up."""

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


def uncertainty(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> Uncertainty:
    """Return how far the totals of an organisation in a period may be off."""
    return spread_of(organisation=organisation, period=period, filters=filters).whole


def spread_of(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> "Spread":
    """Return the lines of a period by their inputs, for intervals of any of their sums."""
    chosen = filters or Filters()
    lines = lines_of(organisation=organisation, period=period, filters=chosen)
    metered = _metered_months(lines) if _all_of_sites(chosen) else []
    return Spread(list(_grouped(lines, metered)))


def uncertainty_of_run(*, run: Run) -> Uncertainty:
    """Return how far the figures of one run may be off."""
    return Spread(list(_grouped(EmissionEntry.objects.filter(run=run), []))).whole


def uncertainty_of_runs(*, runs: Iterable[Run]) -> dict[int, Uncertainty]:
    """Return how far the figures of runs may be off, each for itself, by their ids: one query."""
    lines = EmissionEntry.objects.filter(run__in=[run.pk for run in runs])
    found: dict[int, list[Row]] = {}
    for row in _grouped(lines, [], "run_id"):
        found.setdefault(row["run_id"], []).append(row)
    return {pk: Spread(rows).whole for pk, rows in found.items()}


def uncertainty_of_node(*, node: Node, period: Period) -> Uncertainty:
    """Return how far the figures of a node's runs and idle hours may be off."""
    lines = EmissionEntry.objects.filter(
        Q(run__node=node) | Q(pool__node=node, pool__kind=PoolKind.NODE_IDLE),
        cell__organisation=node.organisation_id,
        month__gte=period.starts_on,
        month__lt=period.ends_before,
    )
    return Spread(list(_grouped(lines, []))).whole


def uncertainty_of_periods(
    *, organisation: Organisation, filters: Filters, periods: Iterable[Period]
) -> list[Uncertainty]:
    """Return how far the totals of several periods may be off, in their order."""
    lines = lines_of(organisation=organisation, period=None, filters=filters)
    by_month: dict[date, list[Row]] = {}
    metered = _metered_months(lines) if _all_of_sites(filters) else []
    for row in _grouped(lines, metered, "month"):
        by_month.setdefault(row["month"], []).append(row)
    return [
        Spread([row for month in one.month_starts for row in by_month.get(month, [])]).whole
        for one in periods
    ]


def rows_by(
    *, lines: QuerySet[Any], filters: Filters, columns: Collection[str], whole_sites: bool
) -> Iterable[Row]:
    """Return lines by their inputs and by other columns; `Spread` takes those of one group.

    `whole_sites` says that no group holds a part of a site's month only.
    """
    metered = _metered_months(lines) if whole_sites and _all_of_sites(filters) else []
    return _grouped(lines, metered, *(one for one in columns if one not in INPUTS))


def _all_of_sites(filters: Filters) -> bool:
    """Whether all of a site's month is selected: the meter's remainder belongs to all of it."""
    return filters == Filters(
        sites=filters.sites,
        cloud_regions=filters.cloud_regions,
        structure=filters.structure,
    )


def _metered_months(lines: QuerySet[Any]) -> list[When]:
    """Return the months of sites whose meter's remainder is posted: their sum is metered."""
    rest = lines.filter(cell__source_kind=PoolKind.METER_REMAINDER, cell__site__isnull=False)
    months: dict[int, set[date]] = {}
    for site, month in rest.order_by().values_list("cell__site", "month").distinct():
        months.setdefault(site, set()).add(month)
    if not months:
        return []
    readings = MeterReading.objects.filter(site__in=months, measuring_point=MeasuringPoint.IT)
    at_it = set(readings.values_list("site", flat=True))
    return [
        When(
            cell__site=site,
            month__in=sorted(found),
            then=Value(AT_IT if site in at_it else AT_FACILITY),
        )
        for site, found in months.items()
    ]


def _grouped(lines: QuerySet[Any], metered: Sequence[When], *by: str) -> Iterable[Row]:
    sums = {f"sum_{name}": summed(name) for name in AMOUNTS}
    # A run's own variance is that of the figure by the hour, whichever is shown.
    sums |= {"sum_own": Sum("independent_variance_kg2"), "sum_by_hour": Sum("location_based_kg")}
    kinds = (PoolKind.FUEL.value, PoolKind.STATEMENT.value)
    rows: Iterable[Row] = (
        lines.annotate(
            pue_default=F("cell__assumptions").bitand(Assumption.PUE_DEFAULT.value),
            kind=Case(
                When(cell__source_kind__in=kinds, then=F("cell__source_kind")),
                default=Value(""),
                output_field=CharField(),
            ),
            metered=Case(*metered, default=Value(0), output_field=IntegerField()),
        )
        .order_by()
        .values(*INPUTS, *by)
        .annotate(**sums)
    )
    return rows


class Spread:
    """Lines by their inputs: the intervals of their sums, whole or by scope."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._inputs = _Inputs(rows)
        self._amounts = {name: _column(rows, name) for name in AMOUNTS}
        self._own = self._own_shares()
        self._net_of_statements()

    @property
    def whole(self) -> Uncertainty:
        """The intervals of all lines."""
        intervals = {name: self._interval([(name, None)]) for name in AMOUNTS}
        return Uncertainty(**intervals, sources=self._sources())

    def of_parts(self, parts: Iterable[tuple[ScopeKey, str]]) -> Interval:
        """Return the interval of a sum of quantities of some scopes and categories."""
        return self._interval([(name, self._of_scope(key)) for key, name in parts])

    def _interval(self, parts: Sequence[tuple[str, Bools | None]]) -> Interval:
        amounts = [self._part(name, where) for name, where in parts]
        names = [name for name, _ in parts]
        own: Any = sum(
            (part for part, name in zip(amounts, names, strict=True) if name in OF_ENERGY),
            np.zeros(len(self._rows)),
        )
        return interval(
            amounts=np.concatenate(amounts) if amounts else np.zeros(0),
            independent_variance=float((self._own * own**2).sum()),
            shared=self._inputs.behind(names),
        )

    def _part(self, name: str, where: Bools | None) -> Floats:
        amounts = self._amounts[name]
        return amounts if where is None else np.where(where, amounts, 0.0)

    def _of_scope(self, key: ScopeKey) -> Bools:
        found = [(row["cell__scope"], row["cell__category"]) == key for row in self._rows]
        return np.array(found, dtype=np.bool_)

    def _sources(self) -> list[Source]:
        location = self._amounts["location_based_kg"]
        ranked = ranking(
            amounts=location,
            independent_variance=float((self._own * location**2).sum()),
            shared=self._inputs.behind(["location_based_kg"]),
        )
        sources = [
            Source(one.input, self._inputs.label(one.input, one.key), one.share) for one in ranked
        ]
        rest = sum(one.share for one in sources[SHOWN:])
        return sources[:SHOWN] + ([Source("rest", "All others", rest)] if rest else [])

    def _own_shares(self) -> Floats:
        """Return the runs' own variance per square of an amount: as large a share of whatever
        follows from their energy. Where the sum is metered it cancels out.
        """
        location, own = _column(self._rows, "by_hour"), _column(self._rows, "own")
        known = location != 0
        shares = np.where(known, own / np.where(known, location, 1.0) ** 2, 0.0)
        metered = np.array([row["metered"] for row in self._rows], dtype=np.int64)
        return np.where(metered != 0, 0.0, shares)

    def _net_of_statements(self) -> None:
        """Move what stands at a place with a provider's statement to the statement's line."""
        places = [
            (row["cell__site_id"], row["cell__cloud_region_id"], row["cell__zone_id"])
            for row in self._rows
        ]
        stated: dict[Any, int] = {}
        for at, row in enumerate(self._rows):
            if row["kind"] == PoolKind.STATEMENT:
                stated.setdefault(places[at], at)
        for at, row in enumerate(self._rows):
            to = stated.get(places[at])
            same = to is not None and row["cell__category"] == self._rows[to]["cell__category"]
            if to is None or to == at or not same:
                continue
            for name in STATED:
                self._amounts[name][to] += self._amounts[name][at]
                self._amounts[name][at] = 0.0


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([float(row[f"sum_{name}"] or 0) for row in rows], dtype=np.float64)


class _Inputs:
    """The inputs behind rows: what each row shares with others, and what to call it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._labels: dict[tuple[str, int], str] = {}
        self._shared = {name: self._of(name, [find(row) for row in rows]) for name, find in FIND}
        nothing = np.zeros(len(rows))
        self._nothing = Shared(np.zeros(len(rows), dtype=np.int64), nothing, nothing)

    def label(self, name: str, key: int) -> str:
        """Return the words for one input."""
        return self._labels.get((name, key), "Each run's own load and counters")

    def behind(self, names: Collection[str]) -> dict[str, Shared]:
        """Return the inputs of quantities that stand one after the other."""
        return {
            kind: _stacked(
                [self._shared[kind] if kind in BEHIND[name] else self._nothing for name in names]
            )
            for kind in self._shared
            if any(kind in BEHIND[name] for name in names)
        }

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


FIND = (
    ("factor", _factor),
    ("energy", _energy),
    ("pue", _pue),
    ("upstream", _upstream),
    ("water", _water),
    ("footprint", _footprint),
)
