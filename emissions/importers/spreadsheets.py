"""Read the sheets of a workbook, XLSX or XLS, that nobody trusts, once their size is bearable."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from xml.parsers import expat

import fastexcel
import polars as pl

from emissions.importers.cells import MEGABYTE, Limits, Row, TableError, too_long
from emissions.importers.old_excel import read_old_sheets

CHUNK = 256 * 1024


XLSX = b"PK\x03\x04"
XLS = b"\xd0\xcf\x11\xe0"
"""A compound file: an Excel file of before 2007, or one that a password protects."""


def is_workbook(content: bytes) -> bool:
    """Say whether a file is a workbook by its first bytes, whatever it is called."""
    return content.startswith((XLSX, XLS))


def first_sheet(content: bytes, limits: Limits) -> Iterator[Row]:
    """Yield the rows of the first sheet, once its size is known to be bearable."""
    if content.startswith(XLS):
        (rows,) = read_old_sheets(content, names=None, limits=limits)
        yield from (Row(row.number, tuple(map(_cell, row.cells))) for row in rows)
        return
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
            raise TableError(too_long(limits))
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
    content: bytes, *, names: Sequence[re.Pattern[str]], limits: Limits
) -> list[list[Row]]:
    """Return the rows of the first sheet of a workbook that each name fits; none if none does.

    Parameters
    ----------
    content
        The bytes of an XLSX or XLS file whose sheets do not begin with a header.
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
    if content.startswith(XLS):
        sheets = read_old_sheets(content, names=[one.pattern for one in names], limits=limits)
        return [[Row(row.number, tuple(map(_cell, row.cells))) for row in rows] for rows in sheets]
    if not content.startswith(XLSX):
        raise TableError("This is not an Excel file (XLSX or XLS).")
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
