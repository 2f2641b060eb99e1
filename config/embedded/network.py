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


def port() -> int:
    """Return the port that PORT names, or 8000."""
    value = os.environ.get("PORT", "").strip() or "8000"
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def host() -> str:
    """Return the address to listen on: this machine only, unless BIND says otherwise."""
    return os.environ.get("BIND", "").strip() or "127.0.0.1"


def check_free(address: str, number: int) -> None:
    """Raise unless the port can be listened on."""
    deadline = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, number))
                return
            except OSError as error:
                problem = error
        if problem.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if problem.errno == errno.EADDRINUSE:
        raise CannotStart(
            f"Port {number} is in use by another program. End that program, "
            f"or choose another port: PORT={number + 1 if number < 65535 else 8001} make up"
        )
    raise CannotStart(f"{address}:{number} cannot be listened on: {problem.strerror}.")


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
