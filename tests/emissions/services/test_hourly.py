"""Hours of a grid: weighted in the ledger beside the factor of the year, gaps named."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from emissions.calculation.vocabulary import (
    Assumption,
    FactorKind,
    Headline,
    PoolKind,
    Preset,
)
from emissions.models import (
    EmissionEntry,
    HourlyIntensity,
    MonthlyTotal,
    PendingCalculation,
    Run,
)
from emissions.selectors.behind import Amounts, behind
from emissions.selectors.periods import quarter
from emissions.selectors.posted import posted
from emissions.selectors.totals import Filters, totals
from emissions.services.estimate import estimate_runs
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.manage_organisation import edit_organisation
from emissions.services.pools.stale import idle_due
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_factor_set,
    make_hours,
    make_node,
    make_organisation,
    make_project,
    make_reading,
    make_reference,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db
FRANCE = 50.0


@pytest.fixture
def world() -> dict[str, Any]:
    """Runs in France in 2024 and 2025, over New Year, and one in Sweden."""
    reference = make_reference()
    organisation = make_organisation(time_zone="Europe/Paris")
    project = make_project(organisation=organisation)
    site = make_site(organisation)
    for at, (started_at, hours) in enumerate(
        [
            (datetime(2024, 2, 28, 23, 17, tzinfo=UTC), 60.5),
            (datetime(2024, 12, 30, 5, 59, 59, tzinfo=UTC), 100.0),
            (datetime(2025, 6, 1, tzinfo=UTC), 800.0),
        ]
    ):
        make_run(project=project, site=site, name=f"run {at}", started_at=started_at,
                 duration_hours=hours)  # fmt: skip
    make_run(project=project, zone=reference["SE"], name="Sweden", calculated=False,
             started_at=datetime(2024, 2, 28, tzinfo=UTC))  # fmt: skip
    calculate_all()
    return {**reference, "organisation": organisation}


def adopt(world: dict[str, Any], factor_set: Any) -> None:
    adopt_factor_set(
        organisation=world["organisation"], factor_set=factor_set, precedence=50, by=None, now=NOW
    )


def sums(run: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return a run's location-based, annual and market-based kg."""
    found = EmissionEntry.objects.filter(run__name=run).aggregate(
        hourly=Sum("location_based_kg"),
        annual=Sum("location_based_annual_kg"),
        market=Sum("market_based_kg"),
    )
    return found["hourly"], found["annual"], found["market"]


def test_constant_hours_equal_the_annual_figure_to_the_last_digit(world):
    before = {name: sums(name) for name in ("run 0", "run 1", "run 2")}
    factor_set = make_factor_set()
    for year in (2024, 2025):
        make_hours(factor_set=factor_set, zone=world["FR"], year=year, grams=lambda _: FRANCE)
    adopt(world, factor_set)
    calculate_all()
    assert {name: sums(name) for name in before} == before
    bits = set(EmissionEntry.objects.filter(run__name="run 0").order_by("-pk")
               .values_list("cell__assumptions", flat=True)[:1])  # fmt: skip
    assert all(one & Assumption.HOURLY and not one & Assumption.HOURLY_GAPS for one in bits)
    assert verify_ledger(organisation=world["organisation"]).clean


def test_hours_weigh_the_location_based_figure_and_leave_the_others(world):
    before = sums("run 0")
    factor_set = make_factor_set()
    make_hours(factor_set=factor_set, zone=world["FR"], year=2024, grams=lambda hour: hour % 24)
    adopt(world, factor_set)
    assert set(PendingCalculation.objects.values_list("run__name", flat=True)) == {"run 0", "run 1"}
    calculate_all()
    after = sums("run 0")
    assert after[1:] == before[1:]
    # 60.5 hours from 23:17: by hand, minute by minute.
    minutes = [((23 * 60 + 17 + at) // 60) % 24 for at in range(round(60.5 * 60))]
    mean = sum(minutes) / len(minutes)
    assert float(after[0]) == pytest.approx(float(before[0]) * mean / FRANCE, rel=1e-9)
    assert verify_ledger(organisation=world["organisation"]).clean


def test_a_gap_falls_back_to_the_year_and_says_so(world):
    factor_set = make_factor_set()
    make_hours(
        factor_set=factor_set, zone=world["FR"], year=2024,
        grams=lambda hour: None if hour % 2 else 10.0,
    )  # fmt: skip
    adopt(world, factor_set)
    calculate_all()
    hourly, annual, _ = sums("run 1")
    assert 0 < hourly < annual
    run = Run.objects.get(name="run 1")
    (estimate,) = estimate_runs(runs=[run], organisation=world["organisation"])
    assert any("hours of the grid are not published" in text for text in estimate.assumptions)
    assert estimate.location_based_hourly_kg == pytest.approx(float(hourly))
    step = next(step for step in estimate.steps if step.label == "Location-based, by the hour")
    assert step.result == estimate.location_based_hourly_kg
    (elsewhere,) = estimate_runs(
        runs=[Run.objects.get(name="Sweden")], organisation=world["organisation"]
    )
    assert elsewhere.location_based_hourly_kg is None


def test_hours_of_the_other_kind_and_of_larger_zones_are_not_taken(world):
    factor_set = make_factor_set()
    make_hours(
        factor_set=factor_set, zone=world["FR"], year=2024, grams=lambda _: 1.0,
        kind=FactorKind.LIFECYCLE,
    )  # fmt: skip
    make_hours(factor_set=factor_set, zone=world["world"], year=2024, grams=lambda _: 1.0)
    before = {name: sums(name) for name in ("run 0", "run 1", "run 2", "Sweden")}
    adopt(world, factor_set)
    calculate_all()
    assert {name: sums(name) for name in before} == before


def test_withdrawing_hours_posts_the_exact_inverse(world):
    before = {name: sums(name) for name in ("run 0", "run 1", "run 2", "Sweden")}
    factor_set = make_factor_set()
    make_hours(factor_set=factor_set, zone=world["FR"], year=2024, grams=lambda hour: hour / 7)
    adopt(world, factor_set)
    calculate_all()
    assert sums("run 0") != before["run 0"]
    withdraw_factor_set(organisation=world["organisation"], factor_set=factor_set, by=None, now=NOW)
    calculate_all()
    assert {name: sums(name) for name in before} == before
    assert verify_ledger(organisation=world["organisation"]).clean


def test_of_two_sets_the_one_asked_first_counts(world):
    late, early = make_factor_set(), make_factor_set()
    make_hours(factor_set=late, zone=world["FR"], year=2024, grams=lambda _: 90.0)
    adopt(world, late)
    make_hours(factor_set=early, zone=world["FR"], year=2024, grams=lambda _: 25.0)
    adopt_factor_set(
        organisation=world["organisation"], factor_set=early, precedence=1, by=None, now=NOW
    )
    calculate_all()
    hourly, annual, _ = sums("run 0")
    assert hourly * 2 == pytest.approx(annual)


def test_the_organisation_chooses_which_figure_comes_first(world):
    organisation = world["organisation"]
    annual = totals(organisation=organisation, period=None).location_based_kg
    factor_set = make_factor_set()
    make_hours(factor_set=factor_set, zone=world["FR"], year=2024, grams=lambda _: 25.0)
    adopt(world, factor_set)
    calculate_all()
    assert totals(organisation=organisation, period=None).location_based_kg == annual
    run = Run.objects.get(name="run 0")
    shown = posted(run_ids=[run.pk])[run.pk].location_based_kg
    edit_organisation(
        organisation=organisation, name="x", time_zone="Europe/Paris", preset=Preset.TONNE,
        by=None, headline=Headline.HOURLY,
    )  # fmt: skip
    assert not PendingCalculation.objects.exists()
    organisation.refresh_from_db()
    assert totals(organisation=organisation, period=None).location_based_kg < annual
    assert posted(run_ids=[run.pk])[run.pk].location_based_kg * 2 == pytest.approx(shown)
    (estimate,) = estimate_runs(runs=[run], organisation=organisation)
    assert estimate.location_based_kg == estimate.location_based_hourly_kg


def test_hours_of_a_year_that_lie_in_a_neighbouring_month_are_not_forgotten(world):
    """In Paris 2025 begins at 23:00 UTC of 2024: one hour of January is of the year before."""
    make_run(project=Run.objects.get(name="run 0").project, site=Run.objects.get(name="run 0").site,
             name="new year", started_at=datetime(2024, 12, 31, 23, tzinfo=UTC),
             duration_hours=1.0)  # fmt: skip
    calculate_all()
    factor_set = make_factor_set()
    make_hours(factor_set=factor_set, zone=world["FR"], year=2024, grams=lambda _: 25.0)
    adopt(world, factor_set)
    calculate_all()
    hourly, annual, _ = sums("new year")
    assert hourly * 2 == pytest.approx(annual)
    assert verify_ledger(organisation=world["organisation"]).clean


class TestPools:
    """What runs share has no hours of its own: it counts at the mean of its grid's hours."""

    MAY, JUNE = date(2025, 5, 1), date(2025, 6, 1)

    @pytest.fixture
    def site(self, world):
        return make_site(world["organisation"], pue=1.25)

    def adopt_days_and_nights(self, world, nights: float | None = 75.0) -> Any:
        """25 g until noon (UTC), then something else: 50 on average, as the factor of the year.

        In May only; other hours are unknown.
        """
        first, last = 24 * (date(2025, 5, 3) - date(2025, 1, 1)).days, 24 * 151
        factor_set = make_factor_set()
        make_hours(
            factor_set=factor_set, zone=world["FR"], year=2025,
            grams=lambda hour: (25.0 if hour % 24 < 12 else nights) if first <= hour < last
            else None,
        )  # fmt: skip
        adopt(world, factor_set)
        settle_all()
        assert verify_ledger(organisation=world["organisation"]).clean
        return factor_set

    def line(self, kind: PoolKind) -> dict[str, Decimal]:
        rows = MonthlyTotal.objects.filter(cell__source_kind=kind, month=self.MAY)
        return rows.aggregate(
            kwh=Sum("energy_facility_kwh"),
            hourly=Sum("location_based_kg"),
            annual=Sum("location_based_annual_kg"),
            market=Sum("market_based_kg"),
        )

    @pytest.mark.parametrize(("metered", "sign"), [(1000, 1), (40, -1)])
    def test_a_remainder_counts_at_the_mean_of_the_month(self, world, site, metered, sign):
        make_run(world["organisation"], site=site, energy_kwh=80.0,
                 started_at=datetime(2025, 5, 20, tzinfo=UTC))  # fmt: skip
        make_reading(site, energy_kwh=Decimal(metered), starts_on=self.MAY, ends_before=self.JUNE)
        settle_all()
        before = self.line(PoolKind.METER_REMAINDER)
        assert before["hourly"] == before["annual"] != 0
        factor_set = self.adopt_days_and_nights(world, nights=35.0)
        after = self.line(PoolKind.METER_REMAINDER)
        assert {**after, "hourly": before["hourly"]} == before
        # May in Paris begins two hours before it does in UTC, and two days are not known.
        known, unknown = 29 * 24 - 2, 2 * 24 + 2
        grams = (29 * 12 * 25 + (29 * 12 - 2) * 35 + unknown * FRANCE) / (known + unknown)
        assert float(after["hourly"]) == pytest.approx(float(after["kwh"]) * grams / 1000)
        assert (after["hourly"] > 0) is (sign > 0)
        cell = MonthlyTotal.objects.filter(
            cell__source_kind=PoolKind.METER_REMAINDER, month=self.MAY
        ).exclude(energy_facility_kwh=0).get().cell  # fmt: skip
        assert cell.assumptions & Assumption.HOURLY
        assert cell.assumptions & Assumption.HOURLY_GAPS
        withdraw_factor_set(
            organisation=world["organisation"], factor_set=factor_set, by=None, now=NOW
        )
        settle_all()
        assert self.line(PoolKind.METER_REMAINDER) == before

    def test_idle_hours_count_at_the_mean_of_the_hours_in_which_the_node_stood_there(
        self, world, site
    ):
        make_node(site=site, idle_watts=1000.0, max_watts=5000.0, starts_on=date(2025, 5, 31))
        idle_due(organisation=world["organisation"])
        settle_all()
        before = self.line(PoolKind.NODE_IDLE)
        assert before["hourly"] == before["annual"] > 0
        self.adopt_days_and_nights(world, nights=35.0)
        after = self.line(PoolKind.NODE_IDLE)
        assert {**after, "hourly": before["hourly"]} == before
        # 31 May in Paris: 22:00 UTC of the 30th to 22:00 UTC of the 31st, 12 hours of each.
        assert float(after["hourly"]) == pytest.approx(float(after["annual"]) * 30 / FRANCE)

    def test_constant_hours_change_nothing(self, world, site):
        make_node(site=site, idle_watts=1000.0, max_watts=5000.0, starts_on=self.MAY)
        make_reading(site, energy_kwh=Decimal(9999), starts_on=self.MAY, ends_before=self.JUNE)
        idle_due(organisation=world["organisation"])
        settle_all()
        kinds = (PoolKind.NODE_IDLE, PoolKind.METER_REMAINDER)
        before = [self.line(kind) for kind in kinds]
        factor_set = make_factor_set()
        make_hours(factor_set=factor_set, zone=world["FR"], year=2025, grams=lambda _: FRANCE)
        adopt(world, factor_set)
        settle_all()
        assert [self.line(kind) for kind in kinds] == before

    def test_what_is_behind_a_figure_adds_up_whichever_comes_first(self, world, site):
        organisation = world["organisation"]
        make_node(site=site, idle_watts=1000.0, max_watts=5000.0, starts_on=self.MAY)
        make_run(organisation, site=site, energy_kwh=80.0,
                 started_at=datetime(2025, 5, 20, 3, tzinfo=UTC))  # fmt: skip
        idle_due(organisation=organisation)
        self.adopt_days_and_nights(world, nights=35.0)
        for headline in Headline:
            organisation.headline = headline
            organisation.save(update_fields=["headline"])
            found = behind(
                organisation=organisation, period=quarter(year=2025, number=2), filters=Filters(),
                visible=Run.objects.of(organisation),
            )  # fmt: skip
            parts = [amounts for _, amounts in found.runs]
            assert found.others.nothing
            assert sum(
                (row.amounts for row in found.pools), sum(parts, Amounts())
            ) == found.whole  # fmt: skip
            assert {row.by_hour for row in found.pools} == {True}


def test_a_year_has_all_its_hours(world):
    factor_set = make_factor_set()
    for hours in (8760, 8785):
        with pytest.raises(IntegrityError), transaction.atomic():
            HourlyIntensity.objects.create(
                factor_set=factor_set, zone=world["FR"], year=2024, kind=FactorKind.DIRECT,
                g_co2e_per_kwh=[1.0] * hours,
            )  # fmt: skip
