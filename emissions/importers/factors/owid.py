"""Our World in Data's and Ember's CSV by country and year: carbon intensity, and what it is of.

Four shapes of the intensities are read, which are of the lifecycle: the grapher's download
(`Entity, Code, Year, Carbon intensity of electricity - gCO2/kWh`; since 2026 `… of electricity
per kWh`, or short names: `entity, code, year, co2_intensity__gco2_kwh`), the energy data set
(`country, year, iso_code, …, carbon_intensity_elec`), Ember's table of countries
(`country_or_region, country_code, year, …, emissions_intensity_gco2_per_kwh`) and its yearly
release in long format (`Area, ISO 3 code, Year, …, Variable, Unit, Value`), of which the rows
“CO2 intensity” count.

The shares of renewable, nuclear and fossil generation, in percent, are taken where they stand:
in the energy data set (`renewables_share_elec, nuclear_share_elec, fossil_share_elec`), in the
grapher's downloads by kind (`Nuclear - % electricity, Fossil fuels - % electricity, Renewables
- % electricity`) and by source (`Coal, Gas, Hydropower, …`), and in the long format.
"""

from dataclasses import dataclass, field

from emissions.calculation.vocabulary import FactorKind
from emissions.importers.cells import Limits, Row, number_of
from emissions.importers.factors.rows import (
    FactorRow,
    Format,
    NotThisFormat,
    Read,
    add_mix,
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
#: Shares by kind, in the order of `RENEWABLE, NUCLEAR, FOSSIL`.
RENEWABLE, NUCLEAR, FOSSIL = "renewables_share_elec", "nuclear_share_elec", "fossil_share_elec"
SHARES = {
    RENEWABLE: (
        "Renewables - % electricity", "Renewables", "renewable_share_of_electricity__pct",
    ),
    NUCLEAR: ("Nuclear - % electricity", "Nuclear", "nuclear_share_of_electricity__pct"),
    FOSSIL: (
        "Fossil fuels - % electricity", "Fossil fuels", "fossil_share_of_electricity__pct",
    ),
}  # fmt: skip
#: Shares by source, as the grapher names them, and the kind that each is of.
SOURCES = {
    "Coal": FOSSIL, "Gas": FOSSIL, "Oil": FOSSIL,
    "Nuclear": NUCLEAR,
    "Hydropower": RENEWABLE, "Solar": RENEWABLE, "Wind": RENEWABLE, "Bioenergy": RENEWABLE,
    "Other renewables": RENEWABLE,
}  # fmt: skip
#: What Ember's long format calls the kinds, where the unit is "%".
VARIABLES = {"renewables": RENEWABLE, "nuclear": NUCLEAR, "fossil": FOSSIL}
EXPECTS = (
    "Entity, Code, Year and Carbon intensity of electricity - gCO2/kWh, or the shares of nuclear,"
    " fossil and renewable electricity"
)


@dataclass(slots=True)
class _Shares:
    """Where a table's shares stand, and those of its long format until all three are there."""

    columns: dict[int, str]
    """The kind that the column at a position is a part of."""

    long: dict[tuple[str, int], dict[str, tuple[Row, float]]] = field(default_factory=dict)
    incomplete: int = 0


@dataclass(slots=True)
class _LeftOut:
    without_code: int = 0
    empty: int = 0
    unknown: set[str] = field(default_factory=set)


def read(content: bytes) -> Read:
    """Read a file of any of the shapes."""
    table = read_table(content, limits=LIMITS)
    at = columns_of(table, COLUMNS)
    shares = _Shares(_share_columns(table))
    long = {"variable", "value"} <= set(at) and "intensity" not in at
    required(at, ("code", "year"), EXPECTS)
    if long and table.header[at["year"]].casefold() == "date":
        raise NotThisFormat("This is Ember's monthly release. Load the yearly one.")
    if not long and "intensity" not in at and not shares.columns:
        raise NotThisFormat(f"No column holds the carbon intensity. Expected: {EXPECTS}")
    found, left = Read(), _LeftOut()
    for row in table.rows:
        if long and not _counts(row, at):
            continue
        code = row.cells[at["code"]].upper()
        zone = zones_by_code().get(code)
        if not code:
            left.without_code += 1
        elif zone is None:
            left.unknown.add(code)
        elif long and row.cells[at["variable"]].casefold() in VARIABLES:
            _add_long_share(found, table, row, at, zone, shares)
        else:
            if shares.columns:
                _add_shares(found, table, row, at, zone, shares)
            if "intensity" in at or long:
                left.empty += not _add_intensity(found, table, row, at, zone)
    _end_long_shares(found, shares)
    _say(found, left, shares)
    return found


def _share_columns(table: Table) -> dict[int, str]:
    """Return the kind that each column of shares is a part of; none unless all are there."""
    by_kind = columns_of(table, SHARES)
    if len(by_kind) == len(SHARES):
        return {column: kind for kind, column in by_kind.items()}
    by_source = columns_of(table, dict.fromkeys(SOURCES, ()))
    if len(by_source) == len(SOURCES):
        return {column: SOURCES[name] for name, column in by_source.items()}
    return {}


def _counts(row: Row, at: dict[str, int]) -> bool:
    """Say whether a row of the long format is an intensity or a share of the kinds."""
    variable = row.cells[at["variable"]].casefold()
    is_share = variable in VARIABLES and "unit" in at and row.cells[at["unit"]] == "%"
    return variable == "co2 intensity" or is_share


def _add_intensity(found: Read, table: Table, row: Row, at: dict[str, int], zone: str) -> bool:
    """Add a factor; False if the cell is empty."""
    column = at["intensity"] if "intensity" in at else at["value"]
    text = row.cells[column]
    if not text:
        return False
    year = year_of(found, row, "Year", row.cells[at["year"]])
    grams = grams_of(found, row, table.header[column], text, decimal_comma=table.decimal_comma)
    if year is not None and grams is not None:
        found.factors.append(
            FactorRow(
                row.number,
                zone,
                *whole_year(year),
                grams,
                FactorKind.LIFECYCLE,
                includes_upstream=True,
                gases="CO2e",
            )
        )
    return True


# --- shares ---------------------------------------------------------------------------


def _share(found: Read, table: Table, row: Row, column: int) -> float | None:
    """Return a share between 0 and 1; None, and an error, where the cell is no number."""
    text = row.cells[column]
    percent = number_of(text, decimal_comma=table.decimal_comma)
    if percent is None:
        found.error(row.number, table.header[column], f"“{text[:40]}” is not a number.")
        return None
    return percent / 100


def _add_shares(
    found: Read, table: Table, row: Row, at: dict[str, int], zone: str, shares: _Shares
) -> None:
    """Add the mix of a row; a source without a cell has none, a kind without one is unknown."""
    by_source = len(shares.columns) > len(SHARES)
    filled = {column: kind for column, kind in shares.columns.items() if row.cells[column]}
    if not filled:
        return
    parts = dict.fromkeys(SHARES, 0.0)
    for column, kind in filled.items():
        share = _share(found, table, row, column)
        if share is None:
            return
        parts[kind] += share
    year = year_of(found, row, "Year", row.cells[at["year"]])
    whole = by_source or len(filled) == len(SHARES)
    if year is not None and not (whole and add_mix(found, row, zone, year, [*parts.items()])):
        shares.incomplete += 1


def _add_long_share(
    found: Read, table: Table, row: Row, at: dict[str, int], zone: str, shares: _Shares
) -> None:
    year = year_of(found, row, "Year", row.cells[at["year"]])
    share = _share(found, table, row, at["value"]) if row.cells[at["value"]] else None
    if year is not None and share is not None:
        kind = VARIABLES[row.cells[at["variable"]].casefold()]
        known = shares.long.setdefault((zone, year), {})
        if kind in known:
            found.error(
                row.number, "", f"{zone} {year} stands in row {known[kind][0].number}, too."
            )
        known[kind] = row, share


def _end_long_shares(found: Read, shares: _Shares) -> None:
    for (zone, year), known in shares.long.items():
        first = next(iter(known.values()))[0]
        parts = [(kind, known[kind][1]) for kind in SHARES if kind in known]
        if len(parts) < len(SHARES) or not add_mix(found, first, zone, year, parts):
            shares.incomplete += 1


def _say(found: Read, left: _LeftOut, shares: _Shares) -> None:
    if left.without_code:
        found.left_out.append(
            f"{left.without_code} rows of groups of countries, which have no code."
        )
    if left.unknown:
        places = ", ".join(sorted(left.unknown)[:20])
        found.left_out.append(f"Places without a zone here: {places}.")
    if left.empty:
        found.left_out.append(f"{left.empty} rows without a value.")
    if shares.incomplete:
        found.left_out.append(
            f"{shares.incomplete} rows whose renewable, nuclear and fossil shares do not make"
            " a whole."
        )


FORMAT = Format(
    label="Our World in Data or Ember: intensity and mix by country and year (CSV)",
    name="Our World in Data, electricity (Ember; Energy Institute)",
    source="Our World in Data, electricity (Ember; Energy Institute)",
    source_url="https://ourworldindata.org/energy",
    licence="CC BY 4.0",
    expects=EXPECTS,
    read=read,
)
