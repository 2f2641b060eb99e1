"""From the rows of a provider's export to figures by account and month."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from emissions.calculation.vocabulary import CloudProvider
from emissions.importers.tables import Table

ZERO = Decimal(0)
LARGEST_KG = Decimal(1_000_000_000)
NANO = Decimal("1e-9")
SERVICES = 30
"""So many services of an account and month are kept by name; the rest are "Other"."""

#: The parts of a statement; those of scope 2 and 3 by both methods, where they are given.
PARTS = (
    "scope_1_kg",
    "scope_2_location_kg",
    "scope_2_market_kg",
    "scope_3_location_kg",
    "scope_3_market_kg",
    "location_based_kg",
    "market_based_kg",
)
ASKED_MONTH = "*month"
"""Under this name a row holds the month that somebody gave for the whole file."""

Account = tuple[str, ...]
"""What a row can belong to, the narrowest first: a project or its billing account."""


class StatementError(Exception):
    """The file is no statement; the message says what to do about it."""


class CellError(Exception):
    """A row cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was left out, by its number in the file."""

    row: int
    message: str


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One row: whose it is, its month, the provider's version, a service, and its parts."""

    account: Account
    month: date
    version: str
    service: str
    parts: Mapping[str, Decimal | None]


@dataclass(slots=True)
class Figure:
    """What a provider states for one account and month; a part is None where it is not given."""

    account: Account
    month: date
    version: str
    parts: dict[str, Decimal | None] = field(default_factory=lambda: dict.fromkeys(PARTS))
    services: dict[str, list[Decimal]] = field(default_factory=dict)

    def add(self, row: StatementRow) -> None:
        """Add a row of the same account, month and version."""
        for name, amount in row.parts.items():
            if amount is not None:
                self.parts[name] = (self.parts[name] or ZERO) + amount
        sums = self.services.setdefault(row.service or "Not named", [ZERO, ZERO])
        sums[0] += row.parts.get("location_based_kg") or ZERO
        sums[1] += row.parts.get("market_based_kg") or ZERO

    def include(self, other: "Figure") -> None:
        """Add another figure that belongs to the same account."""
        for name, amount in other.parts.items():
            if amount is not None:
                self.parts[name] = (self.parts[name] or ZERO) + amount
        for name, sums in other.services.items():
            own = self.services.get(name, [ZERO, ZERO])
            self.services[name] = [one + more for one, more in zip(own, sums, strict=True)]


@dataclass(frozen=True, slots=True)
class Statement:
    """A file: the figures that it states, and the rows that could not be read.

    `older` counts the rows of an older version, left out where a newer one is there: providers
    deliver both for a while.
    """

    provider: CloudProvider
    format: str
    figures: list[Figure]
    errors: list[RowError]
    rows: int
    older: int = 0


@dataclass(frozen=True, slots=True)
class Format:
    """One export: its columns, folded by `fold`, and how a row is read."""

    key: str
    label: str
    provider: CloudProvider
    needs: tuple[str, ...]
    read: Callable[[Mapping[str, str], str], StatementRow]
    check: Callable[[Sequence[Mapping[str, str]]], None] | None = None
    """Refuse a file as a whole: what adds up to too much. Raises StatementError."""

    def matches(self, header: Iterable[str]) -> bool:
        """Whether a header has the columns of this export; "a|b" needs one of the two."""
        names = {fold(name) for name in header}
        return all(any(fold(one) in names for one in need.split("|")) for need in self.needs)


def fold(name: str) -> str:
    """Return a column's name without case, dots and underscores: flattened or not."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def read_rows(table: Table, kind: Format, *, version: str, month: str) -> Statement:
    """Read a table that has the columns of an export, and add it up.

    `month` is that of rows which do not name theirs.
    """
    names = [fold(name) for name in table.header]
    stated = [dict(zip(names, row.cells, strict=True)) for row in table.rows]
    if kind.check is not None:
        kind.check(stated)
    rows: list[StatementRow] = []
    errors: list[RowError] = []
    for row, cells in zip(table.rows, stated, strict=True):
        try:
            rows.append(kind.read({**cells, ASKED_MONTH: month}, version))
        except CellError as error:
            errors.append(RowError(row.number, str(error)))
    figures, older = _added_up(rows)
    return Statement(kind.provider, kind.label, figures, errors, len(table.rows), older)


def _added_up(rows: list[StatementRow]) -> tuple[list[Figure], int]:
    newest: dict[tuple[Account, date], str] = {}
    for row in rows:
        key = (row.account, row.month)
        newest[key] = max(newest.get(key, row.version), row.version, key=version_order)
    figures: dict[tuple[Account, date], Figure] = {}
    older = 0
    for row in rows:
        key = (row.account, row.month)
        if row.version != newest[key]:
            older += 1
            continue
        figures.setdefault(key, Figure(row.account, row.month, row.version)).add(row)
    for figure in figures.values():
        _round(figure)
    return sorted(figures.values(), key=lambda one: (one.account, one.month)), older


def _round(figure: Figure) -> None:
    """Keep nine decimals, as the ledger does, and the largest services by name."""
    for name, amount in figure.parts.items():
        figure.parts[name] = None if amount is None else amount.quantize(NANO)
    ranked = sorted(figure.services.items(), key=lambda one: (-max(one[1]), one[0]))
    kept = {name: [one.quantize(NANO) for one in sums] for name, sums in ranked[:SERVICES]}
    rest = [sums for _, sums in ranked[SERVICES:]]
    if rest:
        kept["Other"] = [sum(column, ZERO).quantize(NANO) for column in zip(*rest, strict=True)]
    figure.services = kept


def version_order(version: str) -> tuple[tuple[int, ...], str]:
    """Order versions as people read them: v2.10 after v2.9."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)), version


def amount(row: Mapping[str, str], column: str, *, kg_per_unit: int = 1) -> Decimal | None:
    """Return an amount in kg; None where the cell or the column is empty.

    Raises
    ------
    CellError
        It is no number, negative, or larger than anybody's.
    """
    text = row.get(fold(column), "")
    if not text or text.casefold() in ("null", "none", "n/a"):
        return None
    try:
        kg = Decimal(text) * kg_per_unit
    except InvalidOperation:
        raise CellError(f"“{text[:40]}” in {column} is not a number.") from None
    if not kg.is_finite() or kg < 0 or kg > LARGEST_KG:
        raise CellError(f"“{text[:40]}” in {column} is not an amount of emissions.")
    return kg


def unit(row: Mapping[str, str], column: str, expected: str) -> None:
    """Refuse a row whose unit is not the expected one; an empty cell passes.

    Raises
    ------
    CellError
        The unit is another.
    """
    text = row.get(fold(column), "")
    if text and text.casefold() != expected.casefold():
        raise CellError(f"The unit “{text[:40]}” in {column} is not {expected}.")


def month_of(row: Mapping[str, str], column: str) -> date:
    """Return the month of a day such as 2026-03-01, 2026-03-01 00:00:00Z, 20260301 or 2026-03.

    Raises
    ------
    CellError
        It is no such day.
    """
    text = row.get(fold(column), "")
    found = re.match(r"(20\d\d)-?(0[1-9]|1[0-2])(?:-?\d\d)?(?:[T ]|$)", text, re.ASCII)
    if found is None:
        raise CellError(f"“{text[:40]}” in {column} is not a month.")
    return date(int(found[1]), int(found[2]), 1)


def accounts(row: Mapping[str, str], *columns: str) -> Account:
    """Return whose a row is, the narrowest first.

    Raises
    ------
    CellError
        No column names it.
    """
    found = tuple(dict.fromkeys(row[fold(one)][:100] for one in columns if row.get(fold(one))))
    if not found:
        raise CellError(f"Neither {' nor '.join(columns)} says whose this row is.")
    return found


def summed(*amounts: Decimal | None) -> Decimal | None:
    """Return the sum of what is known; None where nothing is."""
    known = [one for one in amounts if one is not None]
    return sum(known, ZERO) if known else None
