"""Nudges to workers, sent from a thread of its own: no request waits for the broker."""

import atexit
import logging
import os
import threading
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
"""How long a process that ends waits for its last nudges; beat repeats what is lost."""


class Nudges:
    """Sends each kind of nudge once for all that ask while one is under way.

    A nudge says that there is something to do, not what: whoever asks while an earlier one has
    not been sent yet needs none of their own, and one is always sent after the last who asked.
    """

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.flush)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._wanted: dict[str, Task[[], Any]] = {}
        self._sending = False
        self._thread: threading.Thread | None = None

    def send(self, task: Task[[], Any]) -> None:
        """Have a task sent, soon; return at once."""
        with self._changed:
            self._wanted[task.name] = task
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="nudges", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until everything is sent; return whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._wanted and not self._sending, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._wanted)
                wanted, self._wanted, self._sending = self._wanted, {}, True
            for task in wanted.values():
                _publish(task)


def _publish(task: Task[[], Any]) -> None:
    """Publish without a retry: beat repeats what does not arrive."""
    try:
        task.apply_async(retry=False, ignore_result=True, expires=60)
    except OperationalError as error:
        logger.warning("No nudge for %s, beat will repeat it: %s", task.name, error)
    except Exception:
        logger.exception("No nudge for %s, beat will repeat it", task.name)
