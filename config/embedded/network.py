"""The port we listen on, and what answers there."""

import errno
import http.client
import json
import os
import socket
import time

from config.embedded.errors import CannotStart

# A server that is just ending may hold its port for a moment.
PORT_PATIENCE_SECONDS = 5.0
# Connections that wait while the web server starts.
BACKLOG = 1024


def port() -> int:
    """Return the port that PORT names, or 8000."""
    value = os.environ.get("PORT", "").strip() or "8000"
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def host() -> str:
    """Return the address to listen on: this machine only, unless BIND says otherwise."""
    return os.environ.get("BIND", "").strip() or "127.0.0.1"


def listen(address: str, number: int) -> socket.socket:
    """Take the port for as long as we run, and return the socket that the web server accepts on.

    Taken before anything else starts: a port that is only looked at may be somebody else's by
    the time the web server wants it, and whoever answers there would pass for our own.
    """
    deadline = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((address, number))
            taken.listen(BACKLOG)
        except OSError as error:
            taken.close()
            problem = error
        else:
            if _answers_as_localhost(number):
                taken.close()
                raise CannotStart(_in_use(number))
            return taken
        if problem.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if problem.errno == errno.EADDRINUSE:
        raise CannotStart(_in_use(number))
    if problem.errno == errno.EACCES:
        raise CannotStart(
            f"Port {number} is kept for the system: this account may not listen on it. "
            "Choose one from 1024 up: PORT=8000 make up"
        )
    raise CannotStart(
        f"{address}:{number} cannot be listened on: {problem.strerror or problem}. "
        "BIND is the address of this machine to listen on, 127.0.0.1 unless set."
    )


def _answers_as_localhost(number: int) -> bool:
    """Whether another program has the port in IPv6, where browsers look for localhost first."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("::1", number)) == 0


def _in_use(number: int) -> str:
    other = number + 1 if number < 65535 else 8001
    return (
        f"Port {number} is in use by another program. End that program, "
        f"or choose another port: PORT={other} make up"
    )


def readiness(address: str, number: int) -> dict[str, object] | None:
    """Return what /readyz says, or None when nobody answers."""
    target = "127.0.0.1" if address == "0.0.0.0" else address
    # Not urllib: a proxy named in the environment must not see this.
    connection = http.client.HTTPConnection(target, number, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None
