from typing import Any

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import ImportRow, Organisation, Project, Run, RunImport, User
from emissions.services.tokens import create_token
from tests.emissions.importers.test_sacct import file_of
from tests.emissions.services.imports.files import finish
from tests.factories import NOW, make_member, make_organisation, make_project, make_team

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/imports/"
SACCT = file_of({}, {"JobID": "123.batch"}, {"JobID": "124", "Account": "vision"})


@pytest.fixture
def project() -> Project:
    organisation = make_organisation(slug="acme")
    return make_project(make_team(organisation), name="nlp")


def token(organisation: Organisation, **owner: Any) -> str:
    return create_token(organisation=organisation, by=None, now=NOW, **owner)[1]


def send(plain: str, body: str | bytes, query: str = "", **options: Any) -> Any:
    # curl --data-binary calls everything a form.
    return Client().post(
        f"{ADDRESS}{query}",
        data=body,
        content_type=options.get("content_type", "application/x-www-form-urlencoded"),
        headers={"Authorization": f"Bearer {plain}"},
    )


def test_a_project_s_token_brings_everything_into_its_project(project: Project) -> None:
    plain = token(project.organisation, project=project)
    answer = send(plain, SACCT, "?file_format=sacct&time_zone=Europe/Paris&file_name=night")
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert (body["format"], body["new"], body["refused"]) == ("sacct", 2, 0)
    one = finish(RunImport.objects.get())
    assert one.file_name == "night"
    assert {(run.external_id, run.project) for run in Run.objects.all()} == {
        ("123", project),
        ("124", project),
    }
    again = send(plain, SACCT, "?time_zone=Europe/Paris")
    assert (again.status_code, again.json()["unchanged"]) == (200, 2)
    # Sent every hour, it would fill the table of rows that wait.
    assert again.json()["status"] == "done"
    assert not ImportRow.objects.exists()
    seen = Client().get(f"{ADDRESS}{one.pk}/", headers={"Authorization": f"Bearer {plain}"}).json()
    assert (seen["status"], seen["imported"]) == ("done", 2)


def test_a_person_s_token_brings_rows_where_their_accounts_belong(project: Project) -> None:
    officer = make_member(Role.OFFICER, organisation=project.organisation)
    plain = token(project.organisation, person=officer.user)
    send(plain, SACCT, "?time_zone=UTC")
    finish(RunImport.objects.get())
    assert {run.external_id: run.project for run in Run.objects.all()} == {
        "123": project,
        "124": None,
    }
    assert Run.objects.get(external_id="124").unknown_project == "vision"


def test_what_is_wrong_is_a_problem_and_keeps_nothing(project: Project) -> None:
    plain = token(project.organisation, project=project)
    for body, query, field in (
        (SACCT, "", "time_zone"),
        (SACCT, "?time_zone=Nowhere", "time_zone"),
        (SACCT, "?file_format=pickle", "file_format"),
        (SACCT, "?time_zone=UTC&file_format=codecarbon", "body"),
        (SACCT, "?preview=maybe", "preview"),
        (SACCT, "?timezone=UTC", "timezone"),
        (b"\x80\x04\x95abc", "", "body"),
        (b"", "", "body"),
    ):
        answer = send(plain, body, query)
        assert answer.status_code == 400, (query, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
        assert list(answer.json()["errors"]) == [field]
    assert not RunImport.objects.exists()


def test_a_preview_waits(project: Project) -> None:
    plain = token(project.organisation, project=project)
    answer = send(plain, SACCT, "?time_zone=UTC&preview=true", content_type="text/plain")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["energy_kwh"] > 0


def test_a_body_that_is_too_large(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emissions.api.imports.LARGEST_UPLOAD", 100)
    plain = token(project.organisation, project=project)
    assert send(plain, SACCT, "?time_zone=UTC").status_code == 413
    assert not RunImport.objects.exists()


def test_who_may_not(project: Project) -> None:
    assert send("tonne_none", SACCT).status_code == 401
    reading = token(project.organisation, project=project, scope=TokenScope.READ)
    adding = token(project.organisation, project=project, scope=TokenScope.INGEST)
    auditor = make_member(Role.AUDITOR, organisation=project.organisation)
    for plain in (reading, adding, token(project.organisation, person=auditor.user)):
        assert send(plain, SACCT, "?time_zone=UTC").status_code == 403
    assert not RunImport.objects.exists()


def test_others_files_are_not_found(project: Project) -> None:
    send(token(project.organisation, project=project), SACCT, "?time_zone=UTC")
    one = RunImport.objects.get()
    other = make_project(organisation=project.organisation)
    strangers: list[dict[str, Project | User]] = [
        {"project": other},
        {"person": make_member(Role.MANAGER, organisation=project.organisation).user},
    ]
    for owner in strangers:
        plain = token(project.organisation, **owner)
        headers = {"Authorization": f"Bearer {plain}"}
        assert Client().get(f"{ADDRESS}{one.pk}/", headers=headers).status_code == 404
