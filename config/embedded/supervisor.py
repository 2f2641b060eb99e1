"""Start everything on one machine, watch it, and end it in order."""

import hashlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import NoReturn

from config.embedded import network
from config.embedded.children import Child, wait_until
from config.embedded.errors import CannotStart
from config.embedded.home import Home
from config.embedded.postgres import Cluster
from config.embedded.screen import Screen
from config.embedded.valkey import Broker

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120.0
# Longer than a worker's last sign of life lasts: /readyz tells of every death.
RESTART_AFTER_SECONDS = 20.0
# What dies this often in a row, each time as soon as it was started, will not live.
QUICK_DEATHS = 3
QUICK_SECONDS = 10.0


class Stopped(Exception):
    """Somebody asked us to end."""


class Supervisor:
    """Everything that `make up` starts, in order; `stop` ends it in the opposite order."""

    def __init__(self, home: Home, screen: Screen, *, demo: bool) -> None:
        self.home = home
        self.screen = screen
        self.demo = demo
        self.host = network.host()
        self.port = network.port()
        self.environment: dict[str, str] = {}
        self.cluster: Cluster | None = None
        self.broker: Broker | None = None
        self.commands: list[Child] = []
        self.processes: list[Child] = []
        self.sign_ins = ""
        self.listener: socket.socket | None = None

    @property
    def address(self) -> str:
        """Where a browser finds the product."""
        shown = "localhost" if self.host in {"127.0.0.1", "0.0.0.0"} else self.host
        return f"http://{shown}:{self.port}"

    def start(self) -> None:
        """Start all parts and return once every one is live."""
        self.listener = network.listen(self.host, self.port)
        self.home.announce(self.address)
        self._start_database()
        self._start_broker()
        self._choose_settings()
        self._prepare()
        with self.screen.step("Web server, workers, timer"):
            self._start_processes()
            self._wait_until_ready()

    def watch(self) -> NoReturn:
        """Restart what dies, until somebody asks us to end or a part dies again and again."""
        restart_at: dict[str, float] = {}
        quick: Counter[str] = Counter()
        while True:
            for name, child, start in self._parts():
                if child is None or child.running():
                    continue
                now = time.monotonic()
                if name not in restart_at:
                    quick[name] = quick[name] + 1 if now - child.started < QUICK_SECONDS else 0
                    if quick[name] >= QUICK_DEATHS:
                        raise CannotStart(f"{name} does not stay up.\n{child.explain()}")
                    self.screen.complain(
                        f"{child.explain()}\nIt starts again in {RESTART_AFTER_SECONDS:.0f} s."
                    )
                    restart_at[name] = now + RESTART_AFTER_SECONDS
                elif now >= restart_at[name]:
                    del restart_at[name]
                    start()
                    self.screen.say(f"{name} was started again.")
            time.sleep(0.5)

    def stop(self) -> None:
        """End what was started: web and workers first, the database last."""
        self.home.environment.unlink(missing_ok=True)
        for child in (*self.commands, *self.processes):
            child.ask_to_end()
        for command in self.commands:
            command.stop()
        for child in reversed(self.processes):
            with self.screen.step(f"Stopping {child.name}"):
                child.stop()
        if self.broker is not None:
            with self.screen.step("Stopping Valkey"):
                self.broker.stop()
        if self.cluster is not None:
            with self.screen.step("Stopping PostgreSQL"):
                self.cluster.stop()
        if self.listener is not None:
            self.listener.close()

    def _parts(self) -> list[tuple[str, Child | None, Callable[[], None]]]:
        servers = [server for server in (self.cluster, self.broker) if server is not None]
        return [
            *((server.name, server.child, server.start) for server in servers),
            *((child.name, child, child.start) for child in self.processes),
        ]

    def _start_database(self) -> None:
        if os.environ.get("DATABASE_URL", "").strip():
            self.screen.say("  PostgreSQL: the one that DATABASE_URL names")
            return
        cluster = Cluster(
            data=self.home.postgres,
            sockets=self.home.sockets() / "postgresql",
            log=self.home.log / "postgresql.log",
            programs_copy=self.home.programs,
        )
        cluster.check_version()
        with self.screen.step("PostgreSQL" if cluster.exists else "PostgreSQL (first start)"):
            self.cluster = cluster
            cluster.start()
            cluster.create_database()
        self.environment["DATABASE_URL"] = cluster.url()

    def _start_broker(self) -> None:
        if os.environ.get("REDIS_URL", "").strip():
            self.screen.say("  Valkey: the one that REDIS_URL names")
            return
        with self.screen.step("Valkey"):
            self.broker = Broker(
                socket=self.home.sockets() / "valkey" / "valkey.sock",
                log=self.home.log / "valkey.log",
            )
            self.broker.start()
        self.environment["REDIS_URL"] = self.broker.url

    def _choose_settings(self) -> None:
        """Production's settings, but for http on this machine; what is set stays."""
        defaults = {
            "SECRET_KEY": "" if os.environ.get("SECRET_KEY_FILE") else self.home.secret_key(),
            "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
            "STATIC_ROOT": str(self.home.static),
            "SECURE_SSL_REDIRECT": "false",
            "SECURE_HSTS_SECONDS": "0",
            "SESSION_COOKIE_SECURE": "false",
            "DATABASE_URL": "",
            "REDIS_URL": "",
        }
        for name, value in defaults.items():
            chosen = os.environ.get(name, "").strip() or self.environment.get(name) or value
            if chosen:
                self.environment[name] = chosen
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "BIND": self.host,
            "PORT": str(self.port),
        }

    def _prepare(self) -> None:
        """Bring schema, reference data, static files and the demo up to date."""
        static = self._begin_static()
        with self.screen.step("Database schema"):
            self._manage("migrate", "--no-input")
        with self.screen.step("Reference data"):
            self._manage("load_reference")
        if self.demo:
            with self.screen.step("Demo organisation"):
                self.sign_ins = self._manage("seed_demo", "--print-sign-ins")
        if static is not None:
            with self.screen.step("Static files, compressed"):
                self._finish(static)
                self._static_stamp.write_text(_static_digest(), encoding="ascii")
        self.home.publish(self.environment)

    @property
    def _static_stamp(self) -> Path:
        return self.home.static / ".collected"

    def _begin_static(self) -> Child | None:
        """Begin, beside the rest, to collect and compress static files if they changed."""
        stamp = self._static_stamp
        if stamp.exists() and stamp.read_text(encoding="ascii") == _static_digest():
            return None
        stamp.unlink(missing_ok=True)
        return self._begin("collectstatic", "--no-input", "--clear", "--verbosity=0")

    def _manage(self, *arguments: str) -> str:
        """Run one of Django's commands to its end; return what it printed."""
        return self._finish(self._begin(*arguments))

    def _begin(self, *arguments: str) -> Child:
        output = self.home.log / f"{arguments[0]}.out"
        output.unlink(missing_ok=True)
        command = Child(
            name=f"manage.py {arguments[0]}",
            command=[sys.executable, "manage.py", *arguments],
            log=self.home.log / "setup.log",
            output=output,
            environment=self._child_environment(),
            directory=ROOT,
        )
        command.start()
        self.commands.append(command)
        return command

    def _finish(self, command: Child) -> str:
        while command.running():
            self.screen.tick()
            time.sleep(0.05)
        self.commands.remove(command)
        assert command.output is not None
        text = command.output.read_text(encoding="utf-8")
        command.output.unlink()
        if command.exit_status:
            raise CannotStart(command.explain())
        return text

    def _start_processes(self) -> None:
        python = sys.executable
        celery = [python, "-m", "celery", "-A", "config"]
        assert self.listener is not None
        port = self.listener.fileno()
        quiet = ["--loglevel=INFO", "--without-gossip", "--without-mingle", "--pool=solo"]
        commands: dict[str, list[str]] = {
            "Web server": [
                *(python, "-m", "gunicorn", "-c", "config/gunicorn.py"),
                *("--bind", f"fd://{port}", "config.wsgi"),
            ],
            "Worker (interactive)": [
                *(*celery, "worker", "--queues=interactive", "--hostname=interactive@%h", *quiet)
            ],
            **{
                f"Worker (bulk {number})": [
                    *(*celery, "worker", "--queues=bulk", f"--hostname=bulk{number}@%h", *quiet)
                ]
                for number in range(1, 1 + min(2, os.cpu_count() or 1))
            },
            "Timer": [
                *(*celery, "beat", "--loglevel=INFO", "--pidfile="),
                f"--schedule={self.home.folder / 'beat-schedule'}",
            ],
        }
        for name, command in commands.items():
            child = Child(
                name=name,
                command=command,
                log=self.home.log / f"{_slug(name)}.log",
                environment=self._child_environment(),
                # The database is the queue: a worker may be cut off at any line.
                orphan_signal=signal.SIGTERM if name == "Web server" else signal.SIGKILL,
                directory=ROOT,
                keeps=[port] if name == "Web server" else [],
            )
            child.start()
            self.processes.append(child)

    def _wait_until_ready(self) -> None:
        def ready() -> bool:
            self.screen.tick()
            for child in self.processes[1:]:
                if not child.running():
                    raise CannotStart(child.explain())
            answer = network.readiness(self.host, self.port)
            return answer is not None and answer.get("ready") is True

        wait_until(ready, child=self.processes[0], seconds=READY_SECONDS, pause=0.1)

    def _child_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _static_digest() -> str:
    """Return what changes when a static file or a package that brings some changes."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "static").rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    packages = {f"{d.metadata['Name']}={d.version}" for d in distributions()}
    digest.update("\n".join(sorted(packages)).encode())
    return digest.hexdigest()


def raise_when_asked_to_end() -> None:
    """Turn the first INT, TERM or HUP into `Stopped`; later ones change nothing."""

    def end(signum: int, _: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(signum).name)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
