"""Workers and editors are killed in mid-batch, the broker forgets, the database stops.

Afterwards the ledger is what it should be, and everything that anybody was told was saved
is there. TONNE_FAULT_ROUNDS sets how many blows fall.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.editor import CREATED_AT_ONCE
from tests.faults.installation import Installation

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.xdist_group("faults")]

ROUNDS = int(os.environ.get("TONNE_FAULT_ROUNDS", "8"))
WORKERS = {"bulk-1": "bulk", "bulk-2": "bulk", "bulk-3": "bulk", "waiting-1": "interactive"}
EDITORS = ("editor-0", "editor-1")
ORGANISATIONS, RUNS = 3, 3000
PATIENCE_SECONDS = 30.0

# The next calculation of a run mends a double posting, so every moment of the past is looked at:
# after each posting a run is counted in a cell once, or not (or no more).
COUNTED_TWICE = """
    SELECT run_id, cell_id, posting_id, counted FROM (
      SELECT run_id, cell_id, posting_id,
        sum(sum(runs_started)) OVER (PARTITION BY run_id, cell_id ORDER BY posting_id) AS counted
      FROM emissions_emissionentry GROUP BY run_id, cell_id, posting_id
    ) AS history WHERE counted NOT IN (0, 1) LIMIT 10
"""


class Blows:
    """What befalls an installation; counts the blows that fell in mid-batch."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self.installation = installation
        self.chance = chance
        self.in_batch = 0

    def strike(self, at: int) -> None:
        """Let one thing happen; every kind comes in turn, the moment is random."""
        turns = (
            self.kill_worker,
            self.kill_editor,
            self.kill_worker,
            self.flush_broker,
            self.kill_all_workers,
            self.stop_database,
        )
        self._let_work_go_on()
        turns[at % len(turns)]()

    def _let_work_go_on(self) -> None:
        """Wait until something was posted since the last blow, and a while longer."""
        last = self._last_posting()
        self.installation.wait_until(
            lambda: self._last_posting() > last, seconds=PATIENCE_SECONDS, what="Nothing is posted"
        )
        time.sleep(self.chance.uniform(0, 2))

    def _last_posting(self) -> int:
        return int(
            self.installation.query("SELECT coalesce(max(id), 0) FROM emissions_posting")[0][0]
        )

    def kill_worker(self) -> None:
        """Kill a worker that holds a batch."""
        self._kill(self._wait_for_batches()[:1])

    def kill_all_workers(self) -> None:
        """Kill every worker while at least one holds a batch."""
        self._wait_for_batches()
        self._kill(list(WORKERS))

    def kill_editor(self) -> None:
        """Kill an editor, and the worker that calculates what editors wait for."""
        self._kill([self.chance.choice(EDITORS), "waiting-1"])

    def flush_broker(self) -> None:
        """Let the broker forget every message while batches run."""
        self._wait_for_batches()
        self.installation.flush_broker()

    def stop_database(self) -> None:
        """Cut the database off in mid-batch, and let it recover; workers live on."""
        self._wait_for_batches()
        self.in_batch += bool(self._batches())
        self.installation.stop_database_at_once()
        time.sleep(self.chance.uniform(0, 0.5))
        self.installation.bring_back()

    def _kill(self, names: list[str]) -> None:
        self.in_batch += any(name in names for name in self._batches())
        for name in names:
            self.installation.kill(name)
        for name in names:
            self.installation.restart(name)

    def _batches(self) -> list[str]:
        return [name for name in self.installation.holding_rows() if name in WORKERS]

    def _wait_for_batches(self) -> list[str]:
        """Wait until a worker holds a batch, and a moment longer; return who does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(self.chance.uniform(0, 0.03))
            if self._batches():
                time.sleep(self.chance.choice([0, 0, 0.02, 0.1]))
                if found := self._batches():
                    return found
        raise AssertionError(f"No batch in sight\n{self.installation.last_lines()}")


def test_nothing_is_lost_and_nothing_is_posted_twice(installation: Installation):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    installation.editor("prepare", str(ORGANISATIONS), str(RUNS))
    for name, queue in WORKERS.items():
        installation.start_worker(name, queue)
    installation.start_beat()
    journals = [installation.folder / f"{name}.journal" for name in EDITORS]
    for at, name in enumerate(EDITORS):
        installation.start_editor(name, "edit", str(journals[at]), str(at), str(len(EDITORS)))
    survivors = installation.processes["beat"].pid
    blows = Blows(installation, random.Random(seed))
    for at in range(ROUNDS):
        blows.strike(at)
    for name in EDITORS:
        installation.processes[name].stop()

    installation.wait_until_calculated()
    installation.verify()
    assert not installation.query(COUNTED_TWICE)
    for kind in ("node_idle", "meter_remainder", "coverage"):
        assert installation.count(f"emissions_cell WHERE source_kind = '{kind}'"), kind
    assert not installation.count("emissions_runstate WHERE error <> ''")
    _check_journals(installation, journals)
    assert not list(installation.logged("deadlock detected"))
    assert blows.in_batch >= ROUNDS // 4
    assert installation.processes["beat"].pid == survivors


def _check_journals(installation: Installation, journals: list[Path]) -> None:
    """Compare what the editors were told with what is stored."""
    stored = installation.query(
        "SELECT id, external_id, name, deleted_at IS NOT NULL FROM emissions_run"
    )
    told, tried = set[str](), set[str]()
    may_be = {run_id: {(name, False)} for run_id, _, name, _ in stored}
    settled = set[int]()
    for outcome, kind, token, run_id in _acts(journals):
        if kind == "create":
            (told if outcome == "done" else tried).add(token)
            continue
        state = ("", True) if kind == "delete" else (token, False)
        if outcome == "done":
            may_be[run_id] = {state}
            settled.add(run_id)
        else:
            may_be[run_id].add(state)
    _check_created(stored, told, tried)
    wrong = [
        (run_id, name, deleted, may_be[run_id])
        for run_id, _, name, deleted in stored
        if run_id in settled and (("", True) if deleted else (name, False)) not in may_be[run_id]
    ]
    assert not wrong
    assert len(told) + len(settled) > 100, "the editors did little"


def _acts(journals: list[Path]) -> Iterator[tuple[str, str, str, int]]:
    for journal in journals:
        for line in journal.read_text().splitlines():
            outcome, kind, token, *run_id = line.split()
            yield outcome, kind, token, int(run_id[0]) if run_id else 0


def _check_created(stored: list[tuple[Any, ...]], told: set[str], tried: set[str]) -> None:
    """Each creation stands whole or not at all; whole, if its editor was told so."""
    found = Counter(external_id.rpartition("/")[0] for _, external_id, _, _ in stored)
    assert found.pop("") == ORGANISATIONS * RUNS
    assert set(found.values()) <= {CREATED_AT_ONCE}
    assert told <= set(found) <= tried
