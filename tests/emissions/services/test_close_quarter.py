"""A closed quarter keeps what was in use: the ledger's part of closing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from emissions.calculation.vocabulary import Cause, IdleRule, Preset
from emissions.models import (
    AuditEvent,
    ClosedQuarter,
    EmissionEntry,
    EnergyInstrument,
    FactorSet,
    GridZone,
    InstrumentUse,
    Organisation,
    PendingCalculation,
    Run,
    StalePool,
)
from emissions.models.entry import QUANTITIES
from emissions.selectors.closings import ClosedSpan, closed_spans, closings
from emissions.selectors.periods import Period, quarter
from emissions.services.close_quarter import CannotClose, Obstacle, close_quarter
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.factors.tables import adopted_sets
from emissions.services.manage_instruments import (
    VALUES,
    Instrument,
    InUse,
    OutsideItsPeriod,
    QuarterClosed,
    UsedUp,
    delete_instrument,
    edit_instrument,
    lapse_instrument,
    set_use,
)
from emissions.services.manage_organisation import TimeZoneFixed, edit_organisation
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_hours,
    make_instrument,
    make_node,
    make_organisation,
    make_post,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_stream,
    make_user,
    settle_all,
)

pytestmark = pytest.mark.django_db

Q1, Q2, Q3 = (quarter(year=2026, number=number) for number in (1, 2, 3))
LATER = datetime(2026, 10, 2, tzinfo=UTC)


@pytest.fixture
def organisation() -> Organisation:
    """An organisation with a run in France in each of January, March to April, and May 2026."""
    organisation = make_organisation(idle_rule=IdleRule.OFF)
    site = make_site(organisation)
    project = make_project(organisation=organisation)
    for month, day, hours in ((1, 10, 10.0), (3, 31, 48.0), (5, 4, 10.0)):
        make_run(
            project=project,
            site=site,
            name=f"{month}",
            started_at=datetime(2026, month, day, tzinfo=UTC),
            duration_hours=hours,
            calculated=False,
        )
    settle_all()
    return organisation


@pytest.fixture
def newer() -> FactorSet:
    """A set with another factor of France in 2026."""
    factor_set = make_factor_set()
    make_factor(
        factor_set=factor_set, zone=GridZone.objects.get(code="FR"), year=2026, g_co2e_per_kwh=77.0
    )
    return factor_set


def close(organisation: Organisation, period: Period = Q1, now: datetime = NOW) -> ClosedQuarter:
    return close_quarter(organisation=organisation, quarter=period, by=None, now=now)


def adopt(organisation: Organisation, factor_set: FactorSet, precedence: int = 0) -> None:
    adopt_factor_set(
        organisation=organisation, factor_set=factor_set, precedence=precedence, by=None, now=NOW
    )


def obstacles(organisation: Organisation, period: Period = Q1, now: datetime = NOW) -> list[str]:
    with pytest.raises(CannotClose) as refused:
        close(organisation, period, now)
    assert not ClosedQuarter.objects.filter(starts_on=period.starts_on, closed_at=now).exists()
    return [reason.obstacle for reason in refused.value.reasons]


def kg(name: str, month: int) -> Decimal:
    lines = EmissionEntry.objects.filter(run__name=name, month=date(2026, month, 1))
    return lines.aggregate(kg=Sum("location_based_kg"))["kg"]


class TestWhatItFixes:
    def test_the_position_the_sums_and_the_sets(self, organisation):
        by = make_user()
        closed = close_quarter(organisation=organisation, quarter=Q1, by=by, now=NOW)
        last = EmissionEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
        assert closed.ledger_position == last
        assert [tuple(one) for one in closed.factor_sets] == list(
            adopted_sets(organisation=organisation)
        )
        stood = EmissionEntry.objects.filter(
            pk__lte=closed.ledger_position, month__gte=Q1.starts_on, month__lt=Q1.ends_before
        ).aggregate(**{name: Sum(name) for name in QUANTITIES})
        closed.refresh_from_db()
        assert {name: getattr(closed, name) for name in QUANTITIES} == stood
        assert closed.location_based_kg > 0
        event = AuditEvent.objects.get(action="quarter closed")
        assert (event.by, event.label) == (by, "Q1 2026")

    def test_another_set_moves_open_months_only(self, organisation, newer):
        close(organisation)
        before = {key: kg(*key) for key in (("1", 1), ("3", 3), ("3", 4), ("5", 5))}
        adopt(organisation, newer)
        assert set(PendingCalculation.objects.values_list("run__name", flat=True)) == {"3", "5"}
        settle_all()
        assert kg("1", 1) == before["1", 1]
        assert kg("3", 3) == before["3", 3]
        for key in (("3", 4), ("5", 5)):
            assert float(kg(*key)) == pytest.approx(float(before[key]) * 77 / 50)
        assert verify_ledger(organisation=organisation).clean

    def test_a_run_that_ends_with_the_quarter_is_not_even_queued(self, organisation, newer):
        run = Run.objects.get(name="3")
        run.duration_hours = 24.0
        edit_run(run=run, by=None, now=NOW)
        settle_all()
        close(organisation)
        adopt(organisation, newer)
        assert set(PendingCalculation.objects.values_list("run__name", flat=True)) == {"5"}

    def test_late_runs_and_edits_post_at_their_month_with_the_factors_of_then(
        self, organisation, newer
    ):
        close(organisation)
        adopt(organisation, newer)
        settle_all()
        project, site = Run.objects.get(name="1").project, Run.objects.get(name="1").site
        late = make_run(
            project=project, site=site, name="late", started_at=datetime(2026, 2, 3, tzinfo=UTC)
        )
        assert kg("late", 2) == kg("1", 1)
        edited = Run.objects.get(name="1")
        edited.duration_hours, edited.device_hours = 20.0, 160.0
        edit_run(run=edited, by=None, now=NOW)
        settle_all()
        assert kg("1", 1) == 2 * kg("late", 2)
        (closing,) = closings(organisation=organisation)
        assert closing.moved
        assert closing.location_based_kg == 2 * kg("late", 2)
        edited.duration_hours, edited.device_hours = 10.0, 80.0
        edit_run(run=edited, by=None, now=NOW)
        delete_run(run=late, by=None, now=NOW)
        settle_all()
        assert not closings(organisation=organisation)[0].moved
        assert verify_ledger(organisation=organisation).clean

    def test_each_quarter_keeps_its_own_sets(self, organisation, newer):
        first = adopted_sets(organisation=organisation)
        close(organisation)
        adopt(organisation, newer)
        settle_all()
        second = adopted_sets(organisation=organisation)
        close(organisation, Q2, LATER)
        close(organisation, Q3, LATER)
        withdraw_factor_set(organisation=organisation, factor_set=newer, by=None, now=LATER)
        assert not PendingCalculation.objects.exists()
        assert not StalePool.objects.exists()
        assert closed_spans(organisation=organisation) == (
            ClosedSpan(2026 * 12, 2026 * 12 + 3, first),
            ClosedSpan(2026 * 12 + 3, 2026 * 12 + 9, second),
        )
        assert float(kg("5", 5)) == pytest.approx(float(kg("1", 1)) * 77 / 50)
        assert verify_ledger(organisation=organisation).clean

    def test_idle_nodes_keep_their_factors_too(self, organisation, newer):
        Organisation.objects.update(idle_rule=IdleRule.OWNER)
        organisation.refresh_from_db()
        make_node(site=organisation.sites.get(), starts_on=date(2026, 3, 1))
        assert obstacles(organisation) == [Obstacle.STALE_POOLS]
        settle_all()
        close(organisation)
        idle = EmissionEntry.objects.filter(pool__isnull=False)
        before = dict(idle.values_list("month").annotate(Sum("location_based_kg")))
        assert len(before) > 3
        adopt(organisation, newer)
        assert min(StalePool.objects.values_list("month", flat=True)) == Q2.starts_on
        settle_all()
        after = dict(idle.values_list("month").annotate(Sum("location_based_kg")))
        assert after[date(2026, 3, 1)] == before[date(2026, 3, 1)]
        assert float(after[date(2026, 4, 1)]) == pytest.approx(
            float(before[date(2026, 4, 1)]) * 77 / 50
        )
        assert verify_ledger(organisation=organisation).clean

    def test_hours_are_those_of_then(self, organisation):
        hours = make_factor_set()
        make_hours(
            factor_set=hours, zone=GridZone.objects.get(code="FR"), year=2026, grams=lambda _: 11.0
        )
        adopt(organisation, hours)
        settle_all()
        by_hour = kg("1", 1)
        close(organisation)
        withdraw_factor_set(organisation=organisation, factor_set=hours, by=None, now=NOW)
        assert set(PendingCalculation.objects.values_list("run__name", flat=True)) == {"3", "5"}
        settle_all()
        assert kg("1", 1) == by_hour
        assert float(kg("5", 5)) == pytest.approx(float(by_hour) * 50 / 11)
        assert float(kg("3", 4) / kg("3", 3)) == pytest.approx(50 / 11)
        assert verify_ledger(organisation=organisation).clean


class TestInstruments:
    """What they cover of closed months stays."""

    @pytest.fixture
    def covered(self, organisation) -> EnergyInstrument:
        """A certificate that covers January, and half of what else was used, and then Q1 closed."""
        first = Run.objects.get(name="1").entries.get().energy_facility_kwh
        row = make_instrument(organisation, energy_mwh=round(first * 2 / 1000, 6))
        settle_all()
        close(organisation)
        return row

    def uses(self) -> dict[date, Decimal]:
        return dict(InstrumentUse.objects.values_list("month", "energy_kwh"))

    def test_a_late_run_takes_nothing_from_later_months(self, organisation, covered):
        before = self.uses()
        assert len(before) == 2
        late = make_run(
            site=organisation.sites.get(),
            organisation=organisation,
            started_at=datetime(2026, 1, 20, tzinfo=UTC),
        )
        settle_all()
        assert self.uses() == before
        assert late.entries.get().market_based_kg > 0
        assert verify_ledger(organisation=organisation).clean

    def test_what_arrives_later_covers_open_months_only(self, organisation, covered):
        before = self.uses()
        make_instrument(organisation, energy_mwh=Decimal(5))
        settle_all()
        after = InstrumentUse.objects.exclude(instrument=covered)
        assert set(after.values_list("month", flat=True)) == {date(2026, 4, 1), date(2026, 5, 1)}
        assert dict(covered.uses.values_list("month", "energy_kwh")) == before

    def test_nobody_says_otherwise_by_hand(self, organisation, covered):
        site = organisation.sites.get()
        use = {"instrument": covered, "site": site, "energy_kwh": Decimal(1), "by": None}
        with pytest.raises(QuarterClosed):
            set_use(month=date(2026, 2, 1), **use)
        with pytest.raises(UsedUp):  # by what it covers of the closed quarter
            set_use(month=date(2026, 5, 1), **use)

    def test_it_is_neither_deleted_nor_made_smaller_than_it_is_used(self, organisation, covered):
        with pytest.raises(InUse):
            delete_instrument(instrument=covered, by=None)
        stated = {name: getattr(covered, name) for name in VALUES}
        for wrong, error in (
            ({"energy_mwh": Decimal("0.001")}, UsedUp),
            ({"starts_on": date(2026, 5, 1)}, OutsideItsPeriod),
        ):
            with pytest.raises(error):
                edit_instrument(
                    instrument=covered, values=Instrument(**{**stated, **wrong}), by=None
                )

    def test_one_that_lapses_is_a_true_up(self, organisation, covered):
        before = closings(organisation=organisation)[0]
        assert not before.moved
        lapse_instrument(instrument=covered, by=None)
        settle_all()
        after = closings(organisation=organisation)[0]
        assert (after.location_based_kg, after.market_based_kg > 0) == (0, True)
        assert set(
            EmissionEntry.objects.filter(pk__gt=after.closed.ledger_position).values_list(
                "posting__cause", flat=True
            )
        ) == {Cause.TRUE_UP}

    def test_the_database_refuses_too(self, organisation, covered):
        use = covered.uses.get(month=date(2026, 1, 1))
        for write in (use.delete, lambda: use.save(force_update=True)):
            with pytest.raises(IntegrityError, match="cover there stays"), transaction.atomic():
                write()


class TestTheTimeZone:
    def test_it_is_fixed_by_the_first_close(self, organisation):
        asked = {"organisation": organisation, "preset": Preset.TONNE, "by": None}
        edit_organisation(name="A", time_zone="Europe/Oslo", **asked)
        settle_all()
        organisation.refresh_from_db()
        close(organisation)
        with pytest.raises(TimeZoneFixed):
            edit_organisation(name="B", time_zone="UTC", **asked)
        edit_organisation(name="B", time_zone="Europe/Oslo", **asked)
        organisation.refresh_from_db()
        assert (organisation.name, organisation.time_zone) == ("B", "Europe/Oslo")


class TestWhatStandsAgainstIt:
    def test_it_is_closed_once(self, organisation):
        close(organisation)
        with pytest.raises(CannotClose, match="Q1 2026 is closed already"):
            close(organisation)

    def test_the_quarter_has_not_ended_where_the_organisation_is(self, organisation):
        Organisation.objects.update(time_zone="America/Los_Angeles")
        organisation.refresh_from_db()
        early = datetime(2026, 4, 1, 6, tzinfo=UTC)
        assert obstacles(organisation, Q1, early) == [Obstacle.NOT_ENDED]
        close(organisation, Q1, datetime(2026, 4, 1, 8, tzinfo=UTC))

    def test_idle_hours_are_not_settled_before_the_month_is_over_everywhere(self, organisation):
        Organisation.objects.update(idle_rule=IdleRule.OWNER)
        organisation.refresh_from_db()
        early = datetime(2026, 4, 1, 8, tzinfo=UTC)
        assert obstacles(organisation, Q1, early) == [Obstacle.IDLE_NOT_DUE]
        close(organisation, Q1, datetime(2026, 4, 1, 12, tzinfo=UTC))

    def test_an_earlier_quarter_is_open(self, organisation):
        assert obstacles(organisation, Q2, LATER) == [Obstacle.EARLIER_OPEN]
        close(organisation, Q1, LATER)
        close(organisation, Q2, LATER)

    def test_an_earlier_quarter_without_figures_is_not_in_the_way(self, organisation):
        make_run(organisation, name="old", started_at=datetime(2025, 2, 1, tzinfo=UTC))
        assert obstacles(organisation) == [Obstacle.EARLIER_OPEN]
        delete_run(run=Run.objects.get(name="old"), by=None, now=NOW)
        settle_all()
        close(organisation)

    def test_runs_of_the_quarter_are_pending(self, organisation):
        make_run(organisation, started_at=datetime(2026, 3, 31, 20, tzinfo=UTC), calculated=False)
        with pytest.raises(CannotClose, match=r"1 run of the quarter is being calculated\."):
            close(organisation)
        PendingCalculation.objects.update(attempts=3)
        assert obstacles(organisation) == [Obstacle.FAILED_RUNS]

    def test_a_run_that_leaves_the_quarter_is_pending_too(self, organisation):
        run = Run.objects.get(name="1")
        run.started_at = datetime(2026, 5, 5, tzinfo=UTC)
        edit_run(run=run, by=None, now=NOW)
        assert obstacles(organisation) == [Obstacle.PENDING_RUNS]

    def test_pending_runs_of_other_quarters_are_not_in_the_way(self, organisation):
        make_run(organisation, started_at=datetime(2026, 4, 2, tzinfo=UTC), calculated=False)
        close(organisation)

    def test_pools_are_stale_or_fail(self, organisation):
        make_node(site=organisation.sites.get())
        Organisation.objects.update(idle_rule=IdleRule.OWNER)
        organisation.refresh_from_db()
        assert Obstacle.STALE_POOLS in obstacles(organisation)
        StalePool.objects.update(attempts=2)
        assert Obstacle.FAILED_POOLS in obstacles(organisation)

    def test_what_a_tracker_posted_is_folded_first(self, organisation):
        stream = make_stream(
            project=Run.objects.get(name="1").project, now=datetime(2026, 3, 3, 8, tzinfo=UTC)
        )
        make_post(stream, ends=datetime(2026, 3, 3, 8, 2, tzinfo=UTC))
        assert obstacles(organisation) == [Obstacle.PENDING_RUNS]
        settle_all()
        closed = close(organisation)
        assert closed.runs_started == 3


class TestTheDatabaseRefuses:
    def test_another_time_zone(self, organisation):
        close(organisation)
        with pytest.raises(IntegrityError, match="the time zone"), transaction.atomic():
            Organisation.objects.update(time_zone="Europe/Oslo")

    def test_a_quarter_that_begins_in_the_middle(self, organisation):
        with pytest.raises(IntegrityError), transaction.atomic():
            ClosedQuarter.objects.create(
                organisation=organisation,
                starts_on=date(2026, 2, 1),
                ledger_position=0,
                methodology_version="2",
                factor_sets=[],
            )

    def test_a_quarter_twice(self, organisation):
        close(organisation)
        with pytest.raises(IntegrityError), transaction.atomic():
            ClosedQuarter.objects.create(
                organisation=organisation,
                starts_on=Q1.starts_on,
                ledger_position=0,
                methodology_version="2",
                factor_sets=[],
            )


def test_nothing_of_another_organisation_is_closed(organisation, newer):
    other = make_organisation(idle_rule=IdleRule.OFF)
    make_run(
        other,
        zone=make_reference()["FR"],
        name="other",
        started_at=datetime(2026, 1, 3, tzinfo=UTC),
    )
    close(organisation)
    before = kg("other", 1)
    adopt(other, newer)
    settle_all()
    assert float(kg("other", 1)) == pytest.approx(float(before) * 77 / 50)
    assert closed_spans(organisation=other) == ()
