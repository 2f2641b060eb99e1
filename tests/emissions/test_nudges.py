"""Nudges are sent beside the requests: once for many that ask, and always after the last."""

import threading
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from emissions.nudges import Nudges


class Task:
    """Stands for a task of Celery: counts how often it is sent, and waits if told to."""

    name = "a task"

    def __init__(self, error: Exception | None = None) -> None:
        self.sent = 0
        self.error = error
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def apply_async(self, **options: Any) -> None:
        self.sent += 1
        self.begun.set()
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error


def test_those_who_ask_meanwhile_share_one() -> None:
    nudges, task = Nudges(), Task()
    task.go_on.clear()

    nudges.send(task)
    assert task.begun.wait(10)
    for _ in range(50):
        nudges.send(task)
    assert not nudges.flush(0.01)
    task.go_on.set()

    assert nudges.flush(10)
    assert task.sent == 2


@pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("odd")])
def test_a_broker_that_is_gone_ends_nothing(error: Exception) -> None:
    nudges, broken, task = Nudges(), Task(error), Task()

    nudges.send(broken)
    assert nudges.flush(10)
    nudges.send(task)
    assert nudges.flush(10)

    assert (broken.sent, task.sent) == (1, 1)


def test_nothing_to_send_is_sent_at_once() -> None:
    assert Nudges().flush(0)
