"""The data folder: what lies where, who holds it, and what a second terminal needs to know."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from config.embedded.errors import CannotStart

FREE_BYTES_NEEDED = 512 * 1024 * 1024
# Linux allows 107 bytes in a socket's path, macOS 103; PostgreSQL's ends in this.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "postgresql/.s.PGSQL.5432.lock"


class Home:
    """The data folder of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.static = folder / "static"
        self.postgres = folder / "postgresql"
        self.programs = folder / "programs"
        self.environment = folder / "environment.json"
        self._lock: int | None = None

    @classmethod
    def find(cls) -> "Home":
        """Return the folder that TONNE_DATA_DIR names, or the default.

        As root it lies outside the home directory, which the database's account may not enter.
        """
        named = os.environ.get("TONNE_DATA_DIR", "").strip()
        if named:
            return cls(Path(named).expanduser().absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/lib/tonne"))
        return cls(Path.home() / ".local" / "share" / "tonne")

    def prepare(self) -> None:
        """Make the folder; raise when it cannot be written or the disk is full."""
        # As root, the database's account walks through; what is private has rights of its own.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            if not self.folder.exists():
                self.folder.mkdir(parents=True)
                self.folder.chmod(mode)
            self.log.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CannotStart(
                f"The data folder {self.folder} cannot be made: {error.strerror}. "
                "Set TONNE_DATA_DIR to a folder you may write to."
            ) from error
        if not os.access(self.folder, os.W_OK):
            raise CannotStart(
                f"The data folder {self.folder} may not be written to. "
                "Set TONNE_DATA_DIR to another."
            )
        free = shutil.disk_usage(self.folder).free
        if free < FREE_BYTES_NEEDED:
            raise CannotStart(
                f"The disk under {self.folder} is full: {free / 1e6:.0f} MB free, "
                f"{FREE_BYTES_NEEDED / 1e6:.0f} MB needed. "
                "Make room, or set TONNE_DATA_DIR to a folder on another disk."
            )

    def take(self) -> bool:
        """Take the folder for this process, until it ends; return whether it was free."""
        try:
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(
                f"{error.filename} cannot be opened: {error.strerror}. Was Tonne started by "
                "another account? Start it by that one, or set TONNE_DATA_DIR to another folder."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            return False
        self.environment.unlink(missing_ok=True)
        return True

    def taken(self) -> bool:
        """Whether a running supervisor holds the folder."""
        try:
            probe = os.open(self.folder / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(probe)
        return False

    def announce(self, address: str) -> None:
        """Write down the address for whoever starts a second time."""
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, address.encode(), 0)

    def address(self) -> str:
        """Return the address that the holder announced."""
        return (self.folder / "lock").read_text(encoding="utf-8")

    def secret_key(self) -> str:
        """Return the installation's secret key, made on first use."""
        file = self.folder / "secret_key"
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(50))
        return file.read_text(encoding="utf-8")

    def publish(self, environment: dict[str, str]) -> None:
        """Write the environment for commands in a second terminal."""
        _write_private(self.environment, json.dumps(environment, indent=2, sort_keys=True))

    def sockets(self) -> Path:
        """Return the folder for sockets: a short path, for their length is limited."""
        folder = self.folder / "run"
        if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
            folder = Path(_runtime_folder()) / f"tonne-{digest}"
        folder.mkdir(exist_ok=True)
        if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
            raise CannotStart(f"{folder} belongs to somebody else. Remove it, then start again.")
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        return folder


def _runtime_folder() -> str:
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    if named and Path(named).is_dir() and os.geteuid() != 0:
        return named
    return tempfile.gettempdir()


def _write_private(file: Path, text: str) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    partial.rename(file)
