from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from emissions.api.throttles import RefusedThrottle, TokenThrottle
from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import ApiToken, Membership, Project, Run, User
from emissions.services.manage_people import change_role, remove_person
from emissions.services.tokens import create_token, revoke_token
from tests.factories import NOW, make_member, make_project, make_run

URL = "/api/v1/runs/"


def get(header: str | None) -> int:
    client = APIClient()
    response = client.get(URL, **({} if header is None else {"HTTP_AUTHORIZATION": header}))
    if response.status_code == 401:
        assert response["WWW-Authenticate"].startswith("Bearer ")
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["detail"]
    return response.status_code


@pytest.mark.django_db
def test_a_token_opens_the_door(token: tuple[ApiToken, str]) -> None:
    assert get(f"Bearer {token[1]}") == 200
    assert get(f"bearer  {token[1]} ") == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dTpw", "Bearer é\x00", "x" * 9999],
)
def test_anything_else_does_not(header: str | None) -> None:
    assert get(header) == 401
    assert APIClient().post(URL, {}, format="json").status_code == 401


@pytest.mark.django_db
def test_a_revoked_token_is_refused_at_once(token: tuple[ApiToken, str]) -> None:
    revoke_token(token=token[0], by=None, now=NOW)

    assert get(f"Bearer {token[1]}") == 401


@pytest.mark.django_db
def test_an_expired_token_is_refused(project: Project) -> None:
    now = timezone.now()
    soon = now + timedelta(hours=1)
    token, plain = create_token(
        organisation=project.organisation, project=project, by=None, now=now, expires_at=soon
    )
    assert get(f"Bearer {plain}") == 200

    ApiToken.objects.filter(pk=token.pk).update(expires_at=now)

    assert get(f"Bearer {plain}") == 401


def queries(plain: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        APIClient().get(URL + "1/", HTTP_AUTHORIZATION=f"Bearer {plain}")
    return sum("emissions_apitoken" in query["sql"] for query in captured)


@pytest.mark.django_db
def test_one_query_finds_it_and_its_use_is_written_once_a_minute(
    token: tuple[ApiToken, str],
) -> None:
    assert queries(token[1]) == 2
    used = ApiToken.objects.get().last_used_at
    assert used is not None
    assert timezone.now() - used < timedelta(minutes=1)

    assert queries(token[1]) == 1
    ApiToken.objects.update(last_used_at=used - timedelta(minutes=2))

    assert queries(token[1]) == 2
    assert queries(token[1]) == 1


@pytest.mark.django_db
def test_the_header_of_codecarbon_opens_it_too(token: tuple[ApiToken, str]) -> None:
    assert APIClient().get(URL, HTTP_X_API_TOKEN=token[1]).status_code == 200
    assert APIClient().get(URL, HTTP_X_API_TOKEN="tonne_wrong").status_code == 401


@pytest.mark.django_db
def test_wrong_tokens_are_throttled_by_address_and_right_ones_are_not(
    token: tuple[ApiToken, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RefusedThrottle, "rate", "2/day", raising=False)

    assert [get("Bearer wrong") for _ in range(2)] == [401, 401]
    refused = APIClient().get(URL, HTTP_AUTHORIZATION="Bearer wrong")

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert refused["Content-Type"] == "application/problem+json"
    assert get(f"Bearer {token[1]}") == 200


@pytest.mark.django_db
def test_a_token_may_ask_so_often(
    token: tuple[ApiToken, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenThrottle, "rate", "2/day", raising=False)
    ask = {"HTTP_AUTHORIZATION": f"Bearer {token[1]}"}

    assert [APIClient().get(URL, **ask).status_code for _ in range(3)] == [200, 200, 429]
    assert int(APIClient().get(URL, **ask)["Retry-After"]) > 0


@pytest.mark.django_db
class TestOfAPerson:
    def test_it_opens_what_the_role_opens_now(self) -> None:
        member = make_member(Role.RESEARCHER)
        own = make_project(member.team)
        other = make_project(organisation=member.organisation)
        seen, unseen = make_run(project=own), make_run(project=other)
        client = client_of(member)

        assert ids(client) == {seen.pk}
        change_role(membership=member, role=Role.AUDITOR, team=None, by=None)
        assert ids(client) == {seen.pk, unseen.pk}
        assert client.post(URL, {}, format="json").status_code == 403

    def test_it_opens_nothing_once_the_person_has_left(self) -> None:
        member = make_member(Role.RESEARCHER)
        client = client_of(member)
        assert client.get(URL).status_code == 200

        remove_person(membership=member, by=None)

        assert client.get(URL).status_code == 401
        make_member(Role.RESEARCHER, organisation=member.organisation, user=member.user)
        assert client.get(URL).status_code == 401

    def test_nor_once_the_account_is_locked(self) -> None:
        member = make_member(Role.RESEARCHER)
        client = client_of(member)
        User.objects.filter(pk=member.user_id).update(is_active=False)

        assert client.get(URL).status_code == 401

    def test_a_run_names_its_project_and_has_its_person(self) -> None:
        member = make_member(Role.RESEARCHER)
        own = make_project(member.team)
        other = make_project(organisation=member.organisation)
        client = client_of(member)
        row = {"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 1}

        assert "project" in client.post(URL, row, format="json").json()["errors"]
        foreign = client.post(URL, {**row, "project": other.slug}, format="json")
        assert "project" in foreign.json()["errors"]
        mine = client.post(URL, {**row, "project": own.slug}, format="json")

        assert mine.status_code == 201, mine.content
        assert mine.json()["project"] == own.slug
        assert Run.objects.get().created_by == member.user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [(TokenScope.READ, 200, 403), (TokenScope.WRITE, 200, 400), (TokenScope.INGEST, 403, 400)],
)
def test_a_scope_says_what_a_token_may(
    project: Project, scope: TokenScope, reads: int, writes: int
) -> None:
    _, plain = create_token(
        organisation=project.organisation, project=project, scope=scope, by=None, now=NOW
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")

    assert client.get(URL).status_code == reads
    assert client.post(URL, {}, format="json").status_code == writes


def client_of(member: Membership) -> APIClient:
    _, plain = create_token(organisation=member.organisation, person=member.user, by=None, now=NOW)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return client


def ids(client: APIClient) -> set[int]:
    return {run["id"] for run in client.get(URL).json()["results"]}
