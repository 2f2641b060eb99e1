"""Runs cut where a month of the organisation's calendar ends."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from emissions.calculation.arrays import Bools, Ints
from emissions.calculation.periods import split_months
from emissions.services.resolving.columns import column, first_known, floats
from emissions.services.resolving.facts import Facts

HOUR_US = 3_600_000_000
#: 1970-01-01, as days since 0001-01-01.
EPOCH_DAY = 719_163


@dataclass(frozen=True, slots=True)
class Split:
    """m pieces of n runs, one per run and month.

    Attributes
    ----------
    run_index : (m,) int64
        Which run each belongs to.
    first : (m,) bool
        The first piece of its run.
    month : (m,) int64
        year × 12 + month − 1. [month]
    day : (m,) int64
        Day on which it begins where the organisation is. [days since 0001-01-01]
    starts_us, length_us : (m,) int64
        When it begins, and how long it lasts. [µs since 1970, µs]
    """

    run_index: Ints
    first: Bools
    month: Ints
    day: Ints
    starts_us: Ints
    length_us: Ints


def split_runs(runs: pl.DataFrame, facts: Facts) -> Split:
    """Return the pieces of runs."""
    starts_us = column(runs, "started_at_us", missing=0, dtype=np.int64)
    hours = column(runs, "duration_hours", missing=0.0, dtype=np.float64)
    hours = first_known(floats(runs, "span_hours"), hours)
    run_index, month, length_us, piece_us = split_months(
        starts_at_us=starts_us,
        ends_at_us=starts_us + np.rint(hours * HOUR_US).astype(np.int64),
        time_zone=facts.time_zone,
    )
    first = np.ones(run_index.size, dtype=np.bool_)
    first[1:] = run_index[1:] != run_index[:-1]
    return Split(
        run_index=run_index,
        first=first,
        month=month.astype(np.int64),
        day=_local_days(piece_us, facts),
        starts_us=piece_us,
        length_us=length_us,
    )


def _local_days(instants_us: Ints, facts: Facts) -> Ints:
    local = (
        pl.Series(instants_us)
        .cast(pl.Datetime("us", "UTC"))
        .dt.convert_time_zone(str(facts.time_zone))
        .dt.date()
        .cast(pl.Int64)
    )
    return local.to_numpy() + EPOCH_DAY
