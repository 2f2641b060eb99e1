"""Start the servers once for a whole test session; xdist's workers share them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.servers import Servers

_servers: Servers | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers in the process that leads the session, unless the caller named others."""
    global _servers
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = settings.SERVERS
    if folder in os.environ["DATABASE_URL"]:
        _servers = Servers(Path(folder))
        _servers.start()


def pytest_unconfigure() -> None:
    """End the servers."""
    if _servers is not None:
        _servers.stop()


@pytest.fixture
def own_servers() -> Iterator[Servers]:
    """Servers that one test may stop, start and break."""
    folder = Path(tempfile.mkdtemp(prefix="tonne-"))
    folder.rmdir()
    servers = Servers(folder)
    servers.start()
    yield servers
    servers.stop()
