"""Electricity Maps' CSV of a zone hour by hour: one array for each zone, year and kind.

The columns are those of the yearly file; the moments are hours in UTC. An hour without a
row, or without a value, is a gap: runs in it count at the factor of the year.
"""

from datetime import date, datetime

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.cells import Row
from emissions.importers.factors.electricity_maps import (
    EXPECTS,
    LIMITS,
    Columns,
    columns_of,
    moment_of,
)
from emissions.importers.factors.rows import Format, Hours, NotThisFormat, Read, grams_of
from emissions.importers.tables import Table, read_table

Series = dict[tuple[str, int, FactorKind], Hours]
MOST_SERIES = 1000
"""Zones × years × kinds in one file: each takes memory for a year, however few its rows."""


def read(content: bytes) -> Read:
    """Read the file."""
    table = read_table(content, limits=LIMITS)
    at = columns_of(table)
    found, series = Read(), Series()
    for row in table.rows:
        text = row.cells[at.moment]
        moment = moment_of(text)
        if moment is None or moment.minute or moment.second:
            found.error(row.number, table.header[at.moment], f"“{text[:40]}” is no full hour.")
        else:
            _add(found, series, table, row, at, moment)
    hours = {one for series_of in series.values() for one in _filled(series_of)}
    if series and not found.errors and not any(hour % 24 for hour in hours):
        raise NotThisFormat("These are days or years, not hours. Choose the yearly format.")
    found.hours = list(series.values())
    _say_gaps(found)
    return found


def _filled(series: Hours) -> list[int]:
    return [at for at, value in enumerate(series.g_co2e_per_kwh) if value is not None]


def _add(
    found: Read, series: Series, table: Table, row: Row, at: Columns, moment: datetime
) -> None:
    zone = row.cells[at.zone].upper()
    if not zone:
        found.error(row.number, table.header[at.zone], "There is no zone.")
        return
    for kind, column in at.intensities.items():
        if not row.cells[column]:
            continue
        grams = grams_of(found, row, table.header[column], row.cells[column],
                         decimal_comma=table.decimal_comma)  # fmt: skip
        if grams is not None:
            _put(found, series, row, (zone, moment.year, kind), moment, grams)


def _put(
    found: Read,
    series: Series,
    row: Row,
    key: tuple[str, int, FactorKind],
    moment: datetime,
    grams: float,
) -> None:
    zone, year, kind = key
    hours = series.get(key)
    if hours is None:
        if len(series) == MOST_SERIES:
            raise NotThisFormat(
                f"This file has more than {MOST_SERIES:,} zones and years. Split it."
            )
        days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        hours = series[key] = Hours(row.number, zone, year, kind, [None] * (24 * days))
    place = (moment.date() - date(year, 1, 1)).days * 24 + moment.hour
    if hours.g_co2e_per_kwh[place] is not None:
        found.error(row.number, "", f"{zone} {moment:%Y-%m-%d %H:%M} stands there twice.")
    hours.g_co2e_per_kwh[place] = grams


def _say_gaps(found: Read) -> None:
    for one in found.hours:
        gaps = one.g_co2e_per_kwh.count(None)
        if gaps:
            found.left_out.append(
                f"{gaps} hours of {one.zone} {one.year} ({one.kind}), which have no value."
            )


FORMAT = Format(
    label="Electricity Maps: a zone hour by hour (CSV)",
    name="Electricity Maps, hourly",
    source="Electricity Maps, carbon intensity data",
    source_url="https://portal.electricitymaps.com/datasets",
    licence="",
    expects=EXPECTS,
    read=read,
)
