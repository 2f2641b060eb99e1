"""CodeCarbon's own API client over real gunicorn: 32 at once, none may wait for two seconds."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

from bench.api import gunicorn
from bench.measures import NOW, Measure
from emissions.models import EnergyPost
from emissions.services.streams.fold import fold_streams
from emissions.services.tokens import create_token
from tests import factories
from tests.servers import Servers

CLIENTS, PROCESSES = 32, 4
POSTS_EACH = 60
GIVES_UP_AFTER_SECONDS = 2.0
"""The client's timeout; it does not repeat a post."""


def measure(*, servers: Servers) -> list[Measure]:
    """Return posts per second and the slowest answer; the server is started and ended here."""
    factories.make_reference()
    organisation = factories.make_organisation(slug="bench-codecarbon")
    project = factories.make_project(organisation=organisation)
    _, token = create_token(organisation=organisation, project=project, by=None, now=NOW)
    with gunicorn(servers) as port:
        trackers = [_trackers(port, token) for _ in range(PROCESSES)]
        for one in trackers:
            _told(one)
        before = EnergyPost.objects.count()
        start = time.perf_counter()
        for one in trackers:
            _tell(one)
        seconds = sorted(second for one in trackers for second in json.loads(_told(one)))
        took = time.perf_counter() - start
    assert [one.wait(30) for one in trackers] == [0] * PROCESSES
    stored = EnergyPost.objects.count() - before
    assert len(seconds) == CLIENTS * POSTS_EACH
    lost = len(seconds) - stored
    start = time.perf_counter()
    fold_streams(now=datetime.now(UTC), at_once=True)
    folding = time.perf_counter() - start
    slowest = seconds[-1]
    return [
        _value(f"CodeCarbon posts, {CLIENTS} clients at once", len(seconds) / took, "1/s"),
        _value("95 % of them within", seconds[len(seconds) * 95 // 100] * 1000, "ms"),
        {
            "name": "the slowest of them, to what a client waits",
            "value": round(slowest * 1000, 1),
            "unit": "ms",
            "baseline": GIVES_UP_AFTER_SECONDS * 1000,
            "ratio": round(slowest / GIVES_UP_AFTER_SECONDS, 2),
            "aim": 1.0,
        },
        {**_value("of them not stored", lost, "posts"), "ratio": float(lost), "aim": 0.0},
        _value("CodeCarbon posts folded into hours and runs", stored / folding, "1/s"),
    ]


def _trackers(port: int, token: str) -> "subprocess.Popen[str]":
    """Start a part of the clients; each says when its runs have begun."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.trackers"]
    return subprocess.Popen(
        [*command, f"http://127.0.0.1:{port}/codecarbon", token, str(CLIENTS // PROCESSES),
         str(POSTS_EACH)],
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def _told(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, "a client has given up"
    return said


def _tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _value(name: str, value: float, unit: str) -> Measure:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "aim": None,
    }
