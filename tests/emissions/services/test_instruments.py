"""Instruments: each MWh covers once, per site and month, and the difference is exact."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import (
    FactorRole,
    InstrumentKind,
    InstrumentStatus,
    MeasuringPoint,
    PoolKind,
    RemainderRule,
    SiteKind,
)
from emissions.models import (
    EmissionEntry,
    EnergyInstrument,
    GridZone,
    InstrumentUse,
    MonthlyTotal,
    Organisation,
    Posting,
    Run,
    Site,
)
from emissions.selectors.periods import of_months
from emissions.selectors.years import Years
from emissions.services.close_quarter import close_quarter
from emissions.services.manage_instruments import (
    Instrument,
    InUse,
    OutsideItsPeriod,
    UsedUp,
    YearNotOver,
    delete_instrument,
    edit_instrument,
    lapse_instrument,
    record_instrument,
    retire_instrument,
    set_use,
    true_up_year,
)
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.manage_sites import Conditions, set_conditions
from emissions.services.pools.stale import idle_due
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db

YEAR = {"starts_on": date(2026, 1, 1), "ends_before": date(2027, 1, 1)}
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def site(organisation) -> Site:
    """A site of 50 g/kWh without a residual mix, PUE 1.25."""
    return make_site(organisation, pue=1.25)


def values(mwh: str = "1", **more: Any) -> Instrument:
    """Return certificates of 2026 with a rate of zero."""
    stated = {
        "name": f"Certificates {EnergyInstrument.objects.count()}",
        "kind": InstrumentKind.CERTIFICATE,
        "energy_mwh": Decimal(mwh),
        **YEAR,
        **more,
    }
    return Instrument(**stated)


def record(organisation: Organisation, mwh: str = "1", **more: Any) -> EnergyInstrument:
    row = record_instrument(
        organisation=organisation, instrument=values(mwh, **more), by=None, now=NOW
    )
    settle()
    return row


def settle() -> None:
    settle_all()
    assert verify_ledger().clean


def run_of(site: Site, facility_kwh: float, *, month: int = 5, **more: Any) -> Run:
    """Make a run of so many kWh at the meter."""
    return make_run(
        site.organisation,
        site=site,
        energy_kwh=facility_kwh,
        energy_includes_pue=True,
        started_at=datetime(2026, month, 4, tzinfo=UTC),
        **more,
    )


def market(organisation: Organisation, **narrowed: Any) -> Decimal:
    rows = MonthlyTotal.objects.filter(cell__organisation=organisation, **narrowed)
    return sum((row.market_based_kg for row in rows), Decimal(0))


def used(instrument: EnergyInstrument) -> dict[int, Decimal]:
    """Return the kWh used by number of the month."""
    return {use.month.month: use.energy_kwh for use in instrument.uses.order_by("month")}


class TestCoverage:
    def test_certificates_take_the_uncovered_rate_off_what_they_cover(self, organisation, site):
        run_of(site, 4000.0)
        before = market(organisation)
        assert before == 200
        instrument = record(organisation, "1")
        assert used(instrument) == {5: 1000}
        assert market(organisation) == 150
        location = sum(row.location_based_kg for row in MonthlyTotal.objects.all())
        assert location == 200
        entries = EmissionEntry.objects.filter(pool__kind=PoolKind.COVERAGE)
        assert [entry.market_based_kg for entry in entries] == [-50]

    def test_a_contract_has_its_own_rate(self, organisation, site):
        run_of(site, 4000.0)
        record(organisation, "2", kind=InstrumentKind.PPA, rate_g_per_kwh=20.0)
        assert market(organisation) == 200 - 2000 * Decimal("0.03")

    def test_against_the_residual_mix_where_there_is_one(self, organisation, site):
        factors = make_factor_set(organisation=organisation)
        make_factor(
            factor_set=factors,
            zone=GridZone.objects.get(code="FR"),
            year=2026,
            role=FactorRole.RESIDUAL,
            g_co2e_per_kwh=80.0,
        )
        from emissions.services.factors.adopt import adopt_factor_set

        adopt_factor_set(
            organisation=organisation, factor_set=factors, precedence=0, by=None, now=NOW
        )
        run_of(site, 4000.0)
        record(organisation, "1")
        assert market(organisation) == 3000 * Decimal("0.08")

    def test_every_line_of_the_month_is_covered_in_the_same_share(self, organisation, site):
        first, second = make_team(organisation), make_team(organisation)
        run_of(site, 3000.0, project=make_project(first))
        run_of(site, 1000.0, project=make_project(second))
        record(organisation, "2")
        assert market(organisation, cell__team=first) == 75
        assert market(organisation, cell__team=second) == 25

    def test_other_load_takes_its_share(self, organisation, site):
        run_of(site, 1000.0)
        reading = Reading(
            starts_on=MAY,
            ends_before=JUNE,
            energy_kwh=Decimal(4000),
            other_load_kwh=Decimal(2000),
        )
        record_reading(site=site, reading=reading, by=None, now=NOW)
        record(organisation, "2")
        ledger = MonthlyTotal.objects.filter(month=MAY)
        assert sum(row.energy_facility_kwh for row in ledger) == 2000
        assert market(organisation) == 50

    @pytest.mark.parametrize(
        ("point", "last_day", "other", "mwh"),
        [
            # 800 kWh of IT behind the meter are 1000 at the facility, as the run's are.
            (MeasuringPoint.IT, JUNE, 800, "1"),
            (MeasuringPoint.FACILITY, date(2026, 5, 16), 2000, "1.5"),
        ],
    )
    def test_so_does_that_of_an_it_meter_and_of_a_part_of_the_month(
        self, organisation, site, point, last_day, other, mwh
    ):
        run_of(site, 1000.0)
        reading = Reading(
            starts_on=MAY,
            ends_before=last_day,
            energy_kwh=Decimal(800 + other),
            measuring_point=point,
            other_load_kwh=Decimal(other),
        )
        record_reading(site=site, reading=reading, by=None, now=NOW)
        record(organisation, mwh)
        assert market(organisation) == 25

    def test_what_is_metered_counts_also_where_the_remainder_is_not_posted(
        self, organisation, site
    ):
        organisation.remainder_rule = RemainderRule.UNEXPLAINED
        organisation.save()
        run_of(site, 1000.0)
        reading = Reading(starts_on=MAY, ends_before=JUNE, energy_kwh=Decimal(4000))
        record_reading(site=site, reading=reading, by=None, now=NOW)
        record(organisation, "2")
        assert market(organisation) == 25

    def test_it_is_chronological_and_never_more_than_there_is(self, organisation, site):
        for month in (6, 4, 5):
            run_of(site, 1000.0, month=month)
        instrument = record(organisation, "2.5")
        assert used(instrument) == {4: 1000, 5: 1000, 6: 500}
        assert market(organisation) == 25

    def test_it_follows_runs_and_frees_what_is_no_longer_used(self, organisation, site):
        first, _ = run_of(site, 1000.0, month=4), run_of(site, 1000.0, month=5)
        instrument = record(organisation, "1.5")
        assert used(instrument) == {4: 1000, 5: 500}
        delete_run(run=first, by=None, now=NOW)
        settle()
        assert used(instrument) == {5: 1000}
        assert market(organisation) == 0
        run_of(site, 700.0, month=6)
        settle()
        assert used(instrument) == {5: 1000, 6: 500}

    def test_its_period_its_site_and_its_market(self, organisation, site):
        other = make_site(organisation, zone=GridZone.objects.get(code="DE"))
        cloud = make_site(organisation, kind=SiteKind.CLOUD)
        for where in (site, other, cloud):
            run_of(where, 1000.0, month=5)
            run_of(where, 1000.0, month=8)
        record(organisation, "100", ends_before=date(2026, 6, 1), site=other)
        assert market(organisation, cell__site=other) == 400
        record(organisation, "100", market=GridZone.objects.get(code="FR"))
        assert market(organisation, cell__site=site) == 0
        assert market(organisation, cell__site=other) == 400
        assert market(organisation, cell__site=cloud) == 100
        record(organisation, "100", market=GridZone.objects.get(code="WORLD"))
        assert market(organisation, cell__site=other) == 0

    def test_certificates_come_before_contracts_and_tariffs_however_soon_these_end(
        self, organisation, site
    ):
        run_of(site, 1200.0)
        tariff = record(organisation, "1", kind=InstrumentKind.TARIFF, ends_before=JUNE)
        contract = record(organisation, "1", kind=InstrumentKind.PPA, ends_before=date(2026, 7, 1))
        certificates = record(organisation, "0.4")
        assert [used(one) for one in (certificates, contract, tariff)] == [{5: 400}, {5: 800}, {}]

    def test_the_market_is_that_of_the_site_in_the_month(self, organisation, site):
        for month in (5, 6):
            run_of(site, 1000.0, month=month)
        elsewhere = Conditions(zone=GridZone.objects.get(code="DE"), pue=1.25)
        set_conditions(site=site, conditions=elsewhere, starts_on=JUNE, by=None, now=NOW)
        certificates = record(organisation, "3", market=GridZone.objects.get(code="FR"))
        assert used(certificates) == {5: 1000}


class TestUses:
    def test_somebody_may_say_what_is_covered(self, organisation, site):
        for month in (5, 6):
            run_of(site, 1000.0, month=month)
        instrument = record(organisation, "1")
        set_use(instrument=instrument, site=site, month=JUNE, energy_kwh=Decimal(600), by=None)
        settle()
        assert used(instrument) == {5: 400, 6: 600}
        set_use(instrument=instrument, site=site, month=JUNE, energy_kwh=None, by=None)
        settle()
        assert used(instrument) == {5: 1000}

    def test_never_more_than_its_mwh(self, organisation, site):
        instrument = record(organisation, "1")
        for month, kwh in ((MAY, 1001), (date(2025, 12, 1), 1)):
            with pytest.raises((UsedUp, OutsideItsPeriod)):
                set_use(
                    instrument=instrument, site=site, month=month, energy_kwh=Decimal(kwh), by=None
                )
        set_use(instrument=instrument, site=site, month=MAY, energy_kwh=Decimal(900), by=None)
        with pytest.raises(UsedUp):
            edit_instrument(instrument=instrument, values=values("0.5"), by=None)

    def test_more_than_the_site_used_covers_no_more(self, organisation, site):
        run_of(site, 100.0)
        instrument = record(organisation, "1")
        set_use(instrument=instrument, site=site, month=MAY, energy_kwh=Decimal(900), by=None)
        settle()
        assert market(organisation) == 0


class TestStatus:
    def test_retiring_changes_no_figure_and_lapsing_is_a_true_up(self, organisation, site):
        run_of(site, 1000.0)
        instrument = record(organisation, "1")
        retire_instrument(
            instrument=instrument, retired_on=date(2027, 2, 1), reference="GO-1", by=None
        )
        settle()
        assert market(organisation) == 0
        with pytest.raises(InUse):
            delete_instrument(instrument=instrument, by=None)
        lapse_instrument(instrument=instrument, by=None)
        settle()
        assert market(organisation) == 50
        assert Posting.objects.order_by("-pk")[0].cause == "true_up"
        instrument.refresh_from_db()
        assert instrument.status == InstrumentStatus.LAPSED
        retire_instrument(instrument=instrument, retired_on=date(2027, 3, 1), reference="", by=None)
        settle()
        assert market(organisation) == 0

    def test_deleted_it_covers_nothing(self, organisation, site):
        run_of(site, 1000.0)
        instrument = record(organisation, "1")
        delete_instrument(instrument=instrument, by=None)
        settle()
        assert market(organisation) == 50
        assert not InstrumentUse.objects.exists()

    def test_another_organisation_s_runs_are_left_alone(self, organisation, site):
        other = make_site(make_organisation())
        run_of(other, 1000.0)
        record(organisation, "1")
        assert market(other.organisation) == 50


def test_what_is_used_by_hand_is_not_covered_again_unless_it_lapses(organisation, site):
    run_of(site, 1000.0)
    by_hand, other = record(organisation, "1"), record(organisation, "1")
    set_use(instrument=by_hand, site=site, month=MAY, energy_kwh=Decimal(600), by=None)
    settle()
    assert used(other) == {5: 400}
    lapse_instrument(instrument=by_hand, by=None)
    settle()
    assert used(other) == {5: 1000}


def test_a_year_that_is_trued_up_ends_with_december():
    years = Years(date(2026, 1, 1), ())
    contracted = InstrumentStatus.CONTRACTED
    assert not years.counts(contracted, date(2025, 12, 1))
    assert years.counts(contracted, date(2026, 1, 1))


class TestTheYearsEnd:
    """Until a year is trued up what is not retired counts, too: quarters are provisional."""

    LAST = {"starts_on": date(2025, 1, 1), "ends_before": date(2026, 1, 1)}

    def run_in_2025(self, site: Site) -> None:
        make_run(
            site.organisation, site=site, energy_kwh=2000.0, energy_includes_pue=True,
            started_at=datetime(2025, 5, 4, tzinfo=UTC),
        )  # fmt: skip

    def true_up(self, organisation: Organisation, year: int = 2025) -> None:
        true_up_year(organisation=organisation, year=year, by=None, today=date(2026, 2, 1))
        settle()

    def causes(self, since: int) -> set[str]:
        return set(Posting.objects.filter(pk__gt=since).values_list("cause", flat=True))

    def last(self) -> int:
        return Posting.objects.order_by("-pk")[0].pk

    @pytest.mark.parametrize("status", [InstrumentStatus.CONTRACTED, InstrumentStatus.ISSUED])
    def test_only_what_is_retired_counts_and_later_retirement_is_a_true_up(
        self, organisation, site, status
    ):
        self.run_in_2025(site)
        retired = record(organisation, "0.5", **self.LAST, status=InstrumentStatus.RETIRED)
        other = record(organisation, "1", **self.LAST, status=status)
        assert market(organisation) == 25
        since = self.last()
        self.true_up(organisation)
        assert market(organisation) == 75
        assert self.causes(since) == {"true_up"}
        assert (used(retired), used(other)) == ({5: 500}, {})
        since = self.last()
        retire_instrument(instrument=other, retired_on=date(2026, 3, 1), reference="GO-7", by=None)
        settle()
        assert market(organisation) == 25
        assert self.causes(since) == {"true_up"}
        since = self.last()
        self.true_up(organisation)
        assert self.last() == since, "once is enough"

    def test_what_is_freed_goes_to_what_is_retired_and_the_next_year_is_left_alone(
        self, organisation, site
    ):
        self.run_in_2025(site)
        run_of(site, 1000.0)
        first = record(organisation, "2", **self.LAST)
        record(organisation, "0.4")
        second = record(organisation, "1", **self.LAST, name="zz", status=InstrumentStatus.RETIRED)
        assert (used(first), used(second)) == ({5: 2000}, {})
        assert market(organisation) == 30
        self.true_up(organisation)
        assert used(second) == {5: 1000}
        assert market(organisation, month=date(2025, 5, 1)) == 50
        assert market(organisation, month=MAY) == 30, "2026 is provisional still"

    def test_a_use_by_hand_of_what_is_not_retired_counts_nothing(self, organisation, site):
        self.run_in_2025(site)
        row = record(organisation, "1", **self.LAST)
        set_use(instrument=row, site=site, month=date(2025, 5, 1), energy_kwh=Decimal(600), by=None)
        settle()
        assert market(organisation) == 70
        self.true_up(organisation)
        assert market(organisation) == 100

    def test_certificates_that_arrive_after_the_close_cover_it_at_the_true_up(
        self, organisation, site
    ):
        self.run_in_2025(site)
        idle_due(organisation=organisation)
        settle()
        for first in (1, 4):
            quarter = of_months(value="", first=2025 * 12 + first - 1, months=3)
            close_quarter(organisation=organisation, quarter=quarter, by=None, now=NOW)
        late = record(organisation, "1", **self.LAST, status=InstrumentStatus.RETIRED)
        assert used(late) == {}
        since = self.last()
        self.true_up(organisation)
        assert used(late) == {5: 1000}
        assert market(organisation) == 50
        assert self.causes(since) == {"true_up"}

    def test_a_year_that_goes_on_is_not_trued_up(self, organisation, site):
        for year in (2026, 2027):
            with pytest.raises(YearNotOver):
                self.true_up(organisation, year)


def test_one_edited_run_settles_with_lines_bounded_by_cells(organisation, site):
    """Two thousand runs in two cells: an edit posts a line per cell and month."""
    project = make_project(organisation=organisation)
    runs = [
        run_of(site, 10.0, project=project, calculated=False, status=status)
        for status in ("completed", "failed")
        for _ in range(60)
    ]
    record(organisation, "0.5")
    before = EmissionEntry.objects.count()
    runs[0].energy_kwh = 50.0
    edit_run(run=runs[0], by=None, now=NOW)
    settle()
    posted = EmissionEntry.objects.count() - before
    cells = MonthlyTotal.objects.filter(month=MAY).count()
    assert 1 < posted <= cells + 1


AMOUNT = st.decimals(min_value="0.000001", max_value="9", places=6)
EVENT = st.one_of(
    st.tuples(st.just("run"), st.tuples(st.integers(1, 8), st.integers(0, 4000))),
    st.tuples(st.just("instrument"), st.tuples(AMOUNT, st.integers(0, 2), st.integers(0, 30))),
    st.tuples(st.just("delete"), st.integers(0, 4)),
    st.tuples(st.just("settle"), st.none()),
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENT, min_size=2, max_size=7), order=st.randoms(use_true_random=False))
def test_in_any_order_of_events_instruments_cover_once(events, order):
    """The same things recorded in two orders end in the same coverage, and never too much."""
    ends = []
    for turn in (0, 1):
        organisation = make_organisation()
        sites = [make_site(organisation) for _ in range(2)]
        happened = list(enumerate(events))
        if turn:
            order.shuffle(happened)
        runs: dict[int, Run] = {}
        for number, (kind, what) in happened:
            if kind == "run":
                month, kwh = what
                runs[number] = run_of(sites[number % 2], float(kwh), month=month, calculated=False)
            elif kind == "instrument":
                mwh, rank, rate = what
                kinds = list(InstrumentKind)
                stated = values(
                    str(mwh), kind=kinds[rank], rate_g_per_kwh=float(rate), name=f"I {number}"
                )
                record_instrument(organisation=organisation, instrument=stated, by=None, now=NOW)
            elif kind == "settle":
                settle_all()
        settle_all()
        for kind, what in events:
            if kind == "delete" and runs:
                delete_run(run=runs.pop(sorted(runs)[what % len(runs)]), by=None, now=NOW)
        settle_all()
        assert verify_ledger(organisation=organisation).clean
        instruments = EnergyInstrument.objects.filter(organisation=organisation)
        for one in instruments:
            assert sum(use.energy_kwh for use in one.uses.all()) <= one.energy_mwh * 1000
        consumed = sum(
            row.energy_facility_kwh
            for row in MonthlyTotal.objects.filter(cell__organisation=organisation)
        )
        uses = InstrumentUse.objects.filter(organisation=organisation)
        total = sum((use.energy_kwh for use in uses), Decimal(0))
        have = sum((one.energy_mwh for one in instruments), Decimal(0)) * 1000
        assert total == min(consumed, have)
        ends.append((total, market(organisation)))
    assert ends[0] == ends[1]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(mwh=AMOUNT, parts=st.integers(2, 5), rate=st.integers(0, 90), other=AMOUNT)
def test_splitting_an_instrument_changes_nothing_in_total(mwh, parts, rate, other):
    totals = []
    for pieces in (1, parts):
        organisation = make_organisation()
        site = make_site(organisation)
        for month in range(1, 8):
            run_of(site, 700.0, month=month, calculated=False)
        cut = (mwh / pieces).quantize(Decimal("0.000001"))
        sizes = [cut] * (pieces - 1) + [mwh - cut * (pieces - 1)]
        between = values(str(other), kind=InstrumentKind.PPA, name="Another")
        for at, size in enumerate(sizes):
            if size > 0:
                stated = values(
                    str(size),
                    name=f"Part {at}",
                    kind=InstrumentKind.PPA,
                    rate_g_per_kwh=float(rate),
                )
                record_instrument(organisation=organisation, instrument=stated, by=None, now=NOW)
            if at == 0:
                record_instrument(organisation=organisation, instrument=between, by=None, now=NOW)
        settle_all()
        assert verify_ledger(organisation=organisation).clean
        totals.append(market(organisation))
    assert totals[0] == totals[1]
