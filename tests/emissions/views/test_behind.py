"""A drill-down ends with runs and pools that add up to the figure."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.selectors.behind import Amounts
from emissions.selectors.periods import parse_period
from emissions.selectors.totals import totals
from emissions.services.manage_meters import Reading, record_reading
from tests.factories import (
    NOW,
    make_instrument,
    make_member,
    make_node,
    make_project,
    make_run,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db

MAY = {"period": "2026-05"}


@pytest.fixture
def busy():
    """An organisation with runs of two teams, an idle node, a meter and a certificate."""
    officer = make_member(Role.OFFICER)
    organisation = officer.organisation
    first, second = make_team(organisation, name="First"), make_team(organisation, name="Second")
    site = make_site(organisation, name="Lyon")
    node = make_node(site=site, owner=first, name="lyon-a100", starts_on=date(2026, 5, 1))
    make_run(project=make_project(first), node=node, name="Large", duration_hours=200.0)
    make_run(project=make_project(second), site=site, name="Small")
    reading = Reading(
        starts_on=date(2026, 5, 1), ends_before=date(2026, 6, 1), energy_kwh=Decimal(3000)
    )
    record_reading(site=site, reading=reading, by=None, now=NOW)
    make_instrument(organisation)
    settle_all()
    return officer


def found(member, **params):
    client = Client()
    client.force_login(member.user)
    url = reverse("behind", kwargs={"organisation_slug": member.organisation.slug})
    response = client.get(url, {**MAY, **params})
    assert response.status_code == 200
    return response.context["found"], response.content.decode()


def sums(rows) -> Amounts:
    parts = [amounts for _, amounts in rows.runs] + [row.amounts for row in rows.pools]
    return sum(parts, rows.others)


@pytest.mark.parametrize("method", ["location", "market"])
def test_rows_add_up_to_the_figure_exactly(busy, method):
    rows, html = found(busy, method=method)
    period = parse_period(MAY, today=NOW.date())
    whole = totals(organisation=busy.organisation, period=period)
    assert sums(rows) == rows.whole
    assert rows.whole.location_based_kg == whole.location_based_kg
    assert rows.whole.energy_facility_kwh == 3000
    assert {row.kind.value for row in rows.pools} == {"node_idle", "meter_remainder", "coverage"}
    for words in ("Large", "Small", "Idle nodes", "lyon-a100", "Meter remainder", "Lyon"):
        assert words in html
    assert rows.others.nothing


def test_narrowed_they_add_up_to_the_narrowed_figure(busy):
    first = busy.organisation.teams.get(name="First")
    rows, html = found(busy, team=first.slug)
    assert sums(rows) == rows.whole
    assert "Small" not in html
    assert "Meter remainder" not in html
    assert {row.kind.value for row in rows.pools} == {"node_idle", "coverage"}
    rows, _ = found(busy, stage="none")
    assert not rows.runs
    assert rows.others.nothing


def test_runs_out_of_reach_are_counted_and_not_named(busy):
    second = busy.organisation.teams.get(name="Second")
    researcher = make_member(Role.RESEARCHER, team=second)
    rows, html = found(researcher)
    assert [run.name for run, _ in rows.runs] == ["Small"]
    assert "Large" not in html
    assert rows.other_runs == 1
    assert sums(rows) == rows.whole


def test_nothing_says_so():
    rows, html = found(make_member(Role.AUDITOR))
    assert rows.whole.nothing
    assert "Nothing in this period" in html


def test_the_total_and_each_run_have_their_interval(busy, client):
    client.force_login(busy.user)
    url = reverse("behind", kwargs={"organisation_slug": busy.organisation.slug})
    found = client.get(url, MAY).context
    headline = client.get(
        reverse("organisation", kwargs={"organisation_slug": busy.organisation.slug}), MAY
    ).context["page"]
    table = found["table"]
    assert [column.unit for column in table.columns[2:]] == ["kWh", *["kg CO₂e"] * 3]
    assert f"{table.footer[3].text}\xa0kg\xa0CO₂e" == headline.rounded["location_based_kg"]
    assert f"{table.footer[3].note}\xa0kg" == headline.ranges["location_based_kg"]
    runs = [row for row in table.rows if "/runs/" in row[0].url]
    assert [row[0].text for row in runs] == ["Large", "Small"]
    assert all(row[3].note for row in runs)
