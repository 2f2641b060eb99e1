"""What a table is made of: rows of texts within limits, and what people type in a cell.

`number_of` and `day_of` read what people type in several countries.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

MEGABYTE = 1024 * 1024


class TableError(Exception):
    """The file cannot be read as a table; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one upload may hold."""

    megabytes: int = 20
    unpacked_megabytes: int = 200
    rows: int = 100_000
    columns: int = 200
    cells: int = 4_000_000


DEFAULT_LIMITS = Limits()


def too_long(limits: Limits) -> str:
    """Return what is said of a sheet with too many rows: empty ones that are formatted count."""
    return (
        f"This spreadsheet has more than {limits.rows:,} rows, formatted empty ones included."
        " Delete the empty rows below the table, or split it."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its number, as a spreadsheet shows it, and its cells, stripped."""

    number: int
    cells: tuple[str, ...]


GROUPED = re.compile(
    r"[+-]?[1-9]\d{0,2}(?:(?P<mark>[ '.,\u00a0\u202f\u2019])\d{3})(?:(?P=mark)\d{3})*"
)


def number_of(text: str, *, decimal_comma: bool = False) -> float | None:
    """Return the number that a cell holds, or None where it holds none.

    1234.5, 1,234.5 and 1 234.5; with a decimal comma 1234,5 and 1.234,5. "1,234" is a
    thousand unless the file's decimal mark is the comma.
    """
    plain = re.sub(r"[\s'\u00a0\u202f\u2019]", "", text)
    mark, other = (",", ".") if decimal_comma else (".", ",")
    whole, dot, fraction = plain.partition(mark)
    if other in whole and GROUPED.fullmatch(whole):
        whole = whole.replace(other, "")
    if decimal_comma and not dot and plain.count(".") == 1 and not GROUPED.fullmatch(plain):
        whole, dot, fraction = plain.partition(".")
    joined = f"{whole}{'.' if dot else ''}{fraction}"
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", joined, re.ASCII):
        return None
    number = float(joined)
    return number if abs(number) < 1e300 else None


def day_of(text: str) -> date | None:
    """Return the day that a cell holds: 2026-03-31, 31.03.2026 or 31 March 2026.

    Days with slashes are not read: 3/4/2026 is another day on each side of an ocean.
    """
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y", "%d %B %Y"):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def matched(header: Iterable[str], aliases: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return {our name: the file's column}: by our name or another, however it is spelt.

    Parameters
    ----------
    header
        The file's columns.
    aliases
        Our names, each with other names it goes by.
    """
    spelt = {_folded(column): column for column in header}
    found = {}
    for name, others in aliases.items():
        column = next((spelt[key] for key in map(_folded, (name, *others)) if key in spelt), None)
        if column is not None:
            found[name] = column
    return found


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.casefold())
