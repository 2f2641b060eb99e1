"""The supervisor behind `make up`, with real processes."""

import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from config.embedded import environment, home, network, postgres
from config.embedded.children import DISK_IS_FULL, Child
from config.embedded.errors import CannotStart
from config.embedded.home import Home
from config.embedded.screen import Screen
from config.embedded.supervisor import Stopped, Supervisor
from tests.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE",
    "TONNE_TEST_SERVERS", "MAKELEVEL", "BIND",
}  # fmt: skip
START_SECONDS = 150
wait = time.sleep


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that the database's account can walk to, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="tonne-up-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """`make up` in another process."""

    def __init__(self, folder: Path, port: int) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in OURS}
        self.environment = {**clean, "TONNE_DATA_DIR": str(folder / "data"), "PORT": str(port)}
        self.output = folder / "screen.txt"
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self.family: list[psutil.Process] = []

    def start(self) -> None:
        with self.output.open("wb") as screen:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=screen, stderr=screen
            )
        deadline = time.monotonic() + START_SECONDS
        while "Tonne runs: " not in self.screen:
            assert self.process.poll() is None, self.screen
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.1)
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "config.embedded", "--no-demo"]

    @property
    def screen(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def again(self) -> "subprocess.CompletedProcess[str]":
        return self.run(*self.command)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def end(self, signum: int) -> int:
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(60)

    def survivors(self, *, seconds: float) -> list[psutil.Process]:
        return psutil.wait_procs(self.family, timeout=seconds)[1]


@pytest.fixture
def up(folder: Path) -> Iterator[Up]:
    up = Up(folder, free_port())
    yield up
    if up.process is not None and up.process.poll() is None:
        up.end(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.faults
def test_starts_is_killed_starts_again_and_stops(up: Up) -> None:
    up.start()
    assert network.readiness("127.0.0.1", up.port) == {
        "ready": True, "web": "ok", "database": "ok", "broker": "ok", "worker": "ok",
    }  # fmt: skip
    assert len(up.family) > 6

    up.end(signal.SIGKILL)
    assert up.survivors(seconds=30) == []

    up.start()
    assert "Static files" not in up.screen, "what was collected is collected again"
    second = up.again()
    assert second.returncode == 0
    assert f"http://localhost:{up.port}" in second.stdout

    terminal = up.run(sys.executable, "manage.py", "showmigrations", "emissions")
    assert terminal.returncode == 0, terminal.stderr
    assert "[X] 0001_initial" in terminal.stdout

    assert up.end(signal.SIGINT) == 0, up.screen
    assert up.survivors(seconds=1) == []
    assert not (Path(up.environment["TONNE_DATA_DIR"]) / "postgresql" / "postmaster.pid").exists()

    terminal = up.run(sys.executable, "manage.py", "showmigrations")
    assert terminal.returncode != 0
    assert "make up" in terminal.stderr


def test_another_versions_data_stay_untouched(up: Up) -> None:
    data = Path(up.environment["TONNE_DATA_DIR"]) / "postgresql"
    data.mkdir(parents=True)
    data.parent.chmod(0o711)
    (data / "PG_VERSION").write_text("16\n")
    refused = up.again()
    assert refused.returncode == 1
    for word in ("PostgreSQL 16", "PostgreSQL 18", "Back up", "pg_upgrade", "Nothing was changed"):
        assert word in refused.stderr
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_named_and_nothing_stays(up: Up, address: str) -> None:
    """In IPv6, too: a browser that opens localhost asks there first."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, up.port))
        other.listen()
        refused = up.again()
    assert refused.returncode == 1
    assert f"Port {up.port} is in use by another program" in refused.stderr
    assert f"PORT={up.port + 1} make up" in refused.stderr
    assert "Tonne runs" not in refused.stdout
    data = Path(up.environment["TONNE_DATA_DIR"])
    assert not (data / "postgresql").exists(), "started before the port was ours"
    assert not Home(data).taken()


def test_a_port_is_ours_from_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that start at once, one is told: nobody takes the port while the first gets ready."""
    monkeypatch.setattr(network, "PORT_PATIENCE_SECONDS", 0)
    number = free_port()
    refused = pytest.raises(CannotStart, match=f"Port {number} is in use")
    with network.listen("127.0.0.1", number), refused:
        network.listen("127.0.0.1", number)
    network.listen("127.0.0.1", number).close()


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Port 80 is kept.*PORT=8000 make up"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "192.0.2.1:80 cannot be.*BIND"),
    ],
)
def test_a_port_that_may_not_be_had_is_named(
    monkeypatch: pytest.MonkeyPatch, problem: OSError, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise problem

    monkeypatch.setattr(network.socket.socket, "bind", refuse)
    with pytest.raises(CannotStart, match=words):
        network.listen("192.0.2.1", 80)


class TestWatch:
    """What a part's death leads to."""

    @pytest.fixture
    def supervisor(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
        monkeypatch.setattr("config.embedded.supervisor.RESTART_AFTER_SECONDS", 0)
        monkeypatch.setattr("config.embedded.supervisor.time.sleep", lambda _: wait(0.02))
        return Supervisor(Home(folder), Screen(), demo=False)

    def dying(self, folder: Path, script: str) -> Child:
        child = Child(
            name="Web server",
            command=["/bin/sh", "-c", script],
            log=folder / "web.log",
        )
        child.start()
        return child

    def test_what_dies_at_once_again_and_again_ends_all(
        self, supervisor: Supervisor, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        supervisor.processes = [self.dying(folder, "echo broken as can be; exit 3")]
        with pytest.raises(CannotStart, match=r"(?s)does not stay up.*status 3.*broken as can be"):
            supervisor.watch()
        assert capsys.readouterr().out.count("was started again") == 2

    def test_what_lived_for_a_while_is_started_again_for_ever(
        self, supervisor: Supervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("config.embedded.supervisor.QUICK_SECONDS", 0)
        web = self.dying(folder, "exit 3")
        starts = 0

        def start() -> None:
            nonlocal starts
            starts += 1
            if starts > 5:
                raise Stopped
            Child.start(web)

        monkeypatch.setattr(web, "start", start)
        supervisor.processes = [web]
        with pytest.raises(Stopped):
            supervisor.watch()

    def test_a_full_disk_is_told_from_the_log(self, folder: Path) -> None:
        child = self.dying(folder, "echo 'PANIC: could not write: No space left on device'")
        assert child.process is not None
        child.process.wait()
        assert child.explain().endswith(DISK_IS_FULL)


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)
    with pytest.raises(CannotStart, match="PORT must be a number"):
        network.port()


def test_a_full_disk_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)._replace(free=1_000_000)
    monkeypatch.setattr(home.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(CannotStart, match="is full: 1 MB free"):
        Home(folder / "data").prepare()


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(CannotStart, match="TONNE_DATA_DIR"):
        Home(folder / "file" / "data").prepare()


def test_a_lock_that_another_account_made_is_named(folder: Path) -> None:
    (folder / "lock").mkdir()
    with pytest.raises(CannotStart, match=r"lock cannot be opened.*TONNE_DATA_DIR"):
        Home(folder).take()


def test_one_holder_at_a_time(folder: Path) -> None:
    first, second = Home(folder), Home(folder)
    assert not first.taken()
    assert first.take()
    first.announce("http://localhost:1234")
    assert second.taken()
    assert not second.take()
    assert second.address() == "http://localhost:1234"


def test_sockets_have_short_paths(folder: Path) -> None:
    deep = folder / ("deep" * 30)
    deep.mkdir()
    short = Home(deep).sockets()
    assert len(str(short / home.LONGEST_SOCKET_NAME)) <= home.LONGEST_SOCKET_PATH
    assert stat.S_IMODE(short.stat().st_mode) & 0o066 == 0
    short.rmdir()


def test_the_secret_key_is_private_and_stays(folder: Path) -> None:
    key = Home(folder).secret_key()
    assert len(key) > 50
    assert Home(folder).secret_key() == key
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600


def test_without_a_running_server_a_command_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TONNE_DATA_DIR", str(folder))
    with pytest.raises(SystemExit, match="make up"):
        environment.use_embedded(["manage.py", "migrate"])
    environment.use_embedded(["manage.py", "--version"])


class TestCluster:
    def test_survives_a_crash_and_a_stale_process_id(self, own_servers: Servers) -> None:
        cluster = own_servers.cluster
        cluster.create_database()
        with psycopg2.connect(cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on; CREATE TABLE kept (number int)")
            cursor.execute("INSERT INTO kept VALUES (7)")
        connection.close()
        assert cluster.child is not None
        cluster.child.kill()
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
        # The id has gone to a live process that is no PostgreSQL: this one.
        (cluster.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
        cluster.start()
        connection = psycopg2.connect(cluster.url())
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM kept")
            assert cursor.fetchall() == [(7,)]
        connection.close()

    def test_the_products_role_is_no_superuser(self, own_servers: Servers) -> None:
        own_servers.cluster.create_database()
        own_servers.cluster.create_database()
        connection = psycopg2.connect(own_servers.cluster.url())
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('is_superuser'), current_user")
            assert cursor.fetchone() == ("off", "tonne")
        connection.close()

    def test_sockets_are_closed_to_others(self, own_servers: Servers) -> None:
        for path in (own_servers.cluster.sockets, own_servers.broker.socket.parent):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to change to")
    def test_parents_keep_their_rights(self, folder: Path) -> None:
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        cluster = postgres.Cluster(
            data=closed / "data" / "postgresql",
            sockets=folder / "sockets",
            log=folder / "log",
            programs_copy=folder / "programs",
        )
        with pytest.raises(CannotStart, match="may not enter"):
            cluster.start()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to change to")
    def test_programs_out_of_reach_are_copied(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = postgres.server_account()
        monkeypatch.setattr(postgres, "may_enter", lambda *_: False)
        programs = postgres.programs(copy_to=folder / "programs", account=account)
        assert programs.is_relative_to(folder)
        printed = subprocess.run(
            [programs / "initdb", "--version"], capture_output=True, text=True, check=True
        )
        assert printed.stdout.startswith("initdb (PostgreSQL) 18")
