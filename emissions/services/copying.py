"""COPY between PostgreSQL and Polars: whole columns, no objects."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import polars as pl
from django.db import connection


def read_frame(
    sql: str, params: Sequence[Any], schema: Mapping[str, type[pl.DataType]]
) -> pl.DataFrame:
    """Return a query's rows as a frame with the columns and types of `schema`."""
    buffer = BytesIO()
    with connection.cursor() as cursor:
        query = cursor.mogrify(sql, params).decode() if params else sql
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv)", buffer)
    if not buffer.tell():
        return pl.DataFrame(schema=dict(schema))
    buffer.seek(0)
    text = {name: pl.String if kind is pl.Boolean else kind for name, kind in schema.items()}
    frame = pl.read_csv(buffer, has_header=False, new_columns=list(schema), schema=text)
    flags = [name for name, kind in schema.items() if kind is pl.Boolean]
    return frame.with_columns([pl.col(name) == "t" for name in flags])


def write_frame(frame: pl.DataFrame, table: str) -> None:
    """Append a frame's rows to a table; its columns have the table's names."""
    buffer = BytesIO()
    frame.write_csv(buffer, include_header=False)
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(
            f"COPY {table} ({', '.join(frame.columns)}) FROM STDIN (FORMAT csv)", buffer
        )
