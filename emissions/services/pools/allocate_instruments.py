"""Which electricity each instrument covers, where nobody has said so by hand.

In the order of the Scope 2 Guidance, then of their periods; month after month, site after site,
never more than the site's electricity and the instrument's MWh. What was used in a quarter that
is closed stays as it was until the year is trued up; then only retired instruments cover.
"""

from datetime import date
from decimal import Decimal

from emissions.calculation.vocabulary import (
    Cause,
    PoolKind,
    SiteKind,
)
from emissions.models import (
    EnergyInstrument,
    GridZone,
    InstrumentUse,
    Organisation,
    Site,
    SiteConditions,
)
from emissions.selectors.coverage import electricity_of, in_order
from emissions.selectors.metering import nano, whole_units
from emissions.selectors.years import Years, years_of
from emissions.services.pools.stale import PoolKey, mark_pools, months_between


def allocate_instruments(*, organisation: Organisation) -> None:
    """Allocate instruments anew where nobody has said what they cover, and mark what changes."""
    instruments = list(
        EnergyInstrument.objects.select_for_update(no_key=True, of=("self",))
        .filter(organisation=organisation)
        .order_by("pk")
    )
    uses = list(InstrumentUse.objects.filter(organisation=organisation))
    if not instruments:
        return
    years = years_of(organisation=organisation)
    fixed = {use.pk for use in uses if use.by_hand or years.frozen(use.month)}
    wanted = _allocation(organisation, instruments, [use for use in uses if use.pk in fixed], years)
    present = {
        (use.instrument_id, use.site_id, use.month): use for use in uses if use.pk not in fixed
    }
    changed = {
        key
        for key in {*wanted, *present}
        if key not in present or nano(present[key].energy_kwh) != wanted.get(key, 0)
    }
    if not changed:
        return
    InstrumentUse.objects.filter(
        pk__in=[present[key].pk for key in changed & set(present)]
    ).delete()
    InstrumentUse.objects.bulk_create(
        InstrumentUse(
            organisation=organisation,
            instrument_id=key[0],
            site_id=key[1],
            month=key[2],
            energy_kwh=whole_units(wanted[key]),
        )
        for key in sorted(changed & set(wanted))
    )
    touched = sorted({key[1:] for key in changed})
    for true_up in (False, True):
        keys = [
            PoolKey(site_id=site, month=month)
            for site, month in touched
            if years.trued_up(month) is true_up
        ]
        if keys:
            mark_pools(
                organisation=organisation,
                kind=PoolKind.COVERAGE,
                keys=keys,
                by=None,
                cause=Cause.TRUE_UP if true_up else Cause.DATA,
                reason="Instruments allocated",
            )


def _allocation(
    organisation: Organisation,
    instruments: list[EnergyInstrument],
    fixed: list[InstrumentUse],
    years: Years,
) -> dict[tuple[int, int, date], int]:
    """Return the electricity that each instrument covers by default [1e-9 kWh]."""
    electricity = electricity_of(organisation=organisation)
    free = {key: kwh for key, kwh in electricity.items() if not years.frozen(key[1])}
    left = {one.pk: energy_nano(one) for one in instruments}
    status = {one.pk: one.status for one in instruments}
    for use in fixed:
        if not years.counts(status[use.instrument_id], use.month):
            continue
        key = use.site_id, use.month
        left[use.instrument_id] -= nano(use.energy_kwh)
        if key in free:
            free[key] = max(free[key] - nano(use.energy_kwh), 0)
    markets = _Markets(organisation)
    taken = {(use.instrument_id, use.site_id, use.month) for use in fixed}
    found: dict[tuple[int, int, date], int] = {}
    for one in sorted(instruments, key=in_order):
        months = {
            month
            for month in months_between(one.starts_on, one.ends_before)
            if years.counts(one.status, month)
        }
        keys = [key for key in free if key[1] in months and markets.holds(one, *key)]
        for site, month in sorted(keys, key=lambda key: (key[1], key[0])):
            if (one.pk, site, month) in taken:
                continue
            kwh = min(free[site, month], left[one.pk])
            if kwh > 0:
                found[one.pk, site, month] = kwh
                free[site, month] -= kwh
                left[one.pk] -= kwh
    return found


def energy_nano(instrument: EnergyInstrument) -> int:
    """Return an instrument's energy [1e-9 kWh]."""
    return int(Decimal(instrument.energy_mwh).scaleb(12))


class _Markets:
    """Which months of which sites an instrument may cover."""

    def __init__(self, organisation: Organisation) -> None:
        sites = Site.objects.filter(organisation=organisation)
        self.kinds = dict(sites.values_list("pk", "kind"))
        self.parents = dict(GridZone.objects.values_list("pk", "parent"))
        self.facts: dict[int, list[tuple[date, int]]] = {}
        conditions = SiteConditions.objects.current().filter(organisation=organisation)
        for site, starts_on, zone in conditions.order_by("starts_on").values_list(
            "site", "starts_on", "zone"
        ):
            self.facts.setdefault(site, []).append((starts_on, zone))

    def holds(self, one: EnergyInstrument, site: int, month: date) -> bool:
        """Whether an instrument may cover a site's month: its own site, or its market's."""
        if one.site_id is not None:
            return one.site_id == site
        if self.kinds.get(site) == SiteKind.CLOUD:
            return False
        if one.market_id is None:
            return True
        zone: int | None = self._zone(site, month)
        while zone is not None and zone != one.market_id:
            zone = self.parents.get(zone)
        return zone is not None

    def _zone(self, site: int, month: date) -> int | None:
        facts = self.facts.get(site, [])
        held = [zone for starts_on, zone in facts if starts_on <= month]
        return held[-1] if held else facts[0][1] if facts else None
