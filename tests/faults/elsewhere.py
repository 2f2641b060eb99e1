"""Do something on another connection, as another process would, while this one waits or holds."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection


def start_elsewhere(function: Callable[[], Any]) -> "Future[Any]":
    """Begin to call a function in a thread with a database connection of its own."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=call, daemon=True).start()
    return future


def elsewhere(function: Callable[[], Any], *, waits: bool = False) -> Any:
    """Call a function on another connection; unless `waits`, an error if it meets a lock."""

    def call() -> Any:
        if not waits:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
        return function()

    return start_elsewhere(call).result(timeout=60)
