"""Start, watch and end child processes, none of which outlives its parent."""

import contextlib
import ctypes
import errno
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.embedded.errors import CannotStart

PR_SET_PDEATHSIG = 1
DISK_IS_FULL = "The disk is full. Make room and start again."
# Loaded before any fork: a child between fork and exec may not import.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass
class Child:
    """One process in a session of its own, its output in a log file.

    Of what its parent has open it `keeps` these file descriptors.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL
    stop_seconds: float = 10.0
    account: pwd.struct_passwd | None = None
    directory: Path | None = None
    output: Path | None = None
    keeps: Sequence[int] = ()
    asked: bool = False
    started: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its parent's death sends it `orphan_signal`."""
        self.asked = False
        self.started = time.monotonic()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, (self.output or self.log).open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=dict(self.environment),
                cwd=self.directory,
                start_new_session=True,
                pass_fds=tuple(self.keeps),
                preexec_fn=_before_exec(os.getpid(), self.orphan_signal),
                **identity(self.account),
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How the process ended; None while it lives."""
        return self.process.poll() if self.process else None

    def ask_to_end(self) -> None:
        """Ask the process, once, to end; a worker takes a second signal for impatience."""
        if self.running() and not self.asked:
            assert self.process is not None
            self.process.send_signal(self.stop_signal)
            self.asked = True

    def stop(self) -> None:
        """Ask the process to end; end its whole session when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.ask_to_end()
            try:
                self.process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self._kill()
        self.process.wait()

    def kill(self) -> None:
        """End the process and its session at once, as a crash would."""
        if self.running():
            self._kill()
            assert self.process is not None
            self.process.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])

    def explain(self) -> str:
        """Return what to tell a person about this process's end."""
        lines = self.last_lines()
        full = f"\n{DISK_IS_FULL}" if os.strerror(errno.ENOSPC) in lines else ""
        return (
            f"{self.name} ended (exit status {self.exit_status}). "
            f"The last lines of {self.log}:\n{lines}{full}"
        )


def wait_until(
    ready: Callable[[], bool], *, child: Child, seconds: float, pause: float = 0.05
) -> None:
    """Return once `ready()`; raise when the child ends first or the time is up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not child.running():
            raise CannotStart(child.explain())
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{child.name} was not ready after {seconds:.0f} seconds. "
                f"The last lines of {child.log}:\n{child.last_lines()}"
            )
        time.sleep(pause)


def end_with_parent() -> None:
    """Ask to be told to end, as by a TERM, when the process that started this one dies."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _before_exec(parent: int, signum: int) -> Callable[[], None]:
    """Return what the child does before exec, so that it ends even if its parent is killed.

    Credentials are changed before this runs: changing them afterwards would clear the setting.
    """

    def prepare() -> None:
        # The supervisor may be ignoring signals while it stops; its children must not.
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return Popen's arguments to run as another account."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
