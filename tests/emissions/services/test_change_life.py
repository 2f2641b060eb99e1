"""A change of life acts from its day on: what was carried before stays, to the last digit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from emissions.calculation.vocabulary import HardwareKind, IdleRule
from emissions.models import (
    AuditEvent,
    EmissionEntry,
    HardwareLife,
    HardwareModel,
    MonthlyTotal,
    Node,
    NodeLife,
    PendingCalculation,
    Run,
    StalePool,
)
from emissions.selectors.lives import lives_of_node
from emissions.selectors.purchases import bridge_rows, purchases
from emissions.services.change_life import LifeOver, set_life
from emissions.services.estimate import estimate_runs
from emissions.services.manage_hardware import Device, edit_hardware
from emissions.services.manage_nodes import MACHINE, Machine, dispose_node, edit_node
from emissions.services.pools.stale import idle_due
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_hardware,
    make_node,
    make_organisation,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db
BOUGHT, CHANGED = date(2024, 1, 1), date(2025, 12, 31)  # 2 × 365 days later


def make_bought(organisation=None, **values) -> Node:
    """A node of 1,000 kg and four years, bought when 2024 began; eight devices."""
    organisation = organisation or make_organisation()
    stated = {"embodied_kg": 1000.0, "life_years": 4.0, "purchased_on": BOUGHT, **values}
    return make_node(site=make_site(organisation), starts_on=BOUGHT, **stated)


def change(node: Node, years: float | None, day: date) -> NodeLife:
    return set_life(node=node, life_years=years, starts_on=day, by=None, now=NOW)


def settle(node: Node) -> None:
    idle_due(node=node)
    settle_all()
    found = verify_ledger(organisation=node.organisation)
    assert found.clean
    assert (found.pending, found.stale) == (0, 0)


def by_month(node: Node) -> dict[date, Decimal]:
    sums: dict[date, Decimal] = {}
    for row in MonthlyTotal.objects.filter(cell__organisation=node.organisation):
        sums[row.month] = sums.get(row.month, Decimal(0)) + row.embodied_kg
    return sums


class TestTheLedger:
    """1,000 kg over 4 years is 250 kg a year; after 2 prolonged to 6, 500 kg are left for 4."""

    def test_what_is_left_is_spread_over_the_rest_of_the_new_life(self):
        node = make_bought()
        make_run(
            node.organisation,
            node=node,
            started_at=datetime(2026, 2, 3, tzinfo=UTC),
            duration_hours=100.0,
        )
        change(node, 6.0, CHANGED)
        settle(node)
        sums = by_month(node)
        assert float(sums[date(2025, 11, 1)]) == pytest.approx(250 * 30 / 365)
        assert float(sums[date(2025, 12, 1)]) == pytest.approx((250 * 30 + 125) / 365)
        assert float(sums[date(2026, 2, 1)]) == pytest.approx(125 * 28 / 365)
        run = EmissionEntry.objects.filter(run__node=node)
        hour = 125 / 8760 / 8
        assert float(sum(one.embodied_kg for one in run)) == pytest.approx(800 * hour)

    def test_months_before_the_day_keep_their_lines_and_are_not_queued(self):
        node = make_bought()
        starts = datetime(2025, 11, 20, tzinfo=UTC)
        early = make_run(node.organisation, node=node, started_at=starts, duration_hours=24.0)
        across = make_run(node.organisation, node=node, started_at=starts, duration_hours=24.0 * 60)
        settle(node)
        before = set(EmissionEntry.objects.values_list("pk", flat=True))
        change(node, 6.0, CHANGED)
        queued = PendingCalculation.objects.all()
        assert [one.run_id for one in queued] == [across.pk] != [early.pk]
        reason = f"Life of {node.name} changed from 2025-12-31 on"
        assert {one.reason for one in queued} == {reason}
        assert {one.reason for one in StalePool.objects.all()} == {reason}
        assert min(one.month for one in StalePool.objects.all()) == date(2025, 12, 1)
        settle(node)
        fresh = EmissionEntry.objects.exclude(pk__in=before).select_related("posting")
        assert fresh.exists()
        assert min(one.month for one in fresh) == date(2025, 12, 1)
        assert {(one.posting.cause, one.posting.reason) for one in fresh} == {("data", reason)}

    def test_from_the_purchase_on_it_is_a_correction_of_the_whole_life(self):
        node = make_bought()
        settle(node)
        change(node, 8.0, BOUGHT - timedelta(days=100))
        settle(node)
        assert float(by_month(node)[date(2024, 1, 1)]) == pytest.approx(125 * 31 / 365)
        assert NodeLife.objects.current().get(node=node).starts_on == BOUGHT

    def test_a_correction_leaves_a_later_change_as_it_is(self):
        node = make_bought()
        change(node, 6.0, CHANGED)
        change(node, 5.0, BOUGHT)
        years = [(one.starts_on, one.years) for one in lives_of_node(node).shown]
        assert years == [(CHANGED, 6.0), (BOUGHT, 5.0)]

    def test_a_life_recorded_after_the_purchase_holds_from_it_all_the_same(self):
        node = make_bought()
        node.lives.update(starts_on=date(2025, 6, 1))
        change(node, 6.0, date(2025, 1, 1))
        years = [(one.starts_on, one.years) for one in lives_of_node(node).shown]
        assert years == [(date(2025, 1, 1), 6.0), (BOUGHT, 4.0)]
        settle(node)

    def test_without_a_purchase_the_whole_goes_over_the_new_life(self):
        node = make_bought(purchased_on=None)
        change(node, 8.0, CHANGED)
        settle(node)
        sums = by_month(node)
        assert float(sums[date(2025, 11, 1)]) == pytest.approx(250 * 30 / 365)
        assert float(sums[date(2026, 2, 1)]) == pytest.approx(125 * 28 / 365)

    def test_a_run_after_the_life_carries_nothing_even_without_idle_hours(self):
        node = make_bought(make_organisation(idle_rule=IdleRule.OFF), life_years=1.0)
        run = make_run(
            node.organisation,
            node=node,
            started_at=datetime(2026, 2, 3, tzinfo=UTC),
            duration_hours=9.0,
        )
        assert run.entries.get().embodied_kg == 0

    def test_across_a_change_of_clocks_the_shares_are_the_whole(self):
        node = make_bought(make_organisation(time_zone="Europe/Paris"), life_years=0.5)
        change(node, 1.25, date(2024, 5, 10))
        settle(node)
        assert 1000 - float(sum(by_month(node).values())) == pytest.approx(0, abs=1e-6)
        assert sum(by_month(node).values()) <= 1000


class TestWhatIsRefused:
    def test_a_life_that_is_over_on_its_first_day(self):
        node = make_bought()
        with pytest.raises(LifeOver) as refused:
            change(node, 2.0, CHANGED)
        assert (refused.value.age_years, refused.value.years) == (2.0, 2.0)
        assert not PendingCalculation.objects.exists()
        assert change(node, 2.1, CHANGED).life_years == 2.1

    def test_the_catalogue_s_life_is_one_too(self):
        node = make_bought(life_years=9.0)
        with pytest.raises(LifeOver):
            change(node, None, BOUGHT + timedelta(days=5 * 365))

    def test_what_holds_already_changes_nothing(self):
        node = make_bought()
        change(node, 4.0, CHANGED)
        assert NodeLife.objects.filter(node=node).count() == 1
        assert not AuditEvent.objects.filter(action__contains="life").exists()


class TestTheCatalogue:
    def test_another_life_of_an_own_entry_acts_from_its_day_on(self):
        organisation = make_organisation()
        model = make_hardware(
            organisation=organisation, life_years=4.0, embodied_kg=125.0, embodied_source="Maker"
        )
        node = make_bought(organisation, hardware=model, life_years=None, embodied_kg=None)
        for month in (11, 12):
            make_run(
                organisation, hardware=model, device_count=8.0, duration_hours=8760 / 365,
                started_at=datetime(2025, month, 31 if month == 12 else 1, tzinfo=UTC),
            )  # fmt: skip
        settle(node)
        before = set(EmissionEntry.objects.values_list("pk", flat=True))
        names = ("name", "kind", "max_watts", "source", "embodied_kg", "embodied_source")
        device = Device(**{name: getattr(model, name) for name in names}, life_years=6.0)
        edit_hardware(hardware=model, device=device, by=None, life_from=CHANGED, now=NOW)
        settle(node)
        fresh = EmissionEntry.objects.exclude(pk__in=before)
        assert min(one.month for one in fresh) == date(2025, 12, 1)
        own = EmissionEntry.objects.filter(run__hardware=model)
        kg = {
            month: float(sum(one.embodied_kg for one in own.filter(month=month)))
            for month in (date(2025, 11, 1), date(2025, 12, 1))
        }
        assert list(kg.values()) == pytest.approx([1000 / 4 / 365, 1000 / 6 / 365])
        idle = by_month(node)[date(2026, 2, 1)]
        assert float(idle) == pytest.approx(125 * 28 / 365)

    def test_a_change_taken_back_the_same_day_leaves_one_life_before_it(self):
        organisation = make_organisation()
        model = make_hardware(organisation=organisation, life_years=4.0)
        for years in (40.0, 5.0):
            device = Device(
                name=model.name, kind=HardwareKind.GPU, max_watts=300.0, source="x",
                life_years=years,
            )  # fmt: skip
            edit_hardware(hardware=model, device=device, by=None, life_from=CHANGED, now=NOW)
        assert HardwareLife.objects.current().get(hardware=model).life_years == 4.0
        model.refresh_from_db()
        assert model.life_years == 5.0


def test_the_working_says_which_life_held_and_since_when():
    node = make_bought()
    change(node, 6.0, CHANGED)
    run = make_run(
        node.organisation,
        node=node,
        started_at=datetime(2026, 2, 3, tzinfo=UTC),
        duration_hours=10.0,
    )
    across = make_run(
        node.organisation,
        node=node,
        started_at=datetime(2025, 11, 20, tzinfo=UTC),
        duration_hours=1440.0,
    )
    old = make_run(
        node.organisation,
        node=node,
        started_at=datetime(2035, 2, 3, tzinfo=UTC),
        duration_hours=10.0,
    )
    steps = [
        next(step for step in one.steps if step.quantity == "embodied_kg")
        for one in estimate_runs(runs=[run, across, old], organisation=node.organisation)
    ]
    assert steps[0].values == "125 kg ÷ (8 years × 8,760 h) × 80 h"
    assert "from 31 December 2025 on" in steps[0].source
    assert "0.5 of the footprint was spread" in steps[0].source
    assert steps[1].values.count("8,760 h") == 2
    assert "years, as the node states" in steps[1].source
    assert "whole footprint has been spread" in steps[2].source
    for run, step in zip(Run.objects.order_by("pk"), steps, strict=True):
        posted = sum(one.embodied_kg for one in run.entries.all())
        assert step.result == pytest.approx(float(posted))


DAY = st.integers(-60, 900).map(lambda days: BOUGHT + timedelta(days=days))
EVENT = st.one_of(
    st.tuples(st.just("life"), st.none() | st.sampled_from([0.25, 1.0, 1.7, 4.0, 9.0]), DAY),
    st.tuples(st.just("catalogue"), st.none() | st.sampled_from([0.5, 2.0, 6.0]), DAY),
    st.tuples(st.just("bought"), st.none(), DAY),
    st.tuples(st.just("run"), st.sampled_from([5.0, 900.0, 3000.0]), DAY),
    st.tuples(st.just("left"), st.none(), DAY),
    st.tuples(st.just("settled"), st.none(), DAY),
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given_any(events=st.lists(EVENT, min_size=2, max_size=6), paris=st.booleans())
def test_in_any_order_of_events_the_shares_are_the_schedule_s(events, paris):
    """No node carries more than its footprint, a change leaves earlier months' lines alone, and
    the ledger is what a fresh calculation makes of it."""
    organisation = make_organisation(time_zone="Europe/Paris" if paris else "UTC")
    model = make_hardware(organisation=organisation, life_years=3.0)
    node = make_bought(organisation, hardware=model, life_years=None)
    for kind, value, day in events:
        if kind in ("life", "catalogue"):
            settle_all()
        lines = EmissionEntry.objects.filter(cell__organisation=organisation)
        before = set(lines.values_list("pk", flat=True))
        late = _apply(kind, value, day, node, model)
        node.refresh_from_db()
        if late:
            settle_all()
            fresh = lines.exclude(pk__in=before)
            assert all(one.month >= day.replace(day=1) for one in fresh)
    settle(node)
    whole = Decimal(1000)
    shares = sum(by_month(node).values(), Decimal(0))
    assert shares <= whole
    assert all(kg >= 0 for kg in by_month(node).values())
    (row,) = bridge_rows(
        bought=purchases(organisation=organisation),
        starts_on=date(1, 1, 1),
        ends_before=date(2300, 1, 1),
    )
    if node.disposed_on == node.purchased_on:
        assert row.bridge is None, "it never stood anywhere"
        return
    assert row.bridge is not None
    assert row.bridge.bought == whole == row.bridge.attributed + row.bridge.disposed
    assert row.bridge.after == 0


def _apply(kind: str, value: float | None, day: date, node: Node, model: HardwareModel) -> bool:
    """Do it; return whether it may move nothing before its day."""
    if kind == "life":
        try:
            change(node, value, day)
        except LifeOver:
            return False
        return day > node.purchased_on
    if kind == "catalogue":
        device = Device(
            name=model.name, kind=HardwareKind.GPU, max_watts=model.max_watts,
            source=model.source, life_years=value,
        )  # fmt: skip
        edit_hardware(hardware=model, device=device, by=None, life_from=day, now=NOW)
        return True
    if kind == "bought" and (node.disposed_on is None or day <= node.disposed_on):
        machine = {name: getattr(node, name) for name in MACHINE} | {"purchased_on": day}
        edit_node(node=node, name=node.name, machine=Machine(**machine), by=None)
    elif kind == "run":
        started_at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        make_run(
            node.organisation,
            node=node,
            started_at=started_at,
            duration_hours=value,
            calculated=False,
        )
    elif kind == "left" and day >= node.purchased_on:
        dispose_node(node=node, disposed_on=day, by=None, now=NOW)
    elif kind == "settled":
        idle_due(node=node)
        settle_all()
    return False
