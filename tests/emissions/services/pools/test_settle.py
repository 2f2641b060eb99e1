"""Pools: marked by what they read, settled once, posted by difference, verified."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from emissions.calculation.vocabulary import Cause, EntrySource, IdleRule, PoolKind
from emissions.models import (
    Cell,
    EmissionEntry,
    MonthlyTotal,
    NodeTotal,
    Organisation,
    Pool,
    Posting,
    RunState,
    StalePool,
)
from emissions.models.entry import QUANTITIES
from emissions.services.pools import settle as module
from emissions.services.pools.lines import PoolLines, Rule
from emissions.services.pools.rules import RULES
from emissions.services.pools.settle import settle_pools
from emissions.services.pools.stale import PoolKey, idle_due, mark_pools
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_node,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db

MAY = date(2026, 5, 1)
JUNE = date(2026, 6, 1)


class Given:
    """A rule whose pools want what a test says, so many kWh each, in one cell."""

    def __init__(self, kwh: int = 3) -> None:
        self.kwh = kwh
        self.asked: list[list[int]] = []
        self.broken: set[int] = set()

    def __call__(self, *, organisation: Organisation, pools: pl.DataFrame) -> PoolLines:
        ids = pools["pool_id"].to_list()
        self.asked.append(ids)
        if self.broken & set(ids):
            raise ValueError("no figures")
        amounts = np.zeros((len(ids), len(QUANTITIES)), dtype=np.int64)
        amounts[:, QUANTITIES.index("energy_facility_kwh")] = self.kwh * 10**9
        cells = {name: [None] * len(ids) for name in Cell.KEY}
        cells |= {"cost_centre": [""] * len(ids), "source_kind": ["statement"] * len(ids)}
        cells |= {name: [value] * len(ids) for name, value in FIXED.items()}
        return PoolLines(pools["pool_id"].to_numpy(), pl.DataFrame(cells, schema=CELLS), amounts)


FIXED = {"scope": 3, "category": 1, "basis": 3, "fit": 1, "assumptions": 0}
CELLS = {
    name: pl.String if name in ("cost_centre", "stage", "status", "source_kind") else pl.Int64
    for name in Cell.KEY
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    rule = Given()
    monkeypatch.setitem(RULES, PoolKind.STATEMENT, Rule(wanted=rule, source=EntrySource.STATEMENT))
    return rule


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


def mark(organisation: Organisation, *subjects: str, **values: Any) -> None:
    mark_pools(
        organisation=organisation,
        kind=PoolKind.STATEMENT,
        keys=[PoolKey(subject=one, month=MAY) for one in subjects],
        by=None,
        **values,
    )


class TestSettling:
    def test_a_marked_pool_is_made_settled_and_verified(self, organisation, given):
        mark(organisation, "aws:1", "aws:2", cause=Cause.PROVIDER_RESTATED, reason="New model")
        assert settle_pools() == 2
        assert not settle_pools()
        entries = EmissionEntry.objects.order_by("pool_id")
        assert [(e.source, e.pool.subject, e.month) for e in entries] == [
            ("statement", "aws:1", MAY),
            ("statement", "aws:2", MAY),
        ]
        posting = Posting.objects.get()
        assert (posting.cause, posting.reason) == ("provider_restated", "New model")
        assert MonthlyTotal.objects.get().energy_facility_kwh == 6
        assert not StalePool.objects.exists()
        found = verify_ledger()
        assert found.clean
        assert found.pools == 2

    def test_settling_twice_posts_nothing(self, organisation, given):
        for _ in range(2):
            mark(organisation, "a")
            settle_all()
        assert EmissionEntry.objects.count() == 1
        assert Pool.objects.count() == 1

    def test_only_the_difference_is_posted(self, organisation, given):
        mark(organisation, "a")
        settle_all()
        given.kwh = -2
        mark(organisation, "a")
        settle_all()
        amounts = EmissionEntry.objects.order_by("pk").values_list("energy_facility_kwh", flat=True)
        assert list(amounts) == [3, -5]
        assert MonthlyTotal.objects.get().energy_facility_kwh == -2

    def test_many_marks_of_one_pool_are_one_settlement(self, organisation, given):
        mark(organisation, "a", "a", "a")
        assert settle_pools() == 3
        assert set(map(tuple, given.asked)) == {(Pool.objects.get().pk,)}

    def test_a_pool_that_nobody_needs_is_not_made(self, organisation, given, monkeypatch):
        rule = Rule(wanted=given, needed="pool.subject = 'b'")
        monkeypatch.setitem(RULES, PoolKind.STATEMENT, rule)
        mark(organisation, "a", "b")
        settle_all()
        assert [pool.subject for pool in Pool.objects.all()] == ["b"]
        assert not StalePool.objects.exists()

    def test_a_pool_that_fails_does_not_hold_up_the_others(self, organisation, given):
        mark(organisation, "a", "b", "c")
        module.make_pools()
        broken = Pool.objects.get(subject="b")
        given.broken = {broken.pk}
        settle_all()
        assert set(EmissionEntry.objects.values_list("pool__subject", flat=True)) == {"a", "c"}
        stale = StalePool.objects.get()
        assert (stale.subject, stale.attempts, stale.last_error) == ("b", 1, "no figures")

    def test_organisations_are_settled_apart(self, organisation, given):
        other = make_organisation()
        mark(organisation, "a")
        mark(other, "a")
        settle_all()
        assert [len(one) for one in given.asked if one] == [1] * len(given.asked)
        assert {p.organisation_id for p in Pool.objects.all()} == {organisation.pk, other.pk}


class TestVerification:
    def test_a_line_too_many_is_found(self, organisation, given):
        mark(organisation, "a")
        settle_all()
        given.kwh = 4
        assert verify_ledger().wrong_pools == [Pool.objects.get().pk]

    def test_a_stale_pool_is_only_counted(self, organisation, given):
        mark(organisation, "a")
        settle_all()
        given.kwh = 4
        mark(organisation, "a")
        found = verify_ledger()
        assert found.clean
        assert found.stale == 1


class TestIntegrity:
    def line(self, pool: Pool | None, cell: Cell, **values: Any) -> None:
        posting = Posting.objects.create(
            organisation=cell.organisation, cause=Cause.DATA, methodology_version="1"
        )
        EmissionEntry.objects.create(
            posting=posting, pool=pool, cell=cell, month=MAY, energy_it_kwh=1, **values
        )

    @pytest.fixture
    def settled(self, organisation, given) -> tuple[Pool, Cell]:
        mark(organisation, "a")
        settle_all()
        return Pool.objects.get(), Cell.objects.get()

    def test_a_line_of_another_organisation_s_pool_is_refused(self, settled):
        foreign = Pool.objects.create(
            organisation=make_organisation(), kind=PoolKind.STATEMENT, subject="a", month=MAY
        )
        with pytest.raises(IntegrityError, match="pool"), transaction.atomic():
            self.line(foreign, settled[1], source=EntrySource.POOL)

    @pytest.mark.parametrize("source", [EntrySource.POOL, EntrySource.PURCHASE, EntrySource.RUN])
    def test_a_line_has_a_run_or_a_pool(self, settled, source):
        with pytest.raises(IntegrityError, match="entry_has_its_source"), transaction.atomic():
            self.line(None, settled[1], source=source)

    def test_a_line_of_a_run_has_no_pool(self, settled):
        run = make_run(settled[0].organisation, calculated=False)
        with pytest.raises(IntegrityError, match="entry_has_its_source"), transaction.atomic():
            self.line(settled[0], settled[1], source=EntrySource.RUN, run=run)

    def test_a_pool_in_the_ledger_stays(self, settled):
        pools = Pool.objects.filter(pk=settled[0].pk)
        with pytest.raises(IntegrityError, match="stands in the ledger"), transaction.atomic():
            pools._raw_delete(pools.db)

    def test_a_pool_is_of_a_node_or_a_site_as_its_kind_says(self, organisation):
        for values in ({"kind": "node_idle"}, {"kind": "coverage", "subject": "x"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Pool.objects.create(organisation=organisation, month=MAY, **values)


class TestIdle:
    """A node of eight A100 (400 W, 150 kg) that a team owns, at a site of PUE 1.2 in France."""

    @pytest.fixture
    def node(self, organisation):
        owner = make_team(organisation, name="Owner")
        return make_node(
            site=make_site(organisation),
            owner=owner,
            starts_on=MAY,
            idle_watts=800.0,
            max_watts=6400.0,
            embodied_kg=1200.0,
            life_years=5.0,
        )

    def settle(self, node) -> None:
        settle_all()
        assert verify_ledger().clean

    def idle(self, node, **narrowed) -> dict[str, Decimal]:
        rows = MonthlyTotal.objects.filter(
            cell__source_kind=PoolKind.NODE_IDLE, month=MAY, **narrowed
        )
        return {name: sum(getattr(row, name) for row in rows) for name in QUANTITIES}

    def test_hours_that_no_run_had_draw_idle_power_and_hardware(self, organisation, node):
        make_run(organisation, node=node, duration_hours=100.0, site=None)
        self.settle(node)
        idle = self.idle(node, cell__team__name="Owner")
        hours = 8 * (31 * 24 - 100)
        assert idle["device_hours"] == hours
        assert idle["energy_it_kwh"] == Decimal(hours) / 10
        assert idle["energy_facility_kwh"] == Decimal(hours) / 10 * Decimal("1.2")
        assert float(idle["location_based_kg"]) == pytest.approx(hours * 0.1 * 1.2 * 0.05)
        assert float(idle["embodied_kg"]) == pytest.approx(hours * 1200 / 8 / (5 * 8760))
        assert idle["runs_started"] == 0

    def test_it_is_posted_for_months_that_have_ended_without_any_run(self, organisation, node):
        from emissions.services.pools.stale import idle_due

        assert idle_due(node=node) > 0
        self.settle(node)
        assert self.idle(node)["device_hours"] == 8 * 31 * 24
        last = Pool.objects.order_by("month").last()
        assert last.month < datetime.now(UTC).date().replace(day=1)
        assert idle_due(node=node) == 0

    def test_it_follows_edits_deletions_and_moves_of_runs(self, organisation, node):
        run = make_run(organisation, node=node, duration_hours=100.0)
        other = make_node(site=make_site(organisation), starts_on=MAY)
        self.settle(node)
        run.node = other
        edit_run(run=run, by=None, now=NOW)
        self.settle(node)
        of_node = EmissionEntry.objects.filter(pool__node=node, month=MAY)
        assert sum(e.device_hours for e in of_node) == 8 * 31 * 24
        of_other = EmissionEntry.objects.filter(pool__node=other, month=MAY)
        assert sum(e.device_hours for e in of_other) == 8 * (31 * 24 - 100)
        delete_run(run=run, by=None, now=NOW)
        self.settle(node)
        assert sum(e.device_hours for e in of_other.all()) == 8 * 31 * 24

    def test_the_node_s_totals_are_those_of_its_runs_and_pools(self, organisation, node):
        run = make_run(organisation, node=node, duration_hours=100.0)
        self.settle(node)
        lines = EmissionEntry.objects.filter(Q(run=run) | Q(pool__node=node))
        sums = {name: Sum(name) for name in QUANTITIES}
        assert NodeTotal.objects.filter(node=node).aggregate(**sums) == lines.aggregate(**sums)

    @pytest.mark.parametrize("row", [NodeTotal, RunState])
    def test_a_drift_of_them_is_found(self, organisation, node, row):
        run = make_run(organisation, node=node, duration_hours=100.0)
        self.settle(node)
        if row is NodeTotal:
            NodeTotal.objects.filter(cell__source_kind="form").update(device_hours=1)
            (wrong,) = verify_ledger().wrong_totals
            assert wrong == (run.entries.get().cell_id, MAY.isoformat())
        else:
            RunState.objects.filter(run=run).update(node=None)
            found = verify_ledger()
            assert found.wrong_runs == [run.pk]
            assert found.wrong_totals

    def test_shared_by_device_hours(self, organisation, node):
        first, second = make_team(organisation, name="A"), make_team(organisation, name="B")
        make_run(project=make_project(first), node=node, duration_hours=30.0)
        make_run(project=make_project(second), node=node, duration_hours=10.0)
        self.settle(node)
        whole = self.idle(node)
        set_rule(organisation, IdleRule.SHARED)
        self.settle(node)
        assert self.idle(node) == whole
        assert self.idle(node, cell__team=first)["device_hours"] == 8 * 704 * Decimal("0.75")
        assert self.idle(node, cell__team__name="Owner")["device_hours"] == 0

    def test_shared_without_users_is_the_owner_s(self, organisation, node):
        from emissions.services.pools.stale import idle_due

        set_rule(organisation, IdleRule.SHARED)
        idle_due(node=node)
        self.settle(node)
        assert self.idle(node, cell__team__name="Owner")["device_hours"] == 8 * 744

    def test_a_run_without_hours_used_nothing(self, organisation, node):
        set_rule(organisation, IdleRule.SHARED)
        make_run(project=make_project(make_team(organisation)), node=node, duration_hours=0.0)
        self.settle(node)
        assert self.idle(node, cell__team__name="Owner")["device_hours"] == 8 * 744

    def test_switched_off_everything_is_taken_back(self, organisation, node):
        make_run(organisation, node=node)
        self.settle(node)
        set_rule(organisation, IdleRule.OFF)
        self.settle(node)
        assert not any(self.idle(node).values())

    def test_runs_that_overlap_take_no_more_hardware_than_there_is(self, organisation, node):
        for _ in range(2):
            make_run(
                organisation,
                node=node,
                started_at=datetime(2026, 5, 1, tzinfo=UTC),
                duration_hours=31 * 24.0,
            )
        self.settle(node)
        idle = self.idle(node)
        assert idle["device_hours"] == 0
        assert idle["energy_it_kwh"] == 0
        shares = sum(total.embodied_kg for total in MonthlyTotal.objects.filter(month=MAY).all())
        assert float(shares) == pytest.approx(1200 * 31 / (5 * 365))

    @pytest.mark.parametrize("month", [4, 7])
    def test_before_it_was_bought_and_after_it_left_it_has_no_hardware(
        self, organisation, node, month
    ):
        node.purchased_on, node.disposed_on = date(2026, 5, 1), date(2026, 7, 1)
        node.save()
        make_run(organisation, node=node, started_at=datetime(2026, month, 9, tzinfo=UTC))
        self.settle(node)
        rows = MonthlyTotal.objects.filter(month=date(2026, month, 1))
        assert not any(row.embodied_kg for row in rows)
        assert sum(row.device_hours for row in rows) == 80

    def test_nothing_is_left_to_spread_after_its_life(self, organisation, node):
        node.purchased_on = date(2025, 5, 16)
        node.save()
        node.lives.update(life_years=1.0)
        make_run(organisation, node=node, duration_hours=100.0)
        self.settle(node)
        shares = sum(total.embodied_kg for total in MonthlyTotal.objects.filter(month=MAY).all())
        assert float(shares) == pytest.approx(1200 * 15 / 365)

    def test_a_node_that_moves_is_idle_at_both_sites(self, organisation, node):
        from emissions.services.manage_nodes import place_node

        other = make_site(organisation, name="Other")
        place_node(node=node, site=other, starts_on=date(2026, 5, 11), by=None, now=NOW)
        self.settle(node)
        assert self.idle(node, cell__site=other)["device_hours"] == 8 * 21 * 24
        assert self.idle(node)["device_hours"] == 8 * 31 * 24

    def test_idle_power_that_nobody_states_is_a_share_of_the_maximum(self, organisation):
        node = make_node(site=make_site(organisation), starts_on=MAY)
        make_run(organisation, node=node, duration_hours=100.0)
        self.settle(node)
        hours = 8 * (31 * 24 - 100)
        assert float(self.idle(node)["energy_it_kwh"]) == pytest.approx(hours * 0.4 * 0.12 * 1.35)


def set_rule(organisation: Organisation, rule: IdleRule) -> None:
    from emissions.services.invalidate import pools_changed

    Organisation.objects.filter(pk=organisation.pk).update(idle_rule=rule)
    pools_changed(organisation=organisation, by=None, reason="Rule changed")


RUN_ON_NODE = st.tuples(
    st.integers(0, 120), st.integers(1, 900), st.sampled_from([1.0, 8.0, 16.0]), st.booleans()
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given_any(
    runs=st.lists(RUN_ON_NODE, max_size=5),
    rule=st.sampled_from([IdleRule.OWNER, IdleRule.SHARED]),
    life=st.sampled_from([0.25, 1.0, 5.0]),
    order=st.booleans(),
)
def test_no_node_s_hardware_shares_exceed_its_footprint(runs, rule, life, order):
    """However runs overlap and whenever they were recorded, a month has its share and no more."""
    organisation = make_organisation(idle_rule=rule)
    start = date(2026, 2, 1)
    node = make_node(
        site=make_site(organisation),
        starts_on=start,
        purchased_on=start,
        disposed_on=date(2026, 8, 10),
        embodied_kg=1200.0,
        life_years=life,
        node_count=2,
    )
    if order:
        idle_due(node=node)
        settle_all()
    projects = [make_project(make_team(organisation)) for _ in range(2)]
    for day, hours, devices, which in runs:
        make_run(
            project=projects[which],
            node=node,
            started_at=datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=day),
            duration_hours=float(hours),
            device_count=devices,
            calculated=False,
        )
    idle_due(node=node)
    settle_all()
    assert verify_ledger(organisation=organisation).clean
    by_month: dict[date, Decimal] = {}
    for row in MonthlyTotal.objects.filter(cell__organisation=organisation):
        by_month[row.month] = by_month.get(row.month, Decimal(0)) + row.embodied_kg
    placed = {month: kg for month, kg in by_month.items() if month < date(2026, 9, 1)}
    days = sum((min(last, date(2026, 8, 10)) - first).days for first, last in MONTHS)
    in_life = min(days, life * 365)
    spread = 2 * 1200 * in_life / (life * 365)
    assert float(sum(placed.values())) == pytest.approx(spread, rel=1e-9)
    assert spread <= 2 * 1200


MONTHS = [(date(2026, month, 1), date(2026, month + 1, 1)) for month in range(2, 9)]
