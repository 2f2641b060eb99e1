"""US EPA eGRID workbook: total output emission rates of subregions, states and the country.

Sheets `SRL23`, `ST23` and `US23` (the year's two digits) have long names in their first row
and codes in their second: `SRC2ERTA` is the subregion's total output rate of CO2 equivalent
in pounds per MWh of net generation: combustion only, and per kWh generated, so that losses
come on top by eGRID's rule. `SRCO2RTA`, `SRCH4RTA` and `SRN2ORTA` are its gases.
"""

import re
from dataclasses import dataclass

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.factors.rows import (
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    grams_of,
    whole_year,
    year_of,
)
from emissions.importers.tables import Limits, Row, number_of, read_sheets

GRAMS_PER_POUND = 453.59237
POUNDS_PER_MWH = GRAMS_PER_POUND / 1000
"""Turns lb/MWh into g/kWh: the international pound of 1959."""

LIMITS = Limits(megabytes=60, unpacked_megabytes=800, columns=300, cells=30_000_000)
EXPECTS = "sheets SRL23 or ST23 with the codes YEAR, SUBRGN or PSTATABB, SRC2ERTA or STC2ERTA"


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
#: Postal abbreviations that are places of their own in ISO 3166-1.
TERRITORIES = {"PR": "PR", "GU": "GU", "VI": "VI", "AS": "AS", "MP": "MP"}


def read(content: bytes) -> Read:
    """Read the sheets that are there."""
    found = Read()
    patterns = [sheet.name for sheet in SHEETS]
    sheets = read_sheets(content, names=patterns, limits=LIMITS)
    if not any(sheets):
        raise NotThisFormat(f"There is no such sheet. Expected: {EXPECTS}")
    for sheet, rows in zip(SHEETS, sheets, strict=True):
        if rows:
            _sheet(found, sheet, rows)
    return found


def _sheet(found: Read, sheet: Sheet, rows: list[Row]) -> None:
    wanted = [name for name in ("YEAR", sheet.zone, f"{sheet.prefix}C2ERTA") if name]
    start = next((at for at, row in enumerate(rows[:10]) if set(wanted) <= set(row.cells)), None)
    if start is None:
        found.error(rows[0].number, "", f"No row of codes with {', '.join(wanted)}.")
        return
    at = {name: column for column, name in enumerate(rows[start].cells) if name}
    for row in rows[start + 1 :]:
        if any(row.cells):
            _row(found, sheet, row, at)


def _row(found: Read, sheet: Sheet, row: Row, at: dict[str, int]) -> None:
    code = f"{sheet.prefix}C2ERTA"
    year = year_of(found, row, "YEAR", row.cells[at["YEAR"]])
    grams = grams_of(found, row, code, row.cells[at[code]], scale=POUNDS_PER_MWH)
    zone = _zone(found, sheet, row, at)
    if year is None or grams is None or zone is None:
        return
    starts_on, ends_before = whole_year(year)
    found.factors.append(
        FactorRow(
            row.number,
            zone,
            starts_on,
            ends_before,
            grams,
            FactorKind.DIRECT,
            gases="CO2e",
            co2_g_per_kwh=_gas(row, at, f"{sheet.prefix}CO2RTA"),
            ch4_g_per_kwh=_gas(row, at, f"{sheet.prefix}CH4RTA"),
            n2o_g_per_kwh=_gas(row, at, f"{sheet.prefix}N2ORTA"),
        )
    )


def _zone(found: Read, sheet: Sheet, row: Row, at: dict[str, int]) -> str | None:
    if not sheet.zone:
        return "US"
    text = row.cells[at[sheet.zone]].upper()
    if not re.fullmatch(r"[A-Z]{4}|[A-Z]{2}", text):
        found.error(row.number, sheet.zone, f"“{text[:40]}” is no subregion or state.")
        return None
    return TERRITORIES.get(text, f"US-{text}")


def _gas(row: Row, at: dict[str, int], code: str) -> float | None:
    pounds = number_of(row.cells[at[code]]) if code in at else None
    return None if pounds is None or pounds < 0 else pounds * POUNDS_PER_MWH


FORMAT = Format(
    label="US EPA eGRID: subregions, states and country (XLSX)",
    name="EPA eGRID",
    source="US EPA, Emissions & Generation Resource Integrated Database",
    source_url="https://www.epa.gov/egrid",
    licence="US public domain",
    expects=EXPECTS,
    read=read,
)
