from decimal import Decimal

import pytest
from django.urls import reverse

from emissions.calculation.vocabulary import CloudProvider, InventoryFigure, Role, SiteKind
from emissions.models import CloudAccount, CloudRegion, ProviderStatement
from tests.factories import (
    make_cloud_account,
    make_member,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)

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


def stated(account: CloudAccount, month: str = "2026-05-01", kg: int = 900) -> ProviderStatement:
    return ProviderStatement.objects.create(
        organisation=account.organisation,
        account=account,
        month=month,
        version="v3",
        location_based_kg=Decimal(kg),
        file_name="may.csv",
    )


def test_without_accounts_it_says_what_to_do(officer, organisation):
    text = officer.get(address("cloud_account_list", organisation)).content.decode()
    assert "No cloud account yet" in text
    assert "Load a statement" not in text


def test_both_figures_stand_side_by_side(officer, organisation):
    account = make_cloud_account(organisation)
    stated(account)
    response = officer.get(f"{address('cloud_account_list', organisation)}?period=2026-Q2")
    ((month, figures),) = response.context["months"]
    assert (month.account, month.stated.location_based_kg) == (account, 900)
    assert figures[2] == ("900", "720–1,100")
    text = response.content.decode()
    assert "own estimate" in text
    assert "v3" in text
    elsewhere = officer.get(f"{address('cloud_account_list', organisation)}?period=2025-Q2")
    assert "Nothing in this period" in elsewhere.content.decode()


def test_a_month_without_a_statement_shows_the_own_estimate(officer, organisation):
    region = CloudRegion.objects.get(region="us-west-1")
    make_cloud_account(organisation)
    make_run(organisation, cloud_region=region)
    response = officer.get(f"{address('cloud_account_list', organisation)}?period=2026-Q2")
    assert response.status_code == 200
    ((month, figures),) = response.context["months"]
    assert (month.statement, month.uses_statement) == (None, False)
    assert all(figure and "–" in interval for figure, interval in figures[:2])
    assert figures[2:] == [("", ""), ("", "")]
    assert month.own.location_based_kg > 0


def test_an_account_is_added(officer, organisation):
    project = make_project(organisation=organisation)
    response = officer.post(
        address("cloud_account_create", organisation),
        {"provider": "gcp", "account_id": "protein", "name": "Protein", "project": project.pk},
    )
    assert response.status_code == 302
    account = CloudAccount.objects.get()
    assert (account.provider, account.project, account.figure) == ("gcp", project, "estimate")


def test_what_a_statement_named_is_filled_in(officer, organisation):
    url = f"{address('cloud_account_create', organisation)}?provider=aws&account_id=4444"
    text = officer.get(url).content.decode()
    assert 'value="4444"' in text
    assert '<option value="aws" selected>' in text


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"account_id": "1"}, "account_id", "This account is listed already."),
        ({"account_id": "2"}, "__all__", "has exactly these runs"),
        ({"account_id": "2", "provider": "ibm"}, "provider", "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_beside_the_field(officer, organisation, values, field, message):
    make_cloud_account(organisation, account_id="1")
    response = officer.post(
        address("cloud_account_create", organisation),
        {"provider": "aws", "name": "Another", **values},
    )
    assert response.status_code == 422
    assert message in str(response.context["form"].errors[field])
    assert CloudAccount.objects.count() == 1


def test_a_project_and_a_team_are_not_both_chosen_nor_another_provider_s_site(
    officer, organisation
):
    region = CloudRegion.objects.get(region="europe-west3")
    site = make_site(organisation, kind=SiteKind.CLOUD, cloud_region=region)
    team = make_team(organisation)
    response = officer.post(
        address("cloud_account_create", organisation),
        {
            "provider": "aws",
            "account_id": "9",
            "name": "Another",
            "project": make_project(team).pk,
            "team": team.pk,
            "site": site.pk,
        },
    )
    assert set(response.context["form"].errors) == {"team", "site"}


def test_an_account_is_edited_and_shows_its_history(officer, organisation):
    account = make_cloud_account(organisation)
    old = stated(account, kg=800)
    ProviderStatement.objects.filter(pk=old.pk).update(superseded_at=old.loaded_at, version="v2")
    stated(account)
    url = address("cloud_account_edit", organisation, account_id=account.pk)
    response = officer.get(url)
    assert [row.version for row in response.context["history"]] == ["v3", "v2"]
    assert "Restated" in response.content.decode()
    response = officer.post(
        url, {"provider": "aws", "account_id": account.account_id, "name": "Renamed"}
    )
    assert response.status_code == 302
    assert CloudAccount.objects.get().name == "Renamed"


def test_the_switch_takes_the_statement_and_back(officer, organisation):
    account = make_cloud_account(organisation)
    url = address("cloud_account_figure", organisation, account_id=account.pk)
    for figure in (InventoryFigure.STATEMENT, InventoryFigure.ESTIMATE):
        assert officer.post(url, {"figure": figure.value}).status_code == 302
        assert CloudAccount.objects.get().figure == figure
    officer.post(url, {"figure": "both"})
    assert CloudAccount.objects.get().figure == InventoryFigure.ESTIMATE


def test_a_researcher_sees_and_does_not_change(client, organisation):
    account = make_cloud_account(organisation, provider=CloudProvider.AZURE)
    client.force_login(make_member(Role.RESEARCHER, organisation=organisation).user)
    text = client.get(address("cloud_account_list", organisation)).content.decode()
    assert "Azure" in text
    assert '<form method="post" action="/o/' not in text
    url = address("cloud_account_figure", organisation, account_id=account.pk)
    assert client.post(url, {"figure": "statement"}).status_code == 403


def test_the_number_of_queries_does_not_grow(officer, organisation, django_assert_max_num_queries):
    for _ in range(4):
        account = make_cloud_account(organisation, project=make_project(organisation=organisation))
        for month in ("2026-04-01", "2026-05-01"):
            stated(account, month)
    with django_assert_max_num_queries(11):
        officer.get(f"{address('cloud_account_list', organisation)}?period=2026-Q2")
