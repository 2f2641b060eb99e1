"""What goes into a figure and what comes out: plain rows in, a card for the page out."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

MONTH_HEIGHT = 300


@dataclass(frozen=True)
class Range:
    """A figure's 95 % interval, in the figure's unit."""

    low: float
    high: float


@dataclass(frozen=True)
class SeriesPoint:
    """One month of one series; `value` is in the figure's unit, None where unknown."""

    month: date
    series: str
    value: float | None


@dataclass(frozen=True)
class Bar:
    """One bar of a ranking; `url` is where its label and the bar lead."""

    label: str
    value: float | None
    url: str = ""
    range: Range | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table; `note` says what the second lines of its cells are."""

    label: str
    unit: str = ""
    numeric: bool = False
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table; `text` None is shown as unknown, `note` as a quiet second line."""

    text: str | None
    url: str = ""
    numeric: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table as components/table.html shows it."""

    columns: list[Column]
    rows: list[list[Cell]]
    footer: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class LegendEntry:
    """A series in the legend; `kind` is "" for bars, or a class of its swatch."""

    label: str
    colour: str
    url: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Card:
    """All that components/figure.html needs."""

    id: str
    title: str
    unit: str
    conclusion: str
    plot: dict[str, Any]
    table: Table
    legend: list[LegendEntry] = field(default_factory=list)
    height: int = MONTH_HEIGHT
    note: str = ""

    @property
    def plot_id(self) -> str:
        """The id of the element that carries the figure's JSON."""
        return f"{self.id}-plot"
