from decimal import Decimal

import pytest

from tests.emissions.views.dashboards.reading import address, figures, summary
from tests.factories import make_team

pytestmark = pytest.mark.django_db


def test_a_team_shows_its_own_runs_by_project(lab, client):
    assert summary(client, name="team", team_slug="vision")["Runs"] == "3"
    found = figures(client, name="team", team_slug="vision")
    assert {row["Project"] for row in found["by-project"]} == {"Maps", "Faces"}
    page = client.get(address("team", team_slug="vision")).content.decode()
    assert "Vision emitted" in page
    assert "Language" not in page.split("</header>")[-1]


def test_the_address_cannot_widen_a_team_s_page(lab, client):
    found = summary(client, "team=language", name="team", team_slug="vision")
    assert found["Runs"] == "3"


def test_teams_add_up_to_the_organisation(lab, client):
    key = "Emissions, location-based"
    parts = [
        Decimal(summary(client, name="team", team_slug=slug)[key])
        for slug in ("vision", "language")
    ]
    without = Decimal(summary(client, "team=none")[key])
    assert sum(parts) + without == Decimal(summary(client)[key])


def test_a_team_of_another_organisation_is_a_404(lab, client):
    other = make_team()
    assert client.get(address("team", team_slug=other.slug)).status_code == 404


def test_all_teams_are_listed_whether_or_not_they_had_runs(lab, client):
    make_team(organisation=lab.organisation, name="Quiet")
    page = client.get(address("team_list")).content.decode()
    for name in ("Vision", "Language", "Quiet", "Unallocated"):
        assert name in page
    response = client.get(address("team_list", "period=2026&format=csv"))
    assert "Quiet" in response.content.decode()


def test_a_page_s_own_dimension_shows_no_chip(lab, client):
    page = client.get(address("team", "period=2026&team=language", team_slug="vision"))
    assert "Team: Language" not in page.content.decode()
