"""A clean cache and an API client for each test."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from rest_framework.test import APIClient

from emissions.models import ApiToken, Project
from emissions.services.tokens import create_token
from tests.factories import NOW, make_project, make_reference


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    caches["counts"].clear()


@pytest.fixture
def reference(db: None) -> dict[str, Any]:
    return make_reference()


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


@pytest.fixture
def token(project: Project) -> tuple[ApiToken, str]:
    return create_token(organisation=project.organisation, project=project, by=None, now=NOW)


@pytest.fixture
def client_of(token: tuple[ApiToken, str]) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token[1]}")
    return client


@pytest.fixture
def ask(reference: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Ask the calculator about one run."""

    def one(**row: Any) -> dict[str, Any]:
        response = APIClient().post("/api/v1/calculator/", {"runs": [row]}, format="json")
        assert response.status_code == 200, response.content
        (result,) = response.json()["results"]
        return result

    return one
