"""Requests made from the OpenAPI document: the API answers each as the document says, never 5xx."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from emissions.api.throttles import WindowThrottle
from emissions.services.tokens import create_token
from tests.factories import (
    NOW,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
document = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
document = document.include(path_regex="^/api/v1/")
document.config.phases.coverage.enabled = False


@pytest.fixture
def _connection_kept() -> Iterator[None]:
    """Requests over WSGI close the connection that holds the test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def tokens(db: None, _connection_kept: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An admin's token and a project's, in an organisation that has one of everything."""
    monkeypatch.setattr(WindowThrottle, "rate", None, raising=False)
    make_reference()
    organisation = make_organisation("Fuzz", slug="fuzz")
    project = make_project(organisation=organisation, slug="fuzz")
    site = make_site(organisation, slug="fuzz")
    make_node(site=site, name="fuzz")
    make_run(project=project, external_id="fuzz", site=site)
    make_run(project=project, external_id="going", status="running", calculated=False)
    admin = make_member(organisation=organisation)
    owners: list[dict[str, Any]] = [{"person": admin.user}, {"project": project}]
    return [
        create_token(organisation=organisation, by=None, now=NOW, **owner)[1] for owner in owners
    ]


@document.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: schemathesis.Case, tokens: list[str]) -> None:
    for token in tokens:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
