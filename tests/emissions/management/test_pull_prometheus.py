"""Pulled from a real HTTP server that answers as Prometheus does."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from emissions.models import Project, Run
from tests.factories import make_organisation, make_project, make_team

pytestmark = pytest.mark.django_db
WATTS = 300


class Prometheus(BaseHTTPRequestHandler):
    """A counter of millijoules that grows by 300 W, and was reset six hours into each day."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path != "/api/v1/query_range" or "broken" in asked["query"]:
            self._say(400, {"status": "error", "error": "parse error"})
            return
        moments = range(int(asked["start"]), int(asked["end"]) + 1, int(asked["step"]))
        values = [[at, str((at - 21_600) % 86_400 * WATTS * 1000)] for at in moments]
        metric = {"__name__": asked["query"], "gpu": "0", "Hostname": "gpu01", "namespace": "nlp",
                  "pod": "train-1", "modelName": "A100"}  # fmt: skip
        result = [{"metric": metric, "values": values}]
        self._say(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    thread = Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project() -> Project:
    return make_project(make_team(make_organisation(slug="acme")), name="nlp")


def pull(address: str, *arguments: str) -> str:
    out = StringIO()
    call_command("pull_prometheus", address, "--organisation", "acme", *arguments, stdout=out)
    return out.getvalue()


def test_days_of_energy_become_runs(address: str, project: Project) -> None:
    said = pull(address, "--days", "2", "--step", "600")
    assert "Prometheus range query" in said
    assert not Run.objects.exists()

    assert "Imported" in pull(address, "--days", "2", "--step", "600", "--yes")
    today = timezone.now().astimezone(UTC).date()
    runs = {run.started_at.date(): run for run in Run.objects.filter(duration_hours__gt=1)}
    for day in (today - timedelta(days=1), today - timedelta(days=2)):
        run = runs[day]
        assert run.energy_kwh == pytest.approx(WATTS * 24 / 1000, rel=0.01)
        assert (run.project, run.source_kind, run.energy_measured) == (project, "prometheus", True)
        assert run.hardware is not None
        assert run.started_at == datetime(day.year, day.month, day.day, tzinfo=UTC)

    assert "Imported" not in pull(address, "--days", "2", "--step", "600", "--yes")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--query", "broken("], "answers 400"),
        (["--metric", "up"], "no energy that we know"),
        (["--days", "0"], "1 to 400"),
    ],
)
def test_what_is_wrong_is_said(
    address: str, project: Project, arguments: list[str], word: str
) -> None:
    with pytest.raises(CommandError, match=word):
        pull(address, *arguments)


def test_an_address_that_does_not_answer(project: Project) -> None:
    for address in ("http://127.0.0.1:9", "file:///etc/passwd"):
        with pytest.raises(CommandError):
            pull(address)
