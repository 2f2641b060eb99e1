"""An installation of real processes, shared by the tests that break it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation


@pytest.fixture(scope="session")
def running() -> Iterator[Installation]:
    """PostgreSQL, Valkey and a migrated database, started once."""
    folder = Path(tempfile.mkdtemp(prefix="tonne-faults-"))
    folder.rmdir()
    installation = Installation(folder)
    try:
        installation.start()
        yield installation
    finally:
        installation.end()


@pytest.fixture
def installation(running: Installation) -> Iterator[Installation]:
    """The installation; processes that a test starts end with it, and its servers are back."""
    yield running
    running.stop_processes()
    running.bring_back()
