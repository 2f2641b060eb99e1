"""Electricity Maps' CSV of a zone and year, by year (or by month): direct and lifecycle.

`Datetime (UTC), Country, Zone name, Zone id, Carbon intensity gCO₂eq/kWh (direct), Carbon
intensity gCO₂eq/kWh (Life cycle), …, Data source, Data estimated, Data estimation method`;
older files write `(LCA)`. Both intensities are taken, each as its kind: a lifecycle factor
in place of a direct one would count upstream emissions twice.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.cells import Limits, Row
from emissions.importers.factors.rows import (
    FIRST_YEAR,
    LAST_YEAR,
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    grams_of,
    whole_year,
)
from emissions.importers.tables import Table, read_table

LIMITS = Limits(megabytes=60, rows=500_000, columns=60, cells=40_000_000)
EXPECTS = (
    "Datetime (UTC), Zone id, Carbon intensity gCO₂eq/kWh (direct),"
    " Carbon intensity gCO₂eq/kWh (Life cycle)"
)
KINDS = {
    FactorKind.DIRECT: re.compile(r"carbon intensity.*\(direct\)"),
    FactorKind.LIFECYCLE: re.compile(r"carbon intensity.*\((life ?cycle|lca)\)"),
}
MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns are."""

    moment: int
    zone: int
    intensities: dict[FactorKind, int]


def columns_of(table: Table) -> Columns:
    """Return where the columns are, whatever case they are written in."""
    folded = [name.casefold().strip() for name in table.header]
    intensities = {
        kind: at
        for kind, pattern in KINDS.items()
        for at, name in enumerate(folded)
        if pattern.fullmatch(name)
    }
    moment = next((at for at, name in enumerate(folded) if name.startswith("datetime")), None)
    zone = next((at for at, name in enumerate(folded) if name in ("zone id", "zone key")), None)
    if moment is None or zone is None or not intensities:
        raise NotThisFormat(f"These are other columns. Expected: {EXPECTS}")
    return Columns(moment, zone, intensities)


def moment_of(text: str) -> datetime | None:
    """Return a moment in UTC of a year that can be meant, or None."""
    text = text.removesuffix("Z").removesuffix("+00:00").removesuffix(" UTC")
    for form in MOMENTS:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
    return None


def read(content: bytes) -> Read:
    """Read yearly and monthly files; refuse hourly and daily ones, which are no factors."""
    table = read_table(content, limits=LIMITS)
    at = columns_of(table)
    found = Read()
    moments = [moment_of(row.cells[at.moment]) for row in table.rows]
    starts = {moment.date() for moment in moments if moment is not None}
    if any(day.day != 1 for day in starts) or any(m is not None and m.hour for m in moments):
        raise NotThisFormat(
            "These are hours or days: choose the hourly format, or load a yearly file."
        )
    monthly = any(day.month != 1 for day in starts)
    for row, moment in zip(table.rows, moments, strict=True):
        if moment is None:
            found.error(
                row.number, table.header[at.moment], f"“{row.cells[at.moment][:40]}” is no moment."
            )
            continue
        _add(found, table, row, at, _validity(moment.date(), monthly=monthly))
    return found


def _validity(day: date, *, monthly: bool) -> tuple[date, date]:
    if not monthly:
        return whole_year(day.year)
    return day, date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _add(found: Read, table: Table, row: Row, at: Columns, validity: tuple[date, date]) -> None:
    zone = row.cells[at.zone].upper()
    if not zone:
        found.error(row.number, table.header[at.zone], "There is no zone.")
        return
    for kind, column in at.intensities.items():
        grams = grams_of(found, row, table.header[column], row.cells[column],
                         decimal_comma=table.decimal_comma)  # fmt: skip
        if grams is not None:
            found.factors.append(
                FactorRow(
                    row.number,
                    zone,
                    *validity,
                    grams,
                    kind,
                    includes_upstream=kind is FactorKind.LIFECYCLE,
                    gases="CO2e",
                )
            )


FORMAT = Format(
    label="Electricity Maps: a zone by year or month (CSV)",
    name="Electricity Maps",
    source="Electricity Maps, carbon intensity data",
    source_url="https://portal.electricitymaps.com/datasets",
    licence="",
    expects=EXPECTS,
    read=read,
)
