"""Intern cells: give each combination of attributes its one row."""

import polars as pl
from django.db import connection, transaction

from emissions.models import Cell
from emissions.services.copying import read_frame

TEXT = {"cost_centre", "stage", "status", "source_kind"}
SCHEMA: dict[str, type[pl.DataType]] = {
    "cell_id": pl.Int64,
    **{name: pl.String if name in TEXT else pl.Int64 for name in Cell.KEY},
}


class MissingCellsError(Exception):
    """Some lines' cells do not exist yet; `cells` holds their keys."""

    def __init__(self, organisation_id: int, cells: pl.DataFrame) -> None:
        super().__init__(f"{cells.height} cells are new")
        self.organisation_id = organisation_id
        self.cells = cells


def find_cells(*, organisation_id: int, cells: pl.DataFrame) -> pl.Series:
    """Return the id of each row's cell.

    Raises
    ------
    MissingCellsError
        Some do not exist. They are interned in a transaction of their own, before the one
        that posts: otherwise two workers that intern the same cells would wait for each
        other.
    """
    projects = cells["project_id"].unique().to_list()
    known = read_frame(
        f"SELECT id, {', '.join(Cell.KEY)} FROM emissions_cell WHERE organisation_id = %s"
        " AND (project_id = ANY(%s) OR project_id IS NULL)",
        [organisation_id, [one for one in projects if one is not None]],
        SCHEMA,
    ).with_columns(pl.col("cost_centre").fill_null(""))
    found = cells.join(
        known, on=list(Cell.KEY), how="left", nulls_equal=True, maintain_order="left"
    )
    missing = found.filter(pl.col("cell_id").is_null())
    if missing.height:
        raise MissingCellsError(organisation_id, missing.select(Cell.KEY).unique().sort(Cell.KEY))
    return found["cell_id"]


@transaction.atomic
def intern_cells(*, organisation_id: int, cells: pl.DataFrame) -> None:
    """Insert the cells that do not exist, in the order of their key."""
    columns = ", ".join(Cell.KEY)
    marks = ", ".join(["%s"] * (len(Cell.KEY) + 1))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO emissions_cell (organisation_id, {columns}) VALUES ({marks})"
            " ON CONFLICT DO NOTHING",
            [(organisation_id, *row) for row in cells.iter_rows()],
        )
