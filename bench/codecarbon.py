"""CodeCarbon clients over real gunicorn: 32 at once, none of which may wait for two seconds."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

from bench.api import gunicorn
from bench.measures import NOW, Measure
from emissions.models import EnergyPost
from emissions.services.fold_streams import fold_streams
from emissions.services.tokens import create_token
from tests import factories
from tests.codecarbon_bodies import RUN_3, post_3
from tests.servers import Servers

CLIENTS = 32
POSTS_EACH = 60
GIVES_UP_AFTER_SECONDS = 2.0
"""The client's timeout; it does not repeat a post."""


def measure(*, servers: Servers) -> list[Measure]:
    """Return posts per second and the slowest answer; the server is started and ended here."""
    factories.make_reference()
    organisation = factories.make_organisation(slug="bench-codecarbon")
    project = factories.make_project(organisation=organisation)
    _, token = create_token(organisation=organisation, project=project, by=None, now=NOW)
    headers = {"x-api-token": token, "Content-Type": "application/json"}
    with gunicorn(servers) as port, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: _track(port, headers, 5), range(CLIENTS)))
        before = EnergyPost.objects.count()
        start = time.perf_counter()
        found = list(pool.map(lambda _: _track(port, headers, POSTS_EACH), range(CLIENTS)))
        took = time.perf_counter() - start
    stored = EnergyPost.objects.count() - before
    assert stored == CLIENTS * POSTS_EACH, f"{stored} posts are stored"
    start = time.perf_counter()
    fold_streams(now=datetime.now(UTC), at_once=True)
    folding = time.perf_counter() - start
    seconds = sorted(one for client in found for one in client)
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
        _value("CodeCarbon posts folded into hours and runs", stored / folding, "1/s"),
    ]


def _track(port: int, headers: dict[str, str], posts: int) -> list[float]:
    """Begin a run and post; return the seconds of each answer. A client keeps no connection."""
    begins = datetime.now(UTC)
    run = {**RUN_3, "experiment_id": "default", "timestamp": begins.isoformat()}
    run_id, took = _post(port, "/codecarbon/runs", run, headers)
    found = [took]
    for number in range(posts):
        sent = begins - timedelta(minutes=2 * number)
        body = post_3(run_id["id"], timestamp=sent.isoformat(), duration=120)
        _, took = _post(port, "/codecarbon/emissions", body, headers)
        found.append(took)
    return found


def _post(port: int, path: str, body: Any, headers: dict[str, str]) -> tuple[Any, float]:
    start = time.perf_counter()
    link = HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("POST", path, json.dumps(body), headers)
    answer = link.getresponse()
    text = answer.read()
    took = time.perf_counter() - start
    link.close()
    assert answer.status == 201, text
    return json.loads(text), took


def _value(name: str, value: float, unit: str) -> Measure:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "aim": None,
    }
