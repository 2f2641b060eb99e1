"""What a table of a report is: declared columns, and rows that somebody reads for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from emissions.tabular import Value

Row = Sequence[Value]


class Kind(StrEnum):
    """What a column holds: how a file writes and aligns it."""

    TEXT = "text"
    INTEGER = "integer"
    QUANTITY = "quantity"
    SHARE = "share"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, unit, kind, and what it means."""

    name: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    comment: str = ""

    @property
    def header(self) -> str:
        """The name with its unit: "Energy, IT [kWh]"."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: a sheet, or a file of an archive."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    #: Whether its last row is the sum of those above.
    with_total: bool = False
