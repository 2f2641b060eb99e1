"""How far totals may be off: their lines by the inputs behind them, in one query for any groups."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any

from django.db.models import Case, CharField, F, IntegerField, QuerySet, Sum, Value, When

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import Assumption, MeasuringPoint, PoolKind
from emissions.models import (
    ClosedQuarter,
    EmissionEntry,
    MeterReading,
    Node,
    NodeTotal,
    Organisation,
    Run,
)
from emissions.selectors.headline import summed
from emissions.selectors.periods import Period, first_day, month_number, quarter_of
from emissions.selectors.spread import AMOUNTS, AT_FACILITY, AT_IT, Row, Spread, Uncertainty
from emissions.selectors.totals import (
    DIMENSIONS,
    TODAYS_TEAM,
    By,
    Dimension,
    Filters,
    Structure,
    lines_by,
    lines_of,
)

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
    "cell__site__slug",
    "cell__site__name",
    "cell__cloud_region_id",
    "cell__cloud_region__provider",
    "cell__cloud_region__region",
    "pue_default",
    "kind",
    "metered",
)
DAY = timedelta(days=1)
#: What tables of groups show.
TABLED = ("location_based_kg", "market_based_kg", "energy_facility_kwh")
#: Dimensions that leave a site's month whole: its meter's remainder is in the same group.
WHOLE_SITES = {By.MONTH, By.SITE, By.ZONE}


def uncertainty(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> Uncertainty:
    """Return how far the totals of an organisation in a period may be off."""
    return spread_of(organisation=organisation, period=period, filters=filters).whole


def spread_of(
    *, organisation: Organisation, period: Period | None, filters: Filters | None = None
) -> Spread:
    """Return the lines of a period by their inputs and months, for intervals of their sums."""
    chosen = filters or Filters()
    lines = lines_of(organisation=organisation, period=period, filters=chosen)
    return Spread(rows_by(lines=lines, filters=chosen))


class Ranges:
    """The intervals of totals by group, and of the sum of all groups."""

    def __init__(self, lines: Spread, spread: Spread) -> None:
        self._lines, self._spread = lines, spread
        self._found: dict[str, dict[Any, Interval]] = {}

    @property
    def whole(self) -> Uncertainty:
        """The intervals of the sum of all groups."""
        return self._lines.whole

    def groups(self, name: str) -> Mapping[Any, Interval]:
        """Return the intervals of a total, by group."""
        if name not in self._found:
            self._found[name] = self._spread.of(name)
        return self._found[name]

    def of(self, name: str, key: Hashable) -> Interval | None:
        """Return the interval of a group's total; None where the group has no line."""
        return self.groups(name).get(key)

    def of_group(self, key: str, *names: str) -> dict[str, Interval]:
        """Return some intervals of a group, by name; none where it has no line."""
        return {name: self.groups(name)[key] for name in names if key in self.groups(name)}

    def merged(self, name: str, into: Mapping[Any, Hashable]) -> Mapping[Any, Interval]:
        """Return the intervals of sums of groups, by what their keys are merged into."""
        return self._spread.merged(name, into)


@dataclass(frozen=True, slots=True)
class Compared:
    """The intervals of the period that another is compared with, and of the change since."""

    before: Ranges
    change: Ranges


#: Which of two periods a line lies in; what lies in both is no part of a change.
NOW, BEFORE = 1, 2


class PeriodSpread:
    """The intervals of a period's totals, and of how they changed against another one.

    One query for the whole, months, and groups by inputs of both periods and of others: hardware
    and sites are inputs themselves; by another dimension it is one query more, by months, too.
    """

    def __init__(
        self,
        *,
        organisation: Organisation,
        period: Period,
        before: Period | None = None,
        others: Sequence[Period] = (),
        filters: Filters | None = None,
    ) -> None:
        self._organisation, self._filters = organisation, filters or Filters()
        self._before = before
        self._months = {
            era: {*one.month_starts} if one else set()
            for era, one in ((NOW, period), (BEFORE, before))
        }
        self._others = {month for one in others for month in one.month_starts}
        self._asked: dict[tuple[str, ...], Spread] = {}
        self._groups: dict[By, Spread] = {}
        self._compared: dict[By, Compared] = {}

    @cached_property
    def _all(self) -> Spread:
        lines = lines_of(organisation=self._organisation, period=None, filters=self._filters)
        within = self._within(lines, self._others)
        return Spread(self._in_eras(rows_by(lines=within, filters=self._filters)))

    @cached_property
    def _parts(self) -> Spread:
        return Spread([{**row, "metered": 0} for row in self._all.rows])

    @cached_property
    def lines(self) -> Spread:
        """The period's lines by inputs and months, as one group."""
        return self._all.weighted(_now)

    @cached_property
    def _lines_before(self) -> Spread:
        return self._all.weighted(_before)

    @cached_property
    def _both(self) -> Spread:
        return self._all.weighted(_sign)

    @property
    def whole(self) -> Uncertainty:
        """The intervals of all lines."""
        return self.lines.whole

    @property
    def change(self) -> Uncertainty | None:
        """The intervals of how all totals changed: what both periods share is off but once.

        None without a period to compare with.
        """
        return self._both.whole if self._before else None

    def by(self, by: By) -> Ranges:
        """Return the intervals of totals by a dimension, keyed as `totals_by` keys them."""
        return Ranges(self.lines, self._grouped_by(by).weighted(_now))

    def compared(self, by: By) -> Compared | None:
        """Return the same with the compared period's and the changes; None without one."""
        if self._before is None:
            return None
        if by not in self._compared:
            grouped = self._grouped_by(by)
            self._compared[by] = Compared(
                Ranges(self._lines_before, grouped.weighted(_before)),
                Ranges(self._both, grouped.weighted(_sign)),
            )
        return self._compared[by]

    def beside(self, other: Period) -> tuple[Spread, Spread]:
        """Return the lines of one of the others, and those of the period less them."""
        its = [row for row in self._all.rows if row["month"] in other.month_starts]
        now = [row for row in self._all.rows if row["era"] & NOW]
        return Spread(its), _change(now, its)

    def by_month_and(self, by: By) -> Ranges:
        """Return the intervals of cells: of a month and a value of a dimension."""
        key_of = _key_by(self._dimension(by))
        cells = self._lines_by(by).regrouped(lambda row: (row["month"], key_of(row)))
        return Ranges(self.lines, cells.weighted(_now))

    def _grouped_by(self, by: By) -> Spread:
        if by not in self._groups:
            self._groups[by] = self._lines_by(by).regrouped(_key_by(self._dimension(by)))
        return self._groups[by]

    def _lines_by(self, by: By) -> Spread:
        """Return the lines with the columns of a dimension; a meter counts for whole sites."""
        columns = self._dimension(by).columns
        if {*columns} <= {*INPUTS, "month"}:
            return self._all if by in WHOLE_SITES else self._parts
        if columns not in self._asked:
            lines, _ = lines_by(
                organisation=self._organisation, period=None, by=by, filters=self._filters
            )
            rows = rows_by(
                lines=self._within(lines),
                filters=self._filters,
                columns=("month", *columns),
                names=TABLED,
                whole_sites=by in WHOLE_SITES,
            )
            self._asked[columns] = Spread(self._in_eras(rows))
        return self._asked[columns]

    def _dimension(self, by: By) -> Dimension:
        today = by is By.TEAM and self._filters.structure is Structure.TODAY
        return TODAYS_TEAM if today else DIMENSIONS[by]

    def _within(self, lines: QuerySet[Any], others: Set[date] = frozenset()) -> QuerySet[Any]:
        return lines.filter(month__in=self._months[NOW] | self._months[BEFORE] | others)

    def _in_eras(self, rows: Iterable[Row]) -> list[Row]:
        found: list[Row] = []
        for row in rows:
            era = sum(era for era, months in self._months.items() if row["month"] in months)
            found.append({**row, "era": era})
        return found


def _now(row: Row) -> float:
    return float(bool(row["era"] & NOW))


def _before(row: Row) -> float:
    return float(bool(row["era"] & BEFORE))


def _sign(row: Row) -> float:
    return {NOW: 1.0, BEFORE: -1.0}.get(row["era"], 0.0)


def intervals_by(
    *, lines: QuerySet[Any], filters: Filters, columns: Sequence[str], whole_sites: bool = False
) -> dict[Any, dict[str, Interval]]:
    """Return the intervals of what tables show, by the values of some columns and by name."""
    rows = rows_by(
        lines=lines, filters=filters, columns=columns, names=TABLED, whole_sites=whole_sites
    )
    spread = Spread(rows, key_of=lambda row: tuple(row[column] for column in columns))
    by_name = {name: spread.of(name) for name in TABLED}
    return {key: {name: by_name[name][key] for name in TABLED} for key in by_name[TABLED[0]]}


def _key_by(dimension: Dimension) -> Callable[[Row], str]:
    return lambda row: dimension.name(*(row[column] for column in dimension.columns))[0]


def uncertainty_of_run(*, run: Run) -> Uncertainty:
    """Return how far the figures of one run may be off."""
    return Spread(list(_grouped(EmissionEntry.objects.filter(run=run), []))).whole


def uncertainty_of_runs(*, runs: Iterable[Run]) -> dict[int, Uncertainty]:
    """Return how far the figures of runs may be off, each for itself, by their ids: one query."""
    lines = EmissionEntry.objects.filter(run__in=[run.pk for run in runs])
    spread = Spread(list(_grouped(lines, [], "run_id")), key_of=lambda row: row["run_id"])
    return spread.each


def spread_of_node(*, node: Node, period: Period) -> Spread:
    """Return the lines of a node's runs and idle hours."""
    lines = NodeTotal.objects.filter(
        node=node, month__gte=period.starts_on, month__lt=period.ends_before
    ).exclude(cell__source_kind=PoolKind.PURCHASE)
    return Spread(list(_grouped(lines, [], "month")))


def uncertainty_of_periods(
    *, organisation: Organisation, filters: Filters, periods: Iterable[Period]
) -> list[tuple[Uncertainty, Uncertainty | None]]:
    """Return how far the totals of several periods may be off, in their order: one query.

    Beside each stands how far its change against the next one in the list may be.
    """
    rows = _rows_of_periods(organisation, filters, list(periods))
    changes = [_change(now, before).whole for now, before in pairwise(rows)]
    return list(zip_longest([Spread(its).whole for its in rows], changes))


def _rows_of_periods(
    organisation: Organisation, filters: Filters, periods: Sequence[Period]
) -> list[list[Row]]:
    months = {month for one in periods for month in one.month_starts}
    lines = lines_of(organisation=organisation, period=None, filters=filters)
    by_month: dict[date, list[Row]] = {}
    for row in rows_by(lines=lines.filter(month__in=months), filters=filters):
        by_month.setdefault(row["month"], []).append(row)
    return [
        [row for month in one.month_starts for row in by_month.get(month, [])] for one in periods
    ]


def _change(now: Sequence[Row], before: Sequence[Row]) -> Spread:
    rows = [{**row, "era": era} for era, its in ((NOW, now), (BEFORE, before)) for row in its]
    return Spread(rows).weighted(_sign)


def coverage_within(*, organisation: Organisation, starts_on: date, ends_before: date) -> Interval:
    """Return how far the difference that instruments make to market-based emissions may be off.

    Their MWh are known: what is uncertain is the factor that would have counted instead.
    """
    covered = lines_of(organisation=organisation, period=None).filter(
        cell__source_kind=PoolKind.COVERAGE, month__gte=starts_on, month__lt=ends_before
    )
    rows = list(_grouped(covered, [], "month", names=("market_based_kg",)))
    return Spread(rows).of_inputs("market_based_kg", "factor") if rows else Interval(0, 0, 0)


def uncertainty_since(*, closed: ClosedQuarter) -> Uncertainty:
    """Return how far what was posted in a quarter since it was closed may be off."""
    entries = EmissionEntry.objects.filter(
        pk__gt=closed.ledger_position,
        cell__organisation=closed.organisation_id,
        month__in=quarter_of(closed.starts_on).month_starts,
    )
    return Spread(list(_grouped(entries, [], "month"))).whole


def rows_by(
    *,
    lines: QuerySet[Any],
    filters: Filters,
    columns: Iterable[str] = (),
    names: Collection[str] = AMOUNTS,
    whole_sites: bool = True,
) -> list[Row]:
    """Return lines by their inputs and by other columns.

    `whole_sites` says that no group is to hold a part of a site's month only; then they are
    by month, too, and a meter and a provider's statement stand for the months they are of.
    """
    metered = _metered_months(lines) if whole_sites and _all_of_sites(filters) else []
    by = [*(["month"] if whole_sites else []), *(one for one in columns if one not in INPUTS)]
    return list(_grouped(lines, metered, *dict.fromkeys(by), names=names))


def _all_of_sites(filters: Filters) -> bool:
    """Whether all of a site's month is selected: the meter's remainder belongs to all of it."""
    return filters == Filters(
        sites=filters.sites,
        cloud_regions=filters.cloud_regions,
        structure=filters.structure,
    )


def _metered_months(lines: QuerySet[Any]) -> list[When]:
    """Return the months of sites whose meter's remainder is posted: their sum is metered.

    A month that is read at the IT equipment, if only in part, keeps the uncertainty of its PUE.
    """
    rest = lines.filter(cell__source_kind=PoolKind.METER_REMAINDER, cell__site__isnull=False)
    months = set(rest.order_by().values_list("cell__site", "month").distinct())
    if not months:
        return []
    readings = MeterReading.objects.filter(
        site__in={site for site, _ in months}, measuring_point=MeasuringPoint.IT
    )
    at_it = {
        (site, first_day(number))
        for site, starts_on, ends_before in readings.values_list("site", "starts_on", "ends_before")
        for number in range(month_number(starts_on), month_number(ends_before - DAY) + 1)
    }
    found: dict[tuple[int, int], list[date]] = {}
    for site, month in sorted(months):
        found.setdefault((site, AT_IT if (site, month) in at_it else AT_FACILITY), []).append(month)
    return [
        When(cell__site=site, month__in=of_site, then=Value(point))
        for (site, point), of_site in found.items()
    ]


def _grouped(
    lines: QuerySet[Any], metered: Sequence[When], *by: str, names: Collection[str] = AMOUNTS
) -> Iterable[Row]:
    sums = {f"sum_{name}": summed(name) for name in names}
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
