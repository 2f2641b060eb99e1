"""The endpoint of CodeCarbon clients, with the bodies that they send."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role, TokenScope
from emissions.models import (
    ApiToken,
    EnergyPost,
    EnergyStream,
    Experiment,
    Project,
    Run,
    UnfoldedPost,
)
from emissions.services.manage_experiments import default_experiment
from emissions.services.streams.fold import fold_streams
from emissions.services.tokens import create_token, revoke_token
from tests.codecarbon_bodies import RUN_3, TOTAL_3, post_2, post_3, run_2
from tests.factories import NOW, calculate_all, make_member, make_project, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def experiment(project: Project) -> Experiment:
    return default_experiment(project=project, by=None, now=NOW)


@pytest.fixture
def tracker(token: tuple[ApiToken, str]) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_X_API_TOKEN=token[1])
    return client


def send(client: APIClient, path: str, body: Any) -> Any:
    return client.post(f"/codecarbon{path}", body, format="json")


@pytest.fixture
def run_id(tracker: APIClient, experiment: Experiment) -> str:
    response = send(tracker, "/runs", {**RUN_3, "experiment_id": str(experiment.uuid)})
    assert response.status_code == 201, response.content
    return str(response.json()["id"])


class TestATrackerBegins:
    def test_it_gets_the_id_of_its_run(self, tracker, experiment, run_id):
        stream = EnergyStream.objects.get(uuid=run_id)
        assert stream.experiment == experiment
        assert (stream.gpu_model, stream.gpu_count) == ("8 x NVIDIA H100", 8)
        assert stream.is_whole_machine
        assert not Run.objects.exists()

    def test_a_client_of_2_8_is_taken_too(self, tracker, experiment):
        response = send(tracker, "/runs", run_2(experiment.uuid))
        assert response.status_code == 201, response.content

    @pytest.mark.parametrize("path", ["/runs", "//runs", "/runs/", "//runs//"])
    def test_slashes_are_never_redirected(self, tracker, experiment, path):
        response = send(tracker, path, {**RUN_3, "experiment_id": str(experiment.uuid)})
        assert response.status_code == 201

    def test_the_default_experiment_needs_no_id(self, tracker, project):
        response = send(tracker, "/runs", {**RUN_3, "experiment_id": "default"})
        assert response.status_code == 201
        made = Experiment.objects.get(project=project, is_default=True)
        assert response.json()["experiment_id"] == str(made.uuid)

    def test_the_default_experiment_stands_at_an_only_site(self, tracker, project):
        site = make_site(project.organisation)
        send(tracker, "/runs", {**RUN_3, "experiment_id": "default"})
        assert Experiment.objects.get(project=project).site == site

    def test_two_trackers_get_two_runs(self, tracker, experiment, run_id):
        again = send(tracker, "/runs", {**RUN_3, "experiment_id": str(experiment.uuid)})
        assert again.json()["id"] != run_id

    def test_an_experiment_of_another_project_is_not_found(self, tracker):
        other = default_experiment(project=make_project(), by=None, now=NOW)
        response = send(tracker, "/runs", {**RUN_3, "experiment_id": str(other.uuid)})
        assert response.status_code == 404
        assert "default" in response.json()["detail"]

    def test_an_archived_project_takes_nothing(self, tracker, project):
        Project.objects.filter(pk=project.pk).update(archived_at=NOW)
        response = send(tracker, "/runs", {**RUN_3, "experiment_id": "default"})
        assert response.status_code == 403

    def test_an_odd_machine_is_taken_all_the_same(self, tracker):
        odd = {"cpu_count": "many", "gpu_count": -3, "os": "x" * 5000, "cpu_model": "a\x00b",
               "gpu_model": None, "longitude": "somewhere", "ram_total_size": 1e300,
               "unheard_of": {"deep": [1]}}  # fmt: skip
        response = send(tracker, "/runs", {**RUN_3, "experiment_id": "default", **odd})
        assert response.status_code == 201, response.content
        stream = EnergyStream.objects.get(uuid=response.json()["id"])
        assert (stream.cpu_model, len(stream.os), stream.cpu_count) == ("ab", 200, None)


class TestWhoMay:
    def test_a_token_that_adds_runs_only(self, project, ingest):
        client = APIClient()
        client.credentials(HTTP_X_API_TOKEN=ingest)
        answer = send(client, "/runs", {**RUN_3, "experiment_id": "default"})
        assert answer.status_code == 201
        assert send(client, "/emissions", post_3(answer.json()["id"])).status_code == 201
        assert client.get("/codecarbon/organizations").status_code == 403
        assert send(client, "/experiments", {"name": "New"}).status_code == 403

    def test_a_right_token_is_heard_after_many_wrong_ones(self, tracker, run_id, settings):
        wrong = APIClient()
        wrong.credentials(HTTP_X_API_TOKEN="tonne_wrong")
        answers = [send(wrong, "/emissions", {}).status_code for _ in range(70)]
        assert set(answers) == {401, 429}
        assert send(tracker, "/emissions", post_3(run_id)).status_code == 201

    def test_a_person_in_their_own_name(self):
        researcher = make_member(Role.RESEARCHER)
        project = make_project(researcher.team)
        make_project(organisation=project.organisation)
        experiment = default_experiment(project=project, by=None, now=NOW)
        _, plain = create_token(
            organisation=project.organisation, person=researcher.user, by=None, now=NOW
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
        path = f"/codecarbon/organizations/{project.organisation.slug}/projects"
        assert [one["id"] for one in client.get(path).json()] == [project.slug]
        answer = send(client, "/runs", {**RUN_3, "experiment_id": str(experiment.uuid)})
        assert answer.status_code == 201
        assert EnergyStream.objects.get().created_by == researcher.user
        assert send(client, "/runs", {**RUN_3, "experiment_id": "default"}).status_code == 404
        answer = send(client, f"/projects/{project.slug}/api-tokens", {})
        assert answer.status_code == 403

    def test_an_admin_s_command_line_makes_a_token_that_adds_runs(self):
        admin = make_member(Role.ADMIN)
        project = make_project(organisation=admin.organisation)
        _, plain = create_token(
            organisation=admin.organisation,
            person=admin.user,
            scope=TokenScope.ADMIN,
            by=None,
            now=NOW,
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
        answer = send(client, f"/projects/{project.slug}/api-tokens", {})
        assert answer.status_code == 201
        made = ApiToken.objects.get(project=project)
        assert made.scope == TokenScope.INGEST
        client.credentials(HTTP_X_API_TOKEN=answer.json()["token"])
        answer = send(client, "/runs", {**RUN_3, "experiment_id": "default"})
        assert answer.status_code == 201

    def test_nobody_without_a_token(self, run_id):
        response = send(APIClient(), "/emissions", post_3(run_id))
        assert response.status_code == 401
        assert response["WWW-Authenticate"]

    def test_nobody_with_a_revoked_one(self, tracker, token, run_id):
        revoke_token(token=token[0], by=None, now=NOW)
        assert send(tracker, "/emissions", post_3(run_id)).status_code == 401
        assert send(tracker, "/runs", RUN_3).status_code == 401
        assert not EnergyPost.objects.exists()

    def test_a_token_of_another_project_finds_no_run(self, run_id):
        project = make_project()
        _, plain = create_token(
            organisation=project.organisation, project=project, by=None, now=NOW
        )
        other = APIClient()
        other.credentials(HTTP_X_API_TOKEN=plain)
        assert send(other, "/emissions", post_3(run_id)).status_code == 404


class TestAPost:
    def test_it_is_stored_as_it_came(self, tracker, run_id):
        response = send(tracker, "/emissions", post_3(run_id))
        assert response.status_code == 201, response.content
        post = EnergyPost.objects.get()
        assert post.energy_kwh == 2.590e-05
        assert post.memory_energy_kwh == 1.333e-05
        assert post.gpu_utilisation == 0
        assert UnfoldedPost.objects.get().post == post

    def test_the_same_again_counts_once(self, tracker, run_id):
        for _ in range(3):
            assert send(tracker, "/emissions", post_3(run_id)).status_code == 201
        assert EnergyPost.objects.count() == UnfoldedPost.objects.count() == 1

    def test_another_of_the_same_moment_counts_too(self, tracker, run_id):
        for duration in (2, 3):
            send(tracker, "/emissions", post_3(run_id, duration=duration))
        assert EnergyPost.objects.count() == 2

    def test_one_of_2_8_has_no_utilisation(self, tracker, run_id):
        assert send(tracker, "/emissions", post_2(run_id)).status_code == 201
        assert EnergyPost.objects.get().cpu_utilisation is None

    def test_unknown_fields_are_ignored(self, tracker, run_id):
        body = post_3(run_id, water="a lot", nested={"a": "\x00"})
        assert send(tracker, "/emissions", body).status_code == 201

    def test_nothing_is_updated(self, tracker, run_id, django_assert_num_queries):
        with django_assert_num_queries(3) as queries:
            send(tracker, "/emissions", post_3(run_id))
        assert not [query for query in queries if query["sql"].startswith("UPDATE")]

    def test_its_own_emissions_may_fall_when_the_grid_gets_cleaner(self, tracker, run_id):
        body = post_3(run_id, emissions_sum=-1e-6)
        assert send(tracker, "/emissions", body).status_code == 201

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("energy_consumed", -1.0),
            ("energy_consumed", None),
            ("energy_consumed", "much"),
            ("energy_consumed", True),
            ("energy_consumed", 1e6),
            ("cpu_energy", -0.5),
            ("gpu_energy", 1e308),
            ("duration", -1),
            ("duration", 1e12),
            ("emissions_sum", 1e300),
            ("timestamp", "yesterday"),
            ("timestamp", "1970-01-01T00:00:00+00:00"),
            ("timestamp", 12),
            ("timestamp", "0001-01-01T00:00:00+14:00"),
            ("run_id", "7"),
            ("run_id", None),
        ],
    )
    def test_what_cannot_be_is_refused_with_the_field(self, tracker, run_id, field, value):
        response = send(tracker, "/emissions", {**post_3(run_id), field: value})
        assert response.status_code == 422, response.content
        assert field in response.json()["errors"]
        assert not EnergyPost.objects.exists()

    @pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
    def test_what_is_no_number_in_json_is_refused(self, tracker, run_id, constant):
        body = json.dumps(post_3(run_id)).replace("2.59e-05", constant)
        assert constant in body
        response = tracker.post("/codecarbon/emissions", body, content_type="application/json")
        assert response.status_code == 400
        assert "not a number" in response.json()["detail"]

    @pytest.mark.parametrize("body", ["[]", "3", "null", '"text"', "{", "", "{}"])
    def test_what_is_no_post_is_refused(self, tracker, body):
        for path in ("/runs", "/emissions"):
            response = tracker.post(f"/codecarbon{path}", body, content_type="application/json")
            assert response.status_code in (400, 422), (path, body)

    def test_a_large_body_is_refused(self, tracker, run_id):
        response = send(tracker, "/emissions", post_3(run_id, padding="x" * 70_000))
        assert response.status_code == 413

    def test_a_hair_below_nothing_is_nothing(self, tracker, run_id):
        assert send(tracker, "/emissions", post_3(run_id, gpu_energy=-1e-18)).status_code == 201
        assert EnergyPost.objects.get().gpu_energy_kwh == 0


@pytest.fixture
def ingest(project: Project) -> str:
    return create_token(
        organisation=project.organisation,
        project=project,
        scope=TokenScope.INGEST,
        by=None,
        now=NOW,
    )[1]


class TestTotals:
    def test_the_token_stands_in_the_address(self, ingest, project):
        client = APIClient()
        response = send(client, f"/emissions/{ingest}", TOTAL_3)
        assert response.status_code == 201, response.content
        stream = EnergyStream.objects.get()
        assert stream.is_cumulative
        assert stream.experiment.project == project

    def test_a_wrong_one_is_refused(self, db):
        response = send(APIClient(), "/emissions/tonne_nothing", TOTAL_3)
        assert response.status_code == 401

    def test_a_token_that_may_read_is_not_taken_from_an_address(self, token):
        response = send(APIClient(), f"/emissions/{token[1]}", TOTAL_3)
        assert response.status_code == 401
        assert "adds runs" in response.json()["detail"]

    def test_growing_totals_are_one_stream(self, ingest):
        for seconds in (10.5, 20.5, 20.5):
            body = {**TOTAL_3, "duration": seconds}
            assert send(APIClient(), f"/emissions/{ingest}", body).status_code == 201
        assert EnergyStream.objects.count() == 1

    def test_pue_is_taken_out(self, ingest):
        send(APIClient(), f"/emissions/{ingest}", {**TOTAL_3, "pue": 2.0})
        assert EnergyPost.objects.get().energy_kwh == TOTAL_3["energy_consumed"] / 2

    def test_runs_without_an_id_are_told_apart(self, ingest):
        for project in ("a", "b", "b"):
            body = {**TOTAL_3, "run_id": "None", "project_name": project}
            send(APIClient(), f"/emissions/{ingest}", body)
        assert EnergyStream.objects.count() == 2


@pytest.fixture
def person(token: tuple[ApiToken, str]) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token[1]}")
    return client


class TestTheCommandLine:
    def test_it_walks_from_the_organisation_to_a_token(self, person, project, token):
        (organisation,) = person.get("/codecarbon/organizations").json()
        assert organisation["name"] == project.organisation.name
        path = f"/codecarbon/organizations/{organisation['id']}"
        assert person.get(path).json() == organisation
        (found,) = person.get(f"{path}/projects").json()
        assert found["name"] == project.name
        assert person.get(f"/codecarbon/projects/{found['id']}").json() == found
        (experiment,) = person.get(f"/codecarbon/projects/{found['id']}/experiments").json()
        assert experiment["name"] == "Default"
        shown = person.get(f"/codecarbon/experiments/{experiment['id']}").json()
        assert shown["project_id"] == found["id"]
        answer = send(person, f"/projects/{found['id']}/api-tokens", {"name": "api token"})
        assert answer.status_code == 201
        assert answer.json()["token"] == token[1]
        assert ApiToken.objects.count() == 1

    def test_a_new_experiment_has_the_place_that_it_states(self, person, project):
        body = {"name": "Frankfurt", "description": "", "on_cloud": True, "country_name": None,
                "country_iso_code": None, "region": None, "cloud_provider": "GCP",
                "cloud_region": "europe-west3", "project_id": project.slug}  # fmt: skip
        answer = send(person, "/experiments", body)
        assert answer.status_code == 201, answer.content
        made = Experiment.objects.get(uuid=answer.json()["id"])
        assert str(made.cloud_region) == "gcp:europe-west3"
        again = send(person, "/experiments", body)
        assert again.status_code == 422

    @pytest.mark.parametrize(
        ("stated", "zone"),
        [
            ({"country_name": "France"}, "FR"),
            ({"country_iso_code": "FRA"}, "FR"),
            ({"country_iso_code": "fra", "region": "ile-de-france"}, "FR"),
            ({"country_iso_code": "FRA", "country_name": "Frankreich"}, "FR"),
            ({"country_iso_code": "USA", "region": "california"}, "US-CA"),
            ({"country_iso_code": "FRA", "region": "California"}, "FR"),
            ({"country_iso_code": "FRA", "cloud_provider": "HAL", "cloud_region": "x"}, "FR"),
            ({"country_iso_code": "Auto"}, None),
            ({}, None),
        ],
    )
    def test_a_new_experiment_stands_in_the_country_that_it_states(
        self, person, project, stated, zone
    ):
        body = {"name": "At home", "description": "", "on_cloud": False, "country_name": None,
                "country_iso_code": None, "region": None, "cloud_provider": None,
                "cloud_region": None, "project_id": project.slug}  # fmt: skip
        answer = send(person, "/experiments", {**body, **stated})
        assert answer.status_code == 201, answer.content
        made = Experiment.objects.get(uuid=answer.json()["id"])
        assert (made.zone and made.zone.code) == zone
        assert made.cloud_region is None

    def test_where_a_client_thinks_that_it_is_places_nothing(self, tracker, experiment):
        there = {"longitude": -71.2, "latitude": 46.8, "region": "us-east-1", "provider": "aws"}
        body = {**RUN_3, **there, "experiment_id": str(experiment.uuid)}
        run_id = send(tracker, "/runs", body).json()["id"]
        send(tracker, "/emissions", post_3(run_id))
        fold_streams(now=NOW)
        run = Run.objects.get()
        assert (run.site, run.cloud_region, run.zone) == (None, None, None)

    def test_what_a_token_may_not_make_is_said(self, person):
        for path in ("/organizations", "/projects"):
            answer = send(person, path, {"name": "New", "description": ""})
            assert answer.status_code == 403
            assert "Settings" in answer.json()["detail"]

    def test_other_things_are_not_found(self, person):
        other = default_experiment(project=make_project(), by=None, now=NOW)
        for path in (
            f"organizations/{other.organisation.slug}",
            f"organizations/{other.organisation.slug}/projects",
            f"projects/{other.project.slug}",
            f"projects/{other.project.slug}/experiments",
            f"experiments/{other.uuid}",
            "experiments/nothing",
        ):
            assert person.get(f"/codecarbon/{path}").status_code == 404, path

    def test_signing_in_is_checked(self, person):
        assert person.get("/codecarbon/auth/check").status_code == 200
        assert APIClient().get("/codecarbon/auth/check").status_code == 401


class TestWhatItsOwnServerDoesNot:
    """It answers 500 for a period without runs, and has no bulk, no export, no time series."""

    @pytest.mark.parametrize("period", ["1999", "2026-Q3", "2031-02"])
    def test_a_period_in_which_nothing_ran_is_answered(self, person, run_id, period):
        for by in ("", "month", "team,project", "site"):
            answer = person.get("/api/v1/totals/", {"period": period, "by": by})
            assert answer.status_code == 200, answer.content
            assert all(row["runs"] == 0 for row in answer.json()["results"])

    def test_what_trackers_sent_is_a_time_series_and_a_list(self, person, tracker, run_id):
        send(tracker, "/emissions", post_3(run_id, energy_consumed=0.04, duration=120))
        fold_streams(now=NOW)
        calculate_all()
        (month,) = person.get("/api/v1/totals/", {"by": "month"}).json()["results"]
        assert month["month"]["key"] == "2026-06"
        assert month["runs"] == 1
        (run,) = person.get("/api/v1/runs/").json()["results"]
        assert run["external_id"] == run_id
        assert run["energy_kwh"] == pytest.approx(0.04)
