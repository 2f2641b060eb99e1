"""Write lines to the ledger and their sums to the totals: the one way, for runs and for pools."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from django.db import connection

from emissions.calculation.arrays import Ints
from emissions.models import Posting
from emissions.models.entry import DECIMALS, QUANTITIES
from emissions.services.copying import read_frame, write_frame

METHODOLOGY_VERSION = "4"
LEDGER_LOCK = 7_460_001
"""Class of the advisory lock that postings share and a close takes alone, per organisation."""

#: What a line comes from: the entry's column of it.
Origin = Literal["run_id", "pool_id"]

CAUSE = ["cause", "reason", "by_id"]


def share_ledger(*, organisation_id: int) -> None:
    """Hold the right to post in an organisation until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s, %s)", [LEDGER_LOCK, organisation_id]
        )


def hold_ledger(*, organisation_id: int) -> None:
    """Hold the ledger of an organisation alone: wait for those who post, and let nobody begin."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LEDGER_LOCK, organisation_id])


def read_lines(*, origin: Origin, chosen: str, params: Sequence[Any] = ()) -> tuple[Ints, Ints]:
    """Return what stands in the ledger for runs or pools; `chosen` is the SQL of their ids.

    Returns
    -------
    keys : (m, 3) int64
        The run or pool, the month, the cell.
    amounts : (m, k) int64
        Net quantities in the order of `QUANTITIES`, in units of 10^−`DECIMALS`.
    """
    sums = [
        f"round(sum({name}) * 1e{DECIMALS[name]})::bigint" if DECIMALS[name] else f"sum({name})"
        for name in QUANTITIES
    ]
    frame = read_frame(
        f"SELECT {origin},"
        " extract(year FROM month)::int * 12 + extract(month FROM month)::int - 1,"
        f" cell_id, {', '.join(sums)} FROM emissions_emissionentry"
        f" WHERE {origin} IN ({chosen}) GROUP BY {origin}, month, cell_id",
        params,
        dict.fromkeys((origin, "month", "cell_id", *QUANTITIES), pl.Int64),
    )
    values = frame.to_numpy().astype(np.int64).reshape(frame.height, 3 + len(QUANTITIES))
    return values[:, :3], values[:, 3:]


def frame_of_lines(*, origin: Origin, keys: Ints, amounts: Ints) -> pl.DataFrame:
    """Return lines as a frame: the run or pool, the month as a date, the cell, the quantities."""
    return pl.DataFrame(
        {
            origin: keys[:, 0],
            "month": keys[:, 1],
            "cell_id": keys[:, 2],
            **{name: amounts[:, at] for at, name in enumerate(QUANTITIES)},
        }
    ).with_columns(as_date(pl.col("month")).alias("month"))


def as_date(month: pl.Expr) -> pl.Expr:
    """Return the first day of months that are counted as year × 12 + month − 1."""
    return pl.date(month // 12, month % 12 + 1, 1)


def write_lines(
    *, organisation_id: int, origin: Origin, lines: pl.DataFrame, causes: pl.DataFrame
) -> None:
    """Append lines to the ledger and add them to the totals.

    Parameters
    ----------
    organisation_id : int
        Whose ledger.
    origin : str
        Whether the lines come from runs or from pools.
    lines : pl.DataFrame
        As `frame_of_lines` returns them, with `source`; no two of one key.
    causes : pl.DataFrame
        Why: a row with `cause`, `reason` and `by_id` per run or pool.
    """
    if lines.is_empty():
        return
    postings = _write_postings(organisation_id, origin, lines, causes)
    lines = lines.join(postings, on=origin, maintain_order="left")
    write_frame(lines.with_columns(_as_numeric()), "emissions_emissionentry")
    _add_to_totals(lines, "emissions_monthlytotal", ["cell_id", "month"])


def add_to_nodes(*, lines: pl.DataFrame) -> None:
    """Add lines to the totals of nodes: after `write_lines`, in its transaction.

    `lines` are as `frame_of_lines` returns them, with the `node_id` that they are of; those
    without one are of none.
    """
    of_nodes = lines.filter(pl.col("node_id").is_not_null())
    if of_nodes.height:
        _add_to_totals(of_nodes, "emissions_nodetotal", ["node_id", "cell_id", "month"])


def _as_numeric() -> list[pl.Expr]:
    """Write integers with an exponent, which NUMERIC reads exactly."""
    return [
        pl.col(name).cast(pl.String) + f"e-{decimals}"
        for name, decimals in DECIMALS.items()
        if decimals
    ]


def _write_postings(
    organisation_id: int, origin: Origin, lines: pl.DataFrame, causes: pl.DataFrame
) -> pl.DataFrame:
    """Write one posting for each cause among the lines; return (run or pool, posting_id)."""
    those = causes.filter(pl.col(origin).is_in(lines[origin].unique().implode()))
    reasons = those.select(CAUSE).unique(maintain_order=True)
    posted = [
        Posting.objects.create(
            organisation_id=organisation_id, methodology_version=METHODOLOGY_VERSION, **one
        ).pk
        for one in reasons.iter_rows(named=True)
    ]
    return those.join(
        reasons.with_columns(pl.Series("posting_id", posted, dtype=pl.Int64)),
        on=CAUSE,
        nulls_equal=True,
    ).select(origin, "posting_id")


def _add_to_totals(lines: pl.DataFrame, table: str, key: list[str]) -> None:
    """Add the lines to a table of totals: one upsert, in the order of the key.

    Two workers that upsert the same totals in different orders would deadlock.
    """
    sums = (
        lines.group_by(key)
        .agg(pl.col(name).cast(pl.Int128).sum() for name in QUANTITIES)
        .sort(key)
        .with_columns(_as_numeric())
    )
    names, by = ", ".join(QUANTITIES), ", ".join(key)
    added = ", ".join(f"{name} = total.{name} + EXCLUDED.{name}" for name in QUANTITIES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS added_to_{table} (LIKE {table}) ON COMMIT DELETE ROWS"
        )
        write_frame(sums, f"added_to_{table}")
        cursor.execute(
            f"INSERT INTO {table} AS total ({by}, {names})"
            f" SELECT {by}, {names} FROM added_to_{table} ORDER BY {by}"
            f" ON CONFLICT ({by}) DO UPDATE SET {added}"
        )
        cursor.execute(f"TRUNCATE added_to_{table}")
