"""Facts are looked up where and when a run ran, and the working says which were used."""

from datetime import UTC, date, datetime

import pytest

from emissions.calculation.vocabulary import Basis, Control, FactorRole, Fit, SiteKind
from emissions.models import CloudRegion, DefaultPue, EmissionEntry, GridZone, HardwareModel, Run
from emissions.services.calculate import calculate_pending
from emissions.services.estimate import estimate_runs
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.manage_sites import Conditions, set_conditions
from emissions.services.record_runs import record_runs
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_node,
    make_organisation,
    make_project,
    make_site,
)

pytestmark = pytest.mark.django_db
MAY = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def organisation(db):
    return make_organisation()


def run(**values) -> Run:
    defaults = {
        "name": "a run",
        "started_at": MAY,
        "duration_hours": 10,
        "device_count": 10,
        "device_hours": 100,
        "stated_power_watts": 1000,
    }
    return Run(**{**defaults, **values})


def estimate(organisation, **values):
    return estimate_runs(runs=[run(**values)], organisation=organisation)[0]


def test_a_site_gives_zone_and_pue_with_their_sources(organisation):
    found = estimate(organisation, site=make_site(organisation=organisation))
    assert (found.energy_it_kwh, found.pue, found.pue_source) == (100, 1.2, "Metered")
    assert found.location_based_kg == pytest.approx(100 * 1.2 * 50 / 1000)
    assert found.factor.zone_code == "FR"
    assert found.fit == Fit.ZONE_YEAR
    assert found.basis == Basis.ESTIMATED


def test_a_later_pue_counts_from_its_day_on(organisation):
    site = make_site(organisation=organisation)
    set_conditions(
        site=site,
        conditions=Conditions(zone=GridZone.objects.get(code="US-CA"), pue=1.1),
        starts_on=date(2026, 6, 1),
        by=None,
        now=NOW,
    )
    before, after = (
        estimate(organisation, site=site, started_at=datetime(2026, month, 10, tzinfo=UTC))
        for month in (5, 6)
    )
    assert (before.pue, before.factor.zone_code) == (1.2, "FR")
    assert (after.pue, after.factor.zone_code) == (1.1, "US-CA")


def test_a_run_across_the_change_is_split_at_the_month(organisation):
    site = make_site(organisation=organisation)
    set_conditions(
        site=site,
        conditions=Conditions(zone=GridZone.objects.get(code="FR"), pue=1.1),
        starts_on=date(2026, 6, 1),
        by=None,
        now=NOW,
    )
    found = estimate(
        organisation,
        site=site,
        started_at=datetime(2026, 5, 31, 22, tzinfo=UTC),
        duration_hours=4,
        device_count=1,
        device_hours=4,
    )
    assert found.energy_facility_kwh == pytest.approx(2 * 1.2 + 2 * 1.1)


def test_a_run_before_the_first_fact_takes_the_first(organisation):
    site = make_site(organisation=organisation, starts_on=date(2026, 6, 1))
    assert estimate(organisation, site=site).pue == 1.2


def test_a_node_brings_its_device_site_and_power_model(organisation):
    node = make_node(organisation=organisation, idle_watts=800, max_watts=8000, embodied_kg=3200)
    found = estimate(organisation, node=node, stated_power_watts=None, utilisation=0.5)
    assert found.watts_per_device == pytest.approx(100 + 0.5 * 900)
    assert found.energy_it_kwh == pytest.approx(100 * 0.55)
    assert found.pue == 1.2
    assert found.embodied_kg == pytest.approx(400 / (4 * 8760) * 100)


def test_a_cloud_region_is_purchased_services_at_its_providers_pue(organisation):
    region = CloudRegion.objects.get(region="europe-west3")
    found = estimate(organisation, cloud_region=region)
    assert (found.pue, found.pue_source) == (1.1, "Test provider")
    region = CloudRegion.objects.get(region="us-west-1")
    DefaultPue.objects.create(entity="aws", year=2024, pue=1.15, source="Test provider")
    found = estimate(organisation, cloud_region=region)
    assert (found.pue, found.pue_source) == (1.15, "Published average of aws")
    assert found.factor.zone_code == "US-CA"


@pytest.mark.parametrize(
    ("kind", "control", "scope", "category"),
    [
        (SiteKind.OWN, Control.ORGANISATION, 2, None),
        (SiteKind.COLOCATION, Control.ORGANISATION, 2, None),
        (SiteKind.COLOCATION, Control.OTHER, 3, 8),
        (SiteKind.CLOUD, Control.OTHER, 3, 1),
    ],
)
def test_scope_follows_control(organisation, kind, control, scope, category):
    site = make_site(organisation=organisation, kind=kind, it_control=control)
    project = make_project(organisation=organisation)
    record_runs(organisation=organisation, runs=[run(site=site, project=project)], by=None, now=NOW)
    calculate_pending()
    cell = EmissionEntry.objects.get().cell
    assert (cell.scope, cell.category) == (scope, category)


def test_a_stated_factor_stands_for_all_of_them(organisation):
    factors, france = make_factor_set(), GridZone.objects.get(code="FR")
    make_factor(
        factor_set=factors, zone=france, year=2026, role=FactorRole.UPSTREAM, g_co2e_per_kwh=7.0
    )
    adopt_factor_set(organisation=organisation, factor_set=factors, precedence=5, by=None, now=NOW)
    assert estimate(organisation, zone=france, stated_pue=1.0).upstream_kg > 0
    found = estimate(
        organisation,
        site=make_site(organisation=organisation),
        stated_factor_g_per_kwh=250,
        stated_factor_source="supplier",
        stated_pue=1.0,
    )
    assert found.location_based_kg == pytest.approx(25)
    assert found.market_based_kg == pytest.approx(25)
    assert (found.losses_kg, found.upstream_kg) == (0, 0)
    assert found.fit == Fit.STATED
    assert found.pue_source == "Stated with the run"


def test_losses_follow_egrids_rule(organisation):
    found = estimate(organisation, zone=GridZone.objects.get(code="FR"), stated_pue=1.0)
    assert found.losses_kg == pytest.approx(100 * 50 / 1000 * 0.06 / 0.94)


def test_nowhere_is_the_world_and_says_so(organisation):
    found = estimate(organisation)
    assert found.fit == Fit.WORLD
    assert found.factor.kind == "lifecycle"
    assert any("lifecycle" in text for text in found.assumptions)
    assert found.pue_source.startswith("World survey")


def test_a_year_without_factor_falls_back_and_says_so(organisation):
    found = estimate(
        organisation,
        zone=GridZone.objects.get(code="FR"),
        started_at=datetime(2029, 1, 5, tzinfo=UTC),
    )
    assert (found.fit, found.factor.year) == (Fit.ZONE_EARLIER_YEAR, 2026)
    assert any("zone and year" in text for text in found.assumptions)


def test_unknown_footprint_is_unknown_and_not_zero(organisation):
    hardware = HardwareModel.objects.get(name="AMD EPYC 7763")
    assert estimate(organisation, hardware=hardware).embodied_kg is None


def test_the_steps_of_the_working_lead_from_one_to_the_next(organisation):
    found = estimate(
        organisation,
        hardware=HardwareModel.objects.get(name="NVIDIA A100 SXM4 80GB"),
        site=make_site(organisation=organisation),
        stated_power_watts=None,
    )
    results = {step.label: step.result for step in found.steps}
    assert results["Device-hours"] == 100
    assert results["Average power of one device"] == pytest.approx(300)
    assert results["Energy at the IT equipment"] == pytest.approx(100 * 0.3 * 1.35)
    assert results["Energy at the meter"] == pytest.approx(100 * 0.3 * 1.35 * 1.2)
    assert results["Location-based"] == pytest.approx(found.location_based_kg)


def test_the_preview_is_what_the_ledger_posts(organisation):
    site = make_site(organisation=organisation)
    project = make_project(organisation=organisation)
    saved = record_runs(
        organisation=organisation,
        runs=[run(site=site, project=project, duration_hours=2000.7, device_hours=20007)],
        by=None,
        now=NOW,
    )[0]
    calculate_pending()
    found = estimate_runs(runs=[saved], organisation=organisation)[0]
    posted = sum(entry.location_based_kg for entry in saved.entries.all())
    assert float(posted) == found.location_based_kg
