"""Closed months: one table that answers for them from the tables that were in use then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Table = TypeVar("Table")


@dataclass(frozen=True, slots=True)
class Closed(Generic[Table]):
    """Months for which another table is asked.

    Attributes
    ----------
    starts_month, ends_month : int
        Half-open, year × 12 + month − 1. [month]
    first_row : int
        Where the rows of the other table begin in the joined one.
    table : Table
        The other one.
    """

    starts_month: int
    ends_month: int
    first_row: int
    table: Table


def tables_to_join(
    own: Table, spans: Sequence[tuple[int, int, Table]], *, rows: Callable[[Table], int]
) -> tuple[list[Table], tuple[Closed[Table], ...]]:
    """Return the tables that a joined one holds, in order, and what it asks the others for.

    Parameters
    ----------
    own : Table
        The table of the months that are not closed; it comes first.
    spans : sequence of (first month, end month, Table)
        Half-open spans that do not overlap. [month]
    rows : callable
        How many rows a table has.

    Returns
    -------
    list of Table
        Each table once.
    tuple of Closed
        One for each span.
    """
    tables = [own]
    closed = []
    for starts_month, ends_month, table in spans:
        if not any(table is one for one in tables):
            tables.append(table)
        at = next(at for at, one in enumerate(tables) if one is table)
        first_row = sum(rows(one) for one in tables[:at])
        closed.append(Closed(starts_month, ends_month, first_row, table))
    return tables, tuple(closed)
