"""Water of runs: IT energy × (WUE + PUE × water of electricity), where each is known."""

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import SiteKind
from emissions.models import EmissionEntry, Run
from emissions.services.estimate import estimate_runs
from tests.factories import make_organisation, make_reference, make_run, make_site

pytestmark = pytest.mark.django_db
LITRES_US = 3.142
WUE_GCP_2025 = 0.94


def litres(run: Run) -> float:
    return float(EmissionEntry.objects.filter(run=run).aggregate(sum=Sum("water_litres"))["sum"])


def known(run: Run) -> str:
    (estimate,) = estimate_runs(runs=[run], organisation=run.organisation)
    assert estimate.water_litres == pytest.approx(litres(run))
    return estimate.water_known


def test_both_parts_where_both_are_known():
    organisation, zone = make_organisation(), make_reference()["US-CA"]
    site = make_site(organisation, zone, pue=1.2, wue_litres_per_kwh=0.5)
    run = make_run(organisation, site=site, energy_kwh=100.0)

    assert litres(run) == pytest.approx(100 * (0.5 + 1.2 * LITRES_US))
    assert known(run) == "cooling and electricity"


def test_a_provider_s_published_water_where_its_region_has_none():
    organisation = make_organisation()
    run = make_run(organisation, cloud_region=make_reference()["region"], energy_kwh=100.0)

    assert litres(run) == pytest.approx(100 * WUE_GCP_2025)
    assert known(run).startswith("cooling alone")


def test_electricity_alone():
    run = make_run(zone=make_reference()["US"], stated_pue=1.5, energy_kwh=100.0)

    assert litres(run) == pytest.approx(100 * 1.5 * LITRES_US)
    assert known(run).startswith("electricity alone")


def test_what_is_not_known_is_missing_and_not_zero():
    organisation = make_organisation()
    run = make_run(organisation, site=make_site(organisation, kind=SiteKind.OWN))

    assert litres(run) == 0
    assert known(run) == ""
