"""The examples of README.md and docs/api.md, run as a reader would: by a shell, over HTTP."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from emissions.models import CloudRegion, Project, Run
from emissions.services.tokens import create_token
from tests.factories import (
    NOW,
    make_alias,
    make_member,
    make_node,
    make_project,
    make_reference,
    make_site,
)

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"https://tonne\.example\.org|http://localhost:8000")
#: Every answer that is not a success ends the example; a reader sees what was answered.
SHELL = 'set -eu\ncurl() { command curl --fail-with-body --silent --show-error "$@"; echo; }\n'
FILE = """\
project_name,run_id,timestamp,duration,emissions,energy_consumed,country_name,country_iso_code
vision,a-run,2026-03-01T10:00:00,3600,0.1,1.0,France,FRA
"""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for name, code in BLOCK.findall(text) if name == language]


def commands(page: str) -> list[str]:
    """Return the shell examples that ask the API, without those that need the product's own."""
    return [code for code in blocks(page, "sh") if "curl " in code and "manage.py" not in code]


def make_named() -> None:
    """Make the hardware and the cloud region that the examples name."""
    known = make_reference()
    make_alias(known["a100"], spelling="A100 80GB")
    CloudRegion.objects.create(
        provider="gcp", region="europe-west1", location="St. Ghislain", zone=known["FR"], pue=1.09,
        pue_source="Provider",
    )  # fmt: skip


@pytest.fixture
def project(live_server: LiveServer) -> Project:
    """What the examples name: a node and a site in a project's organisation."""
    make_named()
    project = make_project(slug="vision")
    site = make_site(project.organisation, slug="lulea")
    make_node(site=site, name="dgx-1")
    return project


def shell(code: str, server: LiveServer, token: str, folder: Path) -> str:
    (folder / "emissions.csv").write_text(FILE, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", SHELL + ADDRESS.sub(server.url, code)],
        env={"PATH": os.environ["PATH"], "TOKEN": token},
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_examples_of_the_shell(
    page: str, project: Project, live_server: LiveServer, tmp_path: Path
) -> None:
    organisation = project.organisation
    _, token = create_token(organisation=organisation, project=project, by=None, now=NOW)

    answers = [shell(code, live_server, token, tmp_path) for code in commands(page)]

    assert len(answers) >= 2
    for line in "".join(answers).splitlines():
        if line:
            answer = json.loads(line)
            assert "errors" not in (answer.get("results") or [{}])[0], line
    assert Run.objects.filter(project=project).exists()


@pytest.mark.django_db(transaction=True)
def test_the_example_in_python(project: Project, live_server: LiveServer) -> None:
    organisation = project.organisation
    _, token = create_token(organisation=organisation, project=project, by=None, now=NOW)
    (code,) = blocks("docs/api.md", "python")

    exec(ADDRESS.sub(live_server.url, code), {"token": token})

    assert Run.objects.get().energy_measured


def shape(value: Any) -> Any:
    """Return the names in an answer, without its values; of a list, those of its first."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def documented() -> list[Any]:
    return [json.loads(code) for code in blocks("docs/api.md", "json")]


@pytest.mark.django_db
class TestAnswers:
    def test_of_the_calculator(self) -> None:
        make_named()
        question = re.search(r"-d '(.*?)'", commands("docs/api.md")[0], re.DOTALL)
        assert question is not None
        client = APIClient()

        good = client.post("/api/v1/calculator/", json.loads(question[1]), format="json")
        bad = client.post("/api/v1/calculator/", {"runs": [{"hardware": "Z9000"}]}, format="json")

        shown = documented()[0]["results"]
        assert shape(good.json()["results"][0]) == shape(shown[0])
        assert bad.json()["results"][0]["errors"]["hardware"][0].startswith(
            shown[1]["errors"]["hardware"][0]
        )

    def test_of_a_list(self) -> None:
        make_reference()
        project = make_project()
        _, token = create_token(
            organisation=project.organisation, project=project, by=None, now=NOW
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        row = {"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 1, "duration_hours": 1}
        client.post("/api/v1/runs/", {**row, "external_id": "b"}, format="json")

        rows = [
            {**row, "external_id": "a"},
            {**row, "external_id": "b"},
            {**row, "external_id": "b", "energy_kwh": 2},
            {**row, "energy_kwh": "1"},
        ]
        answer = client.post("/api/v1/runs/", rows, format="json").json()["results"]

        shown = documented()[1]["results"]
        assert [one["status"] for one in answer] == [one["status"] for one in shown]
        assert [one.get("errors") for one in answer] == [one.get("errors") for one in shown]
        assert set(shown[0]["run"]) - {"…"} <= set(answer[0]["run"])

    def test_of_an_error(self) -> None:
        make_reference()
        member = make_member()
        _, token = create_token(
            organisation=member.organisation, person=member.user, by=None, now=NOW
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

        answer = client.post("/api/v1/runs/", {"project": "x", "energy_kwh": 1}, format="json")

        shown = documented()[-1]
        assert set(answer.json()) == set(shown)
        assert "started_at" in answer.json()["errors"]
        assert {name: answer.json()[name] for name in ("type", "title", "status", "detail")} == {
            name: shown[name] for name in ("type", "title", "status", "detail")
        }
