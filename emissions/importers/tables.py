"""Read an uploaded table, CSV or Excel, that nobody trusts: every cell a text, nothing computed.

What a file says is decided here and nowhere else: its encoding, its separator, its limits.
A cell that begins like a formula stays the text it is; of a spreadsheet's formula the value
that the spreadsheet last showed is read. What the cells mean is the importers' business.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from emissions.importers.cells import DEFAULT_LIMITS, MEGABYTE, Limits, Row, TableError
from emissions.importers.spreadsheets import first_sheet, is_workbook

SEPARATORS = ",;\t|"
#: Name of the column of row numbers in `Table.frame`; no header is called that.
ROW = "#row"


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
        The bytes: XLSX or XLS (the first sheet), or text in UTF-8, UTF-16 or Windows-1252 with
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
    if is_workbook(content):
        return _table(first_sheet(content, limits), limits, decimal_comma=False)
    text = _text(content)
    separator = _separator(text)
    table = _table(_lines(text, separator), limits, decimal_comma=separator == ";")
    return replace(table, decimal_comma=False) if _has_points(table) else table


#: Numbers whose comma, or whose point, can be nothing but the decimal mark.
COMMA = re.compile(r"[+-]?\d+(?:\.\d{3})*,\d+")
POINT = re.compile(r"[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|(?:\d{4,}|0)\.\d+)")


def _has_points(table: Table) -> bool:
    """Say whether a file with semicolons has decimal points nevertheless."""
    if not table.decimal_comma:
        return False
    cells = [cell for row in table.rows for cell in row.cells if "," in cell or "." in cell]
    return any(map(POINT.fullmatch, cells)) and not any(map(COMMA.fullmatch, cells))


def read_lines(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> list[Row]:
    """Return the rows of a text whose first row need not name its columns.

    Raises
    ------
    TableError
        The file is too large or no text; the message can be shown.
    """
    if len(content) > limits.megabytes * MEGABYTE:
        raise TableError(f"This file is larger than {limits.megabytes} MB. Split it.")
    text = _text(content)
    # Titles above the header have no separators: the widest of the first lines tells.
    widest = max(
        text.splitlines()[:30], key=lambda line: max(map(line.count, SEPARATORS)), default=""
    )
    rows: list[Row] = []
    for row in _lines(text, _separator(widest)):
        if len(rows) == limits.rows:
            raise TableError(f"This file has more than {limits.rows:,} rows. Split it.")
        rows.append(row)
    return rows


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


#: What a file that is no table begins with, and what somebody can do about it.
OTHER_FILES = (
    ((b"<!doctype html", b"<html"), "This is a web page, not a table: the download failed, or"
     " a page was saved under the file's name. Download the file itself."),
    ((b"<?xml",), "This is XML, not a table. Save it as XLSX or CSV."),
    ((b"%pdf-",), "This is a PDF. Type its table into a CSV, or export it as XLSX."),
    ((b'{"', b"{\n", b"[{", b"[\n"), "This is JSON, not a table. Export it as CSV."),
    ((b"\x1f\x8b", b"bzh", b"7z\xbc\xaf", b"\xfd7zxz", b"\x28\xb5\x2f\xfd"),
     "This file is compressed: unpack it first."),
    ((b"version https://git-lfs",), "This is a pointer to a file in Git LFS, not the file."),
)  # fmt: skip


def _text(content: bytes) -> str:
    """Decode a text file: by its mark, else UTF-8, else what Excel writes in the west."""
    start = content[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginnings, advice in OTHER_FILES:
        if start.startswith(beginnings):
            raise TableError(advice)
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
