"""Read an uploaded table, CSV or XLSX, that nobody trusts: every cell a text, nothing computed.

What a file says is decided here and nowhere else: its encoding, its separator, its limits.
A cell that begins like a formula stays the text it is; of a spreadsheet's formula the value
that the spreadsheet last showed is read. What the cells mean is the importers' business;
`number_of` and `day_of` read what people type in several countries.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from xml.parsers import expat

import fastexcel
import polars as pl

MEGABYTE = 1024 * 1024
CHUNK = 256 * 1024
SEPARATORS = ",;\t|"
#: Name of the column of row numbers in `Table.frame`; no header is called that.
ROW = "#row"


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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its number, as a spreadsheet shows it, and its cells, stripped."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was uploaded; each row has as many cells as the header.

    `decimal_comma` says that a comma in a number is its decimal mark: the file separates
    its cells by semicolons.
    """

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    decimal_comma: bool = False

    def frame(self) -> pl.DataFrame:
        """Return the cells as columns of text, null where empty, and `ROW`, their numbers."""
        columns = zip(*(row.cells for row in self.rows), strict=True) if self.rows else ()
        cells = dict(zip(self.header, columns, strict=False))
        return pl.DataFrame(
            {
                ROW: pl.Series([row.number for row in self.rows], dtype=pl.Int64),
                **{
                    name: pl.Series([one or None for one in cells.get(name, ())], dtype=pl.String)
                    for name in self.header
                },
            }
        )


def read_table(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Table:
    """Return the table of an uploaded file; its kind is told by its content, not by its name.

    Parameters
    ----------
    content
        The bytes: XLSX (its first sheet), or text in UTF-8, UTF-16 or Windows-1252 with
        cells separated by comma, semicolon, tab or bar.
    limits
        What is refused as too large, packed or unpacked.

    Raises
    ------
    TableError
        The file is empty, too large, or no table; the message can be shown.
    """
    if len(content) > limits.megabytes * MEGABYTE:
        raise TableError(f"This file is larger than {limits.megabytes} MB. Split it.")
    if content.startswith(b"PK\x03\x04"):
        return _table(_spreadsheet(content, limits), limits, decimal_comma=False)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableError("This is an old or encrypted Excel file. Save it as XLSX or CSV.")
    text = _text(content)
    separator = _separator(text)
    return _table(_lines(text, separator), limits, decimal_comma=separator == ";")


def _table(lines: Iterator[Row], limits: Limits, *, decimal_comma: bool) -> Table:
    """Take the first row that is not empty for the header, and check the others against it."""
    filled = (row for row in lines if any(row.cells))
    first = next(filled, None)
    if first is None:
        raise TableError("This file is empty. Its first row names the columns.")
    header = _header(first, limits)
    rows: list[Row] = []
    for row in filled:
        if any(row.cells[len(header) :]):
            raise TableError(
                f"Row {row.number} has more cells than the header has columns. Check its"
                " separators and quotation marks."
            )
        if len(rows) == limits.rows:
            raise TableError(f"This file has more than {limits.rows:,} rows. Split it.")
        padding = ("",) * (len(header) - len(row.cells))
        rows.append(Row(row.number, row.cells[: len(header)] + padding))
    return Table(header, tuple(rows), decimal_comma)


def _header(row: Row, limits: Limits) -> tuple[str, ...]:
    names = list(row.cells)
    while names and not names[-1]:
        names.pop()
    if len(names) > limits.columns:
        raise TableError(f"This file has more than {limits.columns} columns.")
    if "" in names:
        at = names.index("") + 1
        raise TableError(f"Column {at} has no name. The first row names every column.")
    folded = [name.casefold() for name in names]
    twice = next((name for name in names if folded.count(name.casefold()) > 1), None)
    if twice is not None or ROW in names:
        raise TableError(f"Two columns are called “{twice or ROW}”. Rename one.")
    return tuple(names)


# --- text ---------------------------------------------------------------------------


def _text(content: bytes) -> str:
    """Decode a text file: by its mark, else UTF-8, else what Excel writes in the west."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise TableError("This is not a table of text. Upload CSV in UTF-8, or XLSX.")


def _separator(text: str) -> str:
    """Return what separates the cells: what the header has most of, outside quotation marks."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"?', "", first)
    return max(SEPARATORS, key=lambda one: (bare.count(one), -SEPARATORS.index(one)))


def _lines(text: str, separator: str) -> Iterator[Row]:
    # Without newline="" a line end within a quoted cell would be changed.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield Row(reader.line_num, tuple(cell.strip() for cell in cells))
    except csv.Error as error:
        raise TableError(
            f"Line {reader.line_num} cannot be read: a quotation mark is missing or stray."
        ) from error


# --- spreadsheets -------------------------------------------------------------------


def _spreadsheet(content: bytes, limits: Limits) -> Iterator[Row]:
    """Yield the rows of the first sheet, once its size is known to be bearable."""
    extent = _extent(content, limits)
    try:
        sheet = fastexcel.read_excel(content).load_sheet(0, header_row=None, dtypes="string")
        frame = sheet.to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as error:
        raise TableError("This spreadsheet cannot be read. Save it anew as XLSX.") from error
    for number, cells in enumerate(frame.iter_rows(), start=extent.first_row):
        yield Row(number, tuple(_cell(cell) for cell in cells))


def _cell(cell: str | None) -> str:
    """Return a cell's text; a date that a spreadsheet shows without a time has none."""
    text = (cell or "").strip()
    return text.removesuffix(" 00:00:00") if re.match(r"\d{4}-\d\d-\d\d ", text) else text


class _Extent:
    """How far the cells of a workbook reach: a reader takes memory for all between them.

    A few bytes can name the last cell of an enormous sheet, so it is looked for first.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.first_row = 1
        self.first_found = False
        self.row = self.column = 0
        self.rows = self.columns = 0

    def parser(self) -> expat.XMLParserType:
        """Return a parser that measures one part of the workbook."""
        parser = expat.ParserCreate()
        self.row = self.column = 0
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = self._no_doctype
        return parser

    def _no_doctype(self, *_: object) -> None:
        raise TableError("This spreadsheet holds declarations that no spreadsheet program writes.")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "row":
            self.row = _whole(attributes.get("r")) or self.row + 1
            self.column = 0
        elif kind == "c":
            found = re.fullmatch(r"([A-Za-z]{1,3})([0-9]{1,7})", attributes.get("r", ""))
            self.column = _letters(found[1]) if found else self.column + 1
            self.row = int(found[2]) if found else self.row
            self._reaches(self.row, self.column)

    def _reaches(self, row: int, column: int) -> None:
        if not self.first_found:
            self.first_row, self.first_found = max(row, 1), True
        self.rows, self.columns = max(self.rows, row), max(self.columns, column)
        limits = self.limits
        if self.columns > limits.columns:
            raise TableError(f"This spreadsheet has more than {limits.columns} columns.")
        if self.rows > limits.rows + 1000:
            raise TableError(f"This spreadsheet has more than {limits.rows:,} rows. Split it.")
        if self.rows * self.columns > limits.cells:
            raise TableError(f"This spreadsheet has more than {limits.cells:,} cells. Split it.")


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0


def _letters(text: str) -> int:
    number = 0
    for letter in text.upper():
        number = number * 26 + ord(letter) - 64
    return number


#: What looks like a cell in a part that is no XML from its first byte on.
HIDDEN_CELL = re.compile(rb"<(?:\w+:)?(?:c|row)\s+\w+\s*=")


def _extent(content: bytes, limits: Limits) -> _Extent:
    """Unpack a workbook within the limits, and measure it."""
    extent = _Extent(limits)
    left = limits.unpacked_megabytes * MEGABYTE
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        names = archive.namelist()
        if "xl/workbook.xml" not in names or {"content.xml", "mimetype"} & set(names):
            raise TableError("This is not an XLSX file. Save the sheet as XLSX or CSV.")
        if len(names) > 2000 or len(set(names)) < len(names):
            raise TableError("This spreadsheet cannot be read. Save it anew as XLSX.")
        for part in archive.infolist():
            for size in _measure(archive, part, extent, left):
                left -= size
    except (
        zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError,
        RuntimeError, ValueError, OSError,
    ) as error:  # fmt: skip
        raise TableError("This spreadsheet is damaged. Save it anew as XLSX.") from error
    return extent


def _measure(
    archive: zipfile.ZipFile, part: zipfile.ZipInfo, extent: _Extent, left: int
) -> Iterator[int]:
    """Yield the true sizes of a part's chunks, while a parser looks at what they say."""
    # The size that an archive declares may be a lie: read until the data ends.
    part.file_size = left + 2 * CHUNK
    with archive.open(part) as file:
        chunk = file.read(CHUNK)
        is_xml = chunk.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
        parser = extent.parser() if is_xml else None
        tail = b""
        while chunk:
            left -= len(chunk)
            if left < 0:
                raise TableError("This spreadsheet unpacks to more than can be read. Split it.")
            yield len(chunk)
            if parser is not None:
                parser.Parse(chunk)
            elif HIDDEN_CELL.search(tail + chunk):
                raise TableError("This spreadsheet cannot be read. Save it anew as XLSX.")
            tail = chunk[-64:]
            chunk = file.read(CHUNK)
        if parser is not None:
            parser.Parse(b"", True)


def read_sheets(
    content: bytes, *, names: Sequence[re.Pattern[str]], limits: Limits = DEFAULT_LIMITS
) -> list[list[Row]]:
    """Return the rows of the first sheet of a workbook that each name fits; none if none does.

    Parameters
    ----------
    content
        The bytes of an XLSX file whose sheets do not begin with a header.
    names
        Whole names of sheets.
    limits
        What is refused as too large, for the workbook as a whole.

    Raises
    ------
    TableError
        The file is too large or no workbook; the message can be shown.
    """
    if len(content) > limits.megabytes * MEGABYTE:
        raise TableError(f"This file is larger than {limits.megabytes} MB. Split it.")
    if not content.startswith(b"PK\x03\x04"):
        raise TableError("This is not an XLSX file.")
    _extent(content, limits)
    try:
        workbook = fastexcel.read_excel(content)
        wanted = [
            next((name for name in workbook.sheet_names if pattern.fullmatch(name)), None)
            for pattern in names
        ]
        return [[] if name is None else _sheet_rows(workbook, name) for name in wanted]
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as error:
        raise TableError("This spreadsheet cannot be read. Save it anew as XLSX.") from error


def _sheet_rows(workbook: fastexcel.ExcelReader, name: str) -> list[Row]:
    """Return a sheet's rows: with `skip_rows` its empty first rows are counted, too."""
    frame = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()
    return [
        Row(number, tuple(_cell(cell) for cell in cells))
        for number, cells in enumerate(frame.iter_rows(), start=1)
    ]


# --- cells --------------------------------------------------------------------------

GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?P<mark>[ '.,\u00a0\u202f\u2019])\d{3})(?:(?P=mark)\d{3})*")


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
