"""The figure by the hour stands beside that of the year wherever a grid's hours are known."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Headline, Role
from emissions.models import Organisation
from emissions.services.factors.adopt import adopt_factor_set
from tests.factories import (
    NOW,
    make_factor_set,
    make_hours,
    make_member,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    """1,000 kWh in France, at 50 g/kWh by the year; by the hour at 25."""
    reference = make_reference()
    organisation = make_organisation(slug="hours")
    hours = make_factor_set()
    make_hours(factor_set=hours, zone=reference["FR"], year=2026, grams=lambda _: 25.0)
    adopt_factor_set(organisation=organisation, factor_set=hours, precedence=90, by=None, now=NOW)
    make_run(
        project=make_project(organisation=organisation), site=make_site(organisation, pue=1.0),
        energy_kwh=1000.0, started_at=datetime(2026, 5, 5, tzinfo=UTC),
    )  # fmt: skip
    settle_all()
    return organisation


def pages(organisation: Organisation) -> list[str]:
    client = Client()
    client.force_login(make_member(Role.ADMIN, organisation=organisation).user)
    run, site = organisation.runs.get(), organisation.sites.get()
    period = {"period": "2026-05"}
    return [
        client.get(reverse("run", args=["hours", run.pk])).content.decode(),
        client.get(reverse("organisation", args=["hours"]), period).content.decode(),
        client.get(reverse("site", args=["hours", site.slug]), period).content.decode(),
    ]


def test_by_the_hour_beside_the_year(organisation):
    for html in pages(organisation):
        assert "25\u00a0kg\u00a0CO₂e by the hour of the grid" in html


def test_the_year_beside_the_hour_where_that_comes_first(organisation):
    organisation.headline = Headline.HOURLY
    organisation.save(update_fields=["headline"])
    for html in pages(organisation):
        assert "50\u00a0kg\u00a0CO₂e at the factor of the year" in html


def test_nothing_stands_beside_where_no_hours_are_known():
    make_reference()
    organisation = make_organisation(slug="hours")
    make_run(
        project=make_project(organisation=organisation), site=make_site(organisation),
        started_at=datetime(2026, 5, 5, tzinfo=UTC),
    )  # fmt: skip
    settle_all()
    for html in pages(organisation):
        assert "by the hour of" not in html
        assert "at the factor of the year" not in html
