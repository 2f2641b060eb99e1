"""Open a file of runs that somebody uploaded, however long: columns of text, part by part.

CSV and Parquet are read by columns, for they may have millions of rows; a spreadsheet is read
by `tables`, as every other upload.

Nothing is executed, unpacked to disk or guessed: a file that is not plainly a table is refused
with what to do about it. Text cells come stripped; an empty cell is null.
"""

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl

from emissions.importers.tables import Limits, TableError, read_table
from emissions.importers.tables import Table as Sheet

LARGEST_FILE = 1024**3
"""Beyond this a file is refused unread. [bytes]"""

SHEET = Limits(megabytes=64, unpacked_megabytes=256, rows=200_000, cells=5_000_000)
"""What a spreadsheet may hold; what is larger is better sent as CSV."""

MOST_ROWS = 5_000_000
MOST_COLUMNS = 500
LONGEST_HEADER = 64 * 1024
BATCH = 100_000
"""Rows that are held as columns at a time."""

DELIMITERS = (",", ";", "\t", "|")
ROW = "row"
RAGGED = "cells"
"""The column of errors that are of no one column: a row has too many cells."""

UTF16 = (b"\xff\xfe", b"\xfe\xff")


class ImportRefused(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's header as it stands, and how its cells are told apart."""

    path: Path
    kind: str
    header: list[str]
    delimiter: str = ""
    encoding: str = "utf-8"
    sheet: Sheet | None = None

    @property
    def columns(self) -> list[str]:
        """The header's names without what people spell differently: case, spaces, dashes."""
        return [plain_name(name) for name in self.header]

    def batches(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield (rows, errors): text columns and `row` as a spreadsheet counts it, the header 1.

        `errors` has the columns of `ERRORS`: rows that have more cells than the header.
        """
        rows = 0
        for frame, errors in BATCHES[self.kind](self):
            rows += frame.height
            if rows > MOST_ROWS:
                raise ImportRefused(f"More than {MOST_ROWS:,} rows: send the file in parts.")
            yield frame, errors


ERRORS = {ROW: pl.Int64, "column": pl.String, "reason": pl.String}


def no_errors() -> pl.DataFrame:
    """Return an empty table of row errors."""
    return pl.DataFrame(schema=ERRORS)


def plain_name(name: str) -> str:
    """Return a column's name without case, spaces and dashes."""
    return "_".join(name.strip().lower().replace("-", " ").split())


def open_table(path: Path) -> Table:
    """Return the table in a file; nothing but its header is read.

    Raises
    ------
    ImportRefused
        It is not a table that we read.
    """
    size = path.stat().st_size
    if size == 0:
        raise ImportRefused("The file is empty.")
    if size > LARGEST_FILE:
        raise ImportRefused(
            f"The file is larger than {LARGEST_FILE // 1024**3} GB: send it in parts."
        )
    with path.open("rb") as file:
        start = file.read(8192)
    if start.startswith(b"PK"):
        return _open_workbook(path)
    if start.startswith(b"PAR1"):
        return _open_parquet(path)
    return _open_text(path, start)


# Text


def _open_text(path: Path, start: bytes) -> Table:
    encoding = "utf-8-sig" if start.startswith(b"\xef\xbb\xbf") else "utf-8"
    if start.startswith(UTF16):
        raise ImportRefused("This text is UTF-16: save it as “CSV UTF-8”.")
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise ImportRefused("This is a Python pickle, which is never opened: export a CSV.")
    if start.startswith((b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise ImportRefused("This file is compressed: unpack it first.")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportRefused("This is an old Excel file (.xls): save it as .xlsx.")
    if b"\x00" in start:
        raise ImportRefused("This is no text: give CSV, XLSX or Parquet.")
    try:
        with path.open(encoding=encoding, newline="") as file:
            line = file.readline(LONGEST_HEADER)
    except UnicodeDecodeError as error:
        raise ImportRefused(NOT_UTF8) from error
    if len(line) >= LONGEST_HEADER:
        raise ImportRefused("The first line is too long for the names of columns.")
    delimiter = max(DELIMITERS, key=line.count)
    try:
        header = next(_cells([line], delimiter), [])
    except csv.Error as error:
        raise ImportRefused(f"The first line cannot be read: {error}.") from error
    return Table(path, "text", _checked(header), delimiter, encoding)


NOT_UTF8 = "This text is not UTF-8, so its letters cannot be told: save it as “CSV UTF-8”."


def _checked(header: list[str]) -> list[str]:
    """Return a header whose names are all there, once each."""
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ImportRefused("The first line is empty: it must name the columns.")
    if len(names) > MOST_COLUMNS:
        raise ImportRefused(f"The first line names more than {MOST_COLUMNS} columns.")
    if "" in names:
        raise ImportRefused(f"Column {names.index('') + 1} has no name in the first line.")
    plain = [plain_name(name) for name in names]
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise ImportRefused(f"The first line names the column “{twice}” twice.")
    if plain_name(ROW) in plain:
        raise ImportRefused("No column may be called “row”: rows are counted.")
    return names


def _text_batches(table: Table) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Read as Polars does; from where it gives up, row by row, to say which rows are wrong."""
    seen = 1
    names = table.columns
    try:
        found = pl.scan_csv(
            table.path,
            infer_schema=False,
            separator=table.delimiter,
            quote_char=None if table.delimiter == "|" else '"',
            row_index_name=ROW,
            row_index_offset=2,
            with_column_names=lambda given: [*names, *given[len(names) :]],
        ).collect_batches(chunk_size=BATCH, maintain_order=True)
        for batch in found:
            if batch.height:
                seen = int(batch[ROW][-1])
                yield _cleaned(batch, names), no_errors()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError):
        yield from _text_rows(table, after=seen)


def _cells(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Return the rows of a text; sacct's columns are split at pipes and never quoted."""
    if delimiter == "|":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter)


def _text_rows(table: Table, *, after: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    names, width = table.columns, len(table.header)
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    errors: list[tuple[int, str, str]] = []

    def batch() -> tuple[pl.DataFrame, pl.DataFrame]:
        columns = list(zip(*rows, strict=True)) if rows else [()] * width
        frame = pl.DataFrame(
            {ROW: numbers, **dict(zip(names, columns, strict=True))},
            schema={ROW: pl.Int64, **dict.fromkeys(names, pl.String)},
        )
        return _cleaned(frame, names), pl.DataFrame(errors, schema=ERRORS, orient="row")

    try:
        with table.path.open(encoding=table.encoding, newline="") as file:
            for number, cells in enumerate(_cells(file, table.delimiter), start=1):
                if number <= after or number == 1:
                    continue
                if any(cells[width:]):
                    many = f"This row has {len(cells)} cells, the first line names {width} columns."
                    errors.append((number, RAGGED, many))
                    continue
                padded: list[str | None] = [*cells[:width]]
                rows.append(padded + [None] * (width - len(padded)))
                numbers.append(number)
                if len(rows) >= BATCH:
                    yield batch()
                    rows, numbers, errors = [], [], []
    except UnicodeDecodeError as error:
        raise ImportRefused(NOT_UTF8) from error
    except csv.Error as error:
        raise ImportRefused(f"The file cannot be read as CSV: {error}.") from error
    if rows or errors:
        yield batch()


def _cleaned(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Strip the cells, make empty ones null, and leave out rows that are empty throughout."""
    cells = pl.col(names).str.strip_chars()
    frame = frame.select(pl.col(ROW).cast(pl.Int64), cells.replace("", None))
    return frame.filter(pl.any_horizontal(pl.col(names).is_not_null()))


# Workbooks


def _open_workbook(path: Path) -> Table:
    sheet = _sheet(path)
    return Table(path, "workbook", _checked(list(sheet.header)), sheet=sheet)


def _sheet(path: Path) -> Sheet:
    """Read the first sheet, within the limits and with the checks of `tables`.

    Formulas are refused: what they last came to may be stale.
    """
    content = path.read_bytes()
    try:
        sheet = read_table(content, limits=SHEET)
    except TableError as error:
        raise ImportRefused(str(error)) from error
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and FORMULA.search(archive.read(name)):
                raise ImportRefused("Cells hold formulas: paste their values, and save again.")
    return sheet


FORMULA = re.compile(rb"<(?:\w{1,20}:)?f[\s>/]")


def _workbook_batches(table: Table) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    assert table.sheet is not None
    frame = table.sheet.frame()
    frame = frame.rename(dict(zip(frame.columns, [ROW, *table.columns], strict=True)))
    for start in range(0, frame.height, BATCH):
        yield _cleaned(frame.slice(start, BATCH), table.columns), no_errors()


# Parquet


def _open_parquet(path: Path) -> Table:
    try:
        header = list(pl.scan_parquet(path).collect_schema())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ImportRefused("This Parquet file is damaged.") from error
    return Table(path, "parquet", _checked(header))


def _parquet_batches(table: Table) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    names = table.columns
    try:
        scan = pl.scan_parquet(table.path, row_index_name=ROW, row_index_offset=2)
        for batch in scan.collect_batches(chunk_size=BATCH, maintain_order=True):
            plain = batch.rename(dict(zip(batch.columns[1:], names, strict=True)))
            yield _cleaned(plain.with_columns(_as_text(plain, names)), names), no_errors()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ImportRefused("This Parquet file cannot be read.") from error


def _as_text(frame: pl.DataFrame, names: list[str]) -> list[pl.Expr]:
    """Return typed columns as the text that the parsers read."""
    found = []
    for name in names:
        kind = frame.schema[name]
        if isinstance(kind, pl.Datetime):
            offset = "Z" if kind.time_zone else ""
            moment = pl.col(name).dt.convert_time_zone("UTC") if kind.time_zone else pl.col(name)
            found.append(moment.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{offset}").alias(name))
        elif kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise ImportRefused(f"Column “{name}” holds {kind}: give text, numbers or dates.")
        else:
            found.append(pl.col(name).cast(pl.String))
    return found


BATCHES = {"text": _text_batches, "workbook": _workbook_batches, "parquet": _parquet_batches}
