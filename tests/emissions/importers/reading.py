"""Read a text as an upload."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ERRORS
from emissions.importers.columns import COLUMNS
from emissions.importers.formats import open_file

PARIS = ZoneInfo("Europe/Paris")
UTC = ZoneInfo("UTC")


def read(
    folder: Path, content: str | bytes, *, zone: ZoneInfo | None = UTC, format_name: str = ""
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]], str]:
    """Return the runs' stated values, the errors (row, column, reason), and the format."""
    path = folder / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    opened = open_file(path, format_name=format_name)
    parts = list(opened.read(zone=zone))
    for part in parts:
        assert part.runs.schema == pl.Schema(COLUMNS)
        assert part.errors.schema == pl.Schema(ERRORS)
    runs = [
        {name: value for name, value in run.items() if value is not None}
        for part in parts
        for run in part.runs.to_dicts()
    ]
    errors = [row for part in parts for row in part.errors.rows()]
    return runs, sorted(errors), opened.format.name
