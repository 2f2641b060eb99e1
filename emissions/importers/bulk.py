"""Open a file of runs that somebody uploaded, however long: columns of text, part by part.

Text is read by columns, some megabytes at a time, so that the memory is of a part and not of
the file. Spreadsheets and Parquet become such a text first (`unpack`).

Nothing is executed or guessed: a file that is not plainly a table is refused with what to do
about it. Text cells come stripped; an empty cell is null.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import polars as pl

from emissions.importers.unpack import NUMBER, UnpackError, unpack

LARGEST_FILE = 1024**3
"""Beyond this a file is refused unread. [bytes]"""

MOST_ROWS = 5_000_000
MOST_COLUMNS = 500
LONGEST_HEADER = 64 * 1024
PART = 8 * 1024**2
"""Text that is read at a time. [bytes]"""

LONGEST_ROW = 4 * PART
BATCH = 100_000
"""Rows that are handed on at a time."""

DELIMITERS = (",", ";", "\t", "|")
ROW = "row"
RAGGED = "cells"
"""The column of errors that are of no one column: a row has too many cells."""

UTF16 = (b"\xff\xfe", b"\xfe\xff")


class ImportRefused(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's header as it stands, and how its cells are told apart.

    `unpacked` is where the text of a spreadsheet or Parquet file lies, as long as the table
    lives: without a header, and with the number of each row before its cells.
    """

    path: Path
    header: list[str]
    delimiter: str
    unpacked: TemporaryDirectory[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The header's names without what people spell differently: case, spaces, dashes."""
        return [plain_name(name) for name in self.header]

    def batches(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield (rows, errors): text columns and `row` as a spreadsheet counts it, the header 1.

        `errors` has the columns of `ERRORS`: rows that have more cells than the header.
        """
        rows = 0
        for frame, errors in _batches(self):
            rows += frame.height
            if rows > MOST_ROWS:
                raise ImportRefused(f"More than {MOST_ROWS:,} rows: send the file in parts.")
            yield frame, errors


ERRORS = {ROW: pl.Int64, "column": pl.String, "reason": pl.String}


def last_of_each(table: Table, key: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    """Return the numbers of the rows that are the last ones with their key.

    The file is read once for it; kept are 16 bytes of a row, for keys are told by a hash.
    """
    rows = [np.empty(0, dtype=np.int64)]
    keys = [np.empty(0, dtype=np.uint64)]
    for frame, _ in table.batches():
        rows.append(frame[ROW].to_numpy())
        keys.append(key(frame).hash().to_numpy())
    numbers = np.concatenate(rows)
    # The first of each in the reverse is the last of each.
    _, first = np.unique(np.concatenate(keys)[::-1], return_index=True)
    return pl.Series(ROW, np.sort(numbers[::-1][first]))


def within(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Return the rows of a part that are among the given ones, in order."""
    if not frame.height:
        return frame
    near = rows.filter(rows.is_between(frame[ROW][0], frame[ROW][-1]))
    return frame.join(near.to_frame(), on=ROW, how="semi", maintain_order="left")


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
    if start.startswith((b"PK", b"PAR1")):
        return _open_packed(path)
    return _open_text(path, start)


def _open_packed(path: Path) -> Table:
    folder = TemporaryDirectory()
    text = Path(folder.name) / "text"
    try:
        header = unpack(path, text)
    except UnpackError as error:
        raise ImportRefused(str(error)) from error
    return Table(text, _checked(header), ",", unpacked=folder)


def _open_text(path: Path, start: bytes) -> Table:
    if start.startswith(UTF16):
        raise ImportRefused("This text is UTF-16: save it as “CSV UTF-8”.")
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise ImportRefused("This is a Python pickle, which is never opened: export a CSV.")
    if start.startswith((b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise ImportRefused("This file is compressed: unpack it first.")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportRefused("This is an old Excel file (.xls): save it as .xlsx.")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        raise ImportRefused("This is JSON: send it to the API, /api/v1/runs/, or save it as CSV.")
    if b"\x00" in start:
        raise ImportRefused("This is no text: give CSV, XLSX or Parquet.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
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
    return Table(path, _checked(header), delimiter)


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
    if {plain_name(ROW), NUMBER} & set(plain):
        raise ImportRefused("No column may be called “row”: rows are counted.")
    return names


Batch = tuple[pl.DataFrame, pl.DataFrame]


def _batches(table: Table) -> Iterator[Batch]:
    """Read as Polars does; a part of which it gives up row by row, to say which are wrong."""
    after = 1
    with table.path.open("rb") as file:
        if table.unpacked is None:
            file.readline(4 * LONGEST_HEADER)
        for part in _parts(file, quoted=table.delimiter != "|"):
            try:
                frame, errors = _columns(table, part, after), no_errors()
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
                if table.unpacked is not None:
                    raise ImportRefused("This file cannot be read: send it as CSV.") from error
                frame, errors = _row_by_row(table, part, after)
            after = max(after, _last(frame), _last(errors))
            cleaned = _cleaned(frame, table.columns)
            for start in range(0, max(cleaned.height, 1), BATCH):
                yield cleaned.slice(start, BATCH), errors if start == 0 else no_errors()


def _last(frame: pl.DataFrame) -> int:
    return int(frame[ROW][-1]) if frame.height else 0


def _parts(file: BinaryIO, *, quoted: bool) -> Iterator[bytes]:
    """Yield whole rows, some megabytes at a time: a line that ends within quotes goes on."""
    held, last = b"", False
    while not last:
        read = file.read(PART)
        last = len(read) < PART
        held += read
        end = len(held) if last else _end_of_row(held, quoted=quoted)
        if not last and not end and len(held) > LONGEST_ROW:
            raise ImportRefused("A row of this file does not end: a quotation mark is missing.")
        if end:
            yield held[:end]
            held = held[end:]


def _end_of_row(held: bytes, *, quoted: bool) -> int:
    """Return how much of a text is whole rows."""
    end = held.rfind(b"\n") + 1
    if not quoted or held.count(b'"', 0, end) % 2 == 0:
        return end
    # An odd number of quotation marks: that line ends within a cell.
    letters = np.frombuffer(held, dtype=np.uint8)
    within = np.cumsum(letters == ord('"'), dtype=np.int32) % 2
    ends = np.flatnonzero((letters == ord("\n")) & (within == 0))
    return int(ends[-1]) + 1 if ends.size else 0


def _columns(table: Table, part: bytes, after: int) -> pl.DataFrame:
    """Return a part by columns, with the number of each row."""
    names = table.columns if table.unpacked is None else [NUMBER, *table.columns]
    # The header tells how many cells a row has, whatever the first row of the part has.
    header = table.delimiter.join(f"c{at}" for at in range(len(names))).encode() + b"\n"
    frame = pl.read_csv(
        header + part,
        infer_schema=False,
        new_columns=names,
        separator=table.delimiter,
        quote_char=None if table.delimiter == "|" else '"',
        row_index_name=ROW if table.unpacked is None else None,
        row_index_offset=after + 1,
    )
    if table.unpacked is None:
        return frame
    return frame.rename({NUMBER: ROW}).cast({ROW: pl.Int64})


def _cells(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Return the rows of a text; sacct's columns are split at pipes and never quoted."""
    if delimiter == "|":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter)


def _row_by_row(table: Table, part: bytes, after: int) -> Batch:
    """Return the sound rows of a part, and what is wrong with the others."""
    names, width = table.columns, len(table.header)
    rows: list[list[str | None]] = []
    errors: list[tuple[int, str, str]] = []
    try:
        lines = io.StringIO(part.decode(), newline="")
        for number, cells in enumerate(_cells(lines, table.delimiter), start=after + 1):
            if any(cells[width:]):
                many = f"This row has {len(cells)} cells, the first line names {width} columns."
                errors.append((number, RAGGED, many))
                continue
            padded = [*cells[:width], *[None] * (width - len(cells))]
            rows.append([str(number), *padded])
    except UnicodeDecodeError as error:
        raise ImportRefused(NOT_UTF8) from error
    except csv.Error as error:
        raise ImportRefused(f"The file cannot be read as CSV: {error}.") from error
    schema = dict.fromkeys((ROW, *names), pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.cast({ROW: pl.Int64}), pl.DataFrame(errors, schema=ERRORS, orient="row")


def _cleaned(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Strip the cells, make empty ones null, and leave out rows that are empty throughout."""
    cells = pl.col(names).str.strip_chars()
    frame = frame.select(pl.col(ROW).cast(pl.Int64), cells.replace("", None))
    return frame.filter(pl.any_horizontal(pl.col(names).is_not_null()))
