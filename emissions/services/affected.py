"""Which runs a change of the factor sets in use can move: those whose chosen factors change.

The choice of a factor is compared before and after for each grid zone that the organisation
uses. Between two boundaries (the years' beginnings, and the days on which a factor begins or
ends) a choice does not change, so that few months stand for all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from emissions.calculation.factors import FactorTable
from emissions.calculation.vocabulary import FactorRole
from emissions.models import EmissionFactor, HourlyIntensity, Organisation, Run
from emissions.services.facts import Sets, factor_table

FIRST_MONTH, LAST_MONTH = 1 * 12, 9998 * 12
"""The beginning and the end of the calendar, where a change has none of its own. [month]"""

DAY_SECONDS = 86_400
"""Months begin at midnight of a time zone: a day more on both sides holds every one. [s]"""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open time in which a zone's factors change, in months: year × 12 + month − 1."""

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
        that it ran, or where it states a factor of its own.
    """
    runs = Run.objects.of(organisation).filter(stated_factor_g_per_kwh__isnull=True)
    zone_ids = _zones_used(organisation)
    spans = changed_spans(before=before, after=after, zone_ids=zone_ids)
    spans += changed_hours(before=before, after=after, zone_ids=zone_ids)
    sites = _sites_with_factors(before, after)
    if not spans and not sites:
        return runs.none()
    sql, params = _runs_in(organisation, spans, sites)
    # As an array, few ids are looked up by their index however large the table is.
    return runs.extra(where=[f"emissions_run.id = ANY(ARRAY({sql}))"], params=params)


def changed_spans(*, before: Sets, after: Sets, zone_ids: Sequence[int]) -> list[Span]:
    """Return when the chosen factors of zones differ between some sets and others."""
    old, new = factor_table(before), factor_table(after)
    months = _boundaries(old, new)
    return [span for zone_id in zone_ids for span in _changed(zone_id, months, old, new)]


def changed_hours(*, before: Sets, after: Sets, zone_ids: Sequence[int]) -> list[Span]:
    """Return the years of zones whose hours are in a set that comes, goes or moves."""
    moved = {factor_set_id for factor_set_id, _ in set(before) ^ set(after)}
    rows = HourlyIntensity.objects.filter(factor_set__in=moved, zone__in=zone_ids)
    years = rows.order_by("zone", "year").values_list("zone", "year").distinct()
    return [Span(zone_id, 12 * year, 12 * year + 12) for zone_id, year in years]


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
  SELECT unnest(%s::bigint[]), NULL::bigint, '-infinity'::float8, 'infinity'::float8
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
SELECT DISTINCT run_id FROM place
  WHERE extract(epoch FROM started_at) < ends_at
  AND extract(epoch FROM started_at) + 3600 * least(hours, 1e9) >= starts_at
"""


def _sites_with_factors(before: Sets, after: Sets) -> list[int]:
    """Return the sites with factors of their own in a set that comes, goes or moves."""
    moved = {factor_set_id for factor_set_id, _ in set(before) ^ set(after)}
    found = EmissionFactor.objects.filter(factor_set__in=moved, site__isnull=False)
    return list(found.order_by().values_list("site", flat=True).distinct())


def _runs_in(
    organisation: Organisation, spans: list[Span], site_ids: list[int]
) -> tuple[str, list[Any]]:
    """Return the query of the runs that stood in zones at times, or ever at sites."""
    spans = spans or [Span(-1, FIRST_MONTH, FIRST_MONTH)]
    values = ", ".join(["(%s::bigint, %s::float8, %s::float8)"] * len(spans))
    times = [
        value
        for span in spans
        for value in (
            span.zone_id,
            _epoch(span.first_month) - DAY_SECONDS,
            _epoch(span.end_month) + DAY_SECONDS,
        )
    ]
    return RUNS_IN.format(spans=values), [*times, site_ids, *[organisation.pk] * 8]


def _epoch(month: int) -> float:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()
