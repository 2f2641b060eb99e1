"""Run one of our modules in a process whose memory, time and output are limited.

What reads packed files are large programs, and a few kilobytes can stand for more than any
memory holds: whatever ends such a process ends nothing else.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

MOST_MEMORY = 3 * 1024**3
"""Address space of the process, its programs included. [bytes]"""

REFUSED = 3
"""How the process ends where the file is refused; what it prints is the reason."""


def run(module: str, *arguments: str, seconds: int) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m module arguments` with nothing of our environment but the paths.

    Raises
    ------
    subprocess.TimeoutExpired
        It took longer than `seconds`, and was ended.
    """
    handed_on = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parents[2],
        env={**handed_on, "POLARS_MAX_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )


def limit(*, output: int, seconds: int) -> None:
    """Limit this process for good: its memory, its processor time, and each file it writes."""
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
