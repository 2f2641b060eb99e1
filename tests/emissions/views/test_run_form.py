from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from emissions.forms.run import TAKEN, RunForm
from emissions.models import AuditEvent, EmissionEntry, Membership, Organisation, Project, Run
from tests.factories import (
    calculate_all,
    make_member,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@dataclass
class House:
    """Alice owns the run, Bob is on her team, Mona manages it, Carl is on another one."""

    organisation: Organisation
    project: Project
    run: Run
    alice: Membership
    bob: Membership
    mona: Membership
    carl: Membership


@pytest.fixture
def house() -> House:
    organisation = make_organisation(slug="acme")
    team = make_team(organisation)
    project = make_project(team)
    alice = make_member(Role.RESEARCHER, team=team)
    make_site(organisation, name="Luleå")
    run = make_run(project=project, name="Alice's run", created_by=alice.user, calculated=False)
    return House(
        organisation,
        project,
        run,
        alice,
        make_member(Role.RESEARCHER, team=team),
        make_member(Role.MANAGER, team=team),
        make_member(Role.RESEARCHER, organisation=organisation),
    )


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def data(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "project": house.project.pk,
        "name": "ViT-L",
        "stage": "fine_tuning",
        "status": "failed",
        "equipment": "A100",
        "device_count": "8",
        "started_at": "2026-05-04T10:00",
        "duration_hours": "10",
        "stated_power_watts": "300",
        "place": "Luleå",
        **changes,
    }


def test_a_logged_run_leads_to_its_page_and_to_the_ledger(house: House) -> None:
    client = signed_in(house.alice)
    answer = client.post("/o/acme/runs/new/", data(house))
    run = Run.objects.get(name="ViT-L")
    assert answer.status_code == 302
    assert answer["Location"] == f"/o/acme/runs/{run.pk}/"
    assert (run.created_by, run.source_kind) == (house.alice.user, "form")
    calculate_all()
    lines = EmissionEntry.objects.filter(run=run)
    # 80 device-hours × 300 W × PUE 1.2 × 50 g/kWh in France.
    assert float(sum(line.location_based_kg for line in lines)) == pytest.approx(1.44)


def test_a_run_with_errors_is_not_stored(house: House) -> None:
    answer = signed_in(house.alice).post("/o/acme/runs/new/", data(house, duration_hours=""))
    assert answer.status_code == 422
    assert "Give wall-clock hours, or device-hours" in answer.content.decode()
    assert not Run.objects.filter(name="ViT-L").exists()


def test_the_last_run_gives_the_defaults(house: House) -> None:
    page = signed_in(house.alice).get("/o/acme/runs/new/").content.decode()
    assert 'value="NVIDIA A100 SXM4 80GB"' in page


def test_a_copy_starts_from_the_other_run(house: House) -> None:
    answer = signed_in(house.bob).get(f"/o/acme/runs/new/?copy={house.run.pk}")
    assert answer.context["form"]["name"].value() == "Alice's run"
    assert signed_in(house.carl).get(f"/o/acme/runs/new/?copy={house.run.pk}").status_code == 404
    assert signed_in(house.bob).get("/o/acme/runs/new/?copy=x").status_code == 404


def test_an_edit_posts_the_difference(house: House) -> None:
    calculate_all()
    client = signed_in(house.alice)
    answer = client.post(f"/o/acme/runs/{house.run.pk}/edit/", data(house))
    assert answer.status_code == 302
    calculate_all()
    lines = EmissionEntry.objects.filter(run=house.run)
    assert lines.filter(location_based_kg__lt=0).exists()
    assert float(sum(line.location_based_kg for line in lines)) == pytest.approx(1.44)
    assert AuditEvent.objects.filter(action="run edited", by=house.alice.user).exists()


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("bob", 404), ("mona", 200), ("carl", 404)]
)
def test_who_may_edit(house: House, person: str, status: int) -> None:
    client = signed_in(getattr(house, person))
    assert client.get(f"/o/acme/runs/{house.run.pk}/edit/").status_code == status


def test_an_auditor_logs_nothing(house: House) -> None:
    auditor = signed_in(make_member(Role.AUDITOR, organisation=house.organisation))
    assert auditor.get("/o/acme/runs/new/").status_code == 403
    assert auditor.post("/o/acme/runs/preview/", data(house)).status_code == 403
    assert auditor.get(f"/o/acme/runs/{house.run.pk}/edit/").status_code == 403


def test_a_stranger_meets_a_404(house: House) -> None:
    stranger = signed_in(make_member(Role.ADMIN))
    for path in ("new/", f"{house.run.pk}/", f"{house.run.pk}/edit/", ""):
        assert stranger.get(f"/o/acme/runs/{path}").status_code == 404
    assert stranger.post("/o/acme/runs/preview/", data(house)).status_code == 404


def test_a_preview_shows_figures_and_stores_nothing(house: House) -> None:
    client = signed_in(house.alice)
    answer = client.post("/o/acme/runs/preview/", data(house, project="", name=""))
    page = answer.content.decode()
    assert "1.44" in page
    assert "8 × 10 h wall-clock" in page
    assert "80 device-hours" in page
    assert answer.context["ranges"]["location_based_kg"] == "1.1–2.0\xa0kg"
    assert "The 95 % interval comes mostly from: Stated power or load of" in page
    assert Run.objects.count() == 1


def test_a_preview_says_what_is_missing(house: House) -> None:
    page = signed_in(house.alice).post("/o/acme/runs/preview/", {"equipment": "A100"})
    assert "one is enough" in page.content.decode()


def test_a_preview_of_an_edited_run_does_not_meet_itself(house: House) -> None:
    Run.objects.filter(pk=house.run.pk).update(external_id="job-1")
    client = signed_in(house.alice)
    edited, values = f"?run={house.run.pk}", data(house, external_id="job-1")
    assert (
        f"/runs/preview/{edited}"
        in client.get(f"/o/acme/runs/{house.run.pk}/edit/").content.decode()
    )
    assert TAKEN not in client.post(f"/o/acme/runs/preview/{edited}", values).content.decode()
    assert TAKEN in client.post("/o/acme/runs/preview/", values).content.decode()
    other = signed_in(house.carl).post(f"/o/acme/runs/preview/{edited}", values)
    assert other.status_code == 404


def test_a_preview_reads_few_times(house: House, django_assert_max_num_queries: Any) -> None:
    client = signed_in(house.alice)
    client.post("/o/acme/runs/preview/", data(house))
    with django_assert_max_num_queries(35):
        client.post("/o/acme/runs/preview/", data(house))


@pytest.mark.parametrize("page", ["new", "edit"])
def test_an_id_that_somebody_took_meanwhile_is_said_beside_the_field(
    house: House, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(project=house.project, external_id="job-1", calculated=False)
    # Both had checked before either wrote: the form sees no twin, the database does.
    monkeypatch.setattr(RunForm, "_check_external_id", lambda form, values: None)
    path = "new" if page == "new" else f"{house.run.pk}/edit"

    answer = signed_in(house.alice).post(f"/o/acme/runs/{path}/", data(house, external_id="job-1"))

    assert answer.status_code == 422
    assert answer.context["form"].errors == {"external_id": [TAKEN]}
    assert Run.objects.filter(external_id="job-1").count() == 1


def test_device_hours_alone_stay_alone_when_their_run_is_edited(house: House) -> None:
    client = signed_in(house.alice)
    said = {"device_count": "", "duration_hours": "", "device_hours": "1720320"}
    early = {"started_at": "2023-01-05T10:00"}
    client.post("/o/acme/runs/new/", data(house, name="Llama 2 70B", **said, **early))
    run = Run.objects.get(name="Llama 2 70B")
    shown = client.get(f"/o/acme/runs/{run.pk}/edit/").context["form"].initial
    page = client.get(f"/o/acme/runs/{run.pk}/").content.decode()

    assert (run.device_count, run.count_assumed) == (197, True)
    assert (shown["device_count"], shown["duration_hours"]) == (None, None)
    assert "Only device-hours are stated" in page
    assert "Wall-clock hours</dt>" not in page

    stated = {**said, "device_count": "2048"}
    client.post(f"/o/acme/runs/{run.pk}/edit/", data(house, name=run.name, **stated, **early))
    run.refresh_from_db()
    assert (run.device_count, run.duration_hours, run.count_assumed) == (2048, 840, False)
