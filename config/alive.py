"""`python -m config.alive web|interactive|bulk|beat`: the health check of one container."""

import http.client
import os
import sys

import redis

from config.celery import sign_of_life


def web_answers() -> bool:
    """Whether the web server in this container answers."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), 3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def shows_sign_of_life(name: str) -> bool:
    """Whether the worker of a queue, or beat, lately gave a sign of life."""
    url = os.environ["REDIS_URL"]
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.exists(sign_of_life(name)))
    except redis.RedisError:
        return False


def main(name: str) -> int:
    """Return the exit status: 0 when the part lives."""
    return 0 if (web_answers() if name == "web" else shows_sign_of_life(name)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
