"""What every importer of factors yields: typed rows, or errors; nothing of a file with errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.importers.cells import Row, TableError, matched, number_of
from emissions.importers.tables import Table

LARGEST_G_PER_KWH = 5000.0
"""No grid emits more: the dirtiest fuels give some 1,500. A larger value is another unit."""

FIRST_YEAR, LAST_YEAR = 1960, 2100


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One factor of a file, in our unit; `row` is its place in the file."""

    row: int
    zone: str
    starts_on: date
    ends_before: date
    g_co2e_per_kwh: float
    kind: FactorKind
    role: FactorRole = FactorRole.LOCATION
    includes_upstream: bool = False
    includes_losses: bool = False
    gases: str = ""
    co2_g_per_kwh: float | None = None
    ch4_g_per_kwh: float | None = None
    n2o_g_per_kwh: float | None = None
    note: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class MixRow:
    """What a zone's generation is made of, in shares between 0 and 1 that add up to 1."""

    row: int
    zone: str
    starts_on: date
    ends_before: date
    renewable_share: float
    nuclear_share: float
    fossil_share: float


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong where; row 0 is the file itself."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = f"Row {self.row}" if self.row else "The file"
        return f"{place}{f', {self.column}' if self.column else ''}: {self.reason}"


@dataclass(slots=True)
class Hours:
    """A zone's intensity in each hour of a year in UTC, None where the file says nothing."""

    row: int
    zone: str
    year: int
    kind: FactorKind
    g_co2e_per_kwh: list[float | None]


@dataclass(slots=True)
class Read:
    """What a file holds. `left_out` says in words which rows are passed over on purpose."""

    factors: list[FactorRow] = field(default_factory=list)
    hours: list[Hours] = field(default_factory=list)
    mixes: list[MixRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many factors, years of hours and mixes there are."""
        return len(self.factors) + len(self.hours) + len(self.mixes)

    def error(self, row: int, column: str, reason: str) -> None:
        """Note what is wrong with a cell."""
        self.errors.append(RowError(row, column, reason))


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what people call it, whose file it is, and how it is read.

    `source`, `source_url` and `licence` are the publisher's; where `source` is empty, whoever
    loads the file has to name it.
    """

    label: str
    name: str
    source: str
    source_url: str
    licence: str
    expects: str
    read: Callable[[bytes], Read]


class NotThisFormat(Exception):
    """The file is another one; the message says what was looked for and not found."""


def columns_of(table: Table, names: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return the position of each of our columns in a table; absent ones are left out."""
    found = matched(table.header, dict(names))
    return {name: table.header.index(column) for name, column in found.items()}


def required(found: Mapping[str, int], names: tuple[str, ...], expects: str) -> None:
    """Raise unless all columns are there."""
    missing = [name for name in names if name not in found]
    if missing:
        raise NotThisFormat(
            f"There is no column {', '.join(f'“{name}”' for name in missing)}. Expected: {expects}"
        )


def year_of(read: Read, row: Row, column: str, text: str) -> int | None:
    """Return a year, or note why it is none."""
    number = number_of(text)
    if number is None or number != int(number) or not FIRST_YEAR <= number <= LAST_YEAR:
        read.error(row.number, column, f"“{text[:40]}” is not a year.")
        return None
    return int(number)


def grams_of(
    read: Read, row: Row, column: str, text: str, *, scale: float = 1.0, decimal_comma: bool = False
) -> float | None:
    """Return a factor in g/kWh, or note why it is none; an empty cell is an error, too."""
    number = number_of(text, decimal_comma=decimal_comma)
    if number is None:
        what = "There is no value." if not text else f"“{text[:40]}” is not a number."
        read.error(row.number, column, what)
        return None
    grams = number * scale
    if not 0 <= grams <= LARGEST_G_PER_KWH:
        read.error(
            row.number,
            column,
            f"{text[:40]} gives {grams:,.6g} g/kWh, which no grid emits: check the unit.",
        )
        return None
    return grams


SHARES_OFF = 0.005
"""What shares that are rounded one by one may miss a whole by."""


def add_mix(read: Read, row: Row, zone: str, year: int, parts: Sequence[tuple[str, float]]) -> bool:
    """Add renewable, nuclear and fossil shares, each with its column; False if not a whole.

    What a publisher leaves out of all three (other sources, years that mix two of its own
    sources) would read as nothing: such a row is none.
    """
    for column, share in parts:
        if not -SHARES_OFF <= share <= 1 + SHARES_OFF:
            read.error(row.number, column, f"{share * 100:,.6g} % is no share of generation.")
            return True
    if abs(sum(share for _, share in parts) - 1) > SHARES_OFF:
        return False
    renewable, nuclear, fossil = (min(max(share, 0.0), 1.0) for _, share in parts)
    read.mixes.append(MixRow(row.number, zone, *whole_year(year), renewable, nuclear, fossil))
    return True


def whole_year(year: int) -> tuple[date, date]:
    """Return the half-open validity of a calendar year."""
    return date(year, 1, 1), date(year + 1, 1, 1)


def read_file(form: Format, content: bytes) -> Read:
    """Read a file as a format; what makes it unreadable becomes an error of the file."""
    try:
        read = form.read(content)
    except (TableError, NotThisFormat) as error:
        read = Read()
        read.error(0, "", str(error))
        return read
    if not read.size and not read.errors:
        read.error(0, "", f"There is no factor in it. Expected: {form.expects}")
    _refuse_twice(read)
    return read


def _refuse_twice(read: Read) -> None:
    """Note factors that are stated twice: which of them would count?"""
    seen: dict[tuple[object, ...], int] = {}
    for one in read.factors:
        key = one.zone, one.site, one.role, one.kind, one.starts_on
        if key in seen:
            read.error(one.row, "", f"{one.zone} {one.starts_on} stands in row {seen[key]}, too.")
        else:
            seen[key] = one.row
    mixed: dict[tuple[str, date], int] = {}
    for mix in read.mixes:
        if (mix.zone, mix.starts_on) not in mixed:
            mixed[mix.zone, mix.starts_on] = mix.row
        elif all(error.row != mix.row for error in read.errors):
            first = mixed[mix.zone, mix.starts_on]
            read.error(mix.row, "", f"{mix.zone} {mix.starts_on} stands in row {first}, too.")
