"""What `make up` shows while it works."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 34
DOT_EVERY_SECONDS = 2.0


class Screen:
    """Write one line per step: its name, dots while it takes long, and how long it took."""

    def __init__(self) -> None:
        self._last_dot = 0.0

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step from its begin to its end."""
        started = self._last_dot = time.monotonic()
        print(f"  {name:<{WIDTH}} ", end="", flush=True)
        try:
            yield
        except BaseException:
            print("stopped", flush=True)
            raise
        print(f"done ({time.monotonic() - started:.1f} s)", flush=True)

    def tick(self) -> None:
        """Show that a step still works."""
        if time.monotonic() - self._last_dot > DOT_EVERY_SECONDS:
            self._last_dot = time.monotonic()
            print(".", end="", flush=True)

    def complain(self, text: str) -> None:
        """Write an error."""
        print(f"\n{text}", file=sys.stderr, flush=True)
