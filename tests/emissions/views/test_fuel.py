from datetime import date

import pytest
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import FuelUse
from tests.factories import make_fuel_use, make_member, make_organisation, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation():
    return make_organisation()


@pytest.fixture
def officer(client, organisation):
    client.force_login(make_member(Role.OFFICER, organisation=organisation).user)
    return client


def address(name: str, organisation, **kwargs) -> str:
    return reverse(name, kwargs={"organisation_slug": organisation.slug, **kwargs})


def record(client, organisation, **values):
    site = values.pop("site", None) or make_site(organisation)
    data = {"site": site.pk, "month": "2025-11", "fuel": "diesel", "amount": "100", **values}
    return client.post(address("fuel_create", organisation), data)


def test_an_empty_list_says_what_to_do(officer, organisation):
    text = officer.get(address("fuel_list", organisation)).content.decode()
    assert "No fuel recorded" in text
    assert "2.57082" in text  # the published factors are there


def test_the_published_factor_of_the_year_is_taken_with_its_source(officer, organisation):
    assert record(officer, organisation).status_code == 302
    use = FuelUse.objects.get()
    assert (use.month, use.kg_per_unit) == (date(2025, 11, 1), 2.57082)
    assert "UK Government GHG Conversion Factors for Company Reporting 2025" in use.factor_source
    assert "average biofuel blend" in use.factor_source
    text = officer.get(address("fuel_list", organisation)).content.decode()
    assert "260\xa0kg" in text
    assert "240–270\xa0kg" in text


def test_an_own_factor_needs_a_source(officer, organisation):
    response = record(officer, organisation, kg_per_unit="2.4")
    assert response.status_code == 422
    assert "factor_source" in response.context["form"].errors
    assert record(officer, organisation, kg_per_unit="2.4", factor_source="Tank").status_code == 302
    assert FuelUse.objects.get().factor_source == "Tank"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"month": "2999-01"}, "month"),
        ({"month": "November"}, "month"),
        ({"month": "2098-01"}, "month"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-3"}, "amount"),
        ({"amount": "lots"}, "amount"),
        ({"fuel": "coal"}, "fuel"),
        ({"fuel": "other_litres"}, "kg_per_unit"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_beside_the_field(officer, organisation, values, field):
    response = record(officer, organisation, **values)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not FuelUse.objects.exists()


def test_a_foreign_site_is_not_offered(officer, organisation):
    response = record(officer, organisation, site=make_site())
    assert "site" in response.context["form"].errors


def test_an_entry_is_taken_back_and_stays(officer, organisation):
    use = make_fuel_use(site=make_site(organisation))
    url = address("fuel_remove", organisation, fuel_id=use.pk)
    assert officer.post(url).status_code == 302
    assert FuelUse.objects.get().removed_at is not None
    assert officer.post(url).status_code == 404
    assert "No fuel recorded" in officer.get(address("fuel_list", organisation)).content.decode()


def test_a_researcher_reads_and_does_not_record(client, organisation):
    make_fuel_use(site=make_site(organisation))
    client.force_login(make_member(Role.RESEARCHER, organisation=organisation).user)
    text = client.get(address("fuel_list", organisation)).content.decode()
    assert "Diesel" in text
    assert "Take back" not in text
    assert client.get(address("fuel_create", organisation)).status_code == 403
