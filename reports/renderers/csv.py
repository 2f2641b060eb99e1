"""A report as CSV: one file per table and one that explains the columns, in an archive."""

from collections.abc import Iterable, Sequence

from emissions.tabular import csv_bytes, zip_bytes
from reports.definitions.tables import Table

CONTENT_TYPE = "application/zip"
EXTENSION = "zip"


def render(*, tables: Sequence[Table]) -> bytes:
    """Return the archive: identical bytes for identical tables."""
    files = {
        f"{table.name}.csv": csv_bytes(
            header=[column.header for column in table.columns], rows=table.rows
        )
        for table in tables
    }
    return zip_bytes({**files, "columns.csv": _dictionary(tables)})


def _dictionary(tables: Iterable[Table]) -> bytes:
    header = ["Table", "Column", "Unit", "Type", "Meaning"]
    rows = (
        [table.name, column.name, column.unit, column.kind.value, column.comment]
        for table in tables
        for column in table.columns
    )
    return csv_bytes(header=header, rows=rows)
