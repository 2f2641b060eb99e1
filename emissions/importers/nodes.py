"""Read a table of nodes: what each row states, and what cannot be read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from emissions.calculation.vocabulary import Tenure
from emissions.importers.cells import Row, day_of, matched, number_of
from emissions.importers.tables import Table
from emissions.tabular import undefused

#: Our columns, with other names that inventories and CMDBs give them.
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("node", "node name", "hostname", "host"),
    "hardware": ("hardware model", "model", "gpu", "gpu model", "accelerator"),
    "device_count": ("devices", "devices per node", "gpus", "gpu count", "gpus per node"),
    "node_count": ("nodes", "count", "number of nodes", "quantity"),
    "site": ("location", "data centre", "data center"),
    "team": ("owner", "owner team"),
    "tenure": ("held",),
    "placed_on": ("placed from", "in service from", "since"),
    "purchased_on": ("purchase date", "bought on", "purchased"),
    "life_years": ("life", "service life"),
    "life_from": ("life since",),
    "max_watts": ("max power", "power at full load"),
    "idle_watts": ("idle power", "power when idle"),
    "embodied_kg": ("embodied carbon", "footprint kg"),
    "embodied_source": ("footprint source",),
    "disposed_on": ("left on", "disposal date", "disposed"),
}
#: What a new node cannot do without; a known one is found by its name.
NEEDED = ("name",)
EXAMPLES = (
    ("lul-h100", "NVIDIA H100 SXM5 80GB", "8", "24", "Luleå", "Language", "owned", "2025-02-01",
     "2025-01-15", "5", "", "", "", "5300", "Manufacturer's estimate", ""),
    ("fra-l40s", "gpu:l40s", "4", "12", "Frankfurt", "", "operating_lease", "2025-06-01", "", "",
     "", "1800", "300", "", "", ""),
)  # fmt: skip


class MissingColumns(Exception):
    """The table has no column that says what a row is about; `names` are ours."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(slots=True)
class NodeLine:
    """One row: its number, what it states by our names, and what is wrong with it."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def read_nodes(table: Table) -> Iterator[NodeLine]:
    """Yield what each row states; an empty cell states nothing.

    Raises
    ------
    MissingColumns
        There is no column of names.
    """
    columns = matched(table.header, COLUMNS)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise MissingColumns(missing)
    position = {name: table.header.index(column) for name, column in columns.items()}
    for row in table.rows:
        yield _line(row, position, table.decimal_comma)


def unknown_columns(table: Table) -> list[str]:
    """Return the table's columns that mean nothing here."""
    known = set(matched(table.header, COLUMNS).values())
    return [column for column in table.header if column not in known]


def _line(row: Row, position: dict[str, int], decimal_comma: bool) -> NodeLine:
    line = NodeLine(row.number)
    for name, at in position.items():
        text = undefused(row.cells[at])
        if not text:
            continue
        try:
            line.values[name] = READERS.get(name, _text)(text, decimal_comma)
        except Unreadable as problem:
            line.errors[name] = str(problem)
    if "name" not in line.values and "name" not in line.errors:
        line.errors["name"] = "Give the node's name."
    return line


class Unreadable(Exception):
    """A cell cannot be read; the message says what to give instead."""


def _text(text: str, _: bool) -> str:
    if len(text) > 150:
        raise Unreadable("Give at most 150 characters.")
    return text


def _source(text: str, _: bool) -> str:
    return text[:250]


def _number(least: float, most: float) -> Callable[[str, bool], float]:
    def read(text: str, decimal_comma: bool) -> float:
        number = number_of(text, decimal_comma=decimal_comma)
        if number is None or not least <= number <= most:
            raise Unreadable(f"Give a number between {least:g} and {most:,.0f}, not “{text}”.")
        return number

    return read


def _whole(most: int) -> Callable[[str, bool], int]:
    def read(text: str, decimal_comma: bool) -> int:
        number = number_of(text, decimal_comma=decimal_comma)
        if number is None or not number.is_integer() or not 1 <= number <= most:
            raise Unreadable(f"Give a whole number between 1 and {most:,}, not “{text}”.")
        return int(number)

    return read


def _day(text: str, _: bool) -> Any:
    day = day_of(text)
    if day is None or not 1990 <= day.year <= 2100:
        raise Unreadable(f"Give a date such as 2026-03-31, not “{text}”.")
    return day


def _tenure(text: str, _: bool) -> Tenure:
    plain = text.casefold().replace(" ", "_").replace("-", "_")
    for tenure in Tenure:
        if plain in (tenure.value, tenure.label.casefold().replace(" ", "_")):
            return tenure
    if plain == "leased":
        raise Unreadable("Say which: finance_lease or operating_lease.")
    raise Unreadable(f"Give {', '.join(one.value for one in Tenure)}, not “{text}”.")


READERS: dict[str, Callable[[str, bool], Any]] = {
    "device_count": _whole(100_000),
    "node_count": _whole(1_000_000),
    "tenure": _tenure,
    "placed_on": _day,
    "purchased_on": _day,
    "disposed_on": _day,
    "life_from": _day,
    "life_years": _number(0.1, 50),
    "max_watts": _number(0.001, 10_000_000),
    "idle_watts": _number(0, 10_000_000),
    "embodied_kg": _number(0, 100_000_000),
    "embodied_source": _source,
}
