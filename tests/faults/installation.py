"""Real servers, workers and editors, as an installation has them, to be killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import redis

from config.embedded.children import Child
from config.embedded.postgres import SUPERUSER
from tests.schema import read_schema
from tests.servers import CARELESS, Servers

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
CELERY = [PYTHON, "-W", "ignore", "-m", "celery", "-A", "config"]
WORKER = ["worker", "--loglevel=INFO", "--pool=solo", "--without-gossip", "--without-mingle"]
EDITOR = [PYTHON, "-W", "ignore", "-m", "tests.faults.editor"]


class Installation:
    """One folder with its servers and the processes that use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = Servers(folder)
        # An editor who was told "saved" is right, even if the server is killed a moment later.
        self.servers.cluster.settings = {
            **CARELESS,
            "synchronous_commit": "on",
            "deadlock_timeout": "200ms",
        }
        self.processes: dict[str, Child] = {}
        self._link: Any = None

    def start(self) -> None:
        self.servers.start()
        self.servers.cluster.create_database()
        read_schema(self.servers.cluster, self.servers.cluster.url())

    def end(self) -> None:
        self._forget_link()
        self.stop_processes()
        self.servers.stop()

    def environment(self, name: str = "test") -> dict[str, str]:
        """Return a process's environment: production, known to PostgreSQL by its name."""
        return {
            **self.servers.environment,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": "faults",
            "ALLOWED_HOSTS": "localhost",
            "DATABASE_URL": f"{self.servers.cluster.url()}&application_name={name}",
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, command: list[str], *, check: bool = True) -> str:
        """Run a command to its end; return what it printed."""
        result = subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert not check or not result.returncode, result.stdout + result.stderr
        return result.stdout

    def editor(self, *arguments: str) -> str:
        """Let an editor do one thing."""
        return self.run([*EDITOR, *arguments])

    def start_worker(self, name: str, queue: str) -> None:
        self._start(name, [*CELERY, *WORKER, f"--queues={queue}", f"--hostname={name}@%h"])

    def start_beat(self) -> None:
        schedule = self.folder / "beat-schedule"
        self._start("beat", [*CELERY, "beat", "--pidfile=", f"--schedule={schedule}"])

    def start_editor(self, name: str, *arguments: str) -> None:
        self._start(name, [*EDITOR, *arguments])

    def _start(self, name: str, command: list[str]) -> None:
        child = Child(
            name=name,
            command=command,
            log=self.folder / f"{name}.log",
            environment=self.environment(name),
            directory=ROOT,
        )
        child.start()
        self.processes[name] = child

    def restart(self, name: str) -> None:
        self.processes[name].start()

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        self.processes[name].kill()

    def stop_processes(self) -> None:
        for child in self.processes.values():
            if child.running():
                os.kill(child.pid, signal.SIGTERM)
        for child in self.processes.values():
            child.stop()
        self.processes.clear()

    def stop_database_at_once(self) -> None:
        """Stop the server as `pg_ctl stop -m immediate` does: no goodbye, recovery on start."""
        child = self.servers.cluster.child
        assert child is not None
        assert child.process is not None
        self._forget_link()
        child.process.send_signal(signal.SIGQUIT)
        child.process.wait(30)

    def _forget_link(self) -> None:
        if self._link is not None:
            self._link.close()

    def bring_back(self) -> None:
        """Start whichever server is down."""
        for server in (self.servers.cluster, self.servers.broker):
            if server.child is None or not server.child.running():
                server.start()

    def flush_broker(self) -> None:
        with contextlib.closing(redis.Redis.from_url(self.servers.broker.url)) as client:
            client.flushall()

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database, as an operator would."""
        if self._link is None or self._link.closed:
            self._link = self.connect()
            self._link.autocommit = True
        with self._link.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def connect(self) -> Any:
        """Return a connection of an operator's own."""
        return psycopg2.connect(
            host=str(self.servers.cluster.sockets), user=SUPERUSER, dbname="tonne"
        )

    def count(self, sql: str, *parameters: Any) -> int:
        return int(self.query(f"SELECT count(*) FROM {sql}", *parameters)[0][0])

    def holding_rows(self) -> list[str]:
        """Return the processes that have a transaction open in which they locked or wrote rows."""
        found = self.query(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE backend_xid IS NOT NULL AND backend_type = 'client backend'"
        )
        return [name for (name,) in found]

    def logged(self, text: str) -> Iterator[str]:
        """Yield PostgreSQL's log lines that hold a text."""
        with self.servers.cluster.log.open(encoding="utf-8", errors="replace") as lines:
            yield from (line.strip() for line in lines if text in line)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"{what}\n{self.last_lines()}"
            time.sleep(0.05)

    def wait_until_calculated(self, *, seconds: float = 120) -> None:
        """Wait for the workers: nobody else does anything."""
        queues = ("emissions_pendingcalculation", "emissions_stalepool")
        self.wait_until(
            lambda: not any(map(self.count, queues)),
            seconds=seconds,
            what="Runs or pools are still pending",
        )

    def last_lines(self) -> str:
        return "\n".join(
            f"{name} ({'runs' if child.running() else child.exit_status}):\n{child.last_lines()}"
            for name, child in self.processes.items()
        )

    def verify(self) -> None:
        """Recompute everything."""
        self.run([PYTHON, "-W", "ignore", "manage.py", "verify_ledger"])
