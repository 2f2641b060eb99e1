"""Our World in Data's and Ember's CSV of carbon intensity by country and year: lifecycle.

Four shapes of the same figures are read: the grapher's download (`Entity, Code, Year, Carbon
intensity of electricity - gCO2/kWh`; since 2026 `… of electricity per kWh`, or short names:
`entity, code, year, co2_intensity__gco2_kwh`), the energy data set (`country, year, iso_code,
…, carbon_intensity_elec`), Ember's table of countries (`country_or_region, country_code, year,
…, emissions_intensity_gco2_per_kwh`) and its yearly release in long format (`Area, ISO 3 code,
Year, …, Variable, Unit, Value`), of which the rows “CO2 intensity” count.
"""

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.cells import Limits, Row
from emissions.importers.factors.rows import (
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    columns_of,
    grams_of,
    required,
    whole_year,
    year_of,
)
from emissions.importers.tables import Table, read_table
from emissions.selectors.countries import zones_by_code

LIMITS = Limits(megabytes=60, rows=500_000, columns=250, cells=40_000_000)
COLUMNS = {
    "code": ("ISO 3 code", "iso_code", "ISO3", "country_code", "entity_code"),
    "year": ("date",),
    "entity": ("Area", "country"),
    "intensity": (
        "Carbon intensity of electricity - gCO2/kWh",
        "Carbon intensity of electricity",
        "Carbon intensity of electricity (gCO2/kWh)",
        "Carbon intensity of electricity - g/kWh",
        "Carbon intensity of electricity per kWh",
        "carbon_intensity_elec",
        "co2_intensity__gco2_kwh",
        "emissions_intensity_gco2_per_kwh",
        "co2_intensity",
    ),
    "variable": (),
    "unit": (),
    "value": (),
}
EXPECTS = "Entity, Code, Year, Carbon intensity of electricity - gCO2/kWh"


def read(content: bytes) -> Read:
    """Read a file of either shape."""
    table = read_table(content, limits=LIMITS)
    at = columns_of(table, COLUMNS)
    long = {"variable", "value"} <= set(at) and "intensity" not in at
    required(at, ("code", "year"), EXPECTS)
    if not long and "intensity" not in at:
        raise NotThisFormat(f"No column holds the carbon intensity. Expected: {EXPECTS}")
    found, without_code, unknown, empty = Read(), 0, set[str](), 0
    for row in table.rows:
        if long and not _is_intensity(row, at):
            continue
        code = row.cells[at["code"]].upper()
        text = row.cells[at["value" if long else "intensity"]]
        if not code:
            without_code += 1
        elif code not in zones_by_code():
            unknown.add(code)
        elif not text:
            empty += 1
        else:
            _add(found, table, row, at, zones_by_code()[code], text)
    if without_code:
        found.left_out.append(f"{without_code} rows of groups of countries, which have no code.")
    if unknown:
        found.left_out.append(f"Places without a zone here: {', '.join(sorted(unknown)[:20])}.")
    if empty:
        found.left_out.append(f"{empty} rows without a value.")
    return found


def _is_intensity(row: Row, at: dict[str, int]) -> bool:
    return row.cells[at["variable"]].casefold() == "co2 intensity"


def _add(found: Read, table: Table, row: Row, at: dict[str, int], zone: str, text: str) -> None:
    year = year_of(found, row, "Year", row.cells[at["year"]])
    grams = grams_of(found, row, table.header[at.get("intensity", at.get("value", 0))], text,
                     decimal_comma=table.decimal_comma)  # fmt: skip
    if year is None or grams is None:
        return
    starts_on, ends_before = whole_year(year)
    found.factors.append(
        FactorRow(
            row.number,
            zone,
            starts_on,
            ends_before,
            grams,
            FactorKind.LIFECYCLE,
            includes_upstream=True,
            gases="CO2e",
        )
    )


FORMAT = Format(
    label="Our World in Data or Ember: carbon intensity by country and year (CSV)",
    name="Our World in Data, carbon intensity of electricity (Ember; Energy Institute)",
    source="Our World in Data, carbon intensity of electricity (Ember; Energy Institute)",
    source_url="https://ourworldindata.org/grapher/carbon-intensity-electricity",
    licence="CC BY 4.0",
    expects=EXPECTS,
    read=read,
)
