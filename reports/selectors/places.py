"""What the tables of places need: energy by site, and by zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import SiteKind
from emissions.models import Organisation, SiteConditions
from emissions.selectors.periods import Period
from emissions.selectors.totals import (
    NONE,
    SUMS,
    By,
    Filters,
    Group,
    Totals,
    lines_of,
    ratio,
    totals_by,
    totals_of,
)
from emissions.selectors.uncertainty import intervals_by


@dataclass(frozen=True, slots=True)
class Place:
    """The totals of one site, or cloud region without one, in one zone.

    `pue` and `wue` are what was stated of the site last in the period; None where nothing was.
    """

    site: str
    kind: str
    zone: str
    zone_code: str
    totals: Totals
    annual_kg: Decimal
    intervals: Mapping[str, Interval]
    pue: float | None = None
    pue_source: str = ""
    wue_litres_per_kwh: float | None = None

    @property
    def effective_pue(self) -> Decimal | None:
        """Facility energy ÷ IT energy, as the ledger has them."""
        return ratio(self.totals.energy_facility_kwh, self.totals.energy_it_kwh)

    @property
    def annual_kg_per_kwh(self) -> Decimal | None:
        """The factor of the year that the energy met, in kg CO2e/kWh."""
        return ratio(self.annual_kg, self.totals.energy_facility_kwh)


def by_site(*, organisation: Organisation, period: Period, filters: Filters) -> list[Group]:
    """Return the totals by site or cloud region, by name: one query."""
    found = totals_by(organisation=organisation, period=period, by=By.SITE, filters=filters)
    return sorted(found, key=lambda one: (one.key == NONE, one.label))


def by_place(*, organisation: Organisation, period: Period, filters: Filters) -> list[Place]:
    """Return the totals by site and zone, by name, with their intervals."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    names = {
        "site": "cell__site",
        "site_name": "cell__site__name",
        "kind": "cell__site__kind",
        "provider": "cell__cloud_region__provider",
        "region": "cell__cloud_region__region",
        "zone": "cell__zone__name",
        "zone_code": "cell__zone__code",
    }
    rows = list(
        lines.values(*names.values())
        .annotate(**SUMS, annual_kg=Sum("location_based_annual_kg"))
        .order_by()
    )
    stated = _conditions(organisation, period)
    columns = tuple(names.values())
    intervals = intervals_by(lines=lines, filters=filters, columns=columns, whole_sites=True)
    found = [
        _place(
            {key: row[name] for key, name in names.items()},
            row,
            stated,
            intervals[tuple(row[name] for name in columns)],
        )
        for row in rows
    ]
    return sorted(
        (one for one in found if not one.totals.empty), key=lambda one: (one.site, one.zone)
    )


def _place(
    names: dict[str, Any],
    row: Any,
    stated: dict[int, SiteConditions],
    intervals: Mapping[str, Interval],
) -> Place:
    region = f"{names['provider']}:{names['region']}" if names["provider"] else ""
    conditions = stated.get(names["site"] or 0)
    kind = SiteKind(names["kind"]) if names["kind"] else SiteKind.CLOUD if region else None
    return Place(
        site=names["site_name"] or region or "Place not stated",
        kind=kind.label if kind else "",
        zone=names["zone"] or "",
        zone_code=names["zone_code"] or "",
        totals=totals_of(row),
        annual_kg=row["annual_kg"],
        intervals=intervals,
        pue=conditions.pue if conditions else None,
        pue_source=conditions.pue_source if conditions else "",
        wue_litres_per_kwh=conditions.wue_litres_per_kwh if conditions else None,
    )


def _conditions(organisation: Organisation, period: Period) -> dict[int, SiteConditions]:
    """Return what was stated last of each site for the period."""
    facts = SiteConditions.objects.current().filter(
        organisation=organisation, starts_on__lt=period.ends_before
    )
    return {fact.site_id: fact for fact in facts.order_by("starts_on")}
