import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from emissions.calculation.vocabulary import CloudProvider, Role
from emissions.models import ProviderStatement
from tests.factories import make_cloud_account, make_member, make_organisation

pytestmark = pytest.mark.django_db
FOLDER = Path(__file__).parents[1] / "importers" / "statements"


@pytest.fixture
def organisation():
    return make_organisation()


@pytest.fixture
def officer(client, organisation):
    client.force_login(make_member(Role.OFFICER, organisation=organisation).user)
    return client


def address(name: str, organisation) -> str:
    return reverse(name, kwargs={"organisation_slug": organisation.slug})


def upload(client, organisation, name: str = "aws_v3.csv", content: bytes | None = None, **values):
    data = (FOLDER / name).read_bytes() if content is None else content
    file = SimpleUploadedFile(name, data)
    return client.post(address("statement_upload", organisation), {"file": file, **values})


def signed(response) -> str:
    found = re.search(r'name="statement" value="([^"]+)"', response.content.decode())
    assert found is not None
    return found[1]


def load(client, organisation, statement: str):
    url = address("statement_load", organisation)
    return client.post(url, {"statement": statement}, follow=True)


def test_a_statement_needs_an_account(officer, organisation):
    text = officer.get(address("statement_upload", organisation)).content.decode()
    assert "A statement is of an account" in text


def test_a_preview_stores_nothing_and_loading_it_does(officer, organisation):
    account = make_cloud_account(organisation, account_id="444455556666")
    preview = upload(officer, organisation)
    assert not ProviderStatement.objects.exists()
    assert [line.state for line in preview.context["lines"]] == ["new", "new"]
    assert "Rows of an older version" in preview.content.decode()
    response = load(officer, organisation, signed(preview))
    assert "2 months are new" in response.content.decode()
    row = ProviderStatement.objects.get(month="2026-02-01")
    assert (row.account, row.version, row.file_name) == (account, "v3.0.0", "aws_v3.csv")
    assert row.location_based_kg == Decimal("1520.000001")
    assert len(row.sha256) == 64
    assert row.services["AmazonS3"] == ["20.000000000", "10.000000000"]


def test_a_second_preview_says_what_stands_and_what_is_restated(officer, organisation):
    make_cloud_account(organisation, account_id="444455556666")
    load(officer, organisation, signed(upload(officer, organisation)))
    again = upload(officer, organisation)
    assert [line.state for line in again.context["lines"]] == ["as it stands", "as it stands"]
    assert "Nothing to load" in again.content.decode()
    content = (FOLDER / "aws_v3.csv").read_bytes().replace(b"v3.0.0", b"v3.1.0")
    restated = upload(officer, organisation, content=content)
    assert [line.state for line in restated.context["lines"]] == ["restated", "restated"]
    assert "2 restated" in load(officer, organisation, signed(restated)).content.decode()
    assert ProviderStatement.objects.count() == 4


def test_a_payer_account_takes_all_its_members(officer, organisation):
    payer = make_cloud_account(organisation, account_id="111122223333")
    preview = upload(officer, organisation)
    assert {line.account for line in preview.context["lines"]} == {payer}


def test_projects_that_are_not_listed_go_to_their_billing_account(officer, organisation):
    make_cloud_account(organisation, provider=CloudProvider.GCP, account_id="007GD7-15C0E6-BDE6B3")
    (line,) = upload(officer, organisation, "google.csv").context["lines"]
    assert float(line.market_based_kg) == 1104.1


def test_accounts_that_are_not_listed_are_named_with_a_way_to_add_them(officer, organisation):
    make_cloud_account(organisation)
    text = upload(officer, organisation).content.decode()
    assert "No row of this file belongs to a listed account" in text
    assert "?provider=aws&amp;account_id=444455556666" in text


def test_rows_that_cannot_be_read_are_named(officer, organisation):
    make_cloud_account(organisation, account_id="444455556666")
    response = upload(officer, organisation, "aws_v2.csv")
    assert "Row 3: The unit “kg”" in response.content.decode()
    assert len(response.context["lines"]) == 1


def test_azure_s_version_is_asked_for(officer, organisation):
    make_cloud_account(
        organisation,
        provider=CloudProvider.AZURE,
        account_id="aaaabbbb-0000-1111-2222-ccccdddd0001",
    )
    preview = upload(officer, organisation, "azure.csv", version="2024-02")
    load(officer, organisation, signed(preview))
    row = ProviderStatement.objects.get()
    assert (row.version, row.location_based_kg) == ("2024-02", None)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x00\x01"])
def test_what_is_no_statement_is_refused_beside_the_field(officer, organisation, content):
    make_cloud_account(organisation)
    response = upload(officer, organisation, content=content)
    assert response.status_code == 422
    assert response.context["form"].errors["file"]


def test_only_what_was_shown_is_loaded(officer, organisation, client):
    make_cloud_account(organisation, account_id="444455556666")
    statement = signed(upload(officer, organisation))
    assert "too old or was changed" in load(officer, organisation, f"{statement}x").content.decode()
    assert "too old or was changed" in load(officer, organisation, "").content.decode()
    other = make_member(Role.OFFICER)
    client.force_login(other.user)
    text = load(client, other.organisation, statement).content.decode()
    assert "too old or was changed" in text
    assert not ProviderStatement.objects.exists()


def test_a_report_of_azure_carbon_optimization_asks_for_its_month(officer, organisation):
    account = make_cloud_account(
        organisation, provider=CloudProvider.AZURE,
        account_id="00000000-0000-0000-0000-000000000000",
    )  # fmt: skip
    name = "azure_optimization.json"
    wrong = upload(officer, organisation, name, month="March")
    assert wrong.status_code == 422
    assert "Give a month as 2026-03." in wrong.content.decode()
    without = upload(officer, organisation, name)
    assert "The row names no month" in without.content.decode()
    preview = upload(officer, organisation, name, month="2026-02", version="2025-04")
    load(officer, organisation, signed(preview))
    stated = ProviderStatement.objects.get(account=account)
    assert (stated.month.isoformat(), stated.version) == ("2026-02-01", "2025-04")
    assert (stated.market_based_kg, stated.location_based_kg) == (Decimal("41.35"), None)
