"""PUT, PATCH, and runs by the id that a client gave them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import AuditEvent, Membership, PendingCalculation, Project, Run
from emissions.services.record_runs import delete_run
from emissions.services.tokens import create_token
from tests.factories import NOW, calculate_all, make_member, make_project, make_run

URL = "/api/v1/runs/"
JOB = f"{URL}by-external-id/job-1/"
BODY = {"started_at": "2026-03-01T09:00:00Z", "duration_hours": 10, "energy_kwh": 5, "zone": "FR"}


def put(client: APIClient, address: str = JOB, **changes: Any) -> Any:
    return client.put(address, {**BODY, **changes}, format="json")


def patch(client: APIClient, address: str = JOB, **changes: Any) -> Any:
    return client.patch(address, changes, format="json")


def of_person(member: Membership) -> APIClient:
    client = APIClient()
    _, plain = create_token(organisation=member.organisation, person=member.user, by=None, now=NOW)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return client


@pytest.fixture
def going(client_of: APIClient) -> Run:
    """A run that began five hours ago and is going."""
    started = timezone.now() - timedelta(hours=5)
    body = {"external_id": "job-1", "started_at": started.isoformat(), "status": "running",
            "power_watts": 1000, "device_count": 2}  # fmt: skip
    response = client_of.post(URL, body, format="json")
    assert response.status_code == 201, response.content
    calculate_all()
    return Run.objects.get()


@pytest.mark.django_db
class TestPut:
    def test_it_records_then_finds_then_changes(self, client_of: APIClient) -> None:
        assert put(client_of).status_code == 201
        calculate_all()
        assert put(client_of).status_code == 200
        assert not PendingCalculation.objects.exists()

        changed = put(client_of, energy_kwh=7, notes="corrected")

        assert changed.status_code == 200
        run = Run.objects.get()
        assert (run.external_id, run.energy_kwh, run.notes) == ("job-1", 7, "corrected")
        calculate_all()
        assert client_of.get(JOB).json()["energy_it_kwh"] == 7
        assert put(client_of).json()["notes"] == ""

    def test_an_id_may_hold_what_an_address_separates(self, client_of: APIClient) -> None:
        address = f"{URL}by-external-id/cluster%2Fa%20b%3F/7/"

        assert put(client_of, address).status_code == 201
        assert Run.objects.get().external_id == "cluster/a b?/7"
        assert client_of.get(address).json()["external_id"] == "cluster/a b?/7"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"external_id": "job-2"}, "external_id"),
            ({"energy_kwh": -1}, "energy_kwh"),
            ({"project": "odd"}, "project"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, client_of: APIClient, changes: dict[str, Any], field: str
    ) -> None:
        response = put(client_of, **changes)

        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]
        assert client_of.put(JOB, [BODY], format="json").status_code == 400
        assert put(client_of, f"{URL}by-external-id/a%00b/").status_code == 400
        assert client_of.get(f"{URL}by-external-id/a%00b/").status_code == 404

    def test_another_project_s_run_is_not_touched(
        self, client_of: APIClient, project: Project
    ) -> None:
        other = make_run(
            project=make_project(organisation=project.organisation), external_id="job-1"
        )

        assert client_of.get(JOB).status_code == 404
        assert put(client_of).status_code == 201
        assert Run.objects.filter(external_id="job-1").count() == 2
        assert Run.objects.get(pk=other.pk).energy_kwh is None

    def test_a_person_names_the_project(self, reference: Any) -> None:
        member = make_member(Role.MANAGER)
        project = make_project(member.team)
        client = of_person(member)

        assert put(client).status_code == 400
        assert put(client, f"{JOB}?project={project.slug}").status_code == 201
        assert client.get(JOB).status_code == 400
        assert client.get(JOB, {"project": project.slug}).status_code == 200
        assert client.get(JOB, {"project": "odd"}).status_code == 404

    def test_a_researcher_changes_only_their_own(self, reference: Any) -> None:
        member = make_member(Role.RESEARCHER)
        project = make_project(member.team)
        theirs = make_run(project=project, external_id="job-1", status="running")
        client = of_person(member)
        address = f"{JOB}?project={project.slug}"

        assert put(client, address).status_code == 403
        assert patch(client, address, energy_kwh=1).status_code == 403
        assert client.get(address).json()["id"] == theirs.pk

    def test_a_token_that_only_adds_changes_nothing(self, project: Project) -> None:
        _, plain = create_token(
            organisation=project.organisation, project=project, scope=TokenScope.INGEST, by=None,
            now=NOW,
        )  # fmt: skip
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")

        assert put(client).status_code == patch(client).status_code == 403


@pytest.mark.django_db
class TestGoing:
    def test_it_has_lasted_until_now(self, client_of: APIClient, going: Run) -> None:
        assert going.duration_hours == pytest.approx(5, abs=0.01)
        assert going.device_hours == pytest.approx(10, abs=0.02)
        run = client_of.get(f"{URL}{going.pk}/").json()
        assert run["energy_it_kwh"] == pytest.approx(10, abs=0.02)

    def test_the_start_may_be_sent_again(self, client_of: APIClient, going: Run) -> None:
        body = {"external_id": "job-1", "started_at": going.started_at.isoformat(),
                "status": "running", "power_watts": 1000, "device_count": 2}  # fmt: skip

        assert client_of.post(URL, body, format="json").status_code == 200
        assert client_of.post(URL, {**body, "name": "x"}, format="json").status_code == 409

    def test_heartbeats_are_stored_at_once_and_posted_within_the_hour(
        self, client_of: APIClient, going: Run
    ) -> None:
        Run.objects.update(duration_hours=1, device_hours=2)
        audited = AuditEvent.objects.count()

        for energy in (11, 12, 13):
            response = patch(client_of, energy_kwh=energy)
            assert response.status_code == 200
            assert (response.json()["energy_kwh"], response.json()["calculated"]) == (energy, False)
        assert patch(client_of).status_code == 200

        run, pending = Run.objects.get(), PendingCalculation.objects.get()
        assert (run.energy_kwh, run.status) == (13, "running")
        assert run.duration_hours == pytest.approx(5, abs=0.01)
        assert run.updated_at > going.updated_at
        assert pending.not_before > timezone.now() + timedelta(minutes=50)
        assert AuditEvent.objects.count() == audited

    def test_its_end_is_posted_at_once_and_may_be_sent_again(
        self, client_of: APIClient, going: Run
    ) -> None:
        patch(client_of, energy_kwh=11)

        ended = patch(client_of, status="completed", energy_kwh=20, metric_value=0.9)
        calculate_all()
        again = patch(client_of, status="completed", energy_kwh=20, metric_value=0.9)
        late = patch(client_of, energy_kwh=12)

        assert ended.status_code == again.status_code == 200
        assert again.json()["duration_hours"] == ended.json()["duration_hours"]
        assert again.json()["energy_it_kwh"] == 20
        assert late.status_code == 409
        assert list(late.json()["errors"]) == ["status"]
        assert Run.objects.get().energy_kwh == 20

    def test_hours_and_an_end_can_be_stated(self, client_of: APIClient, going: Run) -> None:
        hour = (going.started_at + timedelta(hours=2)).isoformat()
        assert patch(client_of, duration_hours=1.5).json()["device_hours"] == 3
        assert patch(client_of, device_hours=4).json()["duration_hours"] == 2
        assert patch(client_of, ended_at=hour, status="failed").json()["duration_hours"] == 2

    def test_by_its_number_too(self, client_of: APIClient, going: Run) -> None:
        assert patch(client_of, f"{URL}{going.pk}/", energy_kwh=3).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"external_id": "b"}, "external_id"),
            ({"project": "b"}, "project"),
            ({"odd": 1}, "odd"),
            ({"energy_kwh": "many"}, "energy_kwh"),
            ({"started_at": None}, "started_at"),
            ({"power_watts": None}, "hardware"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, client_of: APIClient, going: Run, changes: dict[str, Any], field: str
    ) -> None:
        response = patch(client_of, **changes)

        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]

    def test_what_is_gone_is_not_found(self, client_of: APIClient, going: Run) -> None:
        assert patch(client_of, f"{URL}by-external-id/other/").status_code == 404
        delete_run(run=going, by=None, now=NOW)
        assert patch(client_of).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_clients_that_put_the_same_run_at_once_all_succeed() -> None:
    project = make_project()
    _, plain = create_token(organisation=project.organisation, project=project, by=None, now=NOW)
    together = Barrier(4)

    def client(number: int) -> int:
        asking = APIClient()
        asking.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
        together.wait()
        try:
            row = {name: value for name, value in BODY.items() if name != "zone"}
            return int(asking.put(JOB, {**row, "tokens": number}, format="json").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(client, range(4)))

    assert codes == [200, 200, 200, 201]
    assert Run.objects.count() == 1
