"""The API over real gunicorn: single runs against a view that does nothing, and whole lists."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from typing import Any

from bench.measures import NOW, Measure
from emissions.models import Run
from emissions.services.tokens import create_token
from tests import factories
from tests.servers import Servers

CONCURRENCY = (1, 4, 16)
ROUNDS = 4
PER_ROUND = 150
LIST_LENGTH, LISTS = 10_000, 4
NOTHING, RUNS = "/nothing/", "/api/v1/runs/"
AIM = 3.0
_numbers = count(1)


def measure(*, servers: Servers) -> list[Measure]:
    """Return single and bulk POSTs; the server is started and ended here."""
    factories.make_reference()
    organisation = factories.make_organisation("bench-api")
    project = factories.make_project(organisation=organisation)
    factories.make_site(organisation, slug="bench")
    _, token = create_token(organisation=organisation, project=project, by=None, now=NOW)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with gunicorn(servers) as port:
        asking = Asking(port, headers)
        asking.times(RUNS, 30, concurrency=4)  # Until every thread has its connections.
        found = [one for clients in CONCURRENCY for one in _single(asking, clients)]
        found.append(_bulk(asking))
    assert Run.objects.filter(project=project).count() >= LIST_LENGTH * LISTS
    return found


class Asking:
    """Clients that post one after the other, each on a connection of its own."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.port, self.headers = port, headers

    def times(self, path: str, requests: int, *, concurrency: int) -> tuple[float, list[float]]:
        """Return the seconds that all requests took together, and those of each."""
        each = requests // concurrency
        with ThreadPoolExecutor(concurrency) as pool:
            start = time.perf_counter()
            found = list(pool.map(lambda _: self._client(path, each), range(concurrency)))
            return time.perf_counter() - start, [one for seconds in found for one in seconds]

    def post(self, path: str, body: Any) -> Any:
        """Post once; return what is answered."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=120)
        link.request("POST", path, json.dumps(body), self.headers)
        answer = json.loads(link.getresponse().read())
        link.close()
        return answer

    def _client(self, path: str, requests: int) -> list[float]:
        link = HTTPConnection("127.0.0.1", self.port, timeout=60)
        found = []
        for _ in range(requests):
            body = json.dumps(_run())
            start = time.perf_counter()
            link.request("POST", path, body, self.headers)
            answer = link.getresponse()
            text = answer.read()
            found.append(time.perf_counter() - start)
            assert answer.status in (200, 201), text
        link.close()
        return found


def _run() -> dict[str, Any]:
    return {
        "external_id": f"job-{next(_numbers)}",
        "name": "ViT-L, third sweep",
        "started_at": "2026-03-01T09:00:00Z",
        "duration_hours": 12.5,
        "hardware": "A100",
        "device_count": 8,
        "site": "bench",
    }


def _single(asking: Asking, clients: int) -> list[Measure]:
    """Measure single runs and nothing in turns, so that both meet the same machine."""
    seconds = {NOTHING: 0.0, RUNS: 0.0}
    latencies: dict[str, list[float]] = {NOTHING: [], RUNS: []}
    for _ in range(ROUNDS):
        for path in seconds:
            took, each = asking.times(path, PER_ROUND, concurrency=clients)
            seconds[path] += took
            latencies[path] += each
    rates = {path: len(latencies[path]) / seconds[path] for path in seconds}
    p95 = {path: sorted(each)[len(each) * 95 // 100] * 1000 for path, each in latencies.items()}
    return [
        {
            "name": f"POST of one run, {clients} at once, to nothing",
            "value": round(rates[RUNS], 1),
            "unit": "1/s",
            "baseline": round(rates[NOTHING], 1),
            "ratio": round(rates[NOTHING] / rates[RUNS], 2),
            "aim": AIM,
        },
        {
            "name": f"95 % of POSTs of one run, {clients} at once, within",
            "value": round(p95[RUNS], 1),
            "unit": "ms",
            "baseline": round(p95[NOTHING], 1),
            "ratio": round(p95[RUNS] / p95[NOTHING], 2),
            "aim": None,
        },
    ]


def _bulk(asking: Asking) -> Measure:
    start = time.perf_counter()
    for _ in range(LISTS):
        answer = asking.post(RUNS, [_run() for _ in range(LIST_LENGTH)])
        assert all(one["status"] == 201 for one in answer["results"])
    took = time.perf_counter() - start
    return {
        "name": f"runs in lists of {LIST_LENGTH:,} over the API",
        "value": round(LIST_LENGTH * LISTS / took, 1),
        "unit": "1/s",
        "baseline": None,
        "ratio": None,
        "aim": None,
    }


@contextmanager
def gunicorn(servers: Servers) -> Iterator[int]:
    """Serve as the product is served, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {
        **servers.environment,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "BIND": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
    server = subprocess.Popen([*command, "--log-level=warning"], env=environment)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn does not listen")
