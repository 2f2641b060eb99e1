import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, EmissionEntry, ImportMapping, Membership, Run
from emissions.permissions import Member
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    calculate_all,
    make_member,
    make_project,
    make_reference,
    make_run,
    make_site,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def client(officer) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def url(member: Membership, name: str = "unassigned") -> str:
    return reverse(name, kwargs={"organisation_slug": member.organisation.slug})


def listed(client: Client, member: Membership, **asked: str) -> set[Run]:
    return {row.run for row in client.get(url(member), asked).context["rows"]}


def test_what_lacks_a_project_or_a_place_is_listed(client, officer) -> None:
    organisation = officer.organisation
    project, site = make_project(organisation=organisation), make_site(organisation)
    no_project = make_run(organisation, site=site, calculated=False, name="From Slurm")
    no_place = make_run(project=project, calculated=False, source_kind="codecarbon")
    make_run(project=project, site=site, calculated=False)
    make_run(organisation, calculated=False, superseded_by=no_project)
    assert listed(client, officer) == {no_project, no_place}
    assert listed(client, officer, missing="project") == {no_project}
    assert listed(client, officer, missing="place") == {no_place}
    assert listed(client, officer, q="slurm") == {no_project}
    assert listed(client, officer, source="codecarbon") == {no_place}
    assert listed(client, officer, source="nonsense") == {no_project, no_place}
    overview = client.get(url(officer, "organisation"))
    assert "2 runs without project, place or hardware." in [
        one.text for one in overview.context["page"].remarks
    ]
    tabs = {
        tab["label"]: tab["count"] for tab in client.get(url(officer, "run_list")).context["tabs"]
    }
    assert tabs == {"All runs": None, "Unassigned": 2, "Doubles": None}


def test_runs_are_assigned_and_the_ledger_follows(client, officer) -> None:
    organisation, reference = officer.organisation, make_reference()
    project = make_project(organisation=organisation)
    site = make_site(organisation, reference["SE"])
    runs = [make_run(organisation), make_run(organisation, energy_kwh=5.0)]
    other = make_run(organisation)
    answer = client.post(
        url(officer),
        {
            "run": [run.pk for run in runs],
            "project": project.slug,
            "place": site.name,
            "hardware": "h100",
        },
    )
    assert answer.status_code == 302
    calculate_all()
    for run in runs:
        run.refresh_from_db()
        assert (run.project, run.site) == (project, site)
        cells = {
            line.cell for line in EmissionEntry.objects.filter(run=run) if line.runs_started > 0
        }
        assert (project, reference["SE"]) in {(cell.project, cell.zone) for cell in cells}
    assert runs[0].hardware == reference["a100"]
    assert runs[1].hardware == reference["h100"]
    other.refresh_from_db()
    assert other.project is None
    assert verify_ledger(organisation=organisation).clean
    event = AuditEvent.objects.get(action="2 runs assigned")
    assert event.after["runs"] == [run.pk for run in runs]


def test_all_that_is_listed_can_be_meant(client, officer) -> None:
    organisation = officer.organisation
    project = make_project(organisation=organisation)
    for name in ("alpha", "alpha", "beta"):
        make_run(organisation, name=name, calculated=False)
    client.post(f"{url(officer)}?q=alpha", {"all": "on", "project": project.slug})
    assert Run.objects.filter(project=project).count() == 2


def test_nothing_chosen_or_nothing_given_is_said(client, officer) -> None:
    run = make_run(officer.organisation, calculated=False)
    project = make_project(organisation=officer.organisation)
    for data, words in (
        ({"project": project.slug}, "Tick the runs"),
        ({"run": run.pk}, "Choose a project, a place or hardware"),
        ({"run": run.pk, "place": "Atlantis"}, "There is no place “Atlantis”"),
        ({"run": "x' OR 1", "project": project.slug}, "Tick the runs"),
    ):
        answer = client.post(url(officer), data)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    run.refresh_from_db()
    assert run.project is None


def test_an_id_that_the_project_has_is_left_in_the_inbox(client, officer) -> None:
    organisation = officer.organisation
    project = make_project(organisation=organisation)
    make_run(project=project, external_id="7", calculated=False)
    same = make_run(organisation, external_id="7", calculated=False)
    new = make_run(organisation, external_id="8", calculated=False)
    answer = client.post(
        url(officer), {"run": [same.pk, new.pk], "project": project.slug}, follow=True
    )
    assert "1 left: the project has a run with the same ID" in answer.content.decode()
    assert list(Run.objects.filter(project=None).values_list("pk", flat=True)) == [same.pk]


def test_other_organisations_runs_and_projects_are_out_of_reach(client, officer) -> None:
    own, foreign = make_run(officer.organisation, calculated=False), make_run(calculated=False)
    foreign_project = make_project()
    project = make_project(organisation=officer.organisation)
    refused = client.post(url(officer), {"run": own.pk, "project": foreign_project.slug})
    assert refused.status_code == 422
    client.post(url(officer), {"run": [own.pk, foreign.pk], "project": project.slug})
    foreign.refresh_from_db()
    assert foreign.project is None


def test_who_sees_what(officer) -> None:
    organisation = officer.organisation
    manager = make_member(Role.MANAGER, organisation=organisation)
    colleague = make_member(Role.RESEARCHER, organisation=organisation, team=manager.team)
    stranger = make_member(Role.RESEARCHER, organisation=organisation)
    of_team = make_run(organisation, created_by=colleague.user, calculated=False)
    of_other = make_run(organisation, created_by=stranger.user, calculated=False)
    of_token = make_run(organisation, calculated=False)
    no_place = make_run(project=make_project(manager.team), calculated=False)

    def reach(member: Membership) -> set[Run]:
        return set(Member(member).unassigned_runs())

    assert reach(officer) == {of_team, of_other, of_token, no_place}
    assert reach(manager) == {of_team, no_place}
    assert reach(colleague) == {of_team}
    assert reach(stranger) == {of_other}
    assert reach(make_member(Role.AUDITOR, organisation=organisation)) == set()


def test_unknown_hardware_is_listed_with_the_name_that_it_came_with(client, officer) -> None:
    project = make_project(organisation=officer.organisation)
    site = make_site(officer.organisation)
    run = make_run(
        project=project, site=site, calculated=False, hardware=None,
        unknown_equipment="partition gpu-xl",
    )  # fmt: skip
    make_run(project=project, site=site, calculated=False, energy_kwh=3.0)
    assert listed(client, officer, missing="hardware") == {run}
    assert listed(client, officer, q="gpu-xl") == {run}
    html = client.get(url(officer)).content.decode()
    assert "Unknown hardware" in html
    assert "“partition gpu-xl”" in html


def test_what_is_remembered_places_the_rest_and_the_next(client, officer) -> None:
    organisation = officer.organisation
    site = make_site(organisation, name="Hall")
    project = make_project(organisation=organisation, name="Vision")
    runs = [
        make_run(organisation, calculated=False, unknown_project="nlp", unknown_place="cluster a")
        for _ in range(3)
    ]
    other = make_run(organisation, calculated=False, unknown_project="other")
    answer = client.post(
        url(officer),
        {"run": [runs[0].pk], "project": project.slug, "place": "Hall", "remember": "on"},
        follow=True,
    )
    text = answer.content.decode()
    assert "1 run assigned." in text
    assert "2 names will be known from now on. Others that waited" in text
    for run in runs:
        run.refresh_from_db()
        assert (run.project, run.site, run.unknown_project) == (project, site, "")
    assert listed(client, officer) == {other}
    mapped = ImportMapping.objects.filter(organisation=organisation)
    assert set(mapped.values_list("name", flat=True)) == {"nlp", "cluster a"}


def test_what_is_not_remembered_is_asked_again(client, officer) -> None:
    project = make_project(organisation=officer.organisation)
    runs = [make_run(officer.organisation, calculated=False, unknown_project="x") for _ in "ab"]
    client.post(url(officer), {"run": [runs[0].pk], "project": project.slug})
    assert not ImportMapping.objects.exists()
    assert runs[1] in listed(client, officer)
