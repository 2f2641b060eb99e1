"""A web server and a worker as an installation has them, and the real client beside them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.faults.installation import PYTHON, ROOT, Installation

HOST = "127.0.0.1"
#: A port on which nothing listens: what a client asks of others than us fails at once.
NOWHERE = "http://127.0.0.1:9"


class Receiver(Installation):
    """Gunicorn and a worker; a project with a token, and another that only adds runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        self.base = f"http://{HOST}:{self.port}"
        self.known: dict[str, str] = {}

    def environment(self, name: str = "test") -> dict[str, str]:
        """Return a process's environment, where the web server listens included."""
        return {
            **super().environment(name),
            "ALLOWED_HOSTS": HOST,
            "SECURE_SSL_REDIRECT": "false",
            "STATIC_ROOT": str(self.folder / "static"),
            "BIND": HOST,
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
        }

    def start(self) -> None:
        """Start everything, with one organisation in it."""
        super().start()
        self.known = json.loads(
            self.run([PYTHON, "-W", "ignore", "-m", "tests.codecarbon.prepare"])
        )
        self.start_web()
        self.start_worker("worker", "interactive,bulk")

    def start_web(self) -> None:
        """Start the web server and return once it answers."""
        command = [PYTHON, "-W", "ignore", "-m", "gunicorn", "-c", "config/gunicorn.py"]
        self._start("web", [*command, "config.wsgi"])
        self.wait_until(self._answers, seconds=60, what="The web server does not answer")

    def stop_web(self) -> None:
        """End the web server as a restart does, and return once it is gone."""
        os.kill(self.processes["web"].pid, signal.SIGTERM)
        self.processes["web"].stop()

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.base}/healthz", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def start_quick_beat(self) -> None:
        """Start beat as an installation has it, but with a minute of a second."""
        script = (
            "from config.celery import app\n"
            "entry = app.conf.beat_schedule['fold-streams']\n"
            "assert entry['schedule'] == 60\n"
            "entry['schedule'] = 1.0\n"
            "app.start(['beat', '--pidfile=', '--schedule="
            f"{self.folder / 'beat-schedule'}'])"
        )
        self._start("beat", [PYTHON, "-W", "ignore", "-c", script])

    def fold(self) -> None:
        """Fold what came, as beat would within the hour, and wait for the ledger."""
        self.run([PYTHON, "-W", "ignore", "manage.py", "fold_streams"])
        self.wait_until_calculated()

    def kill_fold_at(self, table: str) -> None:
        """Let a fold come as far as its first write to a table, and kill it there."""
        blocker = self.connect()
        blocker.autocommit = False
        with blocker.cursor() as cursor:
            cursor.execute(f"LOCK {table} IN SHARE MODE")
        command = [PYTHON, "-W", "ignore", "manage.py", "fold_streams"]
        self._start("fold", command)
        waits = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'fold' AND wait_event_type = 'Lock'"
        )
        try:
            self.wait_until(
                lambda: self.query(waits)[0][0] > 0,
                seconds=60,
                what=f"Folding does not write to {table}",
            )
            self.kill("fold")
        finally:
            blocker.close()
        self.wait_until(
            lambda: not self.query("SELECT FROM pg_stat_activity WHERE application_name = 'fold'"),
            seconds=30,
            what="The killed fold's connection stays",
        )

    def state(self) -> list[tuple[Any, ...]]:
        """Return what folding writes."""
        return self.query(
            "SELECT (SELECT count(*) FROM emissions_unfoldedpost),"
            " (SELECT count(*) FROM emissions_observation),"
            " (SELECT count(*) FROM emissions_run), (SELECT count(*) FROM emissions_emissionentry),"
            " array_agg((stream.folded_at, stream.run_id)::text ORDER BY stream.id)"
            " FROM emissions_energystream stream"
        )

    def bring(self, file: Path) -> str:
        """Import a file from the command line; return the preview."""
        command = [PYTHON, "-W", "ignore", "manage.py", "import_runs", str(file)]
        found = self.run([*command, "--organisation", "laboratory", "--time-zone", "UTC", "--yes"])
        self.wait_until_calculated()
        return found

    def client(self, folder: Path, *, version: str = "") -> dict[str, str]:
        """Return the environment of a client that reaches nobody but us.

        With a version that of an older one: `make clients` puts it into build/.
        """
        inherited = {
            name: value for name, value in os.environ.items() if "PROXY" not in name.upper()
        }
        if version:
            package = ROOT / "build" / f"codecarbon-{version}"
            assert package.is_dir(), f"CodeCarbon {version} is missing: run `make clients`"
            inherited["PYTHONPATH"] = str(package)
        return {
            **inherited,
            "HOME": str(folder / "home"),
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "NO_PROXY": HOST,
            "http_proxy": NOWHERE,
            "https_proxy": NOWHERE,
            "no_proxy": HOST,
            "PYTHONWARNINGS": "ignore",
            "OMP_NUM_THREADS": "1",
            "TZ": "UTC",
        }

    def configure(self, folder: Path, **settings: str) -> None:
        """Write the three lines of configuration, and what a test adds."""
        lines = {
            "api_endpoint": f"{self.base}/codecarbon",
            "api_key": self.known["token"],
            "experiment_id": self.known["experiment"],
            **settings,
        }
        text = "\n".join(f"{name} = {value}" for name, value in lines.items() if value)
        (folder / ".codecarbon.config").write_text(f"[codecarbon]\n{text}\n", encoding="utf-8")

    def track(
        self, folder: Path, seconds: float, *, version: str = "", **arguments: Any
    ) -> subprocess.Popen[str]:
        """Start a script that is tracked for so long, in a folder of its own."""
        script = Path(__file__).with_name("tracked.py")
        return subprocess.Popen(
            [sys.executable, str(script), str(seconds), json.dumps(arguments)],
            cwd=folder,
            env=self.client(folder, version=version),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(self, process: subprocess.Popen[str]) -> str:
        """Wait for a tracked script to end well and return what it printed."""
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    def forget_posts(self) -> None:
        """Begin anew."""
        self.query("SELECT 1")
        with self._link.cursor() as cursor:
            cursor.execute("TRUNCATE emissions_energystream CASCADE")

    def posts(self) -> int:
        """Return how many posts have come."""
        return self.count("emissions_energypost")

    def wait_for_posts(self, number: int) -> None:
        """Return once so many posts have come."""
        self.wait_until(
            lambda: self.posts() >= number, seconds=60, what=f"No {number} posts have come"
        )
        time.sleep(0.1)
