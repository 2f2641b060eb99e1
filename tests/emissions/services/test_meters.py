"""Meter readings and the remainder: runs + idle + other load + remainder = the meter, exactly."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import Basis, MeasuringPoint, PoolKind, Preset, RemainderRule
from emissions.models import AuditEvent, MeterReading, MonthlyTotal, Organisation, Site
from emissions.selectors.metering import (
    NOT_EXPLAINING,
    explained_by_site,
    node_months,
    reconciliations,
)
from emissions.services.manage_meters import (
    EmptyPeriod,
    OverlappingReading,
    Reading,
    delete_reading,
    edit_reading,
    record_reading,
    record_readings,
)
from emissions.services.manage_organisation import edit_organisation
from emissions.services.record_runs import delete_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_fuel_use,
    make_instrument,
    make_node,
    make_organisation,
    make_reading,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db

MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def site(organisation) -> Site:
    return make_site(organisation, pue=1.25)


def meter(site: Site, kwh: str | int, **values) -> MeterReading:
    """Record May's reading, and settle."""
    period = {"starts_on": MAY, "ends_before": JUNE}
    reading = Reading(energy_kwh=Decimal(kwh), **{**period, **values})
    row = record_reading(site=site, reading=reading, by=None, now=NOW)
    settle()
    return row


def settle() -> None:
    settle_all()
    assert verify_ledger().clean


def remainder(site: Site, month: date = MAY) -> MonthlyTotal | None:
    rows = MonthlyTotal.objects.filter(
        cell__site=site, cell__source_kind=PoolKind.METER_REMAINDER, month=month
    )
    return rows.exclude(energy_facility_kwh=0).first()


class TestTheRemainder:
    def test_what_runs_do_not_explain_is_posted_unallocated(self, organisation, site):
        make_run(organisation, site=site, energy_kwh=80.0)
        meter(site, 1000, other_load_kwh=Decimal(300))
        line = remainder(site)
        assert line is not None
        assert line.energy_facility_kwh == 1000 - 300 - 100
        assert line.energy_it_kwh == 480
        assert line.location_based_kg == 600 * Decimal("0.05")
        assert line.cell.team is None
        assert line.cell.basis == Basis.SITE_METER
        assert line.runs_started == 0
        assert line.device_hours == 0

    def test_it_may_be_negative_and_is_not_clamped(self, organisation, site):
        make_run(organisation, site=site, energy_kwh=80.0)
        meter(site, 40)
        line = remainder(site)
        assert line is not None
        assert line.energy_facility_kwh == -60
        assert line.location_based_kg == -3
        assert line.independent_variance_kg2 > 0
        total = sum(one.energy_facility_kwh for one in MonthlyTotal.objects.filter(month=MAY))
        assert total == 40

    def test_it_is_exact_where_a_float_is_not(self, organisation, site):
        whole = Decimal("90000000.000000001")
        meter(site, whole)
        line = remainder(site)
        assert line is not None
        assert line.energy_facility_kwh == whole

    def test_behind_the_power_supply_only_it_is_compared(self, organisation, site):
        make_run(organisation, site=site, energy_kwh=80.0)
        meter(site, 100, measuring_point=MeasuringPoint.IT)
        line = remainder(site)
        assert line is not None
        assert (line.energy_it_kwh, line.energy_facility_kwh) == (20, 25)

    def test_idle_nodes_explain_a_part(self, organisation, site):
        node = make_node(site=site, idle_watts=1000.0, max_watts=5000.0, starts_on=MAY)
        make_run(organisation, node=node, duration_hours=144.0, energy_kwh=80.0)
        meter(site, 2000)
        found = reconciliations(organisation=organisation)[0]
        assert (found.runs_kwh, found.idle_kwh) == (100, 750)
        assert found.remainder_kwh == 1150
        line = remainder(site)
        assert line is not None
        assert line.energy_facility_kwh == 1150
        hours = node_months(
            organisation=organisation, nodes=[node], starts_on=MAY, ends_before=JUNE
        )[0]
        assert (hours.allocated_hours, hours.idle_hours) == (8 * 144, 8 * 600)
        assert hours.available_hours == 8 * 744

    def test_a_bill_across_months_is_split_by_days(self, organisation, site):
        reading = Reading(
            starts_on=date(2026, 4, 21), ends_before=JULY, energy_kwh=Decimal("71.000000001")
        )
        record_reading(site=site, reading=reading, by=None, now=NOW)
        settle()
        months = reconciliations(organisation=organisation)
        assert [(one.month.month, one.days, one.complete) for one in months] == [
            (4, 10, False),
            (5, 31, True),
            (6, 30, True),
        ]
        assert sum(one.metered_kwh for one in months) == Decimal("71.000000001")
        assert remainder(site, date(2026, 4, 1)) is None
        assert remainder(site, JUNE) is not None

    def test_readings_that_meet_in_a_month_complete_it(self, organisation, site):
        halves = [(MAY, date(2026, 5, 16)), (date(2026, 5, 16), JUNE)]
        record_readings(
            site=site,
            readings=[
                Reading(starts_on=a, ends_before=b, energy_kwh=Decimal(5)) for a, b in halves
            ],
            by=None,
            now=NOW,
        )
        settle()
        line = remainder(site)
        assert line is not None
        assert line.energy_facility_kwh == 10

    def test_kept_as_unexplained_nothing_is_posted(self, organisation, site):
        meter(site, 100)
        rule(organisation, RemainderRule.UNEXPLAINED)
        assert remainder(site) is None
        assert reconciliations(organisation=organisation)[0].remainder_kwh == 100
        rule(organisation, RemainderRule.UNALLOCATED)
        assert remainder(site) is not None

    def test_it_follows_runs_and_readings(self, organisation, site):
        run = make_run(organisation, site=site, energy_kwh=80.0)
        row = meter(site, 1000)
        delete_run(run=run, by=None, now=NOW)
        settle()
        assert remainder(site).energy_facility_kwh == 1000
        values = Reading(starts_on=JUNE, ends_before=JULY, energy_kwh=Decimal(7))
        edit_reading(reading=row, values=values, by=None, now=NOW)
        settle()
        assert remainder(site) is None
        assert remainder(site, JUNE).energy_facility_kwh == 7
        delete_reading(reading=row, by=None)
        settle()
        assert remainder(site, JUNE) is None
        assert not MeterReading.objects.exists()

    def test_other_organisations_and_sites_are_left_alone(self, organisation, site):
        make_run(make_organisation(), energy_kwh=5.0)
        meter(site, 100)
        assert {one.cell.site_id for one in MonthlyTotal.objects.filter(energy_it_kwh__gt=0)} <= {
            site.pk,
            None,
        }


class TestReadings:
    def test_two_readings_do_not_share_a_day(self, site):
        meter(site, 10)
        for start in (MAY, date(2026, 5, 31)):
            with pytest.raises(OverlappingReading):
                meter(site, 10, starts_on=start, ends_before=JULY)
        assert MeterReading.objects.count() == 1

    def test_a_reading_covers_a_day(self, site):
        with pytest.raises(EmptyPeriod):
            meter(site, 10, ends_before=MAY)

    def test_all_or_none_are_stored(self, site):
        days = [(MAY, JUNE), (JUNE, JULY), (date(2026, 6, 30), date(2026, 8, 1))]
        with pytest.raises(OverlappingReading):
            record_readings(
                site=site,
                readings=[
                    Reading(starts_on=a, ends_before=b, energy_kwh=Decimal(5)) for a, b in days
                ],
                by=None,
                now=NOW,
            )
        assert not MeterReading.objects.exists()
        assert not AuditEvent.objects.filter(subject="meterreading").exists()

    def test_the_audit_log_keeps_what_was_said(self, site):
        row = meter(site, 10)
        edit_reading(
            reading=row,
            values=Reading(starts_on=MAY, ends_before=JUNE, energy_kwh=Decimal(11)),
            by=None,
            now=NOW,
        )
        delete_reading(reading=row, by=None)
        events = AuditEvent.objects.filter(subject="meterreading").order_by("pk")
        assert [event.action.rpartition(" ")[2] for event in events] == [
            "recorded",
            "edited",
            "deleted",
        ]
        assert Decimal(events[2].before["energy_kwh"]) == 11


class TestExplained:
    def test_the_share_of_whole_months(self, organisation, site):
        make_run(organisation, site=site, energy_kwh=80.0)
        meter(site, 400, other_load_kwh=Decimal(100))
        meter(site, 99, starts_on=JUNE, ends_before=date(2026, 6, 20))
        found = explained_by_site(
            organisation=organisation, starts_on=date(2026, 1, 1), ends_before=date(2027, 1, 1)
        )[site.pk]
        assert found.share == Decimal("0.5")
        assert found.remainder_kwh == 200

    def test_without_a_meter_there_is_no_share(self, organisation):
        found = explained_by_site(organisation=organisation, starts_on=MAY, ends_before=JUNE)
        assert found == {}


RUN = st.tuples(st.integers(0, 80), st.floats(0, 5000), st.booleans())
EVENT = st.one_of(
    st.tuples(st.just("run"), RUN),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("meter"), st.tuples(st.integers(0, 2), st.integers(0, 10**13))),
    st.tuples(st.just("settle"), st.none()),
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENT, min_size=1, max_size=7), it=st.booleans())
def test_pools_add_up_to_the_meter_in_any_order_of_events(events, it):
    """Whatever happens in whatever order, in the end the ledger holds what was metered."""
    organisation = make_organisation()
    site = make_site(organisation, pue=1.37)
    node = make_node(site=site, starts_on=date(2026, 4, 1), idle_watts=500.0, max_watts=4000.0)
    point = MeasuringPoint.IT if it else MeasuringPoint.FACILITY
    runs = []
    for kind, what in events:
        if kind == "run":
            day, energy, on_node = what
            place = {"node": node} if on_node else {"site": site}
            runs.append(
                make_run(
                    organisation,
                    started_at=datetime(2026, 4, 2 + day % 28, day % 24, 7, tzinfo=UTC),
                    duration_hours=float(day * 9),
                    energy_kwh=energy,
                    calculated=False,
                    **place,
                )
            )
        elif kind == "delete" and what < len(runs):
            delete_run(run=runs.pop(what), by=None, now=NOW)
        elif kind == "meter":
            months = [date(2026, month, 1) for month in (4, 5, 6, 7)]
            at, amount = what
            MeterReading.objects.filter(site=site, starts_on=months[at]).delete()
            reading = Reading(
                starts_on=months[at],
                ends_before=months[at + 1],
                energy_kwh=Decimal(amount).scaleb(-9),
                measuring_point=point,
            )
            record_reading(site=site, reading=reading, by=None, now=NOW)
        else:
            settle_all()
    settle_all()
    assert verify_ledger(organisation=organisation).clean
    column = "energy_it_kwh" if it else "energy_facility_kwh"
    for row in MeterReading.objects.filter(site=site):
        lines = MonthlyTotal.objects.filter(cell__site=site, month=row.starts_on)
        assert sum(getattr(line, column) for line in lines) == row.energy_kwh


def rule(organisation: Organisation, chosen: RemainderRule) -> None:
    edit_organisation(
        organisation=organisation,
        name=organisation.name,
        time_zone=organisation.time_zone,
        preset=Preset(organisation.preset),
        remainder_rule=chosen,
        by=None,
    )
    settle()


def test_of_all_pools_only_idle_hours_explain_metered_energy():
    assert set(PoolKind) - set(NOT_EXPLAINING) == {PoolKind.NODE_IDLE}


def test_fuel_neither_explains_a_meter_nor_is_covered_by_instruments():
    """Litres are no electricity: a generator's month leaves the reconciliation as it was."""
    site = make_site(make_organisation())
    make_run(site.organisation, site=site)
    make_reading(site)
    settle_all()
    (before,) = reconciliations(organisation=site.organisation)
    make_fuel_use(site=site)
    make_instrument(site.organisation)
    settle_all()
    (after,) = reconciliations(organisation=site.organisation)
    assert after == before
    of_fuel = MonthlyTotal.objects.get(cell__source_kind=PoolKind.FUEL)
    assert of_fuel.market_based_kg == of_fuel.location_based_kg == 250
    covered = MonthlyTotal.objects.filter(cell__source_kind=PoolKind.COVERAGE)
    assert not covered.filter(cell__scope=1).exists()
    assert covered.exists()
