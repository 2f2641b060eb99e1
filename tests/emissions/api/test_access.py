"""Every address of the API × every role × every scope: what no one may is refused, by name."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from emissions.api.urls import urlpatterns
from emissions.calculation.vocabulary import Role, TokenScope
from emissions.permissions import ROLES, Action, Reach, reach
from emissions.services.tokens import create_token
from reports.api_urls import urlpatterns as report_patterns
from tests.factories import (
    NOW,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
    make_token,
)

OPEN = {"api_calculator"}
#: name → (its route, what each method needs).
VIEWS: dict[str, tuple[str, dict[str, Action]]] = {
    one.name: (str(one.pattern), one.callback.view_class.actions)
    for one in [*urlpatterns, *report_patterns]
    if one.name and one.name not in OPEN
}
READING = (Action.VIEW_TOTALS, Action.VIEW_RUNS, Action.VIEW_INVENTORY, Action.VIEW_FACTORS,
           Action.EXPORT)  # fmt: skip
SCOPES = {
    TokenScope.READ: READING,
    TokenScope.WRITE: (*READING, Action.LOG_RUNS, Action.EDIT_RUNS),
    TokenScope.ADMIN: (*READING, Action.LOG_RUNS, Action.EDIT_RUNS, Action.MANAGE_TOKENS),
    TokenScope.INGEST: (Action.LOG_RUNS,),
}


@pytest.fixture
def things(db: None) -> dict[str, Any]:
    """An organisation with one of everything that an address names."""
    make_reference()
    organisation = make_organisation("Ours", slug="ours")
    team = make_team(organisation)
    project = make_project(team)
    site = make_site(organisation)
    run = make_run(project=project, site=site, external_id="job-1")
    return {
        "organisation": organisation,
        "team": team,
        "project": project,
        "keys": {
            "api_team": team.slug,
            "api_project": project.slug,
            "api_site": site.slug,
            "api_node": make_node(site=site).slug,
            "api_hardware_model": run.hardware_id,
            "api_factor": 1,
            "api_run": run.pk,
            "api_token": make_token(project=project).pk,
        },
    }


def address(name: str, things: dict[str, Any]) -> str:
    route = VIEWS[name][0]
    for argument, value in (
        ("<slug:key>", things["keys"].get(name, 1)),
        ("<int:key>", things["keys"].get(name, 1)),
        ("<path:external_id>", "job-1"),
        ("<slug:quarter>", "2026-Q2"),
        ("<slug:file_format>", "csv"),
    ):
        route = route.replace(argument, str(value))
    return f"/api/v1/{route}?project={things['project'].slug}" if "external" in name else (
        f"/api/v1/{route}"
    )  # fmt: skip


def asked(plain: str, method: str, path: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return int(getattr(client, method.lower())(path, {}, format="json").status_code)


def test_every_address_says_what_it_needs() -> None:
    assert len(VIEWS) > 15
    assert all(actions for _, actions in VIEWS.values())


@pytest.mark.parametrize("name", VIEWS)
def test_a_person_s_token_opens_what_role_and_scope_both_allow(
    name: str, things: dict[str, Any]
) -> None:
    organisation = things["organisation"]
    path = address(name, things)
    for role in ROLES:
        team = things["team"] if role in (Role.RESEARCHER, Role.MANAGER) else None
        member = make_member(role, organisation=organisation, team=team)
        for scope in (TokenScope.READ, TokenScope.WRITE, TokenScope.ADMIN):
            _, plain = create_token(
                organisation=organisation, person=member.user, scope=scope, by=None, now=NOW
            )
            for method, action in VIEWS[name][1].items():
                allowed = action in SCOPES[scope] and reach(role, action) is not Reach.NONE
                status = asked(plain, method, path)
                if not allowed:
                    assert status in (403, 405), (role, scope, method, status)
                elif method == "GET":
                    assert status in (200, 404), (role, scope, method, status)
                else:
                    assert status in (200, 204, 400, 403, 404, 405), (role, scope, method, status)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("scope", [TokenScope.READ, TokenScope.WRITE, TokenScope.INGEST])
def test_a_project_s_token_opens_what_its_scope_allows(
    name: str, scope: TokenScope, things: dict[str, Any]
) -> None:
    project = things["project"]
    _, plain = create_token(
        organisation=project.organisation, project=project, scope=scope, by=None, now=NOW
    )
    for method, action in VIEWS[name][1].items():
        allowed = action in SCOPES[scope] and action is not Action.EXPORT
        status = asked(plain, method, address(name, things))
        if allowed:
            assert status in (200, 204, 400, 404, 405), (method, status)
        else:
            assert status in (403, 405), (method, status)
