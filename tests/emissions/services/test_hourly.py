"""Hours of a grid: weighted in the ledger beside the factor of the year, gaps named."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from emissions.calculation.vocabulary import Assumption, FactorKind, Headline, Preset
from emissions.models import EmissionEntry, HourlyIntensity, PendingCalculation, Run
from emissions.selectors.posted import posted
from emissions.selectors.totals import totals
from emissions.services.adopt_factors import adopt_factor_set, withdraw_factor_set
from emissions.services.estimate import estimate_runs
from emissions.services.manage_organisation import edit_organisation
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_factor_set,
    make_hours,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
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


def test_a_year_has_all_its_hours(world):
    factor_set = make_factor_set()
    for hours in (8760, 8785):
        with pytest.raises(IntegrityError), transaction.atomic():
            HourlyIntensity.objects.create(
                factor_set=factor_set, zone=world["FR"], year=2024, kind=FactorKind.DIRECT,
                g_co2e_per_kwh=[1.0] * hours,
            )  # fmt: skip
