import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from emissions import uploads
from emissions.calculation.vocabulary import Role
from emissions.importers.formats import FORMATS, HOURS
from emissions.models import ImportMapping, ImportRow, Membership, Run, RunImport
from tests.emissions.services.imports.files import HEADER, finish
from tests.factories import make_member, make_organisation, make_project, make_site, make_team

pytestmark = pytest.mark.django_db
LIST = "/o/acme/runs/imports/"
ROWS = (
    "a,first,Vision,2026-03-01T09:00Z,10,A100,8,,Luleå\n"
    "b,second,Visoin,2026-03-01T09:00Z,10,A100,8,,Luleå\n"
    "c,third,Vision,2026-03-01T09:00Z,-1,A100,8,,Luleå\n"
)


@pytest.fixture
def researcher() -> Membership:
    organisation = make_organisation(slug="acme", time_zone="Europe/Paris")
    team = make_team(organisation)
    make_project(team, name="Vision")
    make_site(organisation, name="Luleå")
    return make_member(Role.RESEARCHER, team=team)


@pytest.fixture
def client(researcher: Membership) -> Client:
    client = Client()
    client.force_login(researcher.user)
    return client


def send(client: Client, content: str | bytes, **data: Any) -> Any:
    body = content if isinstance(content, bytes) else content.encode()
    return client.post(LIST, {"file": SimpleUploadedFile("runs.csv", body), **data})


def sent(client: Client, content: str, **data: Any) -> RunImport:
    answer = send(client, content, **data)
    assert answer.status_code == 302, answer.content.decode()
    one = RunImport.objects.latest("pk")
    assert answer["Location"] == f"{LIST}{one.pk}/"
    return one


def test_from_upload_to_undo(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    page = client.get(f"{LIST}{one.pk}/").content.decode()
    assert "Import 2 runs" in page
    assert "Give the hours from start to end" in page
    assert "Visoin" in page
    assert not Run.objects.exists()

    assert client.post(f"{LIST}{one.pk}/start/").status_code == 302
    page = client.get(f"{LIST}{one.pk}/").content.decode()
    assert f'hx-get="{LIST}{one.pk}/progress/"' in page
    assert "0 of 2 rows" in client.get(f"{LIST}{one.pk}/progress/").content.decode()

    finish(one)
    assert client.get(f"{LIST}{one.pk}/progress/")["HX-Refresh"] == "true"
    assert "Imported." in client.get(f"{LIST}{one.pk}/").content.decode()
    assert Run.objects.alive().count() == 2

    client.post(f"{LIST}{one.pk}/undo/")
    finish(one)
    assert "Undone." in client.get(f"{LIST}{one.pk}/").content.decode()
    assert not Run.objects.alive().exists()


@pytest.mark.parametrize("hours", ["duration_hours", "device_hours"])
def test_the_preview_says_which_hours_are_meant_and_shows_the_others(
    client: Client, hours: str
) -> None:
    stated = {"duration_hours": "12.5", "device_hours": "50"}[hours]
    one = sent(
        client,
        f"name,hardware,device_count,{hours},started_at\n"
        f"sweep,A100,4,{stated},2026-05-04T10:00:00Z\n",
    )
    page = client.get(f"{LIST}{one.pk}/").content.decode()
    assert "duration_hours are wall-clock hours" in page
    (row,) = re.findall(r'<th scope="row">sweep.*?</tr>', page, re.DOTALL)
    assert re.findall(r'numeric[^>]*">([\d.]+)</td>', row)[:3] == ["12.50", "4", "50.00"]


def test_every_format_says_which_hours_it_holds() -> None:
    assert set(HOURS) == set(FORMATS)
    for words in HOURS.values():
        assert "wall-clock" in words
        assert "device-hours" in words or "device_hours" in words


def test_a_name_is_mapped_once_and_kept(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    client.post(f"{LIST}{one.pk}/names/", {"name_0": "Vision"})
    rows = ImportRow.objects.filter(run_import=one, outcome="new")
    assert {row.project_id is None for row in rows} == {False}
    assert ImportMapping.objects.get().name == "Visoin"
    again = sent(client, HEADER + ROWS.replace("b,second", "d,fourth"))
    assert "Visoin" not in client.get(f"{LIST}{again.pk}/").content.decode()


def test_a_mapping_places_the_runs_that_waited_for_it(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    client.post(f"{LIST}{one.pk}/start/")
    finish(one)
    assert Run.objects.get(external_id="b").project is None
    later = sent(client, HEADER + ROWS.replace("b,second", "d,fourth"))
    client.post(f"{LIST}{later.pk}/names/", {"name_0": "vision"})
    run = Run.objects.get(external_id="b")
    assert run.project is not None
    assert run.unknown_project == ""


def test_a_name_that_means_nothing_is_said_beside_its_field(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    answer = client.post(f"{LIST}{one.pk}/names/", {"name_0": "Nothing"})
    assert answer.status_code == 422
    assert "There is no project “Nothing”" in answer.content.decode()
    assert not ImportMapping.objects.exists()


def test_a_zone_is_asked_for(client: Client) -> None:
    one = sent(client, HEADER + ROWS.replace("09:00Z", "09:00"))
    assert "Where was this file written?" in client.get(f"{LIST}{one.pk}/").content.decode()
    answer = client.post(f"{LIST}{one.pk}/zone/", {"time_zone": "Nowhere"})
    assert answer.status_code == 422
    client.post(f"{LIST}{one.pk}/zone/", {"time_zone": "europe/paris"})
    row = ImportRow.objects.filter(run_import=one).earliest("row")
    assert row.started_at is not None
    assert row.started_at.hour == 8


def test_with_the_zone_in_the_upload_nobody_is_asked(client: Client) -> None:
    one = sent(client, HEADER + ROWS.replace("09:00Z", "09:00"), time_zone="UTC")
    assert one.status == "ready"


def test_the_refused_rows_as_csv(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    answer = client.get(f"{LIST}{one.pk}/refused/")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "row,column,reason"
    assert lines[1].startswith("4,duration_hours,")


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"\x80\x04\x95abc", "pickle"), (b"a,b\n1,2\n", "none of the formats")],
)
def test_what_is_refused_is_said_beside_the_field(
    client: Client, content: bytes, word: str
) -> None:
    answer = send(client, content)
    assert answer.status_code == 422
    assert word in answer.content.decode()
    assert not RunImport.objects.exists()


def test_no_file_and_one_that_is_too_large(client: Client, monkeypatch: Any) -> None:
    assert "Choose a file." in client.post(LIST, {}).content.decode()
    monkeypatch.setattr(uploads, "LARGEST_UPLOAD", 1000)
    answer = send(client, HEADER + ROWS * 20)
    assert answer.status_code == 422
    assert "This file is larger than" in answer.content.decode()
    assert not RunImport.objects.exists()


def test_a_preview_is_discarded(client: Client) -> None:
    one = sent(client, HEADER + ROWS)
    client.post(f"{LIST}{one.pk}/discard/")
    assert not RunImport.objects.exists()


def test_the_template_is_read_back(client: Client) -> None:
    content = client.get(f"{LIST}template/").content.decode("utf-8-sig")
    one = sent(client, content)
    assert (one.new_rows, one.refused_rows) == (1, 0)


def test_a_colleague_s_file_is_not_found_and_an_officer_s_eyes_reach_all(
    client: Client, researcher: Membership
) -> None:
    one = sent(client, HEADER + ROWS)
    for role, status in ((Role.RESEARCHER, 404), (Role.MANAGER, 404), (Role.OFFICER, 200)):
        team = None if role is Role.OFFICER else researcher.team
        other = make_member(role, organisation=researcher.organisation, team=team)
        theirs = Client()
        theirs.force_login(other.user)
        assert theirs.get(f"{LIST}{one.pk}/").status_code == status, role
        assert (one.file_name in theirs.get(LIST).content.decode()) is (status == 200)


def test_an_auditor_imports_nothing(researcher: Membership) -> None:
    auditor = Client()
    auditor.force_login(make_member(Role.AUDITOR, organisation=researcher.organisation).user)
    assert auditor.get(LIST).status_code == 403
    assert "Import" not in auditor.get("/o/acme/runs/").content.decode()


def test_names_are_forgotten_by_those_who_manage_the_structure(
    client: Client, researcher: Membership
) -> None:
    one = sent(client, HEADER + ROWS)
    client.post(f"{LIST}{one.pk}/names/", {"name_0": "Vision"})
    mapping = ImportMapping.objects.get()
    assert client.post(f"{LIST}names/{mapping.pk}/forget/").status_code == 403
    officer = Client()
    officer.force_login(make_member(Role.OFFICER, organisation=researcher.organisation).user)
    officer.post(f"{LIST}names/{mapping.pk}/forget/")
    assert not ImportMapping.objects.exists()


def test_of_many_unknown_names_the_most_frequent_are_asked_for(client: Client) -> None:
    rows = "".join(f"r{at},run,Project {at},2026-03-01T09:00Z,1,A100,8,,\n" for at in range(45))
    one = sent(client, HEADER + rows)
    page = client.get(f"{LIST}{one.pk}/")
    assert len(page.context["names_form"].fields) == 40
    assert "once some are kept, others follow" in page.content.decode()
