"""Tokens made over the API: by admins with a token of admin scope, and nobody else."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import ApiToken, AuditEvent, Membership, Project
from emissions.services.tokens import create_token
from tests.factories import NOW, make_member, make_organisation, make_project

URL = "/api/v1/tokens/"
pytestmark = pytest.mark.django_db


def client_with(plain: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return client


def of_person(member: Membership, scope: TokenScope = TokenScope.ADMIN) -> APIClient:
    _, plain = create_token(
        organisation=member.organisation, person=member.user, scope=scope, by=None, now=NOW
    )
    return client_with(plain)


@pytest.fixture
def admin(project: Project) -> APIClient:
    return of_person(make_member(Role.ADMIN, organisation=project.organisation))


def test_a_token_is_shown_once_works_and_is_revoked_at_once(
    admin: APIClient, project: Project
) -> None:
    made = admin.post(URL, {"project": project.slug, "name": "Cluster"}, format="json")
    assert made.status_code == 201, made.content
    assert "no-store" in made["Cache-Control"]
    body = made.json()
    client = client_with(body["token"])
    assert client.get("/api/v1/organisation/").json()["project"] == project.slug

    listed = admin.get(URL, {"project": project.slug}).json()["results"]
    assert [one["name"] for one in listed] == ["Cluster"]
    assert body["token"] not in admin.get(URL).content.decode()
    assert not ApiToken.objects.filter(sha256=body["token"]).exists()

    assert admin.delete(f"{URL}{body['id']}/").status_code == 204
    assert client.get("/api/v1/organisation/").status_code == 401
    assert admin.get(f"{URL}{body['id']}/").json()["revoked_at"] is not None
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert {"token created", "token revoked"} <= set(actions)


def test_a_person_s_token(admin: APIClient, project: Project) -> None:
    member = make_member(Role.AUDITOR, organisation=project.organisation)

    made = admin.post(
        URL,
        {
            "person": member.user.email.upper(),
            "scope": "read",
            "expires_at": "2999-01-01T00:00:00Z",
        },
        format="json",
    ).json()

    assert (made["person"], made["project"], made["scope"]) == (member.user.email, None, "read")
    about = client_with(made["token"]).get("/api/v1/organisation/").json()
    assert (about["role"], about["scope"]) == ("auditor", "read")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "project"),
        ({"project": "odd"}, "project"),
        ({"person": "odd@example.org"}, "person"),
        ({"project": "ours", "scope": "odd"}, "scope"),
        ({"project": "ours", "expires_at": "2030-01-01"}, "expires_at"),
        ({"project": "ours", "odd": 1}, "odd"),
        ({"project": "ours", "scope": "admin"}, None),
        ({"project": "ours", "expires_at": "2001-01-01T00:00:00Z"}, None),
    ],
)
def test_what_is_wrong_is_named(
    admin: APIClient, project: Project, body: dict[str, Any], field: str | None
) -> None:
    Project.objects.filter(pk=project.pk).update(slug="ours")
    tokens = ApiToken.objects.count()

    response = admin.post(URL, body, format="json")

    assert response.status_code == 400
    assert list(response.json().get("errors", {})) == ([field] if field else [])
    assert response.json()["detail"]
    assert ApiToken.objects.count() == tokens


def test_whoever_may_not_make_tokens_is_refused(project: Project) -> None:
    organisation = project.organisation
    admin = make_member(Role.ADMIN, organisation=organisation)
    officer = make_member(Role.OFFICER, organisation=organisation)
    _, plain = create_token(organisation=organisation, project=project, by=None, now=NOW)
    clients = [of_person(admin, TokenScope.WRITE), of_person(officer), client_with(plain)]

    codes = {
        getattr(client, method)(URL, {"project": project.slug}, format="json").status_code
        for client in clients
        for method in ("post", "get")
    }

    assert codes == {403}


def test_an_admin_who_is_none_any_more_makes_none(project: Project) -> None:
    member = make_member(Role.ADMIN, organisation=project.organisation)
    client = of_person(member)
    Membership.objects.filter(pk=member.pk).update(role=Role.OFFICER)

    assert client.post(URL, {"project": project.slug}, format="json").status_code == 403


def test_another_organisation_s_are_not_there(admin: APIClient) -> None:
    theirs = make_project(organisation=make_organisation("Theirs"))
    token, plain = create_token(organisation=theirs.organisation, project=theirs, by=None, now=NOW)

    assert admin.get(f"{URL}{token.pk}/").status_code == 404
    assert admin.delete(f"{URL}{token.pk}/").status_code == 404
    assert admin.post(URL, {"project": theirs.slug}, format="json").status_code == 400
    assert client_with(plain).get("/api/v1/organisation/").status_code == 200
