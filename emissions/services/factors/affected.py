"""Which runs a change of the factor sets in use can move: those whose chosen factors change.

The choice of a factor is compared before and after for each grid zone that the organisation
uses. Between two boundaries (the years' beginnings, and the days on which a factor begins or
ends) a choice does not change, so that few months stand for all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet

from emissions.calculation.factors import FactorTable
from emissions.calculation.periods import month_bounds_us
from emissions.calculation.vocabulary import FactorRole
from emissions.models import EmissionFactor, HourlyIntensity, Organisation, Run
from emissions.selectors.closings import Sets, closed_spans
from emissions.services.factors.tables import Closed, factor_table

FIRST_MONTH, LAST_MONTH = 1 * 12, 9998 * 12
"""The beginning and the end of the calendar, where a change has none of its own. [month]"""

BEGINNING_US, END_US = -(2**62), 2**62
"""Stand for the ends of the calendar, where months have no beginning. [µs]"""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open time in which a zone's factors change, in months: year × 12 + month − 1.

    Of a site with factors of its own, `zone_id` is the site.
    """

    zone_id: int
    first_month: int
    end_month: int


def affected_runs(*, organisation: Organisation, before: Sets, after: Sets) -> QuerySet[Run]:
    """Return the runs whose figures a change from some sets to others may move.

    Parameters
    ----------
    organisation : Organisation
        Whose runs.
    before, after : tuple of (factor set id, precedence)
        The sets in use, as `facts.adopted_sets` returns them.

    Returns
    -------
    QuerySet of Run
        Never too few: a run is left out where its zones' factors stay the same all the time
        that it ran, closed months among them, or where it states a factor of its own.
    """
    runs = Run.objects.of(organisation).filter(stated_factor_g_per_kwh__isnull=True)
    closed = closed_spans(organisation=organisation)
    spans = zone_spans(organisation=organisation, before=before, after=after, closed=closed)
    sites = [
        Span(site, *months)
        for site in _sites_with_factors(before, after)
        for months in _open(FIRST_MONTH, LAST_MONTH, closed)
    ]
    if not spans and not sites:
        return runs.none()
    sql, params = _runs_in(organisation, spans, sites)
    # As an array, few ids are looked up by their index however large the table is.
    return runs.extra(where=[f"emissions_run.id = ANY(ARRAY({sql}))"], params=params)


def zone_spans(
    *, organisation: Organisation, before: Sets, after: Sets, closed: Closed
) -> list[Span]:
    """Return when the factors or hours of the organisation's zones change, closed months not."""
    zone_ids = _zones_used(organisation)
    return [
        *changed_spans(before=before, after=after, zone_ids=zone_ids, closed=closed),
        *changed_hours(before=before, after=after, zone_ids=zone_ids, closed=closed),
    ]


def changed_spans(
    *, before: Sets, after: Sets, zone_ids: Sequence[int], closed: Closed = ()
) -> list[Span]:
    """Return when the chosen factors of zones differ between some sets and others."""
    old, new = (factor_table(sets=sets, closed=closed) for sets in (before, after))
    months = _boundaries(old, new)
    return [span for zone_id in zone_ids for span in _changed(zone_id, months, old, new)]


def changed_hours(
    *, before: Sets, after: Sets, zone_ids: Sequence[int], closed: Closed
) -> list[Span]:
    """Return the years of zones whose hours are in a set that comes, goes or moves.

    Hours are those of a year in UTC; the organisation's months are its time zone's. A month
    more on each side holds whatever of the year lies in the neighbouring ones.
    """
    moved = {factor_set_id for factor_set_id, _ in set(before) ^ set(after)}
    rows = HourlyIntensity.objects.filter(factor_set__in=moved, zone__in=zone_ids)
    years = rows.order_by("zone", "year").values_list("zone", "year").distinct()
    return [
        Span(zone_id, *months)
        for zone_id, year in years
        for months in _open(12 * year - 1, 12 * year + 13, closed)
    ]


def _open(first_month: int, end_month: int, closed: Closed) -> Iterator[tuple[int, int]]:
    """Yield the parts of a time that are not closed."""
    for one in closed:
        if first_month < min(one.first_month, end_month):
            yield first_month, min(one.first_month, end_month)
        first_month = max(first_month, one.end_month)
    if first_month < end_month:
        yield first_month, end_month


def _boundaries(old: FactorTable, new: FactorTable) -> list[int]:
    """Return the months at which a choice may change, from the first of all to the last."""
    edges = set(old.boundaries()) | set(new.boundaries())
    if not edges:
        return []
    years = range(min(edges) // 12 - 1, max(edges) // 12 + 3)
    return sorted(edges | {12 * year for year in years})


def _changed(zone_id: int, months: list[int], old: FactorTable, new: FactorTable) -> Iterator[Span]:
    """Yield the spans in which a zone's choices differ, next to each other ones as one."""
    start: int | None = None
    for month, until in pairwise([*months, LAST_MONTH]):
        differs = _chosen(old, zone_id, month) != _chosen(new, zone_id, month)
        if differs and start is None:
            start = FIRST_MONTH if month == months[0] else month
        if start is not None and (not differs or until == LAST_MONTH):
            yield Span(zone_id, start, LAST_MONTH if differs else month)
            start = None


def _chosen(table: FactorTable, zone_id: int, month: int) -> list[tuple[int, int]]:
    """Return the factor and its fit for each use of it."""
    found = [table.find(zone=zone_id, month=month, role=role) for role in FactorRole]
    return [(int(table.ids[one.row]) if one.row >= 0 else -1, int(one.fit)) for one in found]


def _zones_used(organisation: Organisation) -> list[int]:
    """Return the zones that runs of the organisation may stand in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT zone_id FROM emissions_siteconditions"
            "  WHERE organisation_id = %(own)s AND superseded_at IS NULL"
            " UNION SELECT region.zone_id FROM emissions_cloudregion region"
            "  WHERE EXISTS (SELECT 1 FROM emissions_site site"
            "    WHERE site.organisation_id = %(own)s AND site.cloud_region_id = region.id)"
            "  OR EXISTS (SELECT 1 FROM emissions_run run"
            "    WHERE run.organisation_id = %(own)s AND run.cloud_region_id = region.id)"
            " UNION SELECT id FROM emissions_gridzone zone WHERE code = 'WORLD'"
            "  OR EXISTS (SELECT 1 FROM emissions_run run"
            "    WHERE run.organisation_id = %(own)s AND run.zone_id = zone.id)"
            " ORDER BY 1",
            {"own": organisation.pk},
        )
        return [row[0] for row in cursor.fetchall()]


#: The runs that stood somewhere while its factors change. A run that nothing is known of
#: stands in the world, and so does a site of which nothing is known.
RUNS_IN = """
WITH span (zone_id, starts_at, ends_at) AS (VALUES {spans}),
site (site_id, zone_id, starts_at, ends_at) AS (
  SELECT site_id, NULL::bigint, starts_at, ends_at
    FROM (VALUES {sites}) own (site_id, starts_at, ends_at)
  UNION
  SELECT conditions.site_id, span.* FROM emissions_siteconditions conditions
    JOIN span USING (zone_id)
    WHERE conditions.organisation_id = %s AND conditions.superseded_at IS NULL
  UNION
  SELECT site.id, span.* FROM emissions_site site
    JOIN emissions_cloudregion region ON region.id = site.cloud_region_id
    JOIN span ON span.zone_id = region.zone_id
    WHERE site.organisation_id = %s
  UNION
  SELECT site.id, span.* FROM emissions_site site
    JOIN emissions_gridzone zone ON zone.code = 'WORLD' JOIN span ON span.zone_id = zone.id
    WHERE site.organisation_id = %s AND site.cloud_region_id IS NULL AND NOT EXISTS (
      SELECT 1 FROM emissions_siteconditions conditions
      WHERE conditions.site_id = site.id AND conditions.superseded_at IS NULL)
),
place (run_id, started_at, hours, starts_at, ends_at) AS (
  SELECT run.id, run.started_at, run.duration_hours, site.starts_at, site.ends_at
    FROM site JOIN emissions_run run ON run.site_id = site.site_id
    WHERE run.organisation_id = %s
  UNION ALL
  SELECT run.id, run.started_at, run.duration_hours, site.starts_at, site.ends_at
    FROM site JOIN emissions_nodeplacement placement ON placement.site_id = site.site_id
      AND placement.superseded_at IS NULL
    JOIN emissions_run run ON run.node_id = placement.node_id
    WHERE run.organisation_id = %s AND run.site_id IS NULL
  UNION ALL
  SELECT run.id, run.started_at, run.duration_hours, span.starts_at, span.ends_at
    FROM span JOIN emissions_cloudregion region ON region.zone_id = span.zone_id
    JOIN emissions_run run ON run.cloud_region_id = region.id
    WHERE run.organisation_id = %s
  UNION ALL
  SELECT run.id, run.started_at, run.duration_hours, span.starts_at, span.ends_at
    FROM span JOIN emissions_run run ON run.zone_id = span.zone_id
    WHERE run.organisation_id = %s
  UNION ALL
  SELECT run.id, run.started_at, run.duration_hours, span.starts_at, span.ends_at
    FROM span JOIN emissions_gridzone zone ON zone.id = span.zone_id AND zone.code = 'WORLD'
    JOIN emissions_run run ON run.zone_id IS NULL AND run.cloud_region_id IS NULL
    WHERE run.organisation_id = %s AND run.site_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM emissions_nodeplacement placement
        WHERE placement.node_id = run.node_id AND placement.superseded_at IS NULL)
)
SELECT DISTINCT run_id FROM place, LATERAL (
  SELECT round(date_part('epoch', started_at) * 1000000)::bigint AS starts_us,
    round(least(hours, 1e9) * 3600000000)::bigint AS length_us) span
  WHERE starts_us < ends_at
  AND (starts_us + length_us > starts_at OR starts_us >= starts_at)
"""


def _sites_with_factors(before: Sets, after: Sets) -> list[int]:
    """Return the sites with factors of their own in a set that comes, goes or moves."""
    moved = {factor_set_id for factor_set_id, _ in set(before) ^ set(after)}
    found = EmissionFactor.objects.filter(factor_set__in=moved, site__isnull=False)
    return list(found.order_by().values_list("site", flat=True).distinct())


def _runs_in(
    organisation: Organisation, spans: list[Span], sites: list[Span]
) -> tuple[str, list[Any]]:
    """Return the query of the runs that stood in zones, or at sites, at times."""
    nothing = [Span(-1, FIRST_MONTH, FIRST_MONTH)]
    values, sql = list[Any](), list[str]()
    for those in (spans or nothing, sites or nothing):
        sql.append(", ".join(["(%s::bigint, %s::bigint, %s::bigint)"] * len(those)))
        for span in those:
            values += [span.zone_id, *_bounds_us(span, ZoneInfo(organisation.time_zone))]
    return RUNS_IN.format(spans=sql[0], sites=sql[1]), [*values, *[organisation.pk] * 8]


def _bounds_us(span: Span, time_zone: ZoneInfo) -> tuple[int, int]:
    """Return when the months of a span begin and end in the organisation's time zone [µs]."""

    def begins(month: int) -> int:
        bounds = month_bounds_us(first_month=month, last_month=month, time_zone=time_zone)
        return int(bounds[0])

    return (
        BEGINNING_US if span.first_month <= FIRST_MONTH else begins(span.first_month),
        END_US if span.end_month >= LAST_MONTH else begins(span.end_month),
    )
