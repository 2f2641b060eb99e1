"""Start the servers once for a whole test session; xdist's workers share them."""

import contextlib
import copy
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connections, transaction

from tests.scenarios import Laboratory, make_laboratory
from tests.schema import read_schema
from tests.servers import Servers

MIGRATED = "migrated"
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


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let each process's database be a copy of one that is migrated once for all."""
    servers = Servers(Path(settings.SERVERS))
    if settings.SERVERS not in os.environ["DATABASE_URL"]:
        return
    link = psycopg2.connect(servers.cluster.url(user="postgres", database="postgres"))
    link.autocommit = True
    with contextlib.closing(link), link.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {MIGRATED}")
            read_schema(servers.cluster, servers.cluster.url(user="postgres", database=MIGRATED))
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = MIGRATED


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A transaction around a module's tests, for what they share and none of them changes.

    What a test itself writes is undone at its end, if it uses `db`, too.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def _laboratory(module_db: None) -> Laboratory:
    return make_laboratory()


@pytest.fixture
def laboratory(_laboratory: Laboratory, db: None) -> Laboratory:
    """A laboratory that a module's tests share; what one of them changes is undone."""
    return copy.deepcopy(_laboratory)


@pytest.fixture
def own_servers() -> Iterator[Servers]:
    """Servers that one test may stop, start and break."""
    folder = Path(tempfile.mkdtemp(prefix="tonne-"))
    folder.rmdir()
    servers = Servers(folder)
    servers.start()
    yield servers
    servers.stop()
