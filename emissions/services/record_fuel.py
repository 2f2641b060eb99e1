"""Record what a site's generators and boilers burnt in a month, and take it back."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from emissions.calculation.vocabulary import Fuel
from emissions.models import FuelUse, Site, User
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import fuel_changed


@dataclass(frozen=True, kw_only=True)
class Burnt:
    """An amount of a fuel in a month, with its factor in kg CO2e per litre or cubic metre."""

    month: date
    fuel: Fuel
    amount: float
    kg_per_unit: float
    factor_source: str
    note: str = ""


@transaction.atomic
def record_fuel(*, site: Site, burnt: Burnt, by: User | None, now: datetime) -> FuelUse:
    """Record an amount of fuel burnt at a site."""
    use = FuelUse.objects.create(
        organisation=site.organisation,
        site=site,
        month=burnt.month.replace(day=1),
        fuel=burnt.fuel,
        amount=burnt.amount,
        kg_per_unit=burnt.kg_per_unit,
        factor_source=burnt.factor_source,
        note=burnt.note,
        recorded_by=by,
        recorded_at=now,
    )
    write_audit_event(
        organisation=site.organisation,
        by=by,
        action="fuel recorded",
        instance=use,
        after=snapshot(use),
    )
    fuel_changed(use=use, by=by)
    return use


@transaction.atomic
def remove_fuel(*, use: FuelUse, by: User | None, now: datetime) -> FuelUse:
    """Take an entry back; it stays, marked, and so does its line in the ledger."""
    use = (
        FuelUse.objects.select_for_update(of=("self",), no_key=True)
        .select_related("site", "organisation")
        .get(pk=use.pk)
    )
    if use.removed_at is not None:
        return use
    use.removed_at = now
    use.save(update_fields=["removed_at"])
    write_audit_event(
        organisation=use.organisation,
        by=by,
        action="fuel removed",
        instance=use,
        before=snapshot(use),
    )
    fuel_changed(use=use, by=by)
    return use
