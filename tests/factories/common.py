"""What all of them need: a moment, a password, a number that is new."""

from datetime import UTC, date, datetime
from itertools import count

#: A moment for services: they read no clock.
NOW = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
#: Since when everything below holds, unless a test says otherwise.
SINCE = date(2020, 1, 1)
PASSWORD = "correct horse battery staple"

_numbers = count(1)


def number() -> int:
    """Return a number that no other thing has."""
    return next(_numbers)
