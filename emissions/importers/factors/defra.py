"""The UK Government's GHG conversion factors, flat file: electricity of one year's set.

The sheet “Factors by Category” (XLSX; the same as CSV is read, too) names its columns some
rows below its title: `ID, Scope, Level 1, Level 2, Level 3, Level 4, Column Text, UOM,
GHG/Unit, GHG Conversion Factor 2024`. The files of 2016 to 2021 have no ID, call `GHG/Unit`
`GHG` and `WTT- UK electricity` `WTT- UK & overseas elec`; that of 2022 has no ID. Those of
2017 to 2019, 2021 and 2022 are old Excel files (XLS): saved anew as XLSX, they are read.

Taken are, per kWh and in kg CO2e, generation (“UK electricity”), with its part of CO2, and
as upstream the well-to-tank emissions of generation and of what is lost on the way, which
the file states apart. The combustion behind transmission and distribution is no factor of a
place: losses are computed from the share of generation that is lost.
"""

import re
from dataclasses import replace

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.importers.factors.rows import (
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    grams_of,
    whole_year,
)
from emissions.importers.tables import Limits, Row, number_of, read_sheets, read_table

GRAMS_PER_KILOGRAM = 1000.0
LIMITS = Limits(megabytes=20, rows=50_000, columns=300)
"""The file of 2020 formats 205 columns, of which 11 hold something."""
HEADER = re.compile(r"GHG Conversion Factor (20\d\d)")
NAMES = ("Scope", "Level 1", "Level 2", "Level 3", "UOM")
#: What the column of gases is called, and how its cell names the part of CO2.
GAS = ("GHG/Unit", "GHG")
CO2 = ("kg co2e of co2 per unit", "kg co2e of co2", "kg co2")
WELL_TO_TANK = ("wtt- uk electricity", "wtt- uk & overseas elec")
EXPECTS = "sheet “Factors by Category” with Scope, Level 1, …, UOM, GHG/Unit, GHG Conversion Factor"


def read(content: bytes) -> Read:
    """Read the workbook, or the same sheet as CSV."""
    if content.startswith(b"PK"):
        (rows,) = read_sheets(content, names=[re.compile(r"Factors by Category")], limits=LIMITS)
    else:
        table = read_table(content, limits=LIMITS)
        rows = [Row(1, table.header), *table.rows]
    start = next((at for at, row in enumerate(rows[:20]) if set(NAMES) <= set(row.cells)), None)
    if start is None:
        raise NotThisFormat(f"There is no row that names the columns. Expected: {EXPECTS}")
    at = {name: column for column, name in enumerate(rows[start].cells) if name}
    value = next((name for name in at if HEADER.fullmatch(name)), "")
    gas = next((name for name in GAS if name in at), "")
    if not value or not gas:
        raise NotThisFormat(f"There is no column “GHG Conversion Factor” of a year. {EXPECTS}")
    found, co2 = Read(), dict[FactorRole, float]()
    lost = 0
    for row in rows[start + 1 :]:
        if _cell(row, at, "UOM").casefold() != "kwh":
            continue
        role = _role(row, at)
        if role is not None and _cell(row, at, gas).casefold() == "kg co2e":
            _add(found, row, at, value, role)
        elif role is not None and _cell(row, at, gas).casefold() in CO2:
            kilograms = number_of(_cell(row, at, value))
            if kilograms is not None and kilograms >= 0:
                co2[role] = kilograms * GRAMS_PER_KILOGRAM
        lost += _cell(row, at, "Level 1").casefold() == "transmission and distribution"
    found.factors = [replace(one, co2_g_per_kwh=co2.get(one.role)) for one in found.factors]
    _join_upstream(found)
    if lost:
        found.left_out.append(
            f"{lost} rows of transmission and distribution: losses come from the share of"
            " generation that is lost."
        )
    return found


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


def _add(found: Read, row: Row, at: dict[str, int], value: str, role: FactorRole) -> None:
    grams = grams_of(found, row, value, _cell(row, at, value), scale=GRAMS_PER_KILOGRAM)
    if grams is None:
        return
    year = HEADER.fullmatch(value)
    assert year is not None
    starts_on, ends_before = whole_year(int(year[1]))
    found.factors.append(
        FactorRow(
            row.number, "GB", starts_on, ends_before, grams, FactorKind.DIRECT, role, gases="CO2e"
        )
    )


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
    label="UK Government (DEFRA/DESNZ) conversion factors, flat file (XLSX)",
    name="UK Government GHG conversion factors",
    source="UK Government GHG conversion factors for company reporting",
    source_url="https://www.gov.uk/government/collections/government-conversion-factors-for-company-reporting",
    licence="OGL v3.0",
    expects=EXPECTS,
    read=read,
)
