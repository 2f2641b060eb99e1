import csv
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from emissions.models import Membership, RunState
from emissions.views import paging
from tests.factories import (
    make_member,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Membership:
    organisation = make_organisation(slug="acme", time_zone="Europe/Paris")
    return make_member(Role.OFFICER, organisation=organisation)


@pytest.fixture
def runs(officer: Membership) -> None:
    organisation = officer.organisation
    reference = make_reference()
    vision, language = make_team(organisation, name="Vision"), make_team(organisation)
    maps = make_project(vision, name="Maps", slug="maps")
    chat = make_project(language, name="Chat", slug="chat")
    site = make_site(organisation, name="Luleå", slug="lulea")
    make_run(project=maps, name="first", site=site, external_id="job-1", calculated=False)
    make_run(
        project=maps,
        name="second",
        hardware=reference["h100"],
        status="failed",
        cloud_region=reference["region"],
        calculated=False,
    )
    make_run(
        project=chat,
        name="third",
        stage="inference",
        started_at=datetime(2026, 5, 31, 22, 30, tzinfo=UTC),
        source_kind="api",
        duration_hours=100.0,
        calculated=False,
    )
    make_run(organisation, name="=fourth", project=None)


def names(membership: Membership, query: str = "") -> list[str]:
    client = Client()
    client.force_login(membership.user)
    answer = client.get(f"/o/acme/runs/{query}")
    assert answer.status_code == 200
    return [row.run.name for row in answer.context["rows"]]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"first", "second", "third", "=fourth"}),
        ("?project=maps", {"first", "second"}),
        ("?project=maps&project=chat", {"first", "second", "third"}),
        ("?project=none", {"=fourth"}),
        ("?stage=inference", {"third"}),
        ("?status=failed", {"second"}),
        ("?site=lulea", {"first"}),
        ("?site=gcp:europe-west3", {"second"}),
        ("?site=none", {"third", "=fourth"}),
        ("?source=api", {"third"}),
        ("?q=SECOND", {"second"}),
        ("?q=job-1", {"first"}),
        ("?q=maps", {"first", "second"}),
        ("?q=maps+first", {"first"}),
        ("?from=2026-06-01", {"third"}),  # 22:30 UTC is June in Paris.
        ("?to=2026-05-31", {"first", "second", "=fourth"}),
        ("?period=2026-06", {"third"}),
        ("?period=2019", set()),
        ("?calculation=pending", set()),
        ("?calculation=failed", set()),
        ("?status=failed&project=chat", set()),
        ("?project=unknown&stage=&status=x&from=yesterday&period=always", None),
    ],
)
def test_filters(officer: Membership, query: str, found: set[str] | None) -> None:
    everything = {"first", "second", "third", "=fourth"}
    assert set(names(officer, query)) == (everything if found is None else found)


@pytest.mark.usefixtures("runs")
def test_runs_of_a_team_and_of_hardware(officer: Membership) -> None:
    team = officer.organisation.teams.get(name="Vision")
    assert set(names(officer, f"?team={team.slug}")) == {"first", "second"}
    assert names(officer, f"?hardware={make_reference()['h100'].pk}") == ["second"]


@pytest.mark.usefixtures("runs")
def test_failed_calculations(officer: Membership) -> None:
    RunState.objects.filter(run__name="third").update(error="Too large.")
    assert names(officer, "?calculation=failed") == ["third"]


@pytest.mark.usefixtures("runs")
def test_sorting(officer: Membership) -> None:
    assert names(officer)[0] == "third"
    assert names(officer, "?sort=started")[-1] == "third"
    assert names(officer, "?sort=-hours")[0] == "third"
    assert names(officer, "?sort=-kg")[0] == "third"
    assert names(officer, "?sort=nothing")[0] == "third"


@pytest.mark.usefixtures("runs")
def test_chips_take_a_filter_off(officer: Membership, client: Client) -> None:
    client.force_login(officer.user)
    chips = client.get("/o/acme/runs/?project=maps&status=failed&q=x").context["form"].chips
    assert [(chip.label, chip.url) for chip in chips] == [
        ("“x”", "?project=maps&status=failed"),
        ("Project: Maps", "?status=failed&q=x"),
        ("Status: Failed", "?project=maps&q=x"),
    ]


@pytest.mark.usefixtures("runs")
def test_the_file_holds_exactly_what_is_shown(officer: Membership, client: Client) -> None:
    client.force_login(officer.user)
    answer = client.get("/o/acme/runs/csv/?sort=name")
    rows = list(csv.DictReader(StringIO(b"".join(answer).decode())))
    assert [row["name"] for row in rows] == ["'=fourth", "first", "second", "third"]
    first = rows[1]
    # 80 device-hours × 400 W × 75 % × host 1.35 × PUE 1.2 × 50 g/kWh.
    assert float(first["location_based_kg"]) == pytest.approx(1.944)
    assert first["started_at"] == "2026-05-04T10:00:00+02:00"
    filtered = b"".join(client.get("/o/acme/runs/csv/?status=failed")).decode()
    assert filtered.count("\r\n") == 2


def test_reach(officer: Membership) -> None:
    team = make_team(officer.organisation)
    alice, bob = (make_member(Role.RESEARCHER, team=team) for _ in range(2))
    carl = make_member(Role.RESEARCHER, organisation=officer.organisation)
    make_run(project=make_project(team), name="Alice's", created_by=alice.user, calculated=False)
    make_run(officer.organisation, name="unassigned", created_by=carl.user, calculated=False)
    assert names(alice) == names(bob) == ["Alice's"]
    assert names(carl) == ["unassigned"]
    assert set(names(officer)) == {"Alice's", "unassigned"}


def test_queries_do_not_grow_with_the_runs(
    officer: Membership, client: Client, django_assert_max_num_queries: Any
) -> None:
    project = make_project(organisation=officer.organisation)
    for _ in range(12):
        make_run(project=project, calculated=False)
    client.force_login(officer.user)
    with django_assert_max_num_queries(25):
        assert client.get("/o/acme/runs/").status_code == 200


def test_an_empty_list_says_what_to_do(officer: Membership, client: Client) -> None:
    client.force_login(officer.user)
    assert "Log the first one" in client.get("/o/acme/runs/").content.decode()
    assert "No run matches" in client.get("/o/acme/runs/?q=x").content.decode()


@pytest.mark.usefixtures("runs")
def test_a_long_list_is_neither_counted_nor_paged_to_its_end(
    officer: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    client.force_login(officer.user)
    assert "More than" not in client.get("/o/acme/runs/").content.decode()
    monkeypatch.setattr(paging, "MOST", 2)
    assert "More than 2 runs" in client.get("/o/acme/runs/").content.decode()
    assert names(officer) == ["third", "=fourth"]
