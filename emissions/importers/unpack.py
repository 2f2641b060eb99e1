"""Unpack a spreadsheet or Parquet file into plain text, in a process of its own.

A few kilobytes of either can stand for more than any memory holds, and what reads them are
large programs. So they are read in a process whose memory, time and output are limited:
whatever ends it ends nothing else, and what it has written is read as any other text, part by
part. Nothing is executed, and formulas are refused: what they last came to may be stale.
"""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import polars as pl

from emissions.importers import limited
from emissions.importers.cells import Limits, TableError
from emissions.importers.tables import read_table

SHEET = Limits(megabytes=64, unpacked_megabytes=256, rows=200_000, cells=5_000_000)
"""What a spreadsheet may hold; what is larger is better sent as CSV."""

MOST_TEXT = 1024**3
"""Text that a file may unpack to. [bytes]"""

MOST_SECONDS = 300
LONGEST_CELL = 64 * 1024
BATCH = 20_000
TOO_MUCH = (
    "This file cannot be unpacked: it is damaged, or holds more than can be read at once."
    " Send it as CSV, or in parts."
)
FORMULA = re.compile(rb"<(?:\w{1,20}:)?f[\s>/]")
#: The first column of what is written: the row's number. No column of a file is called so.
NUMBER = "#number"


class UnpackError(Exception):
    """The file cannot be unpacked; the message says what to do about it."""


def unpack(path: Path, target: Path) -> list[str]:
    """Write the rows of a file to `target` as CSV without a header; return the header.

    The first cell of each row is its number as a spreadsheet counts it: the header is row 1.

    Raises
    ------
    UnpackError
        The file cannot be read, or not within the limits.
    """
    try:
        done = limited.run(
            "emissions.importers.unpack", str(path), str(target), seconds=MOST_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UnpackError(TOO_MUCH) from error
    if done.returncode == limited.REFUSED:
        raise UnpackError(json.loads(done.stdout))
    if done.returncode != 0:
        raise UnpackError(TOO_MUCH)
    header: list[str] = json.loads(done.stdout)
    return header


def write_text(path: Path, target: Path) -> list[str]:
    """Do what `unpack` does, in this process and without its limits."""
    with path.open("rb") as file:
        read = _parquet if file.read(4) == b"PAR1" else _workbook
    header, batches = read(path)
    with target.open("wb") as out:
        for batch in batches:
            batch.write_csv(out, include_header=False)
    return header


def _workbook(path: Path) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """Read the first sheet, within the limits and with the checks of `tables`."""
    content = path.read_bytes()
    try:
        table = read_table(content, limits=SHEET)
    except TableError as error:
        raise UnpackError(str(error)) from error
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and FORMULA.search(archive.read(name)):
                raise UnpackError("Cells hold formulas: paste their values, and save again.")
    return list(table.header), table.frame().iter_slices(BATCH)


def _parquet(path: Path) -> tuple[list[str], Iterator[pl.DataFrame]]:
    try:
        schema = pl.scan_parquet(path).collect_schema()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise UnpackError("This Parquet file is damaged.") from error
    for name, kind in schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise UnpackError(f"Column “{name}” holds {kind}: give text, numbers or dates.")
    return list(schema), _parquet_batches(path)


def _parquet_batches(path: Path) -> Iterator[pl.DataFrame]:
    try:
        scan = pl.scan_parquet(path, row_index_name=NUMBER, row_index_offset=2)
        for batch in scan.collect_batches(chunk_size=BATCH, maintain_order=True):
            if batch.height:
                yield _as_text(batch)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise UnpackError("This Parquet file cannot be read.") from error


def _as_text(batch: pl.DataFrame) -> pl.DataFrame:
    """Return typed columns as the text that the parsers read."""
    found = [pl.col(NUMBER)]
    for name, kind in batch.schema.items():
        if name == NUMBER:
            continue
        if isinstance(kind, pl.Datetime):
            offset = "Z" if kind.time_zone else ""
            moment = pl.col(name).dt.convert_time_zone("UTC") if kind.time_zone else pl.col(name)
            found.append(moment.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{offset}").alias(name))
        else:
            found.append(pl.col(name).cast(pl.String))
    text = batch.select(found)
    longest = text.select(pl.col(pl.String).str.len_bytes().max()).row(0) if text.width > 1 else ()
    if max((length or 0 for length in longest), default=0) > LONGEST_CELL:
        raise UnpackError("A cell of this file is longer than 64 kB: that is no table of runs.")
    return text


def main(path: str, target: str) -> int:
    """Unpack within the limits; print the header, or why not, as JSON."""
    limited.limit(output=MOST_TEXT, seconds=MOST_SECONDS)
    try:
        print(json.dumps(write_text(Path(path), Path(target))))
    except UnpackError as error:
        print(json.dumps(str(error)))
        return limited.REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
