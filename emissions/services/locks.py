"""Advisory locks by which one worker alone does a piece of work."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone_with(kind: int, pk: int) -> Iterator[bool]:
    """Hold the lock on a row for as long as the block lasts, unless another worker does.

    Parameters
    ----------
    kind
        Class of the lock, one for each kind of work.
    pk
        The row that the work is about.

    Yields
    ------
    bool
        Whether this worker has it. The database lets go of it when a worker dies.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [kind, pk])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [kind, pk])
