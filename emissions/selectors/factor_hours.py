"""Hourly intensities as pages show them: how many hours of a year are known, and their spread."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from emissions.models import FactorSet, GridZone, HourlyIntensity, Organisation
from emissions.selectors.factor_list import open_sets


@dataclass(frozen=True, slots=True)
class HoursRow:
    """A year of hours of a zone in a set."""

    row: HourlyIntensity
    known: int
    hours: int
    mean: float | None
    least: float | None
    most: float | None

    @property
    def known_share(self) -> float:
        """The part of the year's hours that is known."""
        return self.known / self.hours if self.hours else 0.0


def hours_of_set(*, factor_set: FactorSet) -> list[HoursRow]:
    """Return the years of hours in a set, by zone."""
    return _described(HourlyIntensity.objects.filter(factor_set=factor_set))


def hours_of_zone(*, organisation: Organisation, zone: GridZone) -> list[HoursRow]:
    """Return the years of hours of a zone that an organisation may look at, the latest first."""
    sets = open_sets(organisation=organisation)
    return _described(HourlyIntensity.objects.filter(zone=zone, factor_set__in=sets))


def _described(rows: QuerySet[HourlyIntensity]) -> list[HoursRow]:
    """Describe arrays in the database: a year of hours need not travel for five numbers."""
    named = rows.select_related("zone", "factor_set").defer("g_co2e_per_kwh")
    found = {one.pk: one for one in named.order_by("zone__name", "-year", "kind", "pk")}
    if not found:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hours.id, count(g), count(*), avg(g), min(g), max(g)"
            " FROM emissions_hourlyintensity hours, unnest(hours.g_co2e_per_kwh) g"
            " WHERE hours.id = ANY(%s) GROUP BY hours.id",
            [list(found)],
        )
        sums: dict[int, tuple[Any, ...]] = {row[0]: row[1:] for row in cursor.fetchall()}
    return [HoursRow(one, *sums[pk]) for pk, one in found.items()]
