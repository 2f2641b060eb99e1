import pytest

from tests.emissions.views.dashboards.reading import address, figures, summary
from tests.factories import make_project

pytestmark = pytest.mark.django_db


def test_a_project_shows_its_own_runs_by_stage_and_status(lab, client):
    assert summary(client, name="project", project_slug="maps")["Runs"] == "2"
    found = figures(client, name="project", project_slug="faces")
    assert [row["Status"] for row in found["by-status"]] == ["Failed"]
    page = client.get(address("project", project_slug="maps")).content.decode()
    assert "/o/laboratory/teams/vision/" in page
    assert "/o/laboratory/runs/?project=maps" in page


def test_the_address_cannot_widen_a_project_s_page(lab, client):
    query = "project=chat&team=language"
    found = summary(client, "project=chat", name="project", project_slug="maps")
    assert found["Runs"] == "2"
    assert summary(client, query, name="project", project_slug="maps")["Runs"] == "2"


def test_a_project_of_another_organisation_is_a_404(lab, client):
    assert client.get(address("project", project_slug=make_project().slug)).status_code == 404


def test_all_projects_are_listed_with_their_team(lab, client):
    make_project(organisation=lab.organisation, name="Quiet")
    page = client.get(address("project_list")).content.decode()
    for name in ("Maps", "Faces", "Chat", "Quiet", "No project", "Vision"):
        assert name in page
