"""Any sequence of purchases, disposals, statements and switches ends in what is stated."""

from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import CloudProvider, InventoryFigure, SiteKind, Tenure
from emissions.models import CloudRegion, EmissionEntry, HardwareModel, MonthlyTotal, Node
from emissions.models.entry import QUANTITIES
from emissions.selectors.cloud import account_months
from emissions.selectors.purchases import bridge_rows, purchases, total_bridge
from emissions.selectors.totals import By, Totals, total_of, totals, totals_by
from emissions.services.load_statements import Origin, Stated, load_statements
from emissions.services.manage_cloud_accounts import USAGE, Usage, choose_figure, edit_cloud_account
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
    make_cloud_account,
    make_organisation,
    make_project,
    make_run,
    make_site,
    settle_all,
)

DAYS = st.dates(date(2025, 1, 1), date(2026, 6, 20))
MONTHS = st.integers(3, 6)
KG = st.none() | st.decimals(0, 5000, places=9)

EVENT = st.one_of(
    st.tuples(st.just("buy"), DAYS, st.integers(1, 3), st.sampled_from(list(Tenure))),
    st.tuples(st.just("rebuy"), st.integers(0, 9), st.none() | DAYS, st.floats(0, 9000)),
    st.tuples(st.just("hold"), st.integers(0, 9), DAYS, st.sampled_from(list(Tenure))),
    st.tuples(st.just("dispose"), st.integers(0, 9), DAYS),
    st.tuples(st.just("load"), st.integers(0, 1), MONTHS, KG, KG, KG),
    st.tuples(st.just("choose"), st.integers(0, 1), st.sampled_from(list(InventoryFigure))),
    st.tuples(st.just("narrow"), st.booleans()),
    st.tuples(st.just("run"), st.integers(0, 1), MONTHS),
    st.tuples(st.just("settle")),
)


class World:
    """An own site, a cloud site, two projects, and a cloud account for each project."""

    def __init__(self) -> None:
        self.organisation = make_organisation()
        region = CloudRegion.objects.get(region="us-west-1")
        self.home = make_site(self.organisation)
        self.cloud = make_site(
            self.organisation, kind=SiteKind.CLOUD, cloud_region=region, it_control="other"
        )
        self.projects = [make_project(organisation=self.organisation) for _ in range(2)]
        self.accounts = [
            make_cloud_account(self.organisation, project=project) for project in self.projects
        ]

    def apply(self, event: tuple[object, ...]) -> None:
        getattr(self, str(event[0]))(*event[1:])

    def node(self, at: int) -> Node | None:
        nodes = list(Node.objects.filter(organisation=self.organisation).order_by("pk"))
        return nodes[at % len(nodes)] if nodes else None

    def buy(self, day: date, count: int, tenure: Tenure) -> None:
        create_node(
            organisation=self.organisation,
            name=f"node {Node.objects.count()}",
            machine=Machine(
                hardware=HardwareModel.objects.get(name=HARDWARE["h100"]),
                device_count=8,
                node_count=count,
                purchased_on=day,
            ),
            life_years=3.0,
            site=self.home,
            tenure=tenure,
            starts_on=day,
            by=None,
            now=NOW,
        )

    def rebuy(self, at: int, day: date | None, kg: float) -> None:
        node = self.node(at)
        if node is None or (node.disposed_on and day and day > node.disposed_on):
            return
        machine = {name: getattr(node, name) for name in MACHINE}
        machine |= {"purchased_on": day, "embodied_kg": kg}
        edit_node(node=node, name=node.name, machine=Machine(**machine), by=None)

    def hold(self, at: int, day: date, tenure: Tenure) -> None:
        if node := self.node(at):
            place_node(node=node, site=self.home, tenure=tenure, starts_on=day, by=None, now=NOW)

    def dispose(self, at: int, day: date) -> None:
        node = self.node(at)
        if node and (node.purchased_on is None or day >= node.purchased_on):
            dispose_node(node=node, disposed_on=day, by=None, now=NOW)

    def load(self, at: int, month: int, location, market, scope_3) -> None:
        if location is None and market is None:
            return
        parts = {
            "location_based_kg": location,
            "market_based_kg": market,
            "scope_3_location_kg": scope_3,
        }
        stated = Stated(self.accounts[at].pk, date(2026, month, 1), f"v{month}", parts)
        load_statements(
            organisation=self.organisation,
            provider=CloudProvider.AWS,
            stated=[stated],
            origin=Origin(),
            by=None,
            now=NOW,
        )

    def choose(self, at: int, figure: InventoryFigure) -> None:
        choose_figure(account=self.accounts[at], figure=figure, by=None)

    def narrow(self, whole: bool) -> None:
        usage = {name: getattr(self.accounts[0], name) for name in USAGE}
        usage["project"] = None if whole else self.projects[0]
        self.accounts[0] = edit_cloud_account(
            account=self.accounts[0], usage=Usage(**usage), by=None
        )

    def run(self, at: int, month: int) -> None:
        make_run(
            project=self.projects[at],
            site=self.cloud,
            started_at=NOW.replace(month=month),
            calculated=False,
        )

    def settle(self) -> None:
        settle_all()


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink},
)
@given(events=st.lists(EVENT, min_size=3, max_size=12))
def test_any_sequence_leaves_purchases_and_statements_as_they_are_stated(db, events):
    world = World()
    for event in events:
        world.apply(event)
    world.settle()
    assert verify_ledger(organisation=world.organisation).clean
    _totals_equal_entries(world)
    _purchases_are_the_facts(world)
    _cloud_is_what_counts(world)
    before = EmissionEntry.objects.count()
    world.settle()
    assert EmissionEntry.objects.count() == before


def _totals_equal_entries(world: World) -> None:
    sums = {name: Sum(name, default=0) for name in QUANTITIES}
    own = {"cell__organisation": world.organisation}
    whole = MonthlyTotal.objects.filter(**own).aggregate(**sums)
    assert whole == EmissionEntry.objects.filter(**own).aggregate(**sums)


def _purchases_are_the_facts(world: World) -> None:
    rows = bridge_rows(
        bought=purchases(organisation=world.organisation),
        starts_on=date(2024, 1, 1),
        ends_before=date(2027, 1, 1),
    )
    total = total_bridge(rows)
    ledger = totals(organisation=world.organisation, period=None).embodied_purchase_kg
    assert ledger == total.bought
    assert total.bought - total.attributed - total.disposed == total.after


def _cloud_is_what_counts(world: World) -> None:
    """The sum of category 3.1 is, by both methods, that of the accounts' chosen figures."""
    months = account_months(organisation=world.organisation)
    groups = totals_by(organisation=world.organisation, period=None, by=By.SCOPE)
    cloud = total_of([group for group in groups if group.key == "3.1"])
    for method in ("location_based_kg", "market_based_kg"):
        chosen = sum((getattr(one.inventory, method) for one in months), Decimal(0))
        assert getattr(cloud, method) + _around(cloud) == chosen


def _around(found: Totals) -> Decimal:
    return found.upstream_kg + found.losses_kg + found.embodied_kg
