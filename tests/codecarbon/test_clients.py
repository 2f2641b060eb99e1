"""The package as it is on PyPI, in processes of its own, against gunicorn and a worker.

Nothing of it is changed: three lines of configuration lead it here. It reaches nobody else;
where it asks what its place is, it gets no answer.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.codecarbon.receiver import NOWHERE, Receiver

#: Measure every second and post every second measure.
QUICK = {"measure_power_secs": 1, "api_call_interval": 2, "save_to_file": False}

pytestmark = pytest.mark.xdist_group("codecarbon")


@pytest.fixture(scope="module")
def running() -> Iterator[Receiver]:
    folder = Path(tempfile.mkdtemp(prefix="tonne-codecarbon-"))
    folder.rmdir()
    receiver = Receiver(folder)
    try:
        receiver.start()
        yield receiver
    finally:
        receiver.end()


@pytest.fixture
def receiver(running: Receiver, tmp_path: Path) -> Receiver:
    """Everything runs, and nothing has been posted."""
    running.forget_posts()
    running.configure(tmp_path, save_to_api="true")
    return running


def ledger(receiver: Receiver) -> list[tuple[float, float]]:
    """Return the IT and the facility energy of each run, as posted. [kWh]"""
    rows = receiver.query(
        "SELECT sum(energy_it_kwh), sum(energy_facility_kwh) FROM emissions_emissionentry"
        " JOIN emissions_energystream USING (run_id) GROUP BY run_id ORDER BY run_id"
    )
    return [(float(it), float(facility)) for it, facility in rows]


def described(receiver: Receiver) -> dict[str, Any]:
    """Return what the ledger says of the latest run, but its status, and how it is known."""
    columns = (
        "project_id", "site_id", "zone_id", "hardware_id", "source_kind", "scope", "category",
        "basis", "fit", "location_factor_id", "market_factor_id", "assumptions",
    )  # fmt: skip
    latest = "run_id = (SELECT max(id) FROM emissions_run)"
    ((kwh, hours, *cell),) = receiver.query(
        f"SELECT sum(energy_it_kwh), sum(device_hours), {', '.join(columns)}"
        " FROM emissions_emissionentry entry JOIN emissions_cell cell ON cell.id = cell_id"
        f" WHERE {latest} GROUP BY {', '.join(columns)} HAVING sum(device_hours) > 0"
    )
    bases = receiver.query(
        "SELECT DISTINCT boundary, gpu_basis, cpu_basis, memory_basis"
        f" FROM emissions_observation WHERE {latest}"
    )
    known = dict(zip(columns, cell, strict=True))
    return {"kwh": float(kwh), "hours": float(hours), "bases": bases, **known}


def energy_posted(receiver: Receiver) -> float:
    """Return the energy of all posts. [kWh]"""
    return float(receiver.query("SELECT sum(energy_kwh) FROM emissions_energypost")[0][0])


def streams(receiver: Receiver, columns: str) -> list[tuple]:
    return receiver.query(f"SELECT {columns} FROM emissions_energystream ORDER BY id")


class TestATrackedScript:
    @pytest.mark.parametrize("mode", ["machine", "process"])
    def test_its_energy_reaches_the_ledger(self, receiver, tmp_path, mode):
        receiver.said(receiver.track(tmp_path, 6, tracking_mode=mode, **QUICK))
        assert receiver.posts() >= 2
        receiver.fold()
        ((it, facility),) = ledger(receiver)
        assert it == pytest.approx(energy_posted(receiver), abs=2e-9)
        assert facility == pytest.approx(1.5 * it, rel=1e-3, abs=2e-9)
        ((machine, version),) = streams(receiver, "is_whole_machine, client_version")
        assert machine == (mode == "machine")
        assert version.startswith("3.")

    def test_the_place_is_the_experiment_s(self, receiver, tmp_path):
        receiver.said(receiver.track(tmp_path, 3, **QUICK))
        receiver.fold()
        place = "SELECT site.name FROM emissions_run JOIN emissions_energystream stream"
        place += (
            " ON stream.run_id = emissions_run.id JOIN emissions_site site ON site.id = site_id"
        )
        assert receiver.query(place) == [("Basement",)]

    def test_a_trailing_slash_the_default_experiment_a_job_and_a_token_that_adds_runs_only(
        self, receiver, tmp_path
    ):
        receiver.configure(
            tmp_path,
            save_to_api="true",
            api_endpoint=f"{receiver.base}/codecarbon/",
            experiment_id="default/4711_3",
            api_key=receiver.known["ingest"],
        )
        receiver.said(receiver.track(tmp_path, 3, **QUICK))
        assert receiver.posts() >= 1
        assert streams(receiver, "job_id") == [("4711_3",)]

    def test_a_wrong_token_stops_no_script(self, receiver, tmp_path):
        receiver.configure(tmp_path, save_to_api="true", api_key="tonne_wrong")
        said = receiver.said(receiver.track(tmp_path, 3, **QUICK))
        assert "401" in said
        assert receiver.posts() == 0

    def test_an_offline_tracker_sends_nothing(self, receiver, tmp_path):
        receiver.configure(tmp_path)
        quick = {**QUICK, "save_to_file": True}
        receiver.said(receiver.track(tmp_path, 3, offline=True, country_iso_code="FRA", **quick))
        assert streams(receiver, "id") == []
        with (tmp_path / "emissions.csv").open(encoding="utf-8") as file:
            assert float(next(csv.DictReader(file))["energy_consumed"]) > 0

    def test_totals_with_the_token_in_the_address(self, receiver, tmp_path):
        receiver.configure(tmp_path)
        address = f"{receiver.base}/codecarbon/emissions/{receiver.known['ingest']}"
        receiver.said(
            receiver.track(
                tmp_path, 3, emissions_endpoint=address, measure_power_secs=1, save_to_file=False
            )
        )
        receiver.fold()
        ((cumulative, open_),) = streams(receiver, "is_cumulative, is_open")
        assert cumulative
        assert open_
        ((it, _),) = ledger(receiver)
        last = receiver.query("SELECT max(energy_kwh) FROM emissions_energypost")[0][0]
        assert it == pytest.approx(last, abs=2e-9)


@pytest.mark.parametrize("version", ["2.8", "3.0"])
class TestAnOlderClient:
    def test_its_energy_reaches_the_ledger(self, receiver, tmp_path, version):
        receiver.configure(
            tmp_path, save_to_api="true", api_endpoint=f"{receiver.base}/codecarbon/"
        )
        receiver.said(receiver.track(tmp_path, 5, version=version, **QUICK))
        assert receiver.posts() >= 2
        receiver.fold()
        ((it, facility),) = ledger(receiver)
        assert it == pytest.approx(energy_posted(receiver), abs=2e-9)
        assert facility == pytest.approx(1.5 * it, rel=1e-3, abs=2e-9)
        ((machine, said),) = streams(receiver, "is_whole_machine, client_version")
        assert machine
        assert said.startswith(version)

    def test_totals_with_the_token_in_the_address(self, receiver, tmp_path, version):
        receiver.configure(tmp_path)
        address = f"{receiver.base}/codecarbon/emissions/{receiver.known['ingest']}"
        receiver.said(
            receiver.track(
                tmp_path,
                2,
                version=version,
                emissions_endpoint=address,
                measure_power_secs=1,
                save_to_file=False,
            )
        )
        assert streams(receiver, "is_cumulative") == [(True,)]
        assert receiver.posts() >= 1


class TestItsFile:
    @pytest.mark.parametrize("version", ["", "2.8"])
    def test_says_what_its_posts_say(self, receiver, tmp_path, version):
        quick = {**QUICK, "save_to_file": True}
        receiver.said(receiver.track(tmp_path, 6, version=version, **quick))
        receiver.fold()
        by_posts = described(receiver)
        file = tmp_path / "emissions.csv"
        with file.open(encoding="utf-8") as rows:
            row = list(csv.DictReader(rows))[-1]
        if version:
            # This client gives the file the id that its run has here: it is that run.
            assert "1 unchanged" in receiver.bring(file)
            file.write_text(file.read_text(encoding="utf-8").replace(row["run_id"], "another"))
        assert "1 new" in receiver.bring(file)
        by_file = described(receiver)
        # A client keeps what it saw in less than a second for itself.
        second = float(row["energy_consumed"]) / float(row["duration"])
        assert by_posts.pop("kwh") == pytest.approx(by_file.pop("kwh"), abs=1.5 * second)
        assert by_posts.pop("hours") == pytest.approx(by_file.pop("hours"), abs=2.5 / 3600)
        assert by_posts == by_file


class TestSeveral:
    def test_each_process_is_a_run(self, receiver, tmp_path):
        started = [receiver.track(tmp_path, 6, tracking_mode="process", **QUICK) for _ in range(4)]
        for process in started:
            receiver.said(process)
        receiver.fold()
        found = ledger(receiver)
        assert len(found) == 4
        assert sum(it for it, _ in found) == pytest.approx(energy_posted(receiver), abs=8e-9)

    def test_whole_machine_trackers_of_one_machine_count_once(self, receiver, tmp_path):
        started = [receiver.track(tmp_path, 8, **QUICK) for _ in range(3)]
        for process in started:
            receiver.said(process)
        receiver.fold()
        assert len(streams(receiver, "id")) == 3
        counted = sum(it for it, _ in ledger(receiver))
        doubles = sum(kwh for (kwh,) in streams(receiver, "double_kwh"))
        total = energy_posted(receiver)
        assert counted + doubles == pytest.approx(total, abs=8e-9)
        assert counted < 0.75 * total


class TestARestart:
    def test_a_run_goes_on_after_it(self, receiver, tmp_path):
        process = receiver.track(tmp_path, 120, tracking_mode="process", **QUICK)
        receiver.wait_for_posts(2)
        receiver.stop_web()
        before = receiver.posts()
        receiver.start_web()
        receiver.wait_for_posts(before + 2)
        (tmp_path / "enough").touch()
        receiver.said(process)
        receiver.fold()
        assert len(streams(receiver, "id")) == 1
        ((it, _),) = ledger(receiver)
        assert it == pytest.approx(energy_posted(receiver), abs=2e-9)


class TestAKill:
    """Folding is killed while it waits for its next write, wherever that is."""

    TABLES = ("run", "observation", "pendingcalculation", "energystream", "unfoldedpost")

    def test_nothing_is_lost_and_nothing_counts_twice(self, receiver, tmp_path):
        receiver.said(receiver.track(tmp_path, 5, **QUICK))
        before = receiver.state()
        for table in self.TABLES:
            receiver.kill_fold_at(f"emissions_{table}")
            assert receiver.state() == before, table
        receiver.fold()
        ((it, _),) = ledger(receiver)
        assert it == pytest.approx(energy_posted(receiver), abs=2e-9)
        assert receiver.count("emissions_unfoldedpost") == 0
        receiver.fold()
        assert ledger(receiver)[0][0] == it
        receiver.verify()


class TestTheTimer:
    def test_a_run_appears_within_a_minute_of_its_first_post(self, receiver, tmp_path):
        """Beat lets a worker fold every minute; here every second."""
        receiver.start_quick_beat()
        try:
            receiver.said(receiver.track(tmp_path, 3, **QUICK))
            receiver.wait_until(
                lambda: bool(ledger(receiver)), seconds=60, what="Beat folds nothing"
            )
        finally:
            receiver.processes.pop("beat").stop()
        assert streams(receiver, "is_open") == [(True,)]


class TestTheCommandLine:
    def ask(self, receiver: Receiver, folder: Path, script: str, *, version: str = "") -> str:
        """Run the command line with a token in the place of its sign-in."""
        (folder / "credentials.json").write_text(
            json.dumps({"access_token": receiver.known["token"]}), encoding="utf-8"
        )
        result = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={
                **receiver.client(folder, version=version),
                # Whether a token is right is for us to say, not for a sign-in server.
                "AUTH_SERVER_WELL_KNOWN": f"{NOWHERE}/none",
                "API_URL": f"{receiver.base}/codecarbon",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    @pytest.mark.parametrize("version", ["", "2.8"])
    def test_its_configuration_walks_to_a_token(self, receiver, tmp_path, version):
        """`codecarbon config`, with a person's choices typed for them."""
        name = f"From the shell {version}"
        (tmp_path / ".codecarbon.config").unlink()
        script = f"""
import codecarbon.cli.main as cli
# 2.8 asks its own server whether the sign-in still holds.
cli._get_access_token = lambda: "{receiver.known["token"]}"
answers = iter(["Laboratory", "Vision", "Create New Experiment"])
cli.questionary_prompt = lambda *a, **k: next(answers)
cli.create_new_config_file = lambda: cli.Path("./.codecarbon.config")
open(".codecarbon.config", "w").write("[codecarbon]\\n")
typed = {{"Current": "{receiver.base}/codecarbon", "Experiment name": "{name}",
          "Country ISO": "FRA"}}
cli.typer.prompt = lambda text, default=None, **k: next(
    (value for key, value in typed.items() if text.startswith(key)), default)
cli.Confirm.ask = lambda *a, **k: False
cli.config()
"""
        self.ask(receiver, tmp_path, script, version=version)
        written = (tmp_path / ".codecarbon.config").read_text(encoding="utf-8")
        assert receiver.known["token"] in written
        zone = receiver.query(
            "SELECT zone.code, experiment.uuid::text FROM emissions_experiment experiment"
            " JOIN emissions_gridzone zone ON zone.id = experiment.zone_id"
            " WHERE experiment.name = %s",
            name.strip(),
        )
        assert zone[0][0] == "FR"
        assert zone[0][1] in written
        receiver.said(receiver.track(tmp_path, 3, version=version, save_to_api=True, **QUICK))
        assert receiver.posts() >= 1

    def test_it_asks_for_organisations(self, receiver, tmp_path):
        script = "from codecarbon.cli.main import api_get; api_get()"
        assert "Laboratory" in self.ask(receiver, tmp_path, script)
