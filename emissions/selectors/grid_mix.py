"""What the electricity of a place is made of: the mix chosen for a zone and month, and why.

A mix is chosen like a factor: of the zone and the time, else of the next larger zone, else of
the nearest year; no world average stands in. It tells of the grid that energy came from
(location-based), never of what somebody bought.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import Count, Sum

from emissions.calculation.factors import FactorTable
from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.models import FactorSet, FactorSetAdoption, GridMix, GridZone, Organisation
from emissions.selectors.closings import Sets, closed_spans
from emissions.selectors.factor_list import open_sets
from emissions.selectors.periods import Period, month_number
from emissions.selectors.totals import DIMENSIONS, By, Filters, lines_of

ZERO = Decimal(0)
WORLD = "WORLD"


@dataclass(frozen=True, slots=True)
class ChosenMix:
    """The mix that stands for a zone in a month; `gap_years` is its age, negative if later."""

    mix: GridMix
    zone_id: int
    gap_years: int

    @property
    def of_larger_zone(self) -> bool:
        """Whether it is of a zone around the one asked for."""
        return self.mix.zone_id != self.zone_id

    @property
    def words(self) -> str:
        """What it is of, and how well it fits: “Germany 2024, 1 year earlier”."""
        found = f"{self.mix.zone.name} {self.mix.starts_on.year}"
        if self.of_larger_zone:
            found += ", the larger zone"
        if self.gap_years:
            years = abs(self.gap_years)
            found += f", {years} year{'s' if years > 1 else ''}"
            found += " earlier" if self.gap_years > 0 else " later"
        return found


@dataclass(slots=True)
class SiteMix:
    """What a site's energy was made of: kWh of each kind, and of all whose mix is known."""

    known_kwh: Decimal = ZERO
    renewable_kwh: Decimal = ZERO
    nuclear_kwh: Decimal = ZERO
    fossil_kwh: Decimal = ZERO
    chosen: list[ChosenMix] = field(default_factory=list)

    def add(self, kwh: Decimal, chosen: ChosenMix) -> None:
        """Add energy of one mix."""
        self.known_kwh += kwh
        self.renewable_kwh += kwh * _exact(chosen.mix.renewable_share)
        self.nuclear_kwh += kwh * _exact(chosen.mix.nuclear_share)
        self.fossil_kwh += kwh * _exact(chosen.mix.fossil_share)
        if all(one.words != chosen.words for one in self.chosen):
            self.chosen.append(chosen)


def _exact(share: float) -> Decimal:
    return Decimal(repr(share))


class Mixes:
    """The mixes of an organisation's sets to choose from; in closed months those of then."""

    def __init__(self, *, organisation: Organisation) -> None:
        self._spans = closed_spans(organisation=organisation)
        self._sets = _adopted(organisation)
        wanted = {pk for sets in (self._sets, *(one.sets for one in self._spans)) for pk, _ in sets}
        rows = GridMix.objects.filter(factor_set__in=wanted).select_related("zone", "factor_set")
        self._rows = list(rows.order_by("pk"))
        zones = GridZone.objects.values_list("pk", "parent_id", "parent__code")
        self._parents = {
            zone: parent for zone, parent, code in zones if parent is not None and code != WORLD
        }
        self._tables: dict[Sets, tuple[list[GridMix], FactorTable]] = {}

    def choose(self, *, zone_id: int, month: date) -> ChosenMix | None:
        """Return the mix for a zone and month; None where none is near."""
        number = month_number(month)
        closed = (one for one in self._spans if one.first_month <= number < one.end_month)
        rows, table = self._table(next((one.sets for one in closed), self._sets))
        found = table.find(zone=zone_id, month=number, role=FactorRole.UPSTREAM)
        return ChosenMix(rows[found.row], zone_id, found.gap_years) if found.row >= 0 else None

    def _table(self, sets: Sets) -> tuple[list[GridMix], FactorTable]:
        if sets not in self._tables:
            rank = dict(sets)
            rows = [one for one in self._rows if one.factor_set_id in rank]
            table = FactorTable.of(
                ids=[one.pk for one in rows],
                zone=[one.zone_id for one in rows],
                # Of the roles, this is one that no world average stands in for.
                role=[FactorRole.UPSTREAM] * len(rows),
                kind=[FactorKind.DIRECT] * len(rows),
                rank=[rank[one.factor_set_id] for one in rows],
                published=[one.factor_set.published_on.toordinal() for one in rows],
                starts_month=[month_number(one.starts_on) for one in rows],
                ends_month=[month_number(one.ends_before) for one in rows],
                value=[one.renewable_share for one in rows],
                parents=self._parents,
            )
            self._tables[sets] = rows, table
        return self._tables[sets]


def _adopted(organisation: Organisation) -> Sets:
    adoptions = FactorSetAdoption.objects.filter(organisation=organisation, withdrawn_at=None)
    return tuple(adoptions.order_by("precedence", "pk").values_list("factor_set_id", "precedence"))


def mix_by_site(
    *, organisation: Organisation, period: Period, filters: Filters
) -> Mapping[str, SiteMix]:
    """Return what the energy of a period was made of, by the key of `By.SITE`.

    Each month's energy of each zone is taken with the mix chosen for it. What has no zone or
    no mix is in no `known_kwh`.
    """
    dimension = DIMENSIONS[By.SITE]
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    rows = (
        lines.filter(cell__zone__isnull=False)
        .values("cell__zone", "month", *dimension.columns)
        .annotate(kwh=Sum("energy_facility_kwh"))
        .order_by("month", "cell__zone")
    )
    mixes = Mixes(organisation=organisation)
    found: dict[str, SiteMix] = {}
    for row in rows:
        chosen = mixes.choose(zone_id=row["cell__zone"], month=row["month"])
        if chosen is not None and row["kwh"]:
            key, _ = dimension.name(*(row[column] for column in dimension.columns))
            found.setdefault(key, SiteMix()).add(row["kwh"], chosen)
    return found


def sum_of(mixes: Iterable[SiteMix]) -> SiteMix:
    """Add up the mixes of sites; which rows they rest on stands with each."""
    whole = SiteMix()
    for one in mixes:
        whole.known_kwh += one.known_kwh
        whole.renewable_kwh += one.renewable_kwh
        whole.nuclear_kwh += one.nuclear_kwh
        whole.fossil_kwh += one.fossil_kwh
    return whole


@dataclass(frozen=True, slots=True)
class YearOfMix:
    """A zone's mix in the history of its editions."""

    mix: GridMix
    in_use: bool


def mixes_in_set(*, factor_set: FactorSet) -> dict[str, int]:
    """Return how many years of mixes a set has, all zones together, and of how many zones."""
    rows = GridMix.objects.filter(factor_set=factor_set).order_by()
    return rows.aggregate(years=Count("pk"), zones=Count("zone", distinct=True))


def mixes_of_zone(*, organisation: Organisation, zone: GridZone) -> list[YearOfMix]:
    """Return the mixes of a zone that the organisation may look at, the latest first."""
    in_use = {pk for pk, _ in _adopted(organisation)}
    rows = GridMix.objects.filter(
        zone=zone, factor_set__in=open_sets(organisation=organisation)
    ).select_related("factor_set", "zone")
    ordered = rows.order_by("-starts_on", "-factor_set__published_on", "pk")
    return [YearOfMix(one, one.factor_set_id in in_use) for one in ordered]
