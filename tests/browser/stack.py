"""The whole product as it runs in production, on servers of its own, with a small demo in it."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from config.embedded.children import Child, wait_until
from config.embedded.network import readiness
from emissions.services.demo.plan import PASSWORD
from tests.schema import read_schema
from tests.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
CELERY = ("-m", "celery", "-A", "config", "worker", "--pool=solo", "--without-gossip")


@contextlib.contextmanager
def running_stack(*, runs: int = 1200) -> Iterator["Stack"]:
    """Start the product with a demo of about so many runs, yield it once it is ready, end it."""
    folder = Path(tempfile.mkdtemp(prefix="tonne-browser-"))
    folder.chmod(0o711)
    stack = Stack(folder, runs)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Stack:
    """Web server, worker, database and broker; production settings but for TLS."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.servers = Servers(folder / "servers")
        self.port = _free_port()
        self.address = f"http://{HOST}:{self.port}"
        self.processes: list[Child] = []

    @property
    def environment(self) -> dict[str, str]:
        """What makes production's settings work on this machine."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "DATABASE_URL": self.servers.cluster.url(),
            "REDIS_URL": self.servers.broker.url,
            "SECRET_KEY": "browser tests only",
            "ALLOWED_HOSTS": HOST,
            "STATIC_ROOT": str(self.folder / "static"),
            "SECURE_SSL_REDIRECT": "false",
            "SECURE_HSTS_SECONDS": "0",
            "SESSION_COOKIE_SECURE": "false",
            "TONNE_BROWSER_PASSWORD": PASSWORD,
            "BIND": HOST,
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            # Every page is opened many times from one address.
            "CALCULATOR_RATE": "10000/min",
        }

    def start(self) -> None:
        """Start everything and return once /readyz says that every part is live."""
        self.servers.start()
        self.servers.cluster.create_database()
        read_schema(self.servers.cluster, self.servers.cluster.url())
        static = self._begin("manage.py", "collectstatic", "--no-input", "--verbosity=0")
        _finish(self._begin("-m", "tests.browser.prepare", str(self.runs)))
        _finish(static)
        web = self._begin("-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")
        worker = self._begin(*CELERY, "--queues=interactive,bulk", "--loglevel=INFO")
        self.processes = [web, worker]
        wait_until(self._ready, child=web, seconds=60, pause=0.1)

    def stop(self) -> None:
        """End everything and forget its data."""
        for process in self.processes:
            process.stop()
        self.servers.stop()

    def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first value of a query: what a test needs to know and no page says."""
        cluster = self.servers.cluster
        connection = psycopg2.connect(cluster.url(user="postgres"))
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
        assert row is not None, f"no row: {sql}"
        return row[0]

    def wait_until_nothing_is_pending(self) -> None:
        """Return once the worker has calculated what waits."""
        wait_until(
            lambda: self.value("SELECT count(*) FROM emissions_pendingcalculation") == 0,
            child=self.processes[-1],
            seconds=30,
        )

    def _begin(self, *arguments: str) -> Child:
        child = Child(
            name=" ".join(arguments),
            command=[sys.executable, *arguments],
            log=self.folder / f"{len(list(self.folder.glob('*.log')))}.log",
            environment=self.environment,
            directory=ROOT,
        )
        child.start()
        return child

    def _ready(self) -> bool:
        answer = readiness(HOST, self.port)
        return answer is not None and answer.get("ready") is True


def _finish(child: Child) -> None:
    assert child.process is not None
    if child.process.wait():
        raise RuntimeError(child.explain())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
