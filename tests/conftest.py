"""Start the servers once for a whole test session; xdist's workers share them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

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


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A transaction around a module's tests, for what they share and none of them changes.

    What a test itself writes is undone at its end, if it uses `db`, too.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def own_servers() -> Iterator[Servers]:
    """Servers that one test may stop, start and break."""
    folder = Path(tempfile.mkdtemp(prefix="tonne-"))
    folder.rmdir()
    servers = Servers(folder)
    servers.start()
    yield servers
    servers.stop()
