"""The schema as migrations leave it, written down once: read in a second, where they take ten.

What the migrations are is in the file's name, so an edited one is run anew. Databases of tests
are migrated nonetheless, which finds nothing to do; that they start from nothing is what the
embedded stack's own test shows.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from config.embedded.postgres import Cluster, programs

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "tests"


def read_schema(cluster: Cluster, url: str) -> None:
    """Bring an empty database of a cluster to what migrations make of it."""
    bin_ = programs(copy_to=cluster.programs_copy, account=cluster.account)
    file = FOLDER / f"schema-{_digest()}.sql"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "schema.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            _migrate(url)
            _write(bin_ / "pg_dump", url, file)
            return
    psql = [bin_ / "psql", "--no-psqlrc", "--quiet", "--single-transaction"]
    subprocess.run(
        [*psql, "--set=ON_ERROR_STOP=1", "--output=/dev/null", f"--file={file}", url], check=True
    )


def _digest() -> str:
    found = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for file in sorted(ROOT.glob("*/migrations/*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def _migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": url,
        },
        check=True,
    )


def _write(pg_dump: Path, url: str, file: Path) -> None:
    for old in FOLDER.glob("schema-*.sql"):
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    partial = file.with_suffix(".partial")
    options = ["--no-owner", "--no-privileges", "--no-comments", f"--file={partial}"]
    subprocess.run([pg_dump, *options, url], check=True)
    partial.rename(file)
