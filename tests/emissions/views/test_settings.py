"""The pages of settings, inventory and factors, as a person uses them."""

import json
import re
from html import unescape

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import (
    ApiToken,
    Membership,
    Node,
    Project,
    ProjectAssignment,
    Run,
    Site,
    SiteConditions,
    Team,
    User,
)
from tests.factories import (
    make_member,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Membership:
    return make_member(Role.ADMIN)


@pytest.fixture
def client(admin) -> Client:
    client = Client()
    client.force_login(admin.user)
    return client


@pytest.fixture
def url(admin):
    def make(name: str, **kwargs) -> str:
        return reverse(name, kwargs={"organisation_slug": admin.organisation.slug, **kwargs})

    return make


def code(html: str, element: str) -> str:
    """Return the text of a <code> with an id."""
    return unescape(re.search(rf'<code id="{element}">(.*?)</code>', html, re.DOTALL)[1])


class TestPeople:
    def test_an_invited_person_chooses_a_password_and_signs_in(self, client, url):
        answer = client.post(
            url("person_invite"), {"email": "New@example.org", "role": "auditor", "team": ""}
        )
        html = answer.content.decode()
        link = code(html, "password-link")
        assert "no-store" in answer["Cache-Control"]
        assert not mail.outbox
        guest = Client()
        form = guest.get(link.removeprefix("http://testserver"), follow=True)
        password = "a long enough one 4 me"
        guest.post(
            form.redirect_chain[-1][0], {"password1": password, "password2": password}, follow=True
        )
        assert User.objects.get(email="new@example.org").check_password(password)
        again = Client().get(link.removeprefix("http://testserver"), follow=True)
        assert 'name="password1"' not in again.content.decode()

    def test_the_link_is_mailed_where_mail_is_configured(self, client, url, settings):
        settings.EMAIL_HOST = "mail.example.org"
        client.post(url("person_invite"), {"email": "new@example.org", "role": "auditor"})
        assert [message.to for message in mail.outbox] == [["new@example.org"]]
        assert "/accounts/password/reset/key/" in mail.outbox[0].body

    def test_no_link_for_somebody_who_has_an_account(self, client, url):
        other = make_member(Role.ADMIN)
        answer = client.post(
            url("person_invite"), {"email": other.user.email, "role": "auditor"}, follow=True
        )
        assert b"/password/reset/key/" not in answer.content
        assert b"signs in as before" in answer.content

    def test_a_researcher_needs_a_team(self, client, url):
        answer = client.post(url("person_invite"), {"email": "a@example.org", "role": "researcher"})
        assert answer.status_code == 422
        assert b"Choose the team of this researcher." in answer.content

    def test_the_last_admin_is_told_why(self, client, url, admin):
        answer = client.post(url("person_edit", membership_id=admin.pk), {"role": "auditor"})
        assert b"keeps at least one admin" in answer.content
        assert Membership.objects.get(pk=admin.pk).role == Role.ADMIN


class TestStructure:
    def test_a_team_and_its_project(self, client, url, admin):
        client.post(url("team_create"), {"name": "Vision"})
        team = Team.objects.get(organisation=admin.organisation)
        client.post(
            url("project_create"),
            {"name": "Maps", "team": team.pk, "cost_centre": "4711", "starts_on": "2025-01-01"},
        )
        fact = ProjectAssignment.objects.get(project=Project.objects.get(name="Maps"))
        assert (fact.team, fact.cost_centre) == (team, "4711")
        assert b"Maps" in client.get(url("settings_projects")).content

    def test_a_name_is_given_once(self, client, url, admin):
        make_team(admin.organisation, name="Vision")
        answer = client.post(url("team_create"), {"name": "vision"})
        assert answer.status_code == 422
        assert "There is a team “vision” already." in answer.content.decode()

    def test_another_organisation_s_team_is_no_choice(self, client, url, admin):
        project = make_project(organisation=admin.organisation)
        answer = client.post(
            url("project_assign", project_slug=project.slug),
            {"team": make_team().pk, "starts_on": "2026-01-01"},
        )
        assert answer.status_code == 422
        assert ProjectAssignment.objects.filter(project=project).count() == 1

    @pytest.mark.parametrize("day", ["", "yesterday", "0026-01-01", "2026-02-30"])
    def test_an_impossible_day_is_refused(self, client, url, admin, day):
        project = make_project(organisation=admin.organisation)
        answer = client.post(
            url("project_assign", project_slug=project.slug),
            {"team": make_team(admin.organisation).pk, "starts_on": day},
        )
        assert answer.status_code == 422

    def test_an_unknown_time_zone_is_refused(self, client, url, admin):
        values = {"name": "N", "time_zone": "Mars/Olympus", "preset": "1"}
        assert client.post(url("settings_edit"), values).status_code == 422
        values["time_zone"] = "europe/stockholm"
        assert client.post(url("settings_edit"), values).status_code == 302
        admin.organisation.refresh_from_db()
        assert admin.organisation.time_zone == "Europe/Stockholm"


class TestTokens:
    def test_a_token_is_shown_once_and_its_snippet_works(self, client, url, admin):
        project = make_project(organisation=admin.organisation)
        html = client.post(url("settings_tokens"), {"project": project.pk}).content.decode()
        plain = code(html, "new-token")
        assert plain not in client.get(url("settings_tokens")).content.decode()
        body = json.loads(re.search(r"-d '(.*)'", code(html, "curl-snippet"), re.DOTALL)[1])
        python = code(html, "python-snippet")
        compile(python, "snippet", "exec")
        assert eval(re.search(r"json=(\{.*?\}),\n", python, re.DOTALL)[1]) == body
        answer = Client().post(
            reverse("api_run_list"),
            json.dumps({**body, "zone": "FR"}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {plain}"},
        )
        assert answer.status_code == 201, answer.content
        assert Run.objects.get().project == project

    def test_its_page_has_snippets_with_the_project_s_own_values_and_not_the_token(
        self, client, url, admin
    ):
        project = make_project(organisation=admin.organisation)
        site = make_site(admin.organisation, slug="lulea")
        make_run(project=project, site=site, device_count=4)
        made = client.post(url("settings_tokens"), {"project": project.pk, "scope": "ingest"})
        plain = code(made.content.decode(), "new-token")

        page = client.get(url("settings_token", token_id=ApiToken.objects.get().pk))

        html = page.content.decode()
        assert plain not in html
        assert "$TONNE_TOKEN" in code(html, "curl-snippet")
        assert "default/$SLURM_JOB_ID" in code(html, "codecarbon-snippet")
        body = json.loads(re.search(r"-d '(.*)'", code(html, "curl-snippet"), re.DOTALL)[1])
        assert (body["site"], body["device_count"]) == ("lulea", 4)
        assert "http://testserver/api/v1/runs/" in code(html, "python-snippet")
        assert "may stand in an address" in html

    def test_a_token_of_a_person(self, client, url, admin):
        member = make_member(Role.AUDITOR, organisation=admin.organisation)
        made = client.post(url("settings_tokens"), {"person": member.user.pk, "scope": "read"})
        assert code(made.content.decode(), "new-token")
        assert ApiToken.objects.get().person == member.user

    @pytest.mark.parametrize(
        ("project", "person", "scope", "field"),
        [
            (False, False, "write", "project"),
            (True, True, "write", "person"),
            (True, False, "admin", "scope"),
            (False, True, "ingest", "scope"),
            (True, False, "odd", "scope"),
        ],
    )
    def test_an_owner_and_a_scope_that_fit(self, client, url, admin, project, person, scope, field):
        values = {"scope": scope}
        if project:
            values["project"] = make_project(organisation=admin.organisation).pk
        if person:
            values["person"] = admin.user.pk
        response = client.post(url("settings_tokens"), values)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        assert not ApiToken.objects.exists()

    def test_a_revoked_token_is_refused(self, client, url, admin):
        project = make_project(organisation=admin.organisation)
        plain = code(
            client.post(url("settings_tokens"), {"project": project.pk}).content.decode(),
            "new-token",
        )
        client.post(url("token_revoke", token_id=ApiToken.objects.get().pk))
        answer = Client().get(reverse("api_run_list"), headers={"Authorization": f"Bearer {plain}"})
        assert answer.status_code == 401


class TestInventory:
    def test_a_site_and_a_node_on_it(self, client, url, admin):
        known = make_reference()
        values = {
            "name": "Luleå", "kind": "own", "starts_on": "2025-01-01", "zone": "Sweden (SE)",
            "pue": "1.07", "pue_source": "Metered", "it_control": "organisation",
            "overhead_control": "organisation",
        }  # fmt: skip
        assert client.post(url("site_create"), values).status_code == 302
        site = Site.objects.get(organisation=admin.organisation)
        assert SiteConditions.objects.get(site=site).zone == known["SE"]
        values = {
            "name": "dgx-01", "hardware": "a100", "device_count": "8", "node_count": "1",
            "site": site.pk, "tenure": "owned", "starts_on": "2025-01-01",
        }  # fmt: skip
        assert client.post(url("node_create"), values).status_code == 302
        assert Node.objects.get().hardware == known["a100"]
        assert b"dgx-01" in client.get(url("inventory")).content

    @pytest.mark.parametrize(
        ("field", "value"),
        [("pue", "0.9"), ("pue", "nan"), ("zone", "Atlantis"), ("pue_source", "")],
    )
    def test_bad_conditions_are_refused_beside_their_field(self, client, url, admin, field, value):
        site = make_site(admin.organisation)
        values = {
            "starts_on": "2026-01-01", "zone": "FR", "pue": "1.2", "pue_source": "Metered",
            "it_control": "organisation", "overhead_control": "organisation", field: value,
        }  # fmt: skip
        answer = client.post(url("site_conditions", site_slug=site.slug), values)
        assert answer.status_code == 422
        assert answer.context["conditions_form"].errors.keys() == {field}

    def test_hardware_is_found_by_alias(self, client, url):
        make_reference()
        html = client.get(url("hardware_list"), {"q": "h100"}).content.decode()
        assert "NVIDIA H100" in html
        assert "EPYC" not in html


class TestSearches:
    @pytest.mark.parametrize("query", ["q=%00", "year=x", "kind=x&page=zz", "set=%27", "page=-1"])
    def test_odd_addresses_are_answered(self, client, url, query):
        for name in ("factor_list", "hardware_list", "audit_log"):
            assert client.get(f"{url(name)}?{query}").status_code == 200


def test_the_audit_log_says_who_changed_what(client, url, admin):
    team = make_team(admin.organisation, name="Vision")
    client.post(url("team_edit", team_slug=team.slug), {"name": "Seeing"})
    html = client.get(url("audit_log")).content.decode()
    assert "<del>Vision</del>" in html
    assert "Seeing" in html
    assert "Vision" not in client.get(url("audit_log"), {"q": "nothing"}).content.decode()
