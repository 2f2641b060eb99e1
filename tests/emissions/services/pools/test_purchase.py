"""Hardware bought is in the ledger, whole, in its month, and only while it is bought."""

from datetime import date
from decimal import Decimal

import pytest

from emissions.calculation.vocabulary import EntrySource, SiteKind, Tenure
from emissions.models import (
    CloudRegion,
    EmissionEntry,
    HardwareModel,
    MonthlyTotal,
    Node,
    NodePlacement,
)
from emissions.selectors.periods import parse_value
from emissions.selectors.purchases import bridge_rows, purchases, total_bridge
from emissions.selectors.totals import totals
from emissions.services.manage_nodes import (
    MACHINE,
    Machine,
    create_node,
    dispose_node,
    edit_node,
    place_node,
)
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    HARDWARE,
    NOW,
    make_organisation,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation():
    return make_organisation()


@pytest.fixture
def site(organisation):
    return make_site(organisation)


def buy(site, **values) -> Node:
    """Buy a node of eight A100 in March 2026, 3700 kg, through the service."""
    placed = {name: values.pop(name) for name in ("owner", "tenure") if name in values}
    machine = {
        "hardware": HardwareModel.objects.get(name=HARDWARE["a100"]),
        "device_count": 8,
        "embodied_kg": 3700.0,
        "purchased_on": date(2026, 3, 17),
        **values,
    }
    return create_node(
        organisation=site.organisation,
        name=f"node {Node.objects.count()}",
        machine=Machine(**machine),
        site=site,
        starts_on=date(2026, 3, 17),
        by=None,
        now=NOW,
        **placed,
    )


def edit(node: Node, **values) -> None:
    machine = {name: getattr(node, name) for name in MACHINE}
    edit_node(node=node, name=node.name, machine=Machine(**{**machine, **values}), by=None)


def posted(organisation) -> dict[str, Decimal]:
    """Return what stands of category 3.2, by month."""
    settle_all()
    assert verify_ledger(organisation=organisation).clean
    rows = MonthlyTotal.objects.filter(cell__organisation=organisation, cell__category=2)
    found = {f"{row.month:%Y-%m}": Decimal(0) for row in rows}
    for row in rows:
        found[f"{row.month:%Y-%m}"] += row.embodied_purchase_kg
    return {month: kg for month, kg in found.items() if kg}


def test_it_is_posted_whole_in_the_month_of_purchase(organisation, site):
    team = make_team(organisation)
    buy(site, node_count=16, owner=team)
    assert posted(organisation) == {"2026-03": 59_200}
    entry = EmissionEntry.objects.get(source=EntrySource.PURCHASE)
    cell = entry.cell
    assert (cell.scope, cell.category, cell.source_kind) == (3, 2, "purchase")
    assert (cell.team, cell.site, cell.hardware.name) == (team, site, HARDWARE["a100"])
    assert entry.embodied_kg == entry.location_based_kg == 0


def test_without_a_footprint_of_its_own_a_node_has_that_of_its_devices(organisation, site):
    buy(site, embodied_kg=None, node_count=2)
    assert posted(organisation) == {"2026-03": 8 * 150 * 2}


@pytest.mark.parametrize("values", [{"purchased_on": None}, {"tenure": Tenure.OPERATING_LEASE}])
def test_what_was_not_bought_is_not_posted(organisation, site, values):
    buy(site, **values)
    assert posted(organisation) == {}


def test_a_finance_lease_is_a_purchase(organisation, site):
    buy(site, tenure=Tenure.FINANCE_LEASE)
    assert posted(organisation) == {"2026-03": 3700}


def test_hardware_of_unknown_footprint_is_not_posted(organisation, site):
    buy(site, hardware=HardwareModel.objects.get(name=HARDWARE["cpu"]), embodied_kg=None)
    assert posted(organisation) == {}


def test_a_cloud_s_hardware_is_not_bought(organisation):
    region = CloudRegion.objects.get(region="us-west-1")
    buy(make_site(organisation, kind=SiteKind.CLOUD, cloud_region=region))
    assert posted(organisation) == {}


def test_another_day_of_purchase_moves_it(organisation, site):
    node = buy(site)
    assert posted(organisation) == {"2026-03": 3700}
    edit(node, purchased_on=date(2025, 12, 31))
    assert posted(organisation) == {"2025-12": 3700}
    edit(node, purchased_on=None)
    assert posted(organisation) == {}


def test_a_lease_found_out_later_takes_it_back(organisation, site):
    node = buy(site)
    assert posted(organisation) == {"2026-03": 3700}
    NodePlacement.objects.filter(node=node).update(tenure=Tenure.OWNED)
    place_node(
        node=node,
        site=site,
        tenure=Tenure.OPERATING_LEASE,
        starts_on=date(2026, 3, 17),
        by=None,
        now=NOW,
    )
    assert posted(organisation) == {}


def test_leaving_takes_nothing_back(organisation, site):
    node = buy(site)
    dispose_node(node=node, disposed_on=date(2026, 6, 1), by=None, now=NOW)
    assert posted(organisation) == {"2026-03": 3700}


def test_settling_again_posts_nothing(organisation, site):
    node = buy(site)
    assert posted(organisation)
    before = EmissionEntry.objects.count()
    settle_all()
    edit(node, idle_watts=1.0, max_watts=3.0)
    settle_all()
    purchases_of = EmissionEntry.objects.filter(source=EntrySource.PURCHASE)
    assert purchases_of.count() == 1
    assert before <= EmissionEntry.objects.count()


def test_the_bridge_begins_with_what_the_ledger_has(organisation, site):
    buy(site, node_count=3)
    buy(site, purchased_on=date(2026, 4, 2))
    settle_all()
    period = parse_value("2026-Q1", today=NOW.date())
    ledger = totals(organisation=organisation, period=period).embodied_purchase_kg
    rows = bridge_rows(
        bought=purchases(organisation=organisation),
        starts_on=period.starts_on,
        ends_before=period.ends_before,
    )
    total = total_bridge(rows)
    assert total.bought == ledger == 11_100
    assert total.before + total.bought - total.attributed - total.disposed == total.after
