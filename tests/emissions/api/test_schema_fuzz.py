"""Requests made from the OpenAPI document: the API answers each as the document says, never 5xx."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from emissions.api.throttles import CalculatorThrottle, RefusedThrottle, TokenThrottle
from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import EmissionFactor
from emissions.services.tokens import create_token
from tests.emissions.importers.test_sacct import file_of
from tests.factories import (
    NOW,
    make_import,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
document = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
document = document.include(path_regex="^/api/v1/")
OPERATIONS = [found.ok() for found in document.get_all_operations()]
SACCT = file_of({"JobID": "124"})


@pytest.fixture
def _connection_kept() -> Iterator[None]:
    """Requests over WSGI close the connection that holds the test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


#: What an operation is asked for with: its path, query and body.
Known = dict[str, dict[str, Any]]
#: Operations that answered with success at least once.
succeeded: set[str] = set()


@dataclass(frozen=True)
class World:
    """An admin's token and a project's, and what exists in their organisation."""

    tokens: list[str]
    known: dict[str, Known]


@pytest.fixture
def world(db: None, _connection_kept: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """An organisation that has one of everything."""
    for throttle in (TokenThrottle, CalculatorThrottle, RefusedThrottle):
        monkeypatch.setattr(throttle, "rate", None, raising=False)
    make_reference()
    organisation = make_organisation("Fuzz", slug="fuzz")
    team = make_team(organisation)
    project = make_project(team, slug="fuzz")
    site = make_site(organisation, slug="fuzz")
    node = make_node(site=site, name="fuzz")
    run = make_run(project=project, external_id="fuzz", site=site)
    going = make_run(
        project=project, external_id="going", status="running", calculated=False, energy_kwh=1.0
    )
    admin = make_member(Role.ADMIN, organisation=organisation)
    spare, _ = create_token(organisation=organisation, project=project, by=None, now=NOW)
    upload = make_import(project=project, created_by=admin.user)
    owners: list[dict[str, Any]] = [
        {"person": admin.user, "scope": TokenScope.ADMIN},
        {"project": project},
    ]
    tokens = [
        create_token(organisation=organisation, by=None, now=NOW, **owner)[1] for owner in owners
    ]
    body = {"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 1, "duration_hours": 1}
    known: dict[str, Known] = {
        "record_runs": {"body": {**body, "project": "fuzz"}},
        "import_runs": {
            "query": {"time_zone": "UTC", "preview": "true"},
            "body": SACCT.encode() if isinstance(SACCT, str) else SACCT,
        },
        "create_token": {"body": {"project": "fuzz"}},
        "read_token": {"path": {"key": spare.pk}},
        "revoke_token": {"path": {"key": spare.pk}},
        "calculate": {"body": {"runs": [{"energy_kwh": 1}]}},
        "read_run_by_external_id": {"path": {"external_id": "fuzz"}, "query": {"project": "fuzz"}},
        "continue_run": {"path": {"key": going.pk}, "body": {"energy_kwh": 2}},
        "continue_run_by_external_id": {
            "path": {"external_id": "going"},
            "query": {"project": "fuzz"},
            "body": {},
        },
        "put_run": {
            "path": {"external_id": "new"},
            "query": {"project": "fuzz"},
            "body": body,
        },
        "delete_run": {"path": {"key": run.pk}},
        "delete_run_by_external_id": {
            "path": {"external_id": "fuzz"},
            "query": {"project": "fuzz"},
        },
        "read_report": {"path": {"quarter": "2026-Q2"}},
        "download_report": {"path": {"quarter": "2026-Q2", "file_format": "csv"}},
        **{
            name: {"path": {"key": key}}
            for name, key in (
                ("read_team", team.slug),
                ("read_project", project.slug),
                ("read_site", site.slug),
                ("read_node", node.slug),
                ("read_hardware_model", run.hardware_id),
                ("read_factor", EmissionFactor.objects.values_list("pk", flat=True)[0]),
                ("read_run", run.pk),
                ("read_import", upload.pk),
            )
        },
    }
    return World(tokens, known)


def ask(case: schemathesis.Case, token: str) -> None:
    """Send a request; whatever the answer is, the document says so."""
    answer = case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
    if answer.status_code < 300:
        succeeded.add(name_of(case))


def name_of(case: schemathesis.Case) -> str:
    """Return the operation's name in the document."""
    return str(case.operation.definition.raw["operationId"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@given(data=st.data())
@settings(
    max_examples=int(os.environ.get("SCHEMA_EXAMPLES", "12")),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(
    operation: schemathesis.schemas.APIOperation, data: st.DataObject, world: World
) -> None:
    case = data.draw(operation.as_strategy())
    for token in world.tokens:
        ask(case, token)
    # What is made up exists seldom: the same operation is asked for what there is, too.
    known = world.known.get(name_of(case), {})
    case.path_parameters = {**(case.path_parameters or {}), **known.get("path", {})}
    case.query, case.headers = known.get("query", {}), {}
    for token in world.tokens:
        ask(case, token)
    if "body" in known:
        case.body = known["body"]
        raw = isinstance(case.body, bytes)
        case.media_type = "application/octet-stream" if raw else "application/json"
        for token in world.tokens:
            ask(case, token)
    # Or the test would pass where all that was made up is refused.
    assert name_of(case) in succeeded


def test_the_document_has_every_operation() -> None:
    assert len(OPERATIONS) > 25
