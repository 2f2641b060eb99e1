"""The servers that tests run against: a PostgreSQL and a Valkey of their own, in a temporary
folder, on sockets only, with no care for what a power cut would lose."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.embedded.postgres import Cluster
from config.embedded.valkey import Broker

# What makes a database quick when nobody minds losing it.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "10s",
}


@dataclass
class Servers:
    """A cluster and a broker under one folder; started together, ended together."""

    folder: Path

    def __post_init__(self) -> None:
        self.cluster = Cluster(
            data=self.folder / "data",
            sockets=self.folder / "postgres",
            log=self.folder / "postgres.log",
            programs_copy=self.folder / "programs",
            settings=CARELESS,
        )
        self.broker = Broker(
            socket=self.folder / "valkey" / "valkey.sock", log=self.folder / "valkey.log"
        )

    @property
    def environment(self) -> dict[str, str]:
        """What another process needs to use these servers."""
        return {
            **os.environ,
            "TONNE_TEST_SERVERS": str(self.folder),
            "DATABASE_URL": self.cluster.url(user="postgres"),
            "REDIS_URL": self.broker.url,
        }

    def start(self) -> None:
        """Start both; the folder may hold no earlier ones."""
        # Not under pytest's own tmp_path: as root, the database's account could not walk there.
        self.folder.mkdir()
        self.folder.chmod(0o711)
        try:
            self.cluster.start()
            self.broker.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both and remove their data."""
        self.broker.stop()
        self.cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
