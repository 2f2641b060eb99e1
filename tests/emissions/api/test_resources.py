"""What can be read: by whom, narrowed how, in how many queries."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role
from emissions.models import Membership, Organisation, Project
from emissions.selectors.periods import parse_value
from emissions.services.change_life import set_life
from emissions.services.close_quarter import close_quarter
from emissions.services.tokens import create_token
from tests.factories import (
    NOW,
    make_hardware,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

BASE = "/api/v1/"
LISTS = ("teams", "projects", "sites", "hardware-models", "nodes", "runs", "factors")
Person = Callable[[Role], APIClient]


@pytest.fixture
def ours(db: None) -> Organisation:
    make_reference()
    return make_organisation("Ours", slug="ours")


def client_with(plain: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return client


def of_person(member: Membership) -> APIClient:
    organisation = member.organisation
    return client_with(
        create_token(organisation=organisation, person=member.user, by=None, now=NOW)[1]
    )


def of_project(project: Project) -> APIClient:
    organisation = project.organisation
    return client_with(
        create_token(organisation=organisation, project=project, by=None, now=NOW)[1]
    )


def read(client: APIClient, path: str, **params: Any) -> Any:
    response = client.get(f"{BASE}{path}", params)
    assert response.status_code == 200, response.content
    return response.json()


def fill(organisation: Organisation, number: int) -> None:
    """Make one of everything."""
    team = make_team(organisation)
    project = make_project(team)
    site = make_site(organisation)
    hardware = make_hardware(organisation=organisation, name=f"Own {number}")
    node = make_node(organisation=organisation, site=site, hardware=hardware)
    make_run(project=project, node=node, site=None)


class TestLists:
    @pytest.mark.parametrize("name", LISTS)
    def test_queries_do_not_grow_with_rows(self, ours: Organisation, name: str) -> None:
        client = of_person(make_member(organisation=ours))
        fill(ours, 1)
        read(client, f"{name}/")

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert read(client, f"{name}/", limit=1000)["results"]
            return len(captured)

        few = queries()
        for number in range(2, 6):
            fill(ours, number)

        assert queries() == few <= 6

    @pytest.mark.parametrize("name", LISTS)
    def test_nothing_of_another_organisation_is_seen(self, ours: Organisation, name: str) -> None:
        theirs = make_organisation("Theirs")
        fill(theirs, 1)
        client, foreign = (of_person(make_member(organisation=one)) for one in (ours, theirs))
        key = "id" if name in ("runs", "hardware-models", "factors") else "slug"
        seen, hidden = (
            {row[key] for row in read(one, f"{name}/", limit=1000)["results"]}
            for one in (client, foreign)
        )

        for one in hidden - seen:
            assert read(foreign, f"{name}/{one}/")[key] == one
            assert client.get(f"{BASE}{name}/{one}/").status_code == 404
        assert hidden
        assert name == "factors" or hidden - seen

    @pytest.mark.parametrize("name", LISTS)
    def test_pages_fields_and_order(self, ours: Organisation, name: str) -> None:
        for number in (1, 2, 3):
            fill(ours, number)
        client = of_person(make_member(organisation=ours))
        key = "id" if name in ("runs", "hardware-models", "factors") else "slug"
        whole = [row[key] for row in read(client, f"{name}/", limit=1000)["results"]]

        found, address = [], f"{BASE}{name}/?limit=2&fields={key}"
        while address:
            page = client.get(address).json()
            assert all(list(row) == [key] for row in page["results"])
            found += [row[key] for row in page["results"]]
            address = page["next"]

        assert found == whole
        assert len(set(found)) == len(found) >= 3

    def test_pages_of_runs_that_are_alike_go_on_and_back(self, ours: Organisation) -> None:
        project = make_project(organisation=ours)
        start = NOW - timedelta(days=30)
        ids = [make_run(project=project, calculated=False, started_at=start).pk for _ in range(7)]
        client = of_person(make_member(organisation=ours))

        pages, address = [], f"{BASE}runs/?limit=2&order=started_at&fields=id"
        while address:
            pages.append(client.get(address).json())
            address = pages[-1]["next"]
        back = [pages[-1]]
        while back[-1]["previous"]:
            back.append(client.get(back[-1]["previous"]).json())

        assert [row["id"] for page in pages for row in page["results"]] == ids
        assert [page["results"] for page in reversed(back)] == [page["results"] for page in pages]
        assert pages[0]["previous"] is None

    def test_a_cursor_is_of_one_order(self, ours: Organisation) -> None:
        for number in (1, 2):
            fill(ours, number)
        client = of_person(make_member(organisation=ours))
        address = read(client, "runs/", limit=1)["next"]

        response = client.get(f"{address}&order=name")

        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["cursor"]

    def test_a_filter_may_be_repeated(self, ours: Organisation) -> None:
        project = make_project(organisation=ours)
        for status in ("failed", "cancelled", "completed"):
            make_run(project=project, status=status, calculated=False)
        client = of_person(make_member(organisation=ours))

        rows = read(client, "runs/", status=["failed", "cancelled"], fields="status")["results"]

        assert sorted(row["status"] for row in rows) == ["cancelled", "failed"]
        for twice in ("limit=1&limit=2", "fields=id&fields=name", "updated_from=a&updated_from=b"):
            assert client.get(f"{BASE}runs/?{twice}").status_code == 400
        for path in ("runs/?stage=data&stage=%00", "totals/?zone=%00&zone=SE"):
            assert client.get(f"{BASE}{path}").status_code == 400

    def test_runs_by_hardware_are_those_of_nodes_too(self, ours: Organisation) -> None:
        fill(ours, 1)
        make_run(project=make_project(organisation=ours))
        client = of_person(make_member(organisation=ours))

        (row,) = read(client, "runs/", hardware="Own 1")["results"]

        assert row["node"] is not None

    @pytest.mark.parametrize("name", LISTS)
    @pytest.mark.parametrize(
        ("parameter", "value"),
        [
            ("limit", "0"),
            ("limit", "x"),
            ("cursor", "cD0yMDI2"),
            ("order", "odd"),
            ("fields", "odd"),
            ("odd", "1"),
        ],
    )
    def test_what_is_misspelt_is_named(
        self, ours: Organisation, name: str, parameter: str, value: str
    ) -> None:
        client = of_person(make_member(organisation=ours))

        response = client.get(f"{BASE}{name}/", {parameter: value})

        assert response.status_code == 400
        assert response["Content-Type"] == "application/problem+json"
        assert list(response.json()["errors"]) == [parameter]


class TestEach:
    def test_the_organisation_and_what_the_token_is(self, ours: Organisation) -> None:
        person = read(of_person(make_member(Role.AUDITOR, organisation=ours)), "organisation/")
        project = make_project(organisation=ours)
        token = read(of_project(project), "organisation/")

        assert (person["slug"], person["role"], person["project"]) == ("ours", "auditor", None)
        assert (token["role"], token["project"], token["scope"]) == (None, project.slug, "write")

    def test_a_project_has_its_team_of_today(self, ours: Organisation) -> None:
        team = make_team(ours)
        project = make_project(team)
        make_project(organisation=ours)
        client = of_person(make_member(organisation=ours))

        (row,) = read(client, "projects/", team=team.slug)["results"]

        assert (row["slug"], row["team"]) == (project.slug, team.slug)

    def test_a_site_has_its_conditions_of_today_or_none(self, ours: Organisation) -> None:
        site = make_site(ours, pue=1.2)
        client = of_person(make_member(organisation=ours))

        assert read(client, f"sites/{site.slug}/")["pue"] == 1.2
        site.conditions.all().delete()
        assert read(client, f"sites/{site.slug}/")["pue"] is None

    def test_a_node_has_its_place_of_today(self, ours: Organisation) -> None:
        site = make_site(ours)
        node = make_node(organisation=ours, site=site, device_count=8)
        client = of_person(make_member(organisation=ours))

        row = read(client, f"nodes/{node.slug}/")

        assert (row["site"], row["device_count"], row["hardware"]) == (
            site.slug, 8, node.hardware.name,
        )  # fmt: skip

    def test_a_node_has_its_lives(self, ours: Organisation) -> None:
        node = make_node(organisation=ours, purchased_on=date(2024, 1, 1), life_years=4.0)
        set_life(node=node, life_years=6.0, starts_on=date(2025, 1, 1), by=None, now=NOW)

        row = read(of_person(make_member(organisation=ours)), f"nodes/{node.slug}/")

        assert row["life_years"] == 6.0
        assert row["lives"] == [
            {"starts_on": "2025-01-01", "life_years": 6.0, "of_catalogue": False},
            {"starts_on": None, "life_years": 4.0, "of_catalogue": False},
        ]

    def test_factors_by_zone_and_day(self, ours: Organisation) -> None:
        client = of_person(make_member(organisation=ours))

        (row,) = read(client, "factors/", zone="SE", valid_on="2024-05-01")["results"]

        assert (row["g_co2e_per_kwh"], row["kind"], row["zone_name"]) == (20.0, "direct", "Sweden")
        assert read(client, f"factors/{row['id']}/") == row

    def test_archived_ones_apart(self, ours: Organisation) -> None:
        gone = make_site(ours, slug="gone")
        gone.archived_at = NOW
        gone.save()
        make_site(ours, slug="here")
        client = of_person(make_member(organisation=ours))

        slugs = {
            flag: [row["slug"] for row in read(client, "sites/", archived=flag)["results"]]
            for flag in ("true", "false")
        }

        assert slugs == {"true": ["gone"], "false": ["here"]}


class TestProjectsToken:
    def test_it_opens_its_project_and_what_a_run_can_name(self, ours: Organisation) -> None:
        project = make_project(organisation=ours)
        fill(ours, 1)
        client = of_project(project)
        make_run(project=project)

        slugs = [row["slug"] for row in read(client, "projects/")["results"]]
        assert slugs == [project.slug]
        assert read(client, "teams/")["results"] == []
        assert len(read(client, "runs/")["results"]) == 1
        for name in ("sites", "nodes", "hardware-models", "factors"):
            assert read(client, f"{name}/")["results"]
        assert client.get(f"{BASE}reports/").status_code == 403
        assert read(client, "totals/")["results"][0]["runs"] == 1


class TestTotals:
    def test_groups_add_up_whatever_they_are(self, ours: Organisation) -> None:
        for number in (1, 2):
            fill(ours, number)
        make_run(project=make_project(organisation=ours), status="failed", duration_hours=100)
        client = of_person(make_member(organisation=ours))
        (whole,) = read(client, "totals/")["results"]

        for by in ("month", "team,project", "site,zone,month", "hardware,stage", "purpose,status"):
            rows = read(client, "totals/", by=by)["results"]
            for name in ("runs", "location_based_kg", "market_based_kg", "energy_facility_kwh"):
                assert sum(row[name] for row in rows) == pytest.approx(whole[name], rel=1e-12)
            assert set(by.split(",")) <= set(rows[0])
        assert whole["runs"] == 3

    def test_every_sum_has_its_interval(self, ours: Organisation) -> None:
        for number in (1, 2):
            fill(ours, number)
        client = of_person(make_member(organisation=ours))

        for by in ("", "project", "site,month", "scope", "basis"):
            for row in read(client, "totals/", by=by)["results"]:
                intervals = row["interval_95"]
                for name, interval in intervals.items():
                    if row[name]:
                        assert interval["low"] < row[name] < interval["high"], (by, name)
                    else:
                        assert interval is None
        (whole,) = read(client, "totals/")["results"]
        assert whole["interval_95"]["location_based_kg"] is not None
        (only,) = read(client, "totals/", fields="interval_95")["results"]
        assert list(only) == ["interval_95"]

    def test_filters_and_a_period(self, ours: Organisation) -> None:
        project = make_project(organisation=ours)
        site = make_site(ours)
        run = make_run(project=project, site=site)
        make_run(project=project, status="failed")
        client = of_person(make_member(organisation=ours))
        month = f"{run.started_at:%Y-%m}"

        def runs(**params: Any) -> int:
            return int(read(client, "totals/", **params)["results"][0]["runs"])

        assert run.hardware is not None
        assert runs(hardware=run.hardware.name) == runs(hardware=run.hardware.pk) == 2
        assert runs(status="failed") == runs(project=project.slug, status="failed") == 1
        assert runs(period=month) == runs(zone="FR") + runs(zone=["WORLD", "none"]) == 2
        assert runs(period="2001") == 0
        (group,) = read(client, "totals/", by="month", period=month)["results"]
        assert group["month"] == {"key": month, "label": month}

    def test_what_is_not_known_is_null_and_not_zero(self, ours: Organisation) -> None:
        make_run(project=make_project(organisation=ours))
        client = of_person(make_member(organisation=ours))

        (row,) = read(client, "totals/")["results"]

        assert row["energy_facility_kwh"] > 0
        assert row["water_litres"] is None

    @pytest.mark.parametrize(
        "params", [{"by": "odd"}, {"period": "odd"}, {"team": "odd"}, {"status": "odd"}]
    )
    def test_what_nobody_knows_is_named(self, ours: Organisation, params: dict[str, str]) -> None:
        response = of_person(make_member(organisation=ours)).get(f"{BASE}totals/", params)

        assert response.status_code == 400
        assert list(response.json()["errors"]) == list(params)

    def test_another_project_is_closed_to_a_project_s_token(self, ours: Organisation) -> None:
        other = make_project(organisation=ours)
        client = of_project(make_project(organisation=ours))

        assert client.get(f"{BASE}totals/", {"project": other.slug}).status_code == 400


class TestReports:
    def test_quarters_with_files(self, ours: Organisation) -> None:
        make_run(project=make_project(organisation=ours))
        client = of_person(make_member(Role.OFFICER, organisation=ours))

        quarters = read(client, "reports/")["results"]

        files = next(one["files"] for one in quarters if one["runs"])
        for address in files.values():
            response = client.get(address)
            assert response.status_code == 200
            assert response["Content-Disposition"].startswith("attachment")
            assert len(response.content) > 1000
        assert client.get(f"{BASE}reports/2026-Q9/csv/").status_code == 404
        assert client.get(f"{BASE}reports/2026-Q1/exe/").status_code == 404

    def test_a_quarter_has_the_tables_of_its_files(self, ours: Organisation) -> None:
        make_run(project=make_project(organisation=ours))
        client = of_person(make_member(Role.OFFICER, organisation=ours))
        brief = next(one for one in read(client, "reports/")["results"] if one["runs"])

        quarter = client.get(brief["url"]).json()

        tables = {one["name"]: one for one in quarter.pop("tables")}
        assert quarter == brief
        assert quarter["closed_at"] is None
        assert len(tables) > 10
        inventory = tables["inventory"]
        assert all(len(row) == len(inventory["columns"]) for row in inventory["rows"])
        assert any(isinstance(value, float) for row in inventory["rows"] for value in row)
        assert read(client, f"reports/{quarter['quarter']}/", fields="runs") == {"runs": 1}
        assert client.get(f"{BASE}reports/1999-Q1/").status_code == 404
        assert client.get(f"{BASE}reports/{quarter['quarter']}/?odd=1").status_code == 400

    def test_a_closed_quarter_says_since_when(self, ours: Organisation) -> None:
        make_run(project=make_project(organisation=ours))
        officer = make_member(Role.OFFICER, organisation=ours)
        close_quarter(organisation=ours, quarter=parse_value("2026-Q2", today=NOW.date()),
                      by=officer.user, now=NOW + timedelta(days=1))  # fmt: skip

        rows = read(of_person(officer), "reports/")["results"]

        closed = {row["quarter"]: row["closed_at"] for row in rows}
        assert closed["2026-Q2"] is not None
        assert [one for one in closed.values() if one] == [closed["2026-Q2"]]

    def test_a_manager_s_are_their_team_s(self, ours: Organisation) -> None:
        make_run(project=make_project(organisation=ours))
        client = of_person(make_member(Role.MANAGER, organisation=ours))

        assert not any(one["runs"] for one in read(client, "reports/")["results"])

    def test_a_researcher_has_none(self, ours: Organisation) -> None:
        client = of_person(make_member(Role.RESEARCHER, organisation=ours))

        assert client.get(f"{BASE}reports/").status_code == 403


class TestHttp:
    def test_an_answer_that_has_not_changed_is_not_sent_again(self, ours: Organisation) -> None:
        client = of_person(make_member(organisation=ours))
        first = client.get(f"{BASE}sites/")

        again = client.get(f"{BASE}sites/", HTTP_IF_NONE_MATCH=first["ETag"])
        make_site(ours)
        changed = client.get(f"{BASE}sites/", HTTP_IF_NONE_MATCH=first["ETag"])

        assert (again.status_code, again.content) == (304, b"")
        assert changed.status_code == 200
        assert "private" in first["Cache-Control"]
        assert "Authorization" in first["Vary"]

    @pytest.mark.parametrize("path", ["", "nothing", "nothing/", "runs/x/", "teams/a/b/"])
    @pytest.mark.parametrize("method", ["get", "post", "delete"])
    def test_an_unknown_address_is_a_problem(self, db: None, path: str, method: str) -> None:
        response = getattr(APIClient(), method)(f"{BASE}{path}")

        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == 404

    def test_what_breaks_is_a_problem_too(
        self, ours: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("emissions.api.teams.teams", None)
        client = of_person(make_member(organisation=ours))
        client.raise_request_exception = False

        response = client.get(f"{BASE}teams/")

        assert response.status_code == response.json()["status"] == 500
        assert response["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("name", [*LISTS, "organisation", "totals", "reports"])
    def test_nothing_without_a_token(self, db: None, name: str) -> None:
        for path in (f"{BASE}{name}/", f"{BASE}{name}"):
            assert APIClient().get(path).status_code == 401
            assert APIClient().delete(path).status_code == 401
