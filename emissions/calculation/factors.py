"""Choosing an emission factor for a place and month, and saying how well it fits.

The order of choice (docs: how a figure is made, section 3):

1. **By kind.** A direct (combustion) factor anywhere on the chain zone → parents, of the
   time or earlier, comes before any lifecycle factor.
2. **By fit**, within the kind: the site's own factor of the time → zone and month → zone
   and year → parent zone and year → the zone's nearest earlier year → the parents' nearest
   earlier year.
3. Where neither kind offers that: the nearest *later* year of the zone, then of its
   parents, direct before lifecycle. It counts as an earlier-year fit with a negative gap.
   A figure must not rest on it while a factor of its own time exists, but a later figure
   of the place says more than the world's average.
4. The world's factor (location-based only: no world average stands in for a residual mix
   or for upstream emissions).

Of equal fit, the set with the lowest rank (precedence), then the latest published, then
the highest id.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from emissions.calculation.arrays import Bools, Codes, Floats, Ints, Months
from emissions.calculation.closed import Closed, tables_to_join
from emissions.calculation.vocabulary import FactorKind, FactorRole, Fit


class Candidate(NamedTuple):
    """One factor, with what choosing needs. The order of its first fields is that of choice."""

    rank: int
    published_desc: int
    id_desc: int
    row: int
    starts_month: int
    ends_month: int

    def covers(self, month: int) -> bool:
        """Whether the factor is valid in the month."""
        return self.starts_month <= month < self.ends_month

    @property
    def monthly(self) -> bool:
        """Whether it is the factor of a single month."""
        return self.ends_month - self.starts_month == 1


class Found(NamedTuple):
    """The factor chosen for one zone and month."""

    row: int
    fit: Fit
    gap_years: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen factors, one row per zone and month asked for.

    Attributes
    ----------
    factor_index : (m,) int64
        Row in the `FactorTable`; −1 where there is no factor.
    fit : (m,) int8
        `Fit`; `Fit.NONE` where there is no factor.
    gap_years : (m,) int32
        Age of a factor of another year, negative where it is a later one; 0 if it covers
        the month. [a]
    """

    factor_index: Ints
    fit: Codes
    gap_years: Months

    def take(self, column: Floats) -> Floats:
        """Return the chosen rows of a float column of the table; NaN where there is none.

        Parameters
        ----------
        column : (t,) float64
            A column of the table, such as its `value`. [any]

        Returns
        -------
        (m,) float64
            The same unit.
        """
        if not column.size:
            return np.full(self.factor_index.shape, np.nan)
        return np.where(self.factor_index < 0, np.nan, column[self.factor_index])

    def flag(self, column: Bools) -> Bools:
        """Return the chosen rows of a bool column of the table; False where there is none.

        Parameters
        ----------
        column : (t,) bool
            A column of the table, such as its `lifecycle`.

        Returns
        -------
        (m,) bool
        """
        if not column.size:
            return np.zeros(self.factor_index.shape, dtype=np.bool_)
        return (self.factor_index >= 0) & column[self.factor_index]


@dataclass(frozen=True, slots=True)
class FactorTable:
    """All factors that may be chosen, built once per batch; every column of shape (t,).

    Attributes
    ----------
    ids : (t,) int64
        The caller's identity of a factor.
    zone : (t,) int64
        The grid zone.
    value : (t,) float64
        The factor. [g CO2e/kWh]
    lifecycle, includes_upstream, includes_losses : (t,) bool
        What it counts.
    sites : (q,) int64
        The sites that have factors of their own, in rising order.
    parents : mapping of int to int
        A zone's next larger zone. The world is nobody's parent here, or is skipped.
    world : int or None
        The zone of world averages.
    """

    ids: Ints
    zone: Ints
    value: Floats
    lifecycle: Bools
    includes_upstream: Bools
    includes_losses: Bools
    sites: Ints
    parents: Mapping[int, int]
    world: int | None
    _candidates: dict[tuple[FactorRole, FactorKind, int], list[Candidate]] = field(repr=False)
    _found: dict[tuple[FactorRole, int, int, int], Found] = field(repr=False)
    _closed: "tuple[Closed[FactorTable], ...]" = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        *,
        ids: npt.ArrayLike,
        zone: npt.ArrayLike,
        role: Sequence[str],
        kind: Sequence[str],
        rank: npt.ArrayLike,
        published: npt.ArrayLike,
        starts_month: npt.ArrayLike,
        ends_month: npt.ArrayLike,
        value: npt.ArrayLike,
        includes_upstream: npt.ArrayLike = False,
        includes_losses: npt.ArrayLike = False,
        site: npt.ArrayLike = -1,
        parents: Mapping[int, int] | None = None,
        world: int | None = None,
    ) -> Self:
        """Build a table from columns of length t; numbers are repeated.

        Parameters
        ----------
        ids, zone : (t,) int64
            The caller's identities of the factors and of their zones.
        role, kind : (t,) of str
            `FactorRole` and `FactorKind`, or their values.
        rank : (t,) int64
            Precedence of the factor's set; the lowest wins.
        published : (t,) int64
            Anything that rises with the publication date, such as its ordinal; the highest wins.
        starts_month, ends_month : (t,) int64
            Half-open validity, year × 12 + month − 1. [month]
        value : (t,) float64
            The factor; rows with NaN are never chosen. [g CO2e/kWh]
        includes_upstream, includes_losses : (t,) bool
            What the factor already counts.
        site : (t,) int64
            The site that the factor is of; −1 for those of a zone.
        parents, world
            See the attributes.

        Returns
        -------
        FactorTable
        """
        size = len(role)

        def ints(column: npt.ArrayLike) -> Ints:
            return np.broadcast_to(np.asarray(column, dtype=np.int64), (size,))

        def bools(column: npt.ArrayLike) -> Bools:
            return np.broadcast_to(np.asarray(column, dtype=np.bool_), (size,))

        table = cls(
            ids=ints(ids),
            zone=ints(zone),
            value=np.broadcast_to(np.asarray(value, dtype=np.float64), (size,)),
            lifecycle=np.array([FactorKind(one) is FactorKind.LIFECYCLE for one in kind], np.bool_),
            includes_upstream=bools(includes_upstream),
            includes_losses=bools(includes_losses),
            sites=np.unique(ints(site)[ints(site) >= 0]),
            parents=dict(parents or {}),
            world=world,
            _candidates={},
            _found={},
        )
        candidates = zip(
            ints(rank).tolist(),
            (-ints(published)).tolist(),
            (-table.ids).tolist(),
            range(size),
            ints(starts_month).tolist(),
            ints(ends_month).tolist(),
            strict=True,
        )
        places = np.where(ints(site) >= 0, _place_of_site(ints(site)), table.zone)
        table._index(role, kind, places.tolist(), [Candidate(*row) for row in candidates])
        return table

    def _index(
        self,
        role: Sequence[str],
        kind: Sequence[str],
        places: list[int],
        candidates: list[Candidate],
    ) -> None:
        known = (~np.isnan(self.value)).tolist()
        for one in candidates:
            if known[one.row]:
                key = FactorRole(role[one.row]), FactorKind(kind[one.row]), places[one.row]
                self._candidates.setdefault(key, []).append(one)

    def with_closed(self, spans: "Sequence[tuple[int, int, FactorTable]]") -> "FactorTable":
        """Return a table that answers for some months from other tables.

        Parameters
        ----------
        spans : sequence of (first month, end month, FactorTable)
            Half-open spans that do not overlap, year × 12 + month − 1, and the table that
            was in use when they were closed. [month]

        Returns
        -------
        FactorTable
            Its rows are those of this table, and then those of each other one.
        """
        if not spans:
            return self
        tables, closed = tables_to_join(self, spans, rows=lambda one: one.ids.size)
        return replace(
            self,
            ids=np.concatenate([one.ids for one in tables]),
            zone=np.concatenate([one.zone for one in tables]),
            value=np.concatenate([one.value for one in tables]),
            lifecycle=np.concatenate([one.lifecycle for one in tables]),
            includes_upstream=np.concatenate([one.includes_upstream for one in tables]),
            includes_losses=np.concatenate([one.includes_losses for one in tables]),
            sites=np.unique(np.concatenate([one.sites for one in tables])),
            _found={},
            _closed=closed,
        )

    def boundaries(self) -> set[int]:
        """Return the months in which a factor begins to hold or no longer holds.

        Returns
        -------
        set of int
            year × 12 + month − 1. Between two of them, and the beginnings of the years, no
            choice changes. [month]
        """
        return {
            month
            for candidates in self._candidates.values()
            for one in candidates
            for month in (one.starts_month, one.ends_month)
        }.union(*((one.starts_month, one.ends_month) for one in self._closed)).union(
            *(one.table.boundaries() for one in self._closed)
        )

    def find(self, *, zone: int, month: int, role: FactorRole, site: int = -1) -> Found:
        """Return the factor for one place and month; remembered, so that it is found once."""
        key = role, zone, month, site
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._answer(zone, month, role, site)
        return found

    def _answer(self, zone: int, month: int, role: FactorRole, site: int) -> Found:
        for one in self._closed:
            if one.starts_month <= month < one.ends_month:
                found = one.table.find(zone=zone, month=month, role=role, site=site)
                return found if found.row < 0 else found._replace(row=one.first_row + found.row)
        return self._search(zone, month, role, site)

    def _search(self, zone: int, month: int, role: FactorRole, site: int) -> Found:
        chain = list(self._chain(zone))
        for look in (_of_the_time, _later):
            for kind in (FactorKind.DIRECT, FactorKind.LIFECYCLE):
                own = self._candidates.get((role, kind, _place_of_site(site)), [])
                valid = [one for one in own if site >= 0 and one.covers(month)]
                if valid:
                    return Found(min(valid).row, Fit.SITE, 0)
                found = look([self._candidates.get((role, kind, z), []) for z in chain], month)
                if found:
                    return found
        if self.world is not None and role is FactorRole.LOCATION:
            return self._search_world(self.world, month, role)
        return NOTHING

    def _search_world(self, world: int, month: int, role: FactorRole) -> Found:
        for look in (_of_the_time, _later):
            for kind in (FactorKind.DIRECT, FactorKind.LIFECYCLE):
                found = look([self._candidates.get((role, kind, world), [])], month)
                if found:
                    return found._replace(fit=Fit.WORLD)
        return NOTHING

    def _chain(self, zone: int) -> Iterator[int]:
        """Yield the zone and its parents, nearest first, without the world."""
        seen = {self.world}
        step: int | None = zone
        while step is not None and step not in seen:
            yield step
            seen.add(step)
            step = self.parents.get(step)


def _place_of_site(site: Any) -> Any:
    """Return what stands for a site among the zones: less than any of them."""
    return -2 - site


NOTHING = Found(row=-1, fit=Fit.NONE, gap_years=0)


def _of_the_time(chain: list[list[Candidate]], month: int) -> Found | None:
    """Return the best factor valid in the month or before, of a chain of zones."""
    for position, candidates in enumerate(chain):
        valid = [one for one in candidates if one.covers(month)]
        if valid:
            best = min(valid, key=lambda one: (not one.monthly, one))
            if position:
                return Found(best.row, Fit.PARENT_YEAR, 0)
            return Found(best.row, Fit.ZONE_MONTH if best.monthly else Fit.ZONE_YEAR, 0)
    for position, candidates in enumerate(chain):
        earlier = [one for one in candidates if one.ends_month <= month]
        if earlier:
            gap, best = min((_years_since(one, month), one) for one in earlier)
            return Found(best.row, _other_year(position), gap)
    return None


def _later(chain: list[list[Candidate]], month: int) -> Found | None:
    """Return the nearest factor that begins after the month, of a chain of zones."""
    for position, candidates in enumerate(chain):
        later = [one for one in candidates if one.starts_month > month]
        if later:
            gap, best = min((max(one.starts_month // 12 - month // 12, 1), one) for one in later)
            return Found(best.row, _other_year(position), -gap)
    return None


def _years_since(one: Candidate, month: int) -> int:
    return max(month // 12 - (one.ends_month - 1) // 12, 1)


def _other_year(position: int) -> Fit:
    return Fit.PARENT_EARLIER_YEAR if position else Fit.ZONE_EARLIER_YEAR


def choose(
    *,
    zone: Ints,
    month: Months,
    table: FactorTable,
    role: FactorRole = FactorRole.LOCATION,
    site: Ints | None = None,
) -> Choice:
    """Choose the factor for each zone and month.

    Parameters
    ----------
    zone : (m,) int64
        Grid zones; a negative number means that the place is not known.
    month : (m,) int32
        year × 12 + month − 1. [month]
    table : FactorTable
        What may be chosen.
    role : FactorRole
        What the factor is for.
    site : (m,) int64, optional
        Sites, whose own factors come first; −1 where there is none.

    Returns
    -------
    Choice
        Columns of shape (m,).

    Notes
    -----
    Each distinct pair of zone and month is searched once, whatever m is.

    References
    ----------
    WRI, GHG Protocol Scope 2 Guidance (2015), table 6.2 (hierarchy of emission factors).
    """
    if site is not None and table.sites.size:
        own = np.where(np.isin(site, table.sites), site, -1)
        if (own >= 0).any():
            return _choose_at_sites(zone, month, table, role, own)
    pairs = zone.astype(np.int64) << 32 | month.astype(np.int64)
    distinct, position = np.unique(pairs, return_inverse=True)
    found = [
        table.find(zone=pair >> 32, month=pair & 0xFFFFFFFF, role=role)
        for pair in distinct.tolist()
    ]
    return _choice(found, position)


def _choose_at_sites(
    zone: Ints, month: Months, table: FactorTable, role: FactorRole, site: Ints
) -> Choice:
    keys = np.column_stack([zone, month.astype(np.int64), site])
    distinct, position = np.unique(keys, axis=0, return_inverse=True)
    found = [
        table.find(zone=one[0], month=one[1], role=role, site=one[2]) for one in distinct.tolist()
    ]
    return _choice(found, position.reshape(-1))


def _choice(found: list[Found], position: Ints) -> Choice:
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)[position]
    return Choice(
        factor_index=columns[:, 0].copy(),
        fit=columns[:, 1].astype(np.int8),
        gap_years=columns[:, 2].astype(np.int32),
    )
