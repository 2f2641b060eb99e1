"""The demo organisation is believable, and made once."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db.models import Count, Sum

from emissions.calculation.vocabulary import RunStatus, SiteKind
from emissions.models import (
    FactorLoad,
    InstrumentUse,
    MonthlyTotal,
    Organisation,
    ProjectAssignment,
    Run,
    Site,
    User,
)
from emissions.selectors.closings import closings
from emissions.selectors.metering import explained_by_site
from emissions.services.calculate import calculate_pending
from emissions.services.demo.closings import close_old_quarters, log_late
from emissions.services.demo.meters import seed_meters
from emissions.services.demo.seed import seed_demo
from emissions.services.load_reference import load_reference
from emissions.services.verify_ledger import verify_ledger
from tests.factories import settle_all

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


#: One process makes the demo, once: a few seconds.
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def seeded(module_db) -> Organisation:
    load_reference()
    organisation = seed_demo(now=NOW, runs=1500)
    assert organisation is not None
    while calculate_pending():
        pass
    return organisation


@pytest.fixture
def demo(seeded, db) -> Organisation:
    """The demo as it was seeded: what a test writes is undone."""
    return Organisation.objects.get(pk=seeded.pk)


def test_is_believable(demo):
    runs = Run.objects.of(demo)
    assert demo.teams.count() == 4
    assert demo.projects.count() == 15
    assert 1400 < runs.count() < 1600
    kinds = Site.objects.filter(organisation=demo).values_list("kind", flat=True)
    assert sorted(kinds) == sorted([SiteKind.OWN, SiteKind.COLOCATION, *[SiteKind.CLOUD] * 3])
    moved = ProjectAssignment.objects.current().values("project").annotate(n=Count("team"))
    assert sorted(row["n"] for row in moved)[-2:] == [1, 2]
    failed = runs.filter(status=RunStatus.FAILED).count()
    assert 0.05 < failed / runs.count() < 0.14
    assert all(run.ended_at <= NOW for run in runs)
    new_year = runs.get(external_id="aurora-2026")
    assert new_year.entries.count() == 2


def test_its_meter_shows_a_little_more_than_is_explained(demo):
    settle_all()
    seed_meters(organisation=demo, now=NOW)
    settle_all()
    assert verify_ledger(organisation=demo).clean
    found = explained_by_site(
        organisation=demo, starts_on=date(2024, 1, 1), ends_before=date(2026, 11, 1)
    )
    explained = sum(one.explained_kwh for one in found.values())
    metered = sum(one.metered_kwh for one in found.values())
    assert Decimal("0.9") < explained / metered < 1
    assert InstrumentUse.objects.filter(organisation=demo).count() > 15
    cover = Sum("market_based_kg")
    lines = MonthlyTotal.objects.filter(cell__organisation=demo, cell__source_kind="coverage")
    assert lines.aggregate(cover=cover)["cover"] < -1000


def test_the_hours_of_one_grid_are_invented_and_stand_beside_the_year(demo):
    load = FactorLoad.objects.get(organisation=demo)
    assert "Invented" in load.factor_set.source
    assert load.factor_set.organisation == demo
    by_site = {
        row["cell__site__name"]: row["hourly"] / row["annual"]
        for row in MonthlyTotal.objects.filter(cell__organisation=demo, month=date(2026, 6, 1))
        .values("cell__site__name")
        .annotate(hourly=Sum("location_based_kg"), annual=Sum("location_based_annual_kg"))
        if row["annual"]
    }
    assert by_site["Luleå"] == 1
    assert Decimal("0.6") < by_site["Frankfurt"] < Decimal("1.2")
    assert by_site["Frankfurt"] != 1


def test_its_oldest_quarters_are_closed_and_one_has_moved_since(demo):
    settle_all()
    officer = User.objects.get(email="officer@nordlys.example")
    assert close_old_quarters(organisation=demo, by=officer, now=NOW) == 10
    log_late(organisation=demo, by=officer, now=NOW)
    settle_all()
    found = closings(organisation=demo)
    assert [one.period.label for one in found][:2] == ["Q1 2026", "Q4 2025"]
    assert [one.moved for one in found] == [True] + [False] * 9
    assert found[0].location_based_kg > 10
    assert verify_ledger(organisation=demo).clean


def test_one_team_grows_fast(demo):
    by_year = dict(
        MonthlyTotal.objects.filter(cell__organisation=demo, cell__team__name="Science")
        .values_list("month__year")
        .annotate(Sum("energy_facility_kwh"))
        .order_by("month__year")
    )
    assert by_year[2026] > 2 * by_year[2024]


def test_the_ledger_agrees_and_every_line_has_a_factor(demo):
    assert verify_ledger(organisation=demo).clean
    without = MonthlyTotal.objects.filter(
        cell__organisation=demo, cell__location_factor__isnull=True
    )
    assert not without.exists()


def test_a_second_time_changes_nothing(demo):
    assert seed_demo(now=NOW) is None
    assert Organisation.objects.count() == 1
