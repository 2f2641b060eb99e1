"""Where electricity and fuel are used: sites, nodes, accounts, meters, instruments."""

from datetime import date
from decimal import Decimal
from typing import Any

from emissions.calculation.vocabulary import (
    CloudProvider,
    Fuel,
    InstrumentKind,
    SiteKind,
)
from emissions.models import (
    CloudAccount,
    EnergyInstrument,
    FuelUse,
    GridZone,
    HardwareModel,
    MeterReading,
    Node,
    NodeLife,
    NodePlacement,
    Organisation,
    Site,
    SiteConditions,
    Team,
)
from emissions.services.manage_cloud_accounts import Usage, create_cloud_account
from emissions.services.manage_instruments import Instrument, record_instrument
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.record_fuel import Burnt, record_fuel
from tests.factories.common import NOW, SINCE, number
from tests.factories.organisation import make_organisation
from tests.factories.reference import HARDWARE


def make_site(
    organisation: Organisation | None = None,
    zone: GridZone | None = None,
    *,
    name: str = "",
    slug: str = "",
    kind: SiteKind = SiteKind.OWN,
    pue: float | None = 1.2,
    starts_on: date = SINCE,
    **conditions: Any,
) -> Site:
    """Make an own data centre in France, PUE 1.2, since 2020."""
    organisation = organisation or make_organisation()
    n = number()
    site = Site.objects.create(
        organisation=organisation,
        name=name or f"Site {n}",
        slug=slug or f"site-{n}",
        kind=kind,
        cloud_region=conditions.pop("cloud_region", None),
    )
    SiteConditions.objects.create(
        organisation=organisation,
        site=site,
        zone=zone or GridZone.objects.get(code="FR"),
        pue=pue,
        pue_source="Metered" if pue else "",
        starts_on=starts_on,
        recorded_at=NOW,
        **{"it_control": "organisation", "overhead_control": "organisation", **conditions},
    )
    return site


def make_reading(
    site: Site,
    *,
    starts_on: date = date(2026, 5, 1),
    ends_before: date = date(2026, 6, 1),
    energy_kwh: str = "1000",
    **values: Any,
) -> MeterReading:
    """Make a bill of a site: 1,000 kWh in May 2026."""
    reading = Reading(
        starts_on=starts_on, ends_before=ends_before, energy_kwh=Decimal(energy_kwh), **values
    )
    return record_reading(site=site, reading=reading, by=None, now=NOW)


def make_node(
    *,
    organisation: Organisation | None = None,
    site: Site | None = None,
    hardware: HardwareModel | None = None,
    name: str = "",
    owner: Team | None = None,
    starts_on: date = SINCE,
    life_years: float | None = None,
    **values: Any,
) -> Node:
    """Make a node of eight A100 that has stood at a site since 2020."""
    organisation = organisation or (site.organisation if site else make_organisation())
    n = number()
    node = Node.objects.create(
        organisation=organisation,
        name=name or f"Node {n}",
        slug=f"node-{n}",
        hardware=hardware or HardwareModel.objects.get(name=HARDWARE["a100"]),
        **{"device_count": 8, **values},
    )
    NodeLife.objects.create(
        organisation=organisation,
        node=node,
        life_years=life_years,
        starts_on=node.purchased_on or starts_on,
        recorded_at=NOW,
    )
    NodePlacement.objects.create(
        organisation=organisation,
        node=node,
        site=site or make_site(organisation=organisation),
        owner=owner,
        starts_on=starts_on,
        recorded_at=NOW,
    )
    return node


def make_instrument(organisation: Organisation, **values: Any) -> EnergyInstrument:
    """Make a certificate of 1 MWh of 2026 at a rate of zero; it is queued, not settled."""
    stated: dict[str, Any] = {
        "name": f"Certificates {number()}",
        "kind": InstrumentKind.CERTIFICATE,
        "energy_mwh": Decimal(1),
        "starts_on": date(2026, 1, 1),
        "ends_before": date(2027, 1, 1),
        **values,
    }
    return record_instrument(
        organisation=organisation, instrument=Instrument(**stated), by=None, now=NOW
    )


def make_cloud_account(
    organisation: Organisation | None = None,
    *,
    provider: CloudProvider = CloudProvider.AWS,
    account_id: str = "",
    **usage: Any,
) -> CloudAccount:
    """Make a cloud account; its runs are those of the provider unless narrowed."""
    n = number()
    return create_cloud_account(
        organisation=organisation or make_organisation(),
        usage=Usage(
            provider=provider,
            account_id=account_id or f"{n:012d}",
            name=usage.pop("name", f"Account {n}"),
            **usage,
        ),
        by=None,
        now=NOW,
    )


def make_fuel_use(
    organisation: Organisation | None = None, *, site: Site | None = None, **values: Any
) -> FuelUse:
    """Make an entry of 100 litres of diesel burnt in May 2026, at 2.5 kg per litre."""
    burnt: dict[str, Any] = {
        "month": date(2026, 5, 1),
        "fuel": Fuel.DIESEL,
        "amount": 100.0,
        "kg_per_unit": 2.5,
        "factor_source": "Test factors",
    }
    return record_fuel(
        site=site or make_site(organisation), burnt=Burnt(**{**burnt, **values}), by=None, now=NOW
    )
