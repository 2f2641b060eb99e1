"""DELETE of a run, and what If-Match and If-None-Match ask before one is changed."""

from typing import Any

import pytest
from django.db.models import Sum
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, EmissionEntry, MonthlyTotal, Project, Run
from emissions.services.tokens import create_token
from tests.factories import NOW, calculate_all, make_member, make_organisation, make_project

URL = "/api/v1/runs/"
JOB = f"{URL}by-external-id/job-1/"
BODY = {"external_id": "job-1", "started_at": "2026-03-01T09:00:00Z", "duration_hours": 10,
        "energy_kwh": 5, "zone": "FR", "tokens": 7, "status": "completed"}  # fmt: skip


@pytest.fixture
def posted(client_of: APIClient, reference: Any) -> Any:
    """A run that was just recorded: the answer to its POST."""
    response = client_of.post(URL, BODY, format="json")
    assert response.status_code == 201, response.content
    return response


def put(client: APIClient, energy_kwh: float, **headers: str) -> Any:
    return client.put(JOB, {**BODY, "energy_kwh": energy_kwh}, format="json", **headers)


@pytest.mark.django_db
class TestDelete:
    @pytest.mark.parametrize("address", [JOB, None])
    def test_the_ledger_takes_its_figures_back(
        self, client_of: APIClient, posted: Any, address: str | None
    ) -> None:
        address = address or posted.json()["url"]
        calculate_all()
        lines = EmissionEntry.objects.count()

        response = client_of.delete(address)
        calculate_all()

        assert (response.status_code, response.content) == (204, b"")
        assert Run.objects.get().deleted_at is not None
        assert EmissionEntry.objects.count() == 2 * lines > 0
        sums = MonthlyTotal.objects.aggregate(Sum("energy_it_kwh"), Sum("runs_started"))
        assert set(sums.values()) == {0}
        assert AuditEvent.objects.filter(action="run deleted").count() == 1
        assert client_of.get(address).status_code == 404
        assert client_of.delete(address).status_code == 404
        assert client_of.get(URL).json()["results"] == []

    def test_its_external_id_is_free_again(self, client_of: APIClient, posted: Any) -> None:
        client_of.delete(JOB)

        again = client_of.post(URL, {**BODY, "energy_kwh": 9}, format="json")

        assert again.status_code == 201
        assert again.json()["id"] != posted.json()["id"]

    def test_what_a_token_may_not_see_or_change_stays(
        self, client_of: APIClient, project: Project, posted: Any
    ) -> None:
        organisation = project.organisation
        colleague = make_member(Role.RESEARCHER, organisation=organisation)
        stranger = make_member(Role.ADMIN, organisation=make_organisation("Theirs"))
        auditor = make_member(Role.AUDITOR, organisation=organisation)
        codes = []
        for member in (colleague, stranger, auditor):
            client = APIClient()
            _, plain = create_token(
                organisation=member.organisation, person=member.user, by=None, now=NOW
            )
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
            codes.append(client.delete(posted.json()["url"]).status_code)
        other = make_project(organisation=organisation)
        _, plain = create_token(organisation=organisation, project=other, by=None, now=NOW)
        client_of.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
        codes.append(client_of.delete(posted.json()["url"]).status_code)

        assert codes == [404, 404, 403, 404]
        assert Run.objects.get().deleted_at is None


@pytest.mark.django_db
class TestIfMatch:
    def test_a_run_is_changed_as_it_was_read(self, client_of: APIClient, posted: Any) -> None:
        changed = put(client_of, 6, HTTP_IF_MATCH=posted["ETag"])
        assert changed.status_code == 200

        late = put(client_of, 7, HTTP_IF_MATCH=posted["ETag"])

        assert late.status_code == 412
        assert late["Content-Type"] == "application/problem+json"
        assert Run.objects.get().energy_kwh == 6
        assert put(client_of, 7, HTTP_IF_MATCH=changed["ETag"]).status_code == 200

    def test_figures_that_were_calculated_meanwhile_are_no_change(
        self, client_of: APIClient, posted: Any
    ) -> None:
        read = client_of.get(JOB)
        part = client_of.get(JOB, {"fields": "id,energy_kwh"})
        calculate_all()
        calculated = client_of.get(JOB)

        assert posted["ETag"] == read["ETag"] != calculated["ETag"]
        assert client_of.get(JOB, HTTP_IF_NONE_MATCH=read["ETag"]).status_code == 200
        assert client_of.get(JOB, HTTP_IF_NONE_MATCH=calculated["ETag"]).status_code == 304
        assert put(client_of, 6, HTTP_IF_MATCH=part["ETag"]).status_code == 200

    @pytest.mark.parametrize(
        ("value", "status"),
        [("*", 200), ('"other.other"', 412), ("nonsense", 412), ('""', 412), ("", 412)],
    )
    def test_other_values(self, client_of: APIClient, posted: Any, value: str, status: int) -> None:
        assert put(client_of, 6, HTTP_IF_MATCH=value).status_code == status

    def test_one_of_several_that_a_proxy_made_weak(self, client_of: APIClient, posted: Any) -> None:
        tags = f'"a", W/{posted["ETag"]}'

        assert put(client_of, 6, HTTP_IF_MATCH=tags).status_code == 200

    def test_patch_and_delete_heed_it_too(self, client_of: APIClient) -> None:
        body = {"external_id": "job-1", "started_at": "2026-03-01T09:00:00Z", "power_watts": 100,
                "status": "running"}  # fmt: skip
        old = client_of.post(URL, body, format="json")["ETag"]
        going = client_of.patch(JOB, {"energy_kwh": 1}, format="json", HTTP_IF_MATCH=old)

        assert going.status_code == 200
        for method in (client_of.patch, client_of.delete):
            assert method(JOB, {}, format="json", HTTP_IF_MATCH=old).status_code == 412
        assert client_of.delete(JOB, HTTP_IF_MATCH=going["ETag"]).status_code == 204

    def test_put_may_be_kept_to_what_is_new(self, client_of: APIClient, reference: Any) -> None:
        assert put(client_of, 5, HTTP_IF_MATCH="*").status_code == 412
        assert put(client_of, 5, HTTP_IF_NONE_MATCH="*").status_code == 201
        assert put(client_of, 5, HTTP_IF_NONE_MATCH="*").status_code == 412
