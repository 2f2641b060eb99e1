"""US EPA eGRID workbook: total output emission rates of subregions, states and the country.

Sheets `SRL23`, `ST23` and `US23` (the year's two digits), or one of them saved as CSV, have
long names in their first row and codes in their second: `SRC2ERTA` is the subregion's total
output rate of CO2 equivalent per MWh of net generation: combustion only, and per kWh generated,
so that losses come on top by eGRID's rule. `SRCO2RTA`, `SRCH4RTA` and `SRN2ORTA` are its gases.
`SRTRPR` (renewables), `SRNCPR` (nuclear) and `SRCLPR`, `SROLPR`, `SRGSPR`, `SROFPR` (coal, oil,
gas, other fossil) are parts of its generation; what is unknown or purchased is in none.

EPA publishes each edition twice, with the same sheets and codes: in pounds, and in metric
units (`egrid2022_data_metric.xlsx`). Only the long name tells them apart: “… total output
emission rate (lb/MWh)” or “(kg/MWh)”. Editions up to eGRID2014 state CH4 and N2O in lb/GWh.

References
----------
USEPA/egrid, scripts/final_formatting.R and final_formatting_metric.R, which write the
workbooks of eGRID2021 and later; the sheets SRL22, ST22 and US22 of eGRID2022, saved as CSV.
"""

import re
from dataclasses import dataclass

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.cells import Limits, Row, number_of
from emissions.importers.factors.rows import (
    SHARES_OFF,
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    add_mix,
    grams_of,
    whole_year,
    year_of,
)
from emissions.importers.spreadsheets import is_workbook, read_sheets
from emissions.importers.tables import read_lines

GRAMS_PER_POUND = 453.59237
POUNDS_PER_MWH = GRAMS_PER_POUND / 1000
"""Turns lb/MWh into g/kWh: the international pound of 1959."""

#: What a rate is turned into g/kWh with, by the unit that ends its long name.
UNITS = {
    "lb/mwh": POUNDS_PER_MWH,
    "lbs/mwh": POUNDS_PER_MWH,
    "lb/gwh": POUNDS_PER_MWH / 1000,
    "kg/mwh": 1.0,
    "kg/gwh": 0.001,
}

LIMITS = Limits(megabytes=60, unpacked_megabytes=800, columns=300, cells=30_000_000)
EXPECTS = (
    "sheets SRL23 or ST23 with the codes YEAR, SUBRGN or PSTATABB, SRC2ERTA or STC2ERTA, and"
    " their unit in the row above: lb/MWh or, in the metric workbook, kg/MWh"
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind of sheet: how it is called, which code names the zone, how its rates begin."""

    name: re.Pattern[str]
    zone: str
    prefix: str


SHEETS = (
    Sheet(re.compile(r"SRL\d\d"), "SUBRGN", "SR"),
    Sheet(re.compile(r"ST\d\d"), "PSTATABB", "ST"),
    Sheet(re.compile(r"US\d\d"), "", "US"),
)
#: Codes of the parts of generation that are renewable, nuclear and fossil.
MIX = (("TRPR",), ("NCPR",), ("CLPR", "OLPR", "GSPR", "OFPR"))
#: Postal abbreviations that are places of their own in ISO 3166-1.
TERRITORIES = {"PR": "PR", "GU": "GU", "VI": "VI", "AS": "AS", "MP": "MP"}


def read(content: bytes) -> Read:
    """Read the sheets that are there, or one of them saved as CSV."""
    found = Read()
    if is_workbook(content):
        patterns = [sheet.name for sheet in SHEETS]
        sheets = read_sheets(content, names=patterns, limits=LIMITS)
    else:
        rows = read_lines(content, limits=LIMITS)
        sheets = [rows if _codes_at(rows, sheet) is not None else [] for sheet in SHEETS]
    if not any(sheets):
        raise NotThisFormat(f"There is no such sheet. Expected: {EXPECTS}")
    for sheet, rows in zip(SHEETS, sheets, strict=True):
        if rows:
            _sheet(found, sheet, rows)
    return found


def _codes_at(rows: list[Row], sheet: Sheet) -> int | None:
    """Return which row holds the codes of a sheet, if one of the first does."""
    codes = set(_codes(sheet))
    return next((at for at, row in enumerate(rows[:10]) if codes <= set(row.cells)), None)


def _codes(sheet: Sheet) -> list[str]:
    return [code for code in ("YEAR", sheet.zone, f"{sheet.prefix}C2ERTA") if code]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a sheet's codes are, and what turns each rate into g/kWh."""

    at: dict[str, int]
    scales: dict[str, float]


def _sheet(found: Read, sheet: Sheet, rows: list[Row]) -> None:
    code = f"{sheet.prefix}C2ERTA"
    start = _codes_at(rows, sheet)
    if start is None:
        found.error(rows[0].number, "", f"No row of codes with {', '.join(_codes(sheet))}.")
        return
    columns = _columns(rows[start], rows[start - 1] if start else None)
    if code not in columns.scales:
        found.error(
            rows[start].number,
            code,
            "The row above the codes does not state its unit, (lb/MWh) or (kg/MWh).",
        )
        return
    for row in rows[start + 1 :]:
        if any(row.cells):
            _row(found, sheet, row, columns)


def _columns(codes: Row, names: Row | None) -> Columns:
    """Return where the codes are; their units stand in the long names above them."""
    at = {name: column for column, name in enumerate(codes.cells) if name}
    scales = {}
    for code, column in at.items():
        name = names.cells[column] if names and column < len(names.cells) else ""
        unit = re.search(r"\(([^()]+)\)\s*$", name)
        if unit and unit[1].casefold() in UNITS:
            scales[code] = UNITS[unit[1].casefold()]
    return Columns(at, scales)


def _row(found: Read, sheet: Sheet, row: Row, columns: Columns) -> None:
    at, code = columns.at, f"{sheet.prefix}C2ERTA"
    year = year_of(found, row, "YEAR", row.cells[at["YEAR"]])
    grams = grams_of(found, row, code, row.cells[at[code]], scale=columns.scales[code])
    zone = _zone(found, sheet, row, at)
    if year is None or grams is None or zone is None:
        return
    starts_on, ends_before = whole_year(year)
    _mix(found, sheet, row, zone, year, at)
    found.factors.append(
        FactorRow(
            row.number,
            zone,
            starts_on,
            ends_before,
            grams,
            FactorKind.DIRECT,
            gases="CO2e",
            co2_g_per_kwh=_gas(row, columns, f"{sheet.prefix}CO2RTA"),
            ch4_g_per_kwh=_gas(row, columns, f"{sheet.prefix}CH4RTA"),
            n2o_g_per_kwh=_gas(row, columns, f"{sheet.prefix}N2ORTA"),
        )
    )


def _mix(found: Read, sheet: Sheet, row: Row, zone: str, year: int, at: dict[str, int]) -> None:
    """Add what the generation is made of, where the sheet says it: in parts, or with “%”."""
    kinds = []
    for codes in MIX:
        names = [f"{sheet.prefix}{code}" for code in codes]
        cells = [row.cells[at[name]].rstrip("% ") for name in names if name in at]
        parts = [number_of(cell) for cell in cells]
        if len(parts) < len(names) or any(part is None for part in parts):
            return
        kinds.append((names[0], sum(part for part in parts if part is not None)))
    scale = 100 if sum(part for _, part in kinds) > 1 + SHARES_OFF else 1
    if not add_mix(found, row, zone, year, [(name, part / scale) for name, part in kinds]):
        found.left_out.append(f"What {zone} is made of: its known parts do not make a whole.")


def _zone(found: Read, sheet: Sheet, row: Row, at: dict[str, int]) -> str | None:
    if not sheet.zone:
        return "US"
    text = row.cells[at[sheet.zone]].upper()
    if not re.fullmatch(r"[A-Z]{4}|[A-Z]{2}", text):
        found.error(row.number, sheet.zone, f"“{text[:40]}” is no subregion or state.")
        return None
    return TERRITORIES.get(text, f"US-{text}")


def _gas(row: Row, columns: Columns, code: str) -> float | None:
    rate = number_of(row.cells[columns.at[code]]) if code in columns.scales else None
    return None if rate is None or rate < 0 else rate * columns.scales[code]


FORMAT = Format(
    label="US EPA eGRID: subregions, states and country (XLSX, XLS, or a sheet as CSV)",
    name="EPA eGRID",
    source="US EPA, Emissions & Generation Resource Integrated Database",
    source_url="https://www.epa.gov/egrid",
    licence="US public domain",
    expects=EXPECTS,
    read=read,
)
