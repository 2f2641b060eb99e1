"""Sums of the ledger for pages and reports: always from monthly totals, never from runs.

Each function is one query. Sums are exact (NUMERIC): what is grouped in whatever way adds
up to the ungrouped sum, to the last digit.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Any, Self

from django.db.models import F, FilteredRelation, Q, QuerySet, Sum

from emissions.calculation.vocabulary import (
    Assumption,
    Basis,
    PoolKind,
    RunStatus,
    Scope,
    Scope3Category,
    Stage,
)
from emissions.models import MonthlyTotal, Organisation
from emissions.selectors.headline import LOCATION_KG, summed
from emissions.selectors.periods import Period

NONE = "none"
UNALLOCATED = "Unallocated"
"""Whose is what no team did: runs without a project, and what pools post to nobody."""

OUTSIDE_RUNS = "Outside runs"
"""The stage and status of what pools post: idle hours, the meter's remainder."""

ZERO = Decimal(0)
NOT_COMPLETED = (RunStatus.FAILED, RunStatus.CANCELLED)
MEASURED = (Basis.DEVICE_COUNTER, Basis.SITE_METER)


class Structure(StrEnum):
    """Whose a run is: the team's at the time, or that of the project's team today."""

    AS_IT_WAS = "then"
    TODAY = "today"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page is narrowed to; empty means everything, `None` in it means "without"."""

    teams: tuple[int | None, ...] = ()
    projects: tuple[int | None, ...] = ()
    sites: tuple[int | None, ...] = ()
    cloud_regions: tuple[int, ...] = ()
    hardware: tuple[int | None, ...] = ()
    stages: tuple[str | None, ...] = ()
    statuses: tuple[str | None, ...] = ()
    structure: Structure = Structure.AS_IT_WAS


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact sums, in kWh, kg CO2e, hours and litres.

    `location_based_kg` is the figure that the organisation shows first, at the factor of the
    year or by the hour, and `location_other_kg` the other one: they differ where the hours of
    a grid are known.
    `measured_kwh` is the facility energy known from a device counter or a site meter, and
    `known_hardware_hours` the device-hours of hardware whose footprint is known;
    `lifecycle_factor_kg` is the location-based part that includes upstream emissions, for want
    of a direct factor. `upstream_known_kwh` and `losses_known_kwh` are the facility energy whose
    upstream emissions and losses have a factor. `outside_runs_kg` is what pools posted: idle
    nodes, the meter's remainder, instruments.
    """

    runs: int = 0
    device_hours: Decimal = ZERO
    energy_it_kwh: Decimal = ZERO
    energy_facility_kwh: Decimal = ZERO
    location_based_kg: Decimal = ZERO
    location_other_kg: Decimal = ZERO
    market_based_kg: Decimal = ZERO
    upstream_kg: Decimal = ZERO
    losses_kg: Decimal = ZERO
    embodied_kg: Decimal = ZERO
    embodied_purchase_kg: Decimal = ZERO
    water_litres: Decimal = ZERO
    measured_kwh: Decimal = ZERO
    known_hardware_hours: Decimal = ZERO
    not_completed_runs: int = 0
    not_completed_kwh: Decimal = ZERO
    not_completed_kg: Decimal = ZERO
    not_completed_market_kg: Decimal = ZERO
    outside_runs_kg: Decimal = ZERO
    outside_runs_market_kg: Decimal = ZERO
    lifecycle_factor_kg: Decimal = ZERO
    upstream_known_kwh: Decimal = ZERO
    losses_known_kwh: Decimal = ZERO

    def __add__(self, other: Self) -> Self:
        return type(self)(
            **{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)}
        )

    @property
    def empty(self) -> bool:
        """Whether nothing stands in the ledger here."""
        return not any(getattr(self, one.name) for one in fields(self))

    def outside_runs(self, column: str) -> Decimal:
        """Return the part of location- or market-based emissions that pools posted."""
        market = column == "market_based_kg"
        return self.outside_runs_market_kg if market else self.outside_runs_kg

    @property
    def intensity_kg_per_kwh(self) -> Decimal | None:
        """Location-based emissions per kWh at the meter, in kg CO2e/kWh."""
        return self.per_kwh("location_based_kg")

    @property
    def market_intensity_kg_per_kwh(self) -> Decimal | None:
        """Market-based emissions per kWh at the meter, in kg CO2e/kWh."""
        return self.per_kwh("market_based_kg")

    def per_kwh(self, column: str) -> Decimal | None:
        """Return one of the columns per kWh at the meter; None without energy."""
        return ratio(getattr(self, column), self.energy_facility_kwh)

    @property
    def measured_share(self) -> Decimal | None:
        """Share of the energy that was measured or metered."""
        return ratio(self.measured_kwh, self.energy_facility_kwh)

    @property
    def known_hardware_share(self) -> Decimal | None:
        """Share of the device-hours whose hardware has a known footprint."""
        return ratio(self.known_hardware_hours, self.device_hours)

    @property
    def unknown_hardware_share(self) -> Decimal | None:
        """Share of the device-hours whose hardware has no known footprint."""
        return ratio(self.device_hours - self.known_hardware_hours, self.device_hours)

    @property
    def upstream_known_share(self) -> Decimal | None:
        """Share of the energy whose upstream emissions have a factor."""
        return ratio(self.upstream_known_kwh, self.energy_facility_kwh)

    @property
    def losses_known_share(self) -> Decimal | None:
        """Share of the energy whose losses on the way have a factor."""
        return ratio(self.losses_known_kwh, self.energy_facility_kwh)

    @property
    def known_upstream_kg(self) -> Decimal | None:
        """Upstream emissions; None where no factor for them is known."""
        unknown = self.energy_facility_kwh and not self.upstream_known_kwh
        return None if unknown and not self.upstream_kg else self.upstream_kg

    @property
    def known_losses_kg(self) -> Decimal | None:
        """Emissions of losses; None where no factor for them is known."""
        unknown = self.energy_facility_kwh and not self.losses_known_kwh
        return None if unknown and not self.losses_kg else self.losses_kg

    @property
    def known_embodied_kg(self) -> Decimal | None:
        """Lifetime share of hardware; None where no hardware's footprint is known."""
        unknown = self.device_hours and not self.known_hardware_hours
        return None if unknown and not self.embodied_kg else self.embodied_kg

    @property
    def known_water_litres(self) -> Decimal | None:
        """Water; None where none is known of the energy."""
        return self.water_litres if self.water_litres or not self.energy_facility_kwh else None

    @property
    def not_completed_share(self) -> Decimal | None:
        """Share of the energy used by runs that failed or were cancelled."""
        return ratio(self.not_completed_kwh, self.energy_facility_kwh)


@dataclass(frozen=True, slots=True)
class Group:
    """The sums of one value of a dimension; `key` is what the address calls it.

    `month` is set where the grouping is by month.
    """

    key: str
    label: str
    totals: Totals
    month: date | None = None


class By(StrEnum):
    """What totals can be grouped by."""

    MONTH = "month"
    TEAM = "team"
    PROJECT = "project"
    SITE = "site"
    HARDWARE = "hardware"
    STAGE = "stage"
    STATUS = "status"
    ZONE = "zone"
    SCOPE = "scope"
    BASIS = "basis"


Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Dimension:
    """The columns that a dimension is grouped by, and how they are keyed and labelled."""

    columns: tuple[str, ...]
    name: Callable[..., Named]
    order: Callable[[Group], Any] = field(default=lambda group: -group.totals.location_based_kg)


def _named(without: str) -> Callable[..., Named]:
    return lambda key, label: (NONE, without) if key is None else (str(key), label)


def _member_of(vocabulary: type[Stage] | type[RunStatus]) -> Callable[..., Named]:
    return lambda value: (NONE, OUTSIDE_RUNS) if value is None else (value, vocabulary(value).label)


def _site(slug: str | None, name: str, provider: str | None, region: str) -> Named:
    if slug is not None:
        return slug, name
    return (f"{provider}:{region}",) * 2 if provider else (NONE, "Place not stated")


def _scope(scope: int, category: int | None) -> Named:
    if category is None:
        return str(scope), Scope(scope).label
    return f"{scope}.{category}", f"Scope {Scope3Category(category).label}"


def _by_key(group: Group) -> str:
    return group.key


DIMENSIONS: dict[By, Dimension] = {
    By.MONTH: Dimension(("month",), lambda day: (day.isoformat(), f"{day:%Y-%m}"), _by_key),
    By.TEAM: Dimension(("cell__team__slug", "cell__team__name"), _named(UNALLOCATED)),
    By.PROJECT: Dimension(("cell__project__slug", "cell__project__name"), _named("No project")),
    By.SITE: Dimension(
        (
            "cell__site__slug",
            "cell__site__name",
            "cell__cloud_region__provider",
            "cell__cloud_region__region",
        ),
        _site,
    ),
    By.HARDWARE: Dimension(
        ("cell__hardware_id", "cell__hardware__name"), _named("Hardware not stated")
    ),
    By.STAGE: Dimension(("cell__stage",), _member_of(Stage)),
    By.STATUS: Dimension(("cell__status",), _member_of(RunStatus)),
    By.ZONE: Dimension(("cell__zone__code", "cell__zone__name"), _named("Zone not known")),
    By.SCOPE: Dimension(("cell__scope", "cell__category"), _scope, _by_key),
    By.BASIS: Dimension(("cell__basis",), lambda value: (str(value), Basis(value).label), _by_key),
}
TODAYS_TEAM = Dimension(("assigned__team__slug", "assigned__team__name"), _named(UNALLOCATED))

_MEASURED = Q(cell__basis__in=[one.value for one in MEASURED])
_NOT_COMPLETED = Q(cell__status__in=[one.value for one in NOT_COMPLETED])
_OF_POOLS = Q(cell__source_kind__in=[one.value for one in PoolKind])
_SUMS = {
    "runs": Sum("runs_started"),
    **{
        name: summed(name)
        for name in (
            "device_hours",
            "energy_it_kwh",
            "energy_facility_kwh",
            "location_based_kg",
            "location_other_kg",
            "market_based_kg",
            "upstream_kg",
            "losses_kg",
            "embodied_kg",
            "embodied_purchase_kg",
            "water_litres",
        )
    },
    "measured_kwh": Sum("energy_facility_kwh", filter=_MEASURED),
    "known_hardware_hours": Sum("device_hours", filter=Q(embodied_unknown=0)),
    "not_completed_runs": Sum("runs_started", filter=_NOT_COMPLETED),
    "not_completed_kwh": Sum("energy_facility_kwh", filter=_NOT_COMPLETED),
    "not_completed_kg": Sum(LOCATION_KG, filter=_NOT_COMPLETED),
    "not_completed_market_kg": Sum("market_based_kg", filter=_NOT_COMPLETED),
    "outside_runs_kg": Sum(LOCATION_KG, filter=_OF_POOLS),
    "outside_runs_market_kg": Sum("market_based_kg", filter=_OF_POOLS),
    "upstream_known_kwh": Sum("energy_facility_kwh", filter=Q(cell__upstream_factor__isnull=False)),
    "losses_known_kwh": Sum("energy_facility_kwh", filter=Q(cell__grid_loss__isnull=False)),
    "lifecycle_factor_kg": Sum(LOCATION_KG, filter=~Q(lifecycle=0)),
}
# A sum must not take the name of a column that another sum still reads.
SUMS = {f"sum_{name}": expression for name, expression in _SUMS.items()}


def totals(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> Totals:
    """Return the sums of an organisation in a period; without one, of all time."""
    return totals_of(_lines(organisation, period, filters or Filters()).aggregate(**SUMS))


def totals_by(
    *, organisation: Organisation, period: Period | None, by: By, filters: Filters | None = None
) -> list[Group]:
    """Return the sums by one dimension: months in order, others by emissions, largest first."""
    return _grouped(organisation, period, filters or Filters(), by, with_month=False)


def totals_by_month_and(
    *, organisation: Organisation, period: Period, by: By, filters: Filters | None = None
) -> list[Group]:
    """Return the sums by month and another dimension, in order of months; `month` is set."""
    return _grouped(organisation, period, filters or Filters(), by, with_month=True)


def total_of(groups: Iterable[Group]) -> Totals:
    """Add up groups, exactly."""
    return reduce(lambda one, other: one + other, (group.totals for group in groups), Totals())


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return part ÷ whole; None where the whole is zero."""
    return part / whole if whole else None


def _grouped(
    organisation: Organisation,
    period: Period | None,
    filters: Filters,
    by: By,
    *,
    with_month: bool,
) -> list[Group]:
    lines, dimension = lines_by(organisation=organisation, period=period, by=by, filters=filters)
    columns = (("month",) if with_month else ()) + dimension.columns
    found = []
    for row in lines.values(*columns).annotate(**SUMS).order_by():
        key, label = dimension.name(*(row[column] for column in dimension.columns))
        sums = totals_of(row)
        if not sums.empty:
            found.append(Group(key=key, label=label, totals=sums, month=row.get("month")))
    found = _merged(found)
    found.sort(key=lambda group: (group.month or date.min, dimension.order(group), group.label))
    return found


def _merged(groups: list[Group]) -> list[Group]:
    """Add up groups of one key: a site keeps one row whichever cloud region stands beside it."""
    by_key: dict[tuple[date | None, str], Group] = {}
    for group in groups:
        seen = by_key.get((group.month, group.key))
        if seen is not None:
            sums = seen.totals + group.totals
            group = Group(key=group.key, label=group.label, totals=sums, month=group.month)
        by_key[group.month, group.key] = group
    return list(by_key.values())


def lines_of(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> QuerySet[MonthlyTotal]:
    """Return the monthly totals themselves, for tables that group them in their own way."""
    return _lines(organisation, period, filters or Filters())


def lines_by(
    *, organisation: Organisation, period: Period | None, by: By, filters: Filters
) -> tuple[QuerySet[MonthlyTotal], Dimension]:
    """Return the monthly totals with the columns that a dimension groups them by."""
    today = by is By.TEAM and filters.structure is Structure.TODAY
    lines = _lines(organisation, period, filters, with_assignment=today)
    return lines, TODAYS_TEAM if today else DIMENSIONS[by]


def _lines(
    organisation: Organisation,
    period: Period | None,
    filters: Filters,
    *,
    with_assignment: bool = False,
) -> QuerySet[MonthlyTotal, Any]:
    lines = MonthlyTotal.objects.filter(cell__organisation=organisation)
    if period is not None:
        lines = lines.filter(month__gte=period.starts_on, month__lt=period.ends_before)
    today = filters.structure is Structure.TODAY
    if with_assignment or (today and filters.teams):
        lines = lines.annotate(assigned=_assigned())
    team = "assigned__team" if today and filters.teams else "cell__team"
    return lines.annotate(
        embodied_unknown=F("cell__assumptions").bitand(Assumption.EMBODIED_UNKNOWN.value),
        lifecycle=F("cell__assumptions").bitand(Assumption.LIFECYCLE_FACTOR.value),
    ).filter(
        _any_of(team, filters.teams),
        _any_of("cell__project", filters.projects),
        _places(filters),
        _any_of("cell__hardware", filters.hardware),
        _any_of("cell__stage", filters.stages),
        _any_of("cell__status", filters.statuses),
    )


def _places(filters: Filters) -> Q:
    """Sites, and cloud regions that are used without a site; `None` is neither."""
    if not filters.sites and not filters.cloud_regions:
        return Q()
    known = [site for site in filters.sites if site is not None]
    found = Q(cell__site__in=known) | Q(
        cell__site__isnull=True, cell__cloud_region__in=filters.cloud_regions
    )
    if None in filters.sites:
        found |= Q(cell__site__isnull=True, cell__cloud_region__isnull=True)
    return found


def _any_of(column: str, values: tuple[Any, ...]) -> Q:
    if not values:
        return Q()
    known = [value for value in values if value is not None]
    found = Q(**{f"{column}__in": known})
    return found | Q(**{f"{column}__isnull": True}) if None in values else found


def _assigned() -> FilteredRelation:
    """The one current, open-ended assignment of a line's project; the database allows no two."""
    return FilteredRelation(
        "cell__project__assignments",
        condition=Q(
            cell__project__assignments__superseded_at__isnull=True,
            cell__project__assignments__ends_before__isnull=True,
        ),
    )


def totals_of(row: Mapping[str, Any]) -> Totals:
    """Return the sums that a row of `SUMS` holds."""
    sums: dict[str, Any] = {}
    for name in _SUMS:
        value = row[f"sum_{name}"]
        sums[name] = value if value is not None else getattr(_NOTHING, name)
    return Totals(**sums)


_NOTHING = Totals()
