"""Liveness and readiness, answered before hosts, TLS or sessions are looked at."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.celery import QUEUES, sign_of_life

Check = Callable[[], None]


class NotLive(Exception):
    """A part does not answer; the message may be shown to anybody."""


class HealthMiddleware:
    """Answer /healthz (this process) and /readyz (web, database, broker, worker)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or pass the request on."""
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")
        if request.path == "/readyz":
            return readiness()
        return self.get_response(request)


def readiness() -> JsonResponse:
    """Return 200 when every part is live, else 503; either way say which is not."""
    checks: dict[str, Check] = {
        "web": lambda: None,
        "database": check_database,
        "broker": check_broker,
        "worker": check_workers,
    }
    parts = {name: _state(check) for name, check in checks.items()}
    ready = all(state == "ok" for state in parts.values())
    response = JsonResponse(
        {"ready": ready, **parts},
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )
    # Whoever asks, asks every few seconds: not ready yet is no error to write down.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def check_database() -> None:
    """Raise unless the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        connection.close()
        raise NotLive("no answer") from error


def check_broker() -> None:
    """Raise unless the broker answers."""
    with _client() as client:
        client.ping()


def check_workers() -> None:
    """Raise unless every queue has a worker that lately gave a sign of life."""
    with _client() as client:
        silent = [queue for queue in QUEUES if not client.exists(sign_of_life(queue))]
    if silent:
        raise NotLive(f"no worker for {' and '.join(silent)}")


def _state(check: Check) -> str:
    try:
        check()
    except NotLive as error:
        return f"error: {error}"
    except redis.RedisError:
        return "error: no answer"
    return "ok"


def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0)
    )
