"""Without a broker everything is saved at once and calculated later; servers may come and go."""

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.xdist_group("faults")]

# A nudge may wait for its connection and one answer: 0.2 s + 0.5 s. The rest is for a busy machine.
PROMPT_SECONDS = 3.0


@pytest.fixture(scope="module")
def working(running: Installation) -> Iterator[Installation]:
    """An installation with an organisation, and with workers and a timer that live on."""
    running.editor("prepare", "1", "50")
    running.start_worker("bulk-1", "bulk")
    running.start_worker("waiting-1", "interactive")
    running.start_beat()
    running.wait_until_calculated()
    yield running
    running.stop_processes()
    running.bring_back()


def lines_of(installation: Installation, run_id: int) -> int:
    return installation.query(
        "SELECT coalesce(sum(runs_started), 0) FROM emissions_emissionentry WHERE run_id = %s",
        run_id,
    )[0][0]


def test_a_run_is_saved_without_a_broker_and_calculated_when_it_is_back(working):
    workers = [child.pid for child in working.processes.values()]
    working.servers.broker.stop()
    run_id, seconds = working.editor("record", "org-0").split()
    assert float(seconds) < PROMPT_SECONDS
    answers = [line.split(maxsplit=2) for line in working.editor("post", "org-0").splitlines()]
    assert [status for status, *_ in answers] == ["201", "200"], answers
    assert all(float(seconds) < PROMPT_SECONDS for _, seconds, _ in answers), answers
    assert working.count("emissions_pendingcalculation WHERE run_id = %s", run_id) == 1
    working.bring_back()
    working.wait_until_calculated()
    assert lines_of(working, int(run_id)) == 1
    assert working.count("emissions_run WHERE name = 'posted'") == working.count(
        "emissions_emissionentry JOIN emissions_run run ON run.id = run_id"
        " WHERE run.name = 'posted'"
    )
    working.verify()
    assert [child.pid for child in working.processes.values() if child.running()] == workers


def test_workers_go_on_when_database_and_broker_were_restarted(working):
    workers = [child.pid for child in working.processes.values()]
    working.stop_database_at_once()
    working.bring_back()
    first, _ = working.editor("record", "org-0").split()
    working.wait_until_calculated()
    working.servers.broker.stop()
    working.stop_database_at_once()
    working.bring_back()
    second, _ = working.editor("record", "org-0").split()
    working.wait_until_calculated()
    assert [lines_of(working, int(run_id)) for run_id in (first, second)] == [1, 1]
    working.verify()
    assert [child.pid for child in working.processes.values() if child.running()] == workers


def test_what_people_wait_for_needs_only_a_nudge(working):
    """The timer is not needed while the broker lives."""
    working.processes.pop("beat").stop()
    try:
        run_id, _ = working.editor("record", "org-0").split()
        working.wait_until_calculated(seconds=60)
        assert lines_of(working, int(run_id)) == 1
    finally:
        working.start_beat()
