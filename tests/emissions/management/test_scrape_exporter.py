"""Scraped from a real HTTP server that shows what a DCGM exporter shows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Thread
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from emissions.management.commands import pull_prometheus
from emissions.models import CounterSample, Project, Run
from tests.factories import make_organisation, make_project, make_team

pytestmark = pytest.mark.django_db
WATTS = 300


class Exporter(BaseHTTPRequestHandler):
    """Two devices: one with a counter, of which the other has only the power."""

    at = datetime(2026, 1, 1, tzinfo=UTC)
    reset_at = datetime(2026, 1, 1, tzinfo=UTC)
    pod = "train-1"
    body: str | None = None

    def do_GET(self) -> None:
        shown = type(self)
        stamp = int(shown.at.timestamp() * 1000)
        joules = WATTS * (shown.at - shown.reset_at).total_seconds()
        labels = (
            f'modelName="A100",Hostname="gpu01",namespace="nlp",pod="{shown.pod}",container="main"'
        )
        text = (
            "# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).\n"
            "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n"
            f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="GPU-a",{labels}}} 999 {stamp}\n'
            f'DCGM_FI_DEV_POWER_USAGE{{gpu="1",UUID="GPU-b",{labels}}} {WATTS} {stamp}\n'
            "# HELP DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION Total energy consumption (in mJ).\n"
            "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n"
            f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{gpu="0",UUID="GPU-a",{labels}}}'
            f" {joules * 1000:.0f} {stamp}\n"
        )
        content = (shown.body if shown.body is not None else text).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def yesterday() -> datetime:
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


@pytest.fixture
def exporter(yesterday: datetime) -> type[Exporter]:
    return type("Shown", (Exporter,), {"at": yesterday, "reset_at": yesterday - timedelta(days=9)})


@pytest.fixture
def address(exporter: type[Exporter]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), exporter)
    thread = Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project() -> Project:
    return make_project(make_team(make_organisation(slug="acme")), name="nlp")


def scrape(address: str, *arguments: str) -> str:
    out = StringIO()
    call_command("pull_prometheus", address, "--organisation", "acme", *arguments, stdout=out)
    return out.getvalue()


def look(exporter: type[Exporter], address: str, *moments: datetime) -> None:
    for exporter.at in moments:
        scrape(address, "--yes")


def energy() -> dict[str, float]:
    return {
        run.name.split(",")[0]: run.energy_kwh or 0 for run in Run.objects.alive().order_by("pk")
    }


def test_energy_between_two_looks(
    exporter: type[Exporter], address: str, project: Project, yesterday: datetime
) -> None:
    assert "2 devices seen" in scrape(address)
    assert not CounterSample.objects.exists()
    assert "ask again later" in scrape(address, "--yes")
    quarters = [yesterday + timedelta(minutes=10 * at) for at in range(1, 7)]
    look(exporter, address, *quarters)

    # The counter comes before the power, which only the other device is measured by.
    (run,) = Run.objects.all()
    assert run.energy_kwh == pytest.approx(2 * WATTS / 1000)
    assert (run.device_count, run.duration_hours) == (2, 1)
    assert (run.project, run.source_kind, run.energy_measured) == (project, "prometheus", True)
    assert run.started_at == yesterday

    # Seen twice at the same moment: nothing is added.
    look(exporter, address, quarters[-1])
    assert Run.objects.get().energy_kwh == run.energy_kwh


def test_a_counter_that_was_reset_counts_from_nought(
    exporter: type[Exporter], address: str, project: Project, yesterday: datetime
) -> None:
    exporter.reset_at = yesterday
    look(exporter, address, yesterday, yesterday + timedelta(hours=5))
    exporter.reset_at = yesterday + timedelta(hours=5)
    look(exporter, address, yesterday + timedelta(hours=7))
    # Of the second device no power is known over hours: its samples lie too far apart.
    assert Run.objects.get().energy_kwh == pytest.approx(WATTS * 7 / 1000)


def test_what_was_used_before_a_pod_changed_is_the_earlier_pod_s(
    exporter: type[Exporter], address: str, project: Project, yesterday: datetime
) -> None:
    look(exporter, address, yesterday)
    exporter.pod = "train-2"
    look(exporter, address, yesterday + timedelta(hours=4), yesterday + timedelta(hours=5))
    assert energy() == {
        "train-1": pytest.approx(WATTS * 4 / 1000),
        "train-2": pytest.approx(WATTS / 1000),
    }


def test_killed_before_the_import_nothing_is_lost(
    exporter: type[Exporter], address: str, project: Project, yesterday: datetime
) -> None:
    look(exporter, address, yesterday)
    with (
        patch.object(pull_prometheus, "call_command", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        look(exporter, address, yesterday + timedelta(hours=1))
    assert not Run.objects.exists()
    look(exporter, address, yesterday + timedelta(hours=2))
    assert Run.objects.get().energy_kwh == pytest.approx(WATTS * 2 / 1000)


def test_old_days_are_forgotten_and_their_runs_stay(
    exporter: type[Exporter], address: str, project: Project, yesterday: datetime
) -> None:
    old = yesterday - timedelta(days=5)
    exporter.reset_at = old - timedelta(days=1)
    look(exporter, address, old, old + timedelta(hours=6))
    look(exporter, address, yesterday, yesterday + timedelta(hours=1))
    look(exporter, address, yesterday + timedelta(hours=2))
    assert not CounterSample.objects.filter(at__lt=yesterday).exists()
    found = {run.started_at: run.energy_kwh for run in Run.objects.alive()}
    # Nobody looked for days: what was used belongs to the day when that began.
    assert found == {
        old: pytest.approx(WATTS * 24 * 5 / 1000),
        yesterday: pytest.approx(WATTS * 2 / 1000),
    }


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("", "shows no DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),
        ("up 1\n", "shows no DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),
        ('DCGM_FI_DEV_POWER_USAGE{gpu="0" 1\n', "not Prometheus' text format"),
        ("<html>", "not Prometheus' text format"),
    ],
)
def test_what_is_wrong_is_said(
    exporter: type[Exporter], address: str, project: Project, body: str, word: str
) -> None:
    exporter.body = body
    with pytest.raises(CommandError, match=word):
        scrape(address, "--yes")
    assert not CounterSample.objects.exists()


def test_an_organisation_that_is_none(address: str) -> None:
    with pytest.raises(CommandError, match="no organisation"):
        scrape(address)
