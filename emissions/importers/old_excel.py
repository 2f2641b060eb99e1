"""Read the sheets of an old Excel file (XLS), in a process whose memory and time are limited.

Nothing in such a file says beforehand how much it unpacks to, so it is not measured like an
XLSX file: the process takes what it can, and its sheets are held against the limits there.
"""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import fastexcel
import polars as pl

from emissions.importers import limited
from emissions.importers.cells import MEGABYTE, Limits, Row, TableError, too_long

MOST_SECONDS = 60
UNREADABLE = (
    "This Excel file is damaged, protected by a password, or holds more than can be read at"
    " once. Save it as XLSX or CSV."
)


def read_old_sheets(
    content: bytes, *, names: Sequence[str] | None, limits: Limits
) -> list[list[Row]]:
    """Return the rows of the first sheet that each name fits, none if none does.

    Parameters
    ----------
    content
        The bytes of an XLS file.
    names
        Patterns of whole names; None stands for the first sheet, whatever it is called.
    limits
        What is refused as too large.

    Raises
    ------
    TableError
        The file cannot be read, or not within the limits; the message can be shown.
    """
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        source.write_bytes(content)
        asked = [limits.unpacked_megabytes, limits.rows, limits.columns, limits.cells, names]
        try:
            done = limited.run(
                "emissions.importers.old_excel",
                str(source),
                str(target),
                json.dumps(asked),
                seconds=MOST_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise TableError(UNREADABLE) from error
        if done.returncode == limited.REFUSED:
            raise TableError(json.loads(done.stdout))
        if done.returncode != 0:
            raise TableError(UNREADABLE)
        sheets: list[list[Row]] = [[] for _ in names or [""]]
        with target.open(encoding="utf-8", newline="") as file:
            for sheet, number, *cells in csv.reader(file):
                sheets[int(sheet)].append(Row(int(number), tuple(cells)))
    return sheets


def write_sheets(source: Path, target: Path, names: Sequence[str] | None, limits: Limits) -> None:
    """Write the rows of the sheets to a file: the sheet's place, the row's number, its cells."""
    try:
        workbook = fastexcel.read_excel(source.read_bytes())
        wanted: list[str | int | None] = [0]
        if names is not None:
            wanted = [_named(workbook.sheet_names, pattern) for pattern in names]
        frames = [None if one is None else _frame(workbook, one, limits) for one in wanted]
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as error:
        raise TableError(UNREADABLE) from error
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for at, frame in enumerate(frames):
            if frame is not None:
                writer.writerows([at, *row] for row in _numbered(frame))


def _named(names: Iterable[str], pattern: str) -> str | None:
    return next((name for name in names if re.fullmatch(pattern, name)), None)


def _frame(workbook: fastexcel.ExcelReader, sheet: str | int, limits: Limits) -> pl.DataFrame:
    """Return a sheet's cells as texts, once its size is known to be bearable."""
    found = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
    if found.width > limits.columns:
        raise TableError(f"This spreadsheet has more than {limits.columns} columns.")
    if found.total_height > limits.rows + 1000:
        raise TableError(too_long(limits))
    if found.total_height * found.width > limits.cells:
        raise TableError(f"This spreadsheet has more than {limits.cells:,} cells. Split it.")
    return found.to_polars()


def _numbered(frame: pl.DataFrame) -> Iterable[list[object]]:
    for number, cells in enumerate(frame.iter_rows(), start=1):
        yield [number, *(cell or "" for cell in cells)]


def main(source: str, target: str, asked: str) -> int:
    """Read within the limits; print why not, as JSON."""
    megabytes, rows, columns, cells, names = json.loads(asked)
    limited.limit(output=megabytes * MEGABYTE, seconds=MOST_SECONDS)
    limits = Limits(unpacked_megabytes=megabytes, rows=rows, columns=columns, cells=cells)
    try:
        write_sheets(Path(source), Path(target), names, limits)
    except TableError as error:
        print(json.dumps(str(error)))
        return limited.REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3]))
