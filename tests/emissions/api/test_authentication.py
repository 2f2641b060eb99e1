from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from emissions.models import ApiToken, Project
from emissions.services.tokens import create_token, revoke_token
from tests.factories import NOW

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


@pytest.mark.django_db
def test_one_query_finds_it(token: tuple[ApiToken, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        APIClient().get(URL + "1/", HTTP_AUTHORIZATION=f"Bearer {token[1]}")

    assert sum("apitoken" in query["sql"] for query in captured) == 1
