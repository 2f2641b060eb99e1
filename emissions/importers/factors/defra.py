"""The UK Government's GHG conversion factors: electricity of one year's set.

Each year is published in several shapes, of which two are told apart by their sheets.

The flat file, with the sheet “Factors by Category” (the same as CSV is read, too), names its
columns some rows below its title: `ID, Scope, Level 1, Level 2, Level 3, Level 4, Column Text,
UOM, GHG/Unit, GHG Conversion Factor 2024`. The files of 2016 to 2021 have no ID, call
`GHG/Unit` `GHG` and `WTT- UK electricity` `WTT- UK & overseas elec`; that of 2022 has no ID.

The condensed and the full set, for people, have a sheet for each activity, “UK electricity”
and in the full set “WTT- UK electricity”, with small tables between texts: `Activity, Country,
Unit, Year, kg CO2e, kg CO2e of CO2 per unit, …`.

Old Excel files (XLS: the flat files of 2017 to 2019, 2021 and 2022) are read like XLSX.

Taken are, per kWh and in kg CO2e, generation (“UK electricity”), with its part of CO2, and
as upstream the well-to-tank emissions of generation and of what is lost on the way, which
the file states apart. The combustion behind transmission and distribution is no factor of a
place: losses are computed from the share of generation that is lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.importers.cells import Limits, Row, number_of
from emissions.importers.factors.rows import (
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    grams_of,
    whole_year,
    year_of,
)
from emissions.importers.spreadsheets import is_workbook, read_sheets
from emissions.importers.tables import read_lines

GRAMS_PER_KILOGRAM = 1000.0
LIMITS = Limits(megabytes=20, rows=50_000, columns=300)
"""The file of 2020 formats 205 columns, of which 11 hold something."""
HEADER = re.compile(r"GHG Conversion Factor (20\d\d)")
NAMES = ("Scope", "Level 1", "Level 2", "Level 3", "UOM")
#: What the column of gases is called, and how its cell names the whole and the part of CO2.
GAS = ("GHG/Unit", "GHG")
CO2E = ("kg co2e", "total kg co2e per unit")
CO2 = ("kg co2e of co2 per unit", "kg co2e of co2", "kg co2")
WELL_TO_TANK = ("wtt- uk electricity", "wtt- uk & overseas elec")

FLAT = re.compile(r"Factors by Category")
GENERATION = re.compile(r"UK electricity", re.IGNORECASE)
UPSTREAM = re.compile(r"WTT- ?UK (electricity|& overseas elec)", re.IGNORECASE)
LOSSES = re.compile(r"Transmission and distribution", re.IGNORECASE)
EXPECTS = (
    "the flat file: sheet “Factors by Category” with Scope, Level 1, …, UOM, GHG/Unit, GHG"
    " Conversion Factor; or the condensed or full set: sheet “UK electricity” with Activity,"
    " Country, Unit, Year, kg CO2e"
)
WITHOUT_UPSTREAM = (
    "Well-to-tank emissions are not in this file: the flat file and the full set have them."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A value per kWh of electricity in the UK, wherever in a file it stands."""

    row: Row
    column: str
    text: str
    year: int
    role: FactorRole
    co2_only: bool = False


def read(content: bytes) -> Read:
    """Read a workbook of either shape, or the flat file's sheet as CSV."""
    found = Read()
    flat, generation, upstream, losses = (
        read_sheets(content, names=[FLAT, GENERATION, UPSTREAM, LOSSES], limits=LIMITS)
        if is_workbook(content)
        else [read_lines(content, limits=LIMITS), [], [], []]
    )
    if flat:
        lines, lost = _flat(flat)
    elif generation:
        lines = [*_set(found, generation, FactorRole.LOCATION)]
        lines += _set(found, upstream, FactorRole.UPSTREAM)
        lost = sum(row.cells[0].startswith("T&D- UK") for row in map(_unindented, losses))
    else:
        raise NotThisFormat(f"There is no such sheet. Expected: {EXPECTS}")
    _take(found, lines)
    if found.factors and not any(one.role is FactorRole.UPSTREAM for one in found.factors):
        found.left_out.append(WITHOUT_UPSTREAM)
    if lost:
        found.left_out.append(
            f"{lost} rows of transmission and distribution: losses come from the share of"
            " generation that is lost."
        )
    return found


# --- the flat file --------------------------------------------------------------------


def _flat(rows: list[Row]) -> tuple[list[Line], int]:
    """Return the lines of the flat file, and how many rows are losses."""
    start = next((at for at, row in enumerate(rows[:20]) if set(NAMES) <= set(row.cells)), None)
    if start is None:
        raise NotThisFormat(f"There is no row that names the columns. Expected: {EXPECTS}")
    at = {name: column for column, name in enumerate(rows[start].cells) if name}
    value = next((name for name in at if HEADER.fullmatch(name)), "")
    gas = next((name for name in GAS if name in at), "")
    if not value or not gas:
        raise NotThisFormat(f"There is no column “GHG Conversion Factor” of a year. {EXPECTS}")
    year = int(value[-4:])
    lines, lost = list[Line](), 0
    for row in rows[start + 1 :]:
        if _cell(row, at, "UOM").casefold() != "kwh":
            continue
        lost += _cell(row, at, "Level 1").casefold() == "transmission and distribution"
        role, unit = _role(row, at), _cell(row, at, gas).casefold()
        if role is not None and unit in (*CO2E, *CO2):
            lines.append(Line(row, value, _cell(row, at, value), year, role, unit in CO2))
    return lines, lost


def _cell(row: Row, at: dict[str, int], name: str) -> str:
    return row.cells[at[name]] if at[name] < len(row.cells) else ""


def _role(row: Row, at: dict[str, int]) -> FactorRole | None:
    """Return what a row of electricity in the UK is for; None for any other row."""
    first, second, third = (_cell(row, at, f"Level {n}").casefold() for n in (1, 2, 3))
    if not third.endswith("uk"):
        return None
    if first == "uk electricity":
        return FactorRole.LOCATION
    uk = second.startswith("wtt- uk electricity")
    return FactorRole.UPSTREAM if first in WELL_TO_TANK and uk else None


# --- the condensed and the full set ---------------------------------------------------


def _unindented(row: Row) -> Row:
    """Return a row without the empty column that the sets of some years begin with."""
    return Row(row.number, row.cells[1:]) if len(row.cells) > 1 and not row.cells[0] else row


def _set(found: Read, rows: list[Row], role: FactorRole) -> Iterator[Line]:
    """Yield the lines of a sheet's small tables: `Activity, Country, Unit, Year, kg CO2e, …`."""
    header: list[str] = []
    for row in map(_unindented, rows):
        cells = row.cells
        if cells[0] == "Activity":
            header = [name.casefold() for name in cells]
        elif len(cells) > 4 and cells[1].casefold() == "electricity: uk" and cells[2] == "kWh":
            year = year_of(found, row, "Year", cells[3])
            for name, text in zip(header, cells, strict=False):
                if name in (*CO2E, *CO2) and year is not None:
                    column = "kg CO2" if name in CO2 else "kg CO2e"
                    yield Line(row, column, text, year, role, name in CO2)


# --- factors --------------------------------------------------------------------------


def _take(found: Read, lines: list[Line]) -> None:
    """Make factors of the lines: the part of CO2 with its whole, well-to-tank as one."""
    co2 = {}
    for line in lines:
        kilograms = number_of(line.text)
        if line.co2_only and kilograms is not None and kilograms >= 0:
            co2[line.role] = round(kilograms * GRAMS_PER_KILOGRAM, 9)
    for line in lines:
        if line.co2_only:
            continue
        grams = grams_of(found, line.row, line.column, line.text, scale=GRAMS_PER_KILOGRAM)
        if grams is not None:
            found.factors.append(
                FactorRow(
                    line.row.number,
                    "GB",
                    *whole_year(line.year),
                    grams,
                    FactorKind.DIRECT,
                    line.role,
                    gases="CO2e",
                    co2_g_per_kwh=co2.get(line.role),
                )
            )
    _join_upstream(found)


def _join_upstream(found: Read) -> None:
    """Make one factor of the well-to-tank emissions of generation and of losses."""
    parts = [one for one in found.factors if one.role is FactorRole.UPSTREAM]
    if len(parts) == 2:
        generation, losses = sorted(parts, key=lambda one: -one.g_co2e_per_kwh)
        joined = replace(
            generation,
            g_co2e_per_kwh=round(generation.g_co2e_per_kwh + losses.g_co2e_per_kwh, 9),
            note=f"Well-to-tank of generation {generation.g_co2e_per_kwh:.7g} and of losses"
            f" {losses.g_co2e_per_kwh:.7g}",
        )
        found.factors = [one for one in found.factors if one not in parts] + [joined]


FORMAT = Format(
    label="UK Government (DEFRA/DESNZ) conversion factors: flat file or set (XLSX, XLS)",
    name="UK Government GHG conversion factors",
    source="UK Government GHG conversion factors for company reporting",
    source_url="https://www.gov.uk/government/collections/government-conversion-factors-for-company-reporting",
    licence="OGL v3.0",
    expects=EXPECTS,
    read=read,
)
