"""Every address × every role × a stranger from another organisation × nobody signed in.

A new address fails here until its arguments are known (`things`) and its view is wrapped in
`member_required`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from emissions.calculation.vocabulary import Role
from emissions.models import GridZone, Membership, Organisation
from emissions.permissions import MATRIX, ROLES, Action, Member, Reach, reach
from emissions.services.manage_experiments import default_experiment
from tests.factories import (
    NOW,
    make_alias,
    make_cloud_account,
    make_double,
    make_factor,
    make_factor_set,
    make_fuel_use,
    make_hardware,
    make_import,
    make_instrument,
    make_load,
    make_mapping,
    make_member,
    make_node,
    make_organisation,
    make_preview,
    make_project,
    make_reading,
    make_run,
    make_site,
    make_team,
    make_token,
    move_project,
)

BELOW = "o/<slug:organisation_slug>/"
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
ARGUMENT = re.compile(r"<(?:[^:>]+:)?([^>]+)>")


def addresses(
    patterns: list[URLPattern | URLResolver] | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Yield each address of the URLconf as (route, pattern)."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route, pattern


GUARDED = sorted(
    ((route, pattern) for route, pattern in addresses() if route.startswith(BELOW)),
    key=lambda pair: pair[0],
)
NAMES = [pattern.name for _, pattern in GUARDED]


def test_there_are_addresses_and_each_has_a_name():
    assert len(GUARDED) > 30
    assert all(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(("route", "pattern"), GUARDED, ids=NAMES)
def test_every_view_carries_its_action(route: str, pattern: URLPattern):
    assert isinstance(getattr(pattern.callback, "action", None), Action), (
        f"{route}: wrap the view in member_required(Action.…)"
    )


def things(organisation: Organisation, member: Membership) -> dict[str, Any]:
    """Return an object of the organisation for every argument that an address takes."""
    team = member.team or make_team(organisation)
    project = make_project(team)
    site = make_site(organisation)
    factor_set = make_factor_set(organisation=organisation)
    hardware = make_hardware(organisation=organisation)
    pair = make_double(project=project, created_by=member.user)
    return {
        "run_id": make_run(project=project, created_by=member.user, calculated=False).pk,
        "team_slug": make_team(organisation).slug if member.team is None else team.slug,
        "project_slug": project.slug,
        "site_slug": site.slug,
        "node_slug": make_node(organisation=organisation, site=site).slug,
        "hardware_id": hardware.pk,
        "pair_id": pair.pk,
        "reading_id": make_reading(site).pk,
        "alias_id": make_alias(hardware).pk,
        "factor_set_id": factor_set.pk,
        "load_id": make_load(organisation).pk,
        "preview_id": make_preview(organisation, factor_set).pk,
        "factor_id": make_factor(
            factor_set=factor_set, zone=GridZone.objects.get(code="FR"), year=2026
        ).pk,
        "instrument_id": make_instrument(organisation).pk,
        "membership_id": make_member(Role.AUDITOR, organisation=organisation).pk,
        "account_id": make_cloud_account(organisation, project=project).pk,
        "fuel_id": make_fuel_use(site=site).pk,
        "import_id": make_import(project=project, created_by=member.user).pk,
        "mapping_id": make_mapping(project=project).pk,
        "experiment_id": default_experiment(project=project, by=None, now=NOW).pk,
        "token_id": make_token(project=project).pk,
    }


#: Arguments that name no object.
VALUES = {
    "zone_code": "FR",
    "quarter": "2026-Q2",
    "format": "csv",
    "file_format": "csv",
    "figure": "months",
}


def arguments(route: str, organisation: Organisation, objects: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an address; an unknown one fails the test."""
    found = {"organisation_slug": organisation.slug}
    for name in ARGUMENT.findall(route):
        if name not in found:
            known = {**VALUES, **objects}
            assert name in known, f"{route}: add an object for “{name}” to things() or VALUES"
            found[name] = known[name]
    return found


@dataclass
class Side:
    """An organisation with a member of every role, and what each of them meets there."""

    organisation: Organisation
    members: dict[Role, Membership]
    objects: dict[Role, dict[str, Any]]

    def url(self, route: str, pattern: URLPattern, role: Role = Role.ADMIN) -> str:
        """Return an address of the organisation, with the objects of a role's member."""
        return reverse(pattern.name, kwargs=arguments(route, self.organisation, self.objects[role]))


def make_side(name: str) -> Side:
    """Make an organisation and everything in it."""
    organisation = make_organisation(name)
    members = {role: make_member(role, organisation=organisation) for role in ROLES}
    objects = {role: things(organisation, member) for role, member in members.items()}
    return Side(organisation, members, objects)


@pytest.fixture(scope="module")
def sides(module_db: None) -> tuple[Side, Side]:
    return make_side("Ours"), make_side("Theirs")


@pytest.fixture
def ours(sides: tuple[Side, Side], db: None) -> Side:
    return sides[0]


@pytest.fixture
def theirs(sides: tuple[Side, Side], db: None) -> Side:
    return sides[1]


def client_of(member: Membership | None) -> Client:
    """Return a client that a member is signed in to."""
    client = Client(raise_request_exception=False)
    if member is not None:
        client.force_login(member.user)
    return client


def call(client: Client, method: str, url: str) -> Any:
    """Call an address and undo what it wrote."""
    with transaction.atomic():
        response = getattr(client, method)(url)
        transaction.set_rollback(True)
    return response


@pytest.mark.parametrize(("route", "pattern"), GUARDED, ids=NAMES)
class TestEveryAddress:
    def test_nobody_signed_in_is_sent_to_sign_in(self, ours, route, pattern):
        url = ours.url(route, pattern)
        nobody = client_of(None)
        for method in METHODS:
            response = call(nobody, method, url)
            if response.status_code == 405:
                assert says_nothing(nobody, pattern.name, method, route), method
            else:
                assert response.status_code == 302, method
                assert response["Location"].startswith(reverse("account_login")), method

    def test_strangers_find_nothing(self, ours, theirs, route, pattern):
        url = ours.url(route, pattern)
        for role in ROLES:
            stranger = client_of(theirs.members[role])
            # What is answered to the other methods does not depend on who asks.
            for method in METHODS if role is Role.ADMIN else ("get", "post"):
                status = call(stranger, method, url).status_code
                if status == 405:
                    assert says_nothing(stranger, pattern.name, method, route), method
                else:
                    assert status == 404, (role, method)

    def test_roles_without_the_action_are_refused(self, ours, route, pattern):
        action = pattern.callback.action
        for role in ROLES:
            if reach(role, action) is not Reach.NONE:
                continue
            url = ours.url(route, pattern, role)
            client = client_of(ours.members[role])
            statuses = [call(client, method, url).status_code for method in ("get", "post")]
            assert set(statuses) <= {403, 405}, (role, statuses)
            assert 403 in statuses, (role, statuses)

    def test_roles_with_the_action_are_let_in(self, ours, route, pattern):
        action = pattern.callback.action
        allowed = [role for role in ROLES if reach(role, action) is not Reach.NONE]
        assert allowed
        for role in allowed:
            url = ours.url(route, pattern, role)
            client = client_of(ours.members[role])
            for method in ("get", "post"):
                response = call(client, method, url)
                status = response.status_code
                assert status < 500, (role, method, status)
                assert status not in (403, 404), (role, method, status)
                assert forms_carry_their_token(response), (role, method)

    def test_objects_of_another_organisation_are_not_found(self, ours, theirs, route, pattern):
        client = client_of(ours.members[Role.ADMIN])
        own, foreign = ours.objects[Role.ADMIN], theirs.objects[Role.ADMIN]
        for name in ARGUMENT.findall(route):
            if name == "organisation_slug" or name in VALUES:
                continue
            kwargs = arguments(route, ours.organisation, {**own, name: foreign[name]})
            url = reverse(pattern.name, kwargs=kwargs)
            statuses = {m: call(client, m, url).status_code for m in ("get", "post")}
            assert set(statuses.values()) <= {404, 405}, (name, statuses)
            assert 404 in statuses.values(), (name, statuses)


def forms_carry_their_token(response: Any) -> bool:
    """Whether each form of a page that changes something can be sent."""
    if not response.get("Content-Type", "").startswith("text/html"):
        return True
    forms = re.findall(r'<form[^>]*method="post".*?</form>', response.content.decode(), re.DOTALL)
    return all('name="csrfmiddlewaretoken"' in form for form in forms)


def says_nothing(client: Client, name: str, method: str, route: str) -> bool:
    """Whether the same is answered for an organisation that does not exist."""
    nowhere: dict[str, Any] = {
        key: VALUES.get(key, 1 if key.endswith("_id") else "none")
        for key in ARGUMENT.findall(route)
    }
    nowhere["organisation_slug"] = "no-such-organisation"
    return bool(call(client, method, reverse(name, kwargs=nowhere)).status_code == 405)


@pytest.mark.django_db
class TestTheMatrix:
    def test_every_action_has_a_reach_for_every_role(self):
        assert set(MATRIX) == set(Action)
        assert set(ROLES) == set(Role)
        assert all(len(row) == len(ROLES) for row in MATRIX.values())

    def test_an_auditor_changes_nothing(self):
        looking = {
            Action.VIEW_TOTALS, Action.VIEW_RUNS, Action.VIEW_INVENTORY, Action.VIEW_FACTORS,
            Action.VIEW_AUDIT, Action.EXPORT,
        }  # fmt: skip
        assert {a for a in Action if reach(Role.AUDITOR, a) is not Reach.NONE} == looking

    def test_an_admin_may_do_everything(self):
        assert all(reach(Role.ADMIN, action) is Reach.ORGANISATION for action in Action)

    def test_a_member_without_a_team_reaches_no_team_s_projects(self):
        ours = make_organisation()
        make_project(organisation=ours)
        officer = Member(make_member(Role.OFFICER, organisation=ours))
        assert officer.projects(Action.LOG_RUNS).count() == 1
        auditor = Member(make_member(Role.AUDITOR, organisation=ours))
        assert not auditor.projects(Action.LOG_RUNS).exists()

    def test_a_move_of_a_later_day_takes_and_gives_nothing_today(self):
        ours = make_organisation()
        today = timezone.now().date()
        before, after = (make_member(Role.MANAGER, organisation=ours) for _ in range(2))
        project = make_project(before.team)
        coming = make_project(before.team, starts_on=today + timedelta(days=9))
        move_project(project, after.team, on=today + timedelta(days=30))
        assert set(Member(before).projects(Action.LOG_RUNS)) == {project, coming}
        assert not Member(after).projects(Action.LOG_RUNS).exists()
        move_project(project, after.team, on=today - timedelta(days=2))
        assert set(Member(before).projects(Action.LOG_RUNS)) == {coming}
        assert set(Member(after).projects(Action.LOG_RUNS)) == {project}

    def test_a_researcher_edits_own_runs_and_sees_the_team_s(self):
        ours = make_organisation()
        mine = make_member(Role.RESEARCHER, organisation=ours)
        project = make_project(mine.team)
        own, of_team = make_run(project=project, created_by=mine.user), make_run(project=project)
        make_run(project=make_project(organisation=ours))
        member = Member(mine)
        assert set(member.runs(Action.EDIT_RUNS)) == {own}
        assert set(member.runs(Action.VIEW_RUNS)) == {own, of_team}
