from datetime import date

import pytest
from django.urls import reverse

from emissions.calculation.vocabulary import Role, Tenure
from tests.factories import make_member, make_node, make_organisation, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation():
    return make_organisation()


def page(client, organisation, query="", role=Role.OFFICER):
    client.force_login(make_member(role, organisation=organisation).user)
    url = reverse("purchase_list", kwargs={"organisation_slug": organisation.slug})
    return client.get(f"{url}?{query}")


def test_without_nodes_it_says_what_to_do(client, organisation):
    response = page(client, organisation)
    assert "No node yet" in response.content.decode()
    assert reverse("node_create", kwargs={"organisation_slug": organisation.slug}) in (
        response.content.decode()
    )


def test_the_bridge_of_a_period(client, organisation):
    site = make_site(organisation)
    make_node(
        site=site, name="bought", embodied_kg=1460.0, life_years=4.0, purchased_on=date(2026, 2, 1)
    )
    leased = make_node(site=site, name="leased", purchased_on=date(2026, 2, 1))
    leased.placements.update(tenure=Tenure.OPERATING_LEASE)
    make_node(site=site, name="undated")
    response = page(client, organisation, "period=2026-Q1")
    text = response.content.decode()
    assert response.context["total"].bought == 1460
    assert response.context["total"].attributed == 59
    found = response.context
    assert (found["rounded"]["bought"], found["ranges"]["bought"]) == (
        "1.5\xa0t\xa0CO₂e",
        "0.74–2.9\xa0t",
    )
    assert found["ranges"]["after"] == "0.71–2.7\xa0t"
    assert found["total_ranges"]["attributed"] == "0.030–0.12"
    assert found["total_ranges"]["before"] == "", "nothing was there"
    assert "not counted: operating lease" in text
    assert "not counted: day of purchase not known" in text
    assert "Q1 2026" in text


def test_an_unknown_footprint_is_pointed_out(client, organisation):
    node = make_node(site=make_site(organisation), purchased_on=date(2026, 2, 1))
    type(node.hardware).objects.filter(pk=node.hardware_id).update(embodied_kg=None)
    text = page(client, organisation).content.decode()
    assert "Nodes without a known footprint are in neither view" in text


@pytest.mark.parametrize("query", ["period=nonsense", "period=custom&from=1&to=2"])
def test_a_period_that_is_none_falls_back(client, organisation, query):
    assert page(client, organisation, query).status_code == 200


def test_a_researcher_reads_it_without_links_to_edit(client, organisation):
    make_node(site=make_site(organisation), name="bought", purchased_on=date(2026, 2, 1))
    response = page(client, organisation, role=Role.RESEARCHER)
    assert response.status_code == 200
    assert "/edit/" not in response.content.decode()
