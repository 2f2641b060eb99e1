from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from emissions.models import EmissionEntry, Project, Run
from emissions.services.record_runs import delete_run
from tests.factories import (
    NOW,
    calculate_all,
    make_hardware,
    make_node,
    make_organisation,
    make_project,
    make_run,
    make_site,
)
from tests.golden.worked_examples import FULL_CHAINS, WorkedExample

URL = "/api/v1/runs/"
START = "2026-03-01T09:00:00Z"


def body(**values: Any) -> dict[str, Any]:
    return {"started_at": START, "hardware": "A100", "duration_hours": 10, "zone": "FR", **values}


def post(client: APIClient, data: Any) -> Any:
    return client.post(URL, data, format="json")


@pytest.mark.django_db
class TestOne:
    def test_a_name_twice_in_an_object_is_refused(self, client_of: APIClient) -> None:
        text = f'{{"started_at": "{START}", "energy_kwh": 1, "energy_kwh": 2}}'

        response = client_of.generic("POST", URL, text, content_type="application/json")

        assert response.status_code == 400
        assert "twice" in response.json()["detail"]

    def test_a_run_is_recorded_in_the_tokens_project(
        self, client_of: APIClient, project: Project
    ) -> None:
        response = post(client_of, body(external_id="job-1", device_count=8, name="Seed 3"))

        answer = response.json()
        assert response.status_code == 201, answer
        run = Run.objects.get()
        assert (run.project, run.organisation) == (project, project.organisation)
        assert (run.device_hours, run.source_kind, run.name) == (80, "api", "Seed 3")
        assert answer["id"] == run.pk
        assert answer["url"] == response["Location"] == f"http://testserver{URL}{run.pk}/"
        assert answer["page_url"].endswith(f"/o/{project.organisation.slug}/runs/{run.pk}/")
        assert answer["hardware"] == "NVIDIA A100 SXM4 80GB"
        assert answer["zone"] == "FR"
        assert answer["started_at"] == "2026-03-01T09:00:00Z"
        assert answer["calculated"] is False
        assert answer["location_based_kg"] is None

    def test_nothing_is_recorded_in_an_archived_project(
        self, client_of: APIClient, project: Project
    ) -> None:
        make_run(project=project)
        Project.objects.filter(pk=project.pk).update(archived_at=NOW)

        assert post(client_of, body()).status_code == 403
        assert post(client_of, [body()]).status_code == 403
        assert len(client_of.get(URL).json()["results"]) == 1

    def test_figures_are_there_once_the_ledger_has_them(self, client_of: APIClient) -> None:
        post(client_of, body(external_id="job-1", power_watts=1000, pue=1.5))
        calculate_all()

        (run,) = client_of.get(URL, {"external_id": "job-1"}).json()["results"]

        assert run["calculated"] is True
        assert run["energy_it_kwh"] == 10
        assert run["energy_facility_kwh"] == 15
        assert run["location_based_kg"] == 0.75
        assert run["market_based_kg"] == 0.75
        assert run["embodied_kg"] > 0
        assert run["calculation_error"] == ""

    def test_unknown_embodied_emissions_are_null(self, client_of: APIClient) -> None:
        post(client_of, body(hardware=None, power_watts=100))
        calculate_all()

        assert client_of.get(URL).json()["results"][0]["embodied_kg"] is None

    def test_every_field_comes_back(self, client_of: APIClient, project: Project) -> None:
        site = make_site(project.organisation)
        node = make_node(site=site)
        sent = {
            "external_id": "all", "name": "All", "started_at": "2026-03-01T10:00:00+01:00",
            "duration_hours": 5.0, "device_hours": 20.0, "device_count": 4.0,
            "stage": "evaluation", "status": "failed", "node": node.slug, "site": site.slug,
            "utilisation": 0.5, "cpu_cores": 4.0, "cpu_watts_per_core": 9.0, "memory_gb": 64.0,
            "pue": 1.1, "grid_g_per_kwh": 44.0, "grid_source": "Our supplier", "reported_kg": 3.5,
            "ai_model": "ViT", "sweep": "lr", "tokens": 1e9, "flop": 1e21, "metric_name": "loss",
            "metric_value": -0.5, "notes": "Line one\nLine two", "energy_kwh": 12.5,
            "pue_included": True, "energy_measured": True,
        }  # fmt: skip

        answer = post(client_of, sent)

        assert answer.status_code == 201, answer.json()
        assert {name: answer.json()[name] for name in sent} == {
            **sent, "started_at": "2026-03-01T09:00:00Z"
        }  # fmt: skip
        assert client_of.get(answer["Location"]).json() == answer.json()

    def test_the_slash_may_be_left_out(self, client_of: APIClient) -> None:
        response = client_of.post(URL.removesuffix("/"), body(), format="json")

        assert response.status_code == 201

    def test_an_end_instead_of_hours(self, client_of: APIClient) -> None:
        answer = post(client_of, body(duration_hours=None, ended_at="2026-03-01T12:30:00Z"))

        assert answer.json()["duration_hours"] == 3.5

    def test_a_node_brings_its_devices(self, client_of: APIClient, project: Project) -> None:
        node = make_node(organisation=project.organisation, device_count=8)

        answer = post(client_of, body(hardware=None, zone=None, node=node.name))

        assert answer.json()["device_hours"] == 80

    def test_the_organisations_own_hardware(self, client_of: APIClient, project: Project) -> None:
        make_hardware(organisation=project.organisation, name="Our chip")
        make_hardware(organisation=make_organisation(), name="Their chip")

        assert post(client_of, body(hardware="our-chip")).status_code == 201
        assert post(client_of, body(hardware="their-chip")).status_code == 400

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"started_at": None}, "started_at"),
            ({"started_at": "2026-03-01T09:00:00"}, "started_at"),
            ({"started_at": "2026-03-01"}, "started_at"),
            ({"started_at": "yesterday"}, "started_at"),
            ({"started_at": 1_700_000_000}, "started_at"),
            ({"started_at": "1970-01-01T00:00:00Z"}, "started_at"),
            ({"started_at": "9999-12-31T23:59:59-23:00"}, "started_at"),
            ({"ended_at": "2026-02-01T09:00:00Z"}, "ended_at"),
            ({"ended_at": "2026-03-01T10:00:00Z"}, "ended_at"),
            ({"duration_hours": None}, "duration_hours"),
            ({"duration_hours": "10"}, "duration_hours"),
            ({"duration_hours": -1}, "duration_hours"),
            ({"hardware": None}, "hardware"),
            ({"hardware": "Z9000"}, "hardware"),
            ({"zone": "ZZ"}, "zone"),
            ({"cloud_region": "gcp:europe-west3"}, "zone"),
            ({"cloud_region": "nowhere"}, "cloud_region"),
            ({"site": "nowhere"}, "site"),
            ({"node": "nothing"}, "node"),
            ({"stage": "sleeping"}, "stage"),
            ({"status": "Fine"}, "status"),
            ({"pue": 0.5}, "pue"),
            ({"grid_g_per_kwh": 50}, "grid_source"),
            ({"name": "x" * 201}, "name"),
            ({"name": "x\x00"}, "name"),
            ({"external_id": 5}, "external_id"),
            ({"tokens": 1e308 * 10}, "tokens"),
            ({"energy_kwh": 1e12}, "energy_kwh"),
            ({"colour": "green"}, "colour"),
            ({"project": "other"}, "project"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, client_of: APIClient, values: dict[str, Any], field: str
    ) -> None:
        if values.get("tokens"):
            data = '{"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 1, "tokens": 1e999}'
            response = client_of.post(URL, data, content_type="application/json")
        else:
            response = post(client_of, body(**values))

        assert response.status_code == 400
        assert response["Content-Type"] == "application/problem+json"
        assert list(response.json()["errors"]) == [field]
        assert not Run.objects.exists()

    @pytest.mark.parametrize("data", [None, 5, "run", True])
    def test_what_is_no_run(self, client_of: APIClient, data: Any) -> None:
        assert post(client_of, data).status_code == 400


@pytest.mark.django_db
class TestRepeating:
    def test_the_same_again_is_the_same_run(self, client_of: APIClient) -> None:
        first = post(client_of, body(external_id="a"))
        calculate_all()

        again = post(client_of, body(external_id="a"))

        assert again.status_code == 200
        assert again.json()["id"] == first.json()["id"]
        assert again.json()["calculated"] is True
        assert Run.objects.count() == 1

    def test_another_under_the_same_id_is_a_conflict(self, client_of: APIClient) -> None:
        post(client_of, body(external_id="a"))

        other = post(client_of, body(external_id="a", device_count=9))

        assert other.status_code == 409
        assert other["Content-Type"] == "application/problem+json"
        assert "external_id" in other.json()["errors"]

    def test_without_an_id_every_run_is_new(self, client_of: APIClient) -> None:
        assert [post(client_of, body()).status_code for _ in range(2)] == [201, 201]

    def test_a_deleted_run_can_be_sent_again(self, client_of: APIClient) -> None:
        post(client_of, body(external_id="a"))
        delete_run(run=Run.objects.get(), by=None, now=NOW)

        assert post(client_of, body(external_id="a")).status_code == 201

    def test_another_project_may_use_the_same_id(
        self, client_of: APIClient, project: Project
    ) -> None:
        other = make_project(organisation=project.organisation)
        make_run(project=other, external_id="a")

        assert post(client_of, body(external_id="a")).status_code == 201


@pytest.mark.django_db
class TestLists:
    def test_each_row_has_its_own_result(self, client_of: APIClient) -> None:
        post(client_of, body(external_id="there"))
        rows = [
            body(external_id="b"),
            body(external_id="there"),
            body(external_id="there", device_count=2),
            body(duration_hours="x"),
            body(external_id="a"),
            body(external_id="a"),
            body(external_id="a", name="Other"),
            None,
            body(),
        ]

        response = post(client_of, rows)

        results = response.json()["results"]
        assert response.status_code == 200
        assert [one["status"] for one in results] == [201, 200, 409, 400, 201, 200, 409, 400, 201]
        assert results[4]["run"]["id"] == results[5]["run"]["id"]
        assert results[0]["run"]["external_id"] == "b"
        assert list(results[3]["errors"]) == ["duration_hours"]
        assert Run.objects.count() == 4

    def test_an_empty_list(self, client_of: APIClient) -> None:
        assert post(client_of, []).json() == {"results": []}

    def test_too_many(self, client_of: APIClient) -> None:
        assert post(client_of, [{}] * 10_001).status_code == 413

    def test_queries_do_not_grow_with_rows(self, client_of: APIClient) -> None:
        def queries(size: int) -> int:
            rows = [body(external_id=f"{size}-{n}", energy_kwh=1) for n in range(size)]
            with CaptureQueriesContext(connection) as captured:
                assert post(client_of, rows).status_code == 200
            return len(captured)

        assert queries(1200) <= 30
        assert queries(1900) == queries(1200 - 1)


@pytest.mark.django_db
class TestReading:
    def test_pages_latest_first(self, client_of: APIClient) -> None:
        rows = [body(external_id=str(n), started_at=f"2026-03-{n:02}T00:00:00Z") for n in (1, 3, 2)]
        post(client_of, rows)

        first = client_of.get(URL, {"limit": 2}).json()
        second = client_of.get(first["next"]).json()

        assert [run["external_id"] for run in first["results"]] == ["3", "2"]
        assert [run["external_id"] for run in second["results"]] == ["1"]
        assert second["next"] is None

    def test_filters(self, client_of: APIClient) -> None:
        post(client_of, [body(status="failed"), body(stage="data"), body()])

        assert len(client_of.get(URL, {"status": "failed"}).json()["results"]) == 1
        assert len(client_of.get(URL, {"stage": "data"}).json()["results"]) == 1
        assert client_of.get(URL, {"external_id": "none"}).json()["results"] == []
        assert client_of.get(URL, {"status": "odd"}).status_code == 400
        assert client_of.get(URL, {"external_id": "\x00"}).status_code == 400
        assert client_of.get(URL, {"cursor": "odd"}).status_code == 400

    def test_a_token_sees_its_project_only(self, client_of: APIClient, project: Project) -> None:
        other = make_run(project=make_project(organisation=project.organisation))
        foreign = make_run(project=make_project())
        deleted = make_run(project=project)
        delete_run(run=deleted, by=None, now=NOW)

        assert client_of.get(URL).json()["results"] == []
        for run in (other, foreign, deleted):
            response = client_of.get(f"{URL}{run.pk}/")
            assert response.status_code == 404
            assert response["Content-Type"] == "application/problem+json"

    def test_queries_do_not_grow_with_runs(self, client_of: APIClient) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                client_of.get(URL)
            return len(captured)

        post(client_of, [body()])
        calculate_all()
        alone = queries()
        post(client_of, [body() for _ in range(20)])
        calculate_all()

        assert queries() == alone <= 4

    def test_an_edited_run_shows_what_stands_until_it_is_calculated(
        self, client_of: APIClient
    ) -> None:
        post(client_of, body(external_id="a", power_watts=100))
        calculate_all()
        make_pending(Run.objects.get())

        (run,) = client_of.get(URL).json()["results"]

        assert run["calculated"] is False
        assert run["energy_it_kwh"] == 1


def make_pending(run: Run) -> None:
    run.pending.create(organisation=run.organisation)


def statement(example: WorkedExample) -> dict[str, Any]:
    """The example as a run."""
    return {
        "external_id": example.id,
        "started_at": "1990-01-01T00:00:00Z" if example.id == "strubell-nas" else START,
        "device_count": example.device_count,
        "duration_hours": example.duration_hours,
        "device_hours": example.device_hours,
        "power_watts": example.power_watts,
        "pue": example.pue,
        "grid_g_per_kwh": example.grid_g_per_kwh,
        "grid_source": "As published",
    }


@pytest.mark.django_db
def test_published_results_come_out_of_the_ledger(client_of: APIClient) -> None:
    results = post(client_of, [statement(one) for one in FULL_CHAINS]).json()["results"]
    assert [one["status"] for one in results] == [201] * 15
    calculate_all()

    runs = client_of.get(URL).json()["results"]

    kg = {run["external_id"]: run["location_based_kg"] for run in runs}
    for example in FULL_CHAINS:
        assert kg[example.id] == pytest.approx(example.published_kg, rel=example.tolerance)
    assert EmissionEntry.objects.filter(run__external_id="strubell-nas").count() == 376
    assert kg["strubell-nas"] / 0.45359237 == pytest.approx(626_155, rel=0.001)


@pytest.mark.django_db
def test_a_start_a_year_ahead_is_refused(client_of: APIClient) -> None:
    from django.utils import timezone

    ahead = (timezone.now() + timedelta(days=400)).isoformat()

    assert list(post(client_of, body(started_at=ahead)).json()["errors"]) == ["started_at"]
