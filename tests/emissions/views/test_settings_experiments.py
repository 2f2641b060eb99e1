"""Experiments, as a person lists, makes and edits them."""

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import Experiment, Membership
from emissions.services.manage_experiments import default_experiment
from tests.factories import NOW, make_member, make_project, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


def client_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def url(member: Membership, name: str, **kwargs) -> str:
    return reverse(name, kwargs={"organisation_slug": member.organisation.slug, **kwargs})


def test_an_empty_list_says_what_to_do(officer):
    page = client_of(officer).get(url(officer, "settings_experiments"))
    assert "No experiment yet" in page.content.decode()
    assert url(officer, "experiment_create") in page.content.decode()


def test_an_experiment_is_made_and_shows_its_configuration(officer):
    project = make_project(organisation=officer.organisation)
    site = make_site(officer.organisation, name="Basement")
    form = {"project": project.pk, "name": "Cluster", "place": "basement", "cpu_measured": "on"}
    answer = client_of(officer).post(url(officer, "experiment_create"), form, follow=True)
    made = Experiment.objects.get()
    assert (made.site, made.cpu_measured, made.created_by) == (site, True, officer.user)
    page = answer.content.decode()
    assert f"experiment_id = {made.uuid}" in page
    assert "api_endpoint = http://testserver/codecarbon" in page


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": ""}, "This field is required"),
        ({"place": "Atlantis"}, "There is no site"),
        ({"name": "Default"}, "has an experiment"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(officer, form, message):
    project = make_project(organisation=officer.organisation)
    default_experiment(project=project, by=None, now=NOW)
    values = {"project": project.pk, "name": "Cluster", **form}
    answer = client_of(officer).post(url(officer, "experiment_create"), values)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert Experiment.objects.count() == 1


def test_editing_keeps_what_is_not_changed(officer):
    project = make_project(organisation=officer.organisation)
    make_site(officer.organisation, name="Basement")
    experiment = default_experiment(project=project, by=None, now=NOW)
    page = client_of(officer).get(url(officer, "experiment", experiment_id=experiment.pk))
    form = page.context["form"].initial
    assert form["place"] == "Basement"
    answer = client_of(officer).post(
        url(officer, "experiment_edit", experiment_id=experiment.pk),
        {**form, "name": "Ours", "cpu_measured": "", "separate_machines": "on"},
    )
    assert answer.status_code == 302
    experiment.refresh_from_db()
    assert (experiment.name, experiment.separate_machines) == ("Ours", True)
    assert experiment.site.name == "Basement"


def test_a_wrong_edit_is_said_on_the_page(officer):
    experiment = default_experiment(
        project=make_project(organisation=officer.organisation), by=None, now=NOW
    )
    answer = client_of(officer).post(
        url(officer, "experiment_edit", experiment_id=experiment.pk), {"name": ""}
    )
    assert answer.status_code == 422


def test_a_researcher_copies_and_changes_nothing():
    researcher = make_member(Role.RESEARCHER)
    own = default_experiment(project=make_project(researcher.team), by=None, now=NOW)
    other = default_experiment(
        project=make_project(organisation=researcher.organisation), by=None, now=NOW
    )
    client = client_of(researcher)
    page = client.get(url(researcher, "experiment", experiment_id=own.pk)).content.decode()
    assert str(own.uuid) in page
    assert "<form" not in page.split("configuration-title")[1].split("</main>")[0]
    listed = client.get(url(researcher, "settings_experiments")).content.decode()
    assert own.project.name in listed
    assert other.project.name not in listed
    assert client.get(url(researcher, "experiment", experiment_id=other.pk)).status_code == 404
