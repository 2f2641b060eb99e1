"""A run's share of what instruments cover."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import MonthlyTotal
from emissions.selectors.run_coverage import coverage_of_run
from tests.factories import make_instrument, make_member, make_run, make_site, settle_all

pytestmark = pytest.mark.django_db


def test_shares_of_runs_are_the_coverage_and_a_page_says_so():
    officer = make_member(Role.OFFICER)
    organisation = officer.organisation
    site = make_site(organisation)
    runs = [
        make_run(organisation, site=site, energy_kwh=kwh, energy_includes_pue=True, status=status)
        for kwh, status in ((1000.0, "completed"), (3000.0, "completed"), (500.0, "failed"))
    ]
    assert coverage_of_run(run=runs[0]) is None
    make_instrument(organisation, energy_mwh=Decimal("0.9"))
    settle_all()
    found = [coverage_of_run(run=run) for run in runs]
    posted = sum(
        line.market_based_kg for line in MonthlyTotal.objects.filter(cell__source_kind="coverage")
    )
    assert posted == -45
    assert [one and one.market_based_kg for one in found] == [-10, -30, -5]
    client = Client()
    client.force_login(officer.user)
    kwargs = {"organisation_slug": organisation.slug, "run_id": runs[0].pk}
    html = client.get(reverse("run", kwargs=kwargs)).content.decode()
    assert "share of what instruments cover" in html


def test_a_run_without_a_site_has_none():
    assert coverage_of_run(run=make_run()) is None
