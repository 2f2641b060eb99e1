"""Small files with the publishers' own headers."""

import io
from typing import NamedTuple

import xlsxwriter


class Formula(NamedTuple):
    """A formula, and the value that the spreadsheet last showed."""

    text: str
    shown: object


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    """Return an XLSX file; a text that begins with “=” becomes a formula."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, Formula):
                    sheet.write_formula(at, column, cell.text, None, cell.shown)
                else:
                    sheet.write(at, column, cell)
    book.close()
    return buffer.getvalue()


def egrid(
    *,
    subregions: list[list[object]] | None = None,
    states: list[list[object]] | None = None,
    country: float = 770.884,
    unit: str = "lb/MWh",
    gases: str = "",
) -> bytes:
    """Return a workbook as eGRID2023's: long names with the unit, codes, then rows."""
    subregions = subregions or [
        [2023, "AKGD", "ASCC Alaska Grid", 896.1, 0.061, 0.009, 905.109],
        [2023, "SRVC", "SERC Virginia/Carolina", 590.0, 0.046, 0.006, 593.111],
    ]
    states = states or [[2023, "AK", "02", 806.0, 814.457], [2023, "PR", "72", 1400.0, 1410.0]]
    rate = "annual {} total output emission rate ({})"
    names = [rate.format("CO2", unit), rate.format("CO2 equivalent", unit)]
    trace = [rate.format(gas, gases or unit) for gas in ("CH4", "N2O")]
    return workbook(
        {
            "Contents": [["eGRID2023 Data File"], ["Sheet", "Description"]],
            "SRL23": [
                [
                    "Data Year", "eGRID subregion acronym", "eGRID subregion name",
                    *(f"eGRID subregion {name}" for name in (names[0], *trace, names[1])),
                ],
                ["YEAR", "SUBRGN", "SRNAME", "SRCO2RTA", "SRCH4RTA", "SRN2ORTA", "SRC2ERTA"],
                *subregions,
            ],
            "ST23": [
                [
                    "Data Year", "State abbreviation", "FIPS State code",
                    *(f"State {name}" for name in names),
                ],
                ["YEAR", "PSTATABB", "FIPSST", "STCO2RTA", "STC2ERTA"],
                *states,
            ],
            "US23": [
                ["Data Year", f"U.S. {names[1]}"],
                ["YEAR", "USC2ERTA"],
                [2023, country],
            ],
        }
    )  # fmt: skip


DEFRA_HEADER = [
    "ID", "Scope", "Level 1", "Level 2", "Level 3", "Level 4", "Column Text", "UOM", "GHG/Unit",
    "GHG Conversion Factor 2024",
]  # fmt: skip
ELECTRICITY = ["Scope 2", "UK electricity", "Electricity generated", "Electricity: UK", "", ""]
WTT = [
    "Scope 3", "WTT- UK electricity", "WTT- UK electricity (generation)", "Electricity: UK", "", ""
]  # fmt: skip
WTT_LOSSES = ["Scope 3", "WTT- UK electricity", "WTT- UK electricity (T&D)", "Electricity: UK",
              "", ""]  # fmt: skip
LOSSES = ["Scope 3", "Transmission and distribution", "T&D- UK electricity", "Electricity: UK", "",
          ""]  # fmt: skip


DEFRA_ROWS: list[list[object]] = [
    ["2_1", *ELECTRICITY, "kWh", "kg CO2e", 0.20705],
    ["2_2", *ELECTRICITY, "kWh", "kg CO2e of CO2 per unit", 0.20493],
    ["3_1", *LOSSES, "kWh", "kg CO2e", 0.01830],
    ["4_1", *WTT, "kWh", "kg CO2e", 0.0459],
    ["4_2", *WTT_LOSSES, "kWh", "kg CO2e", 0.00406],
]


def defra_sheets(*rows: list[object]) -> dict[str, list[list[object]]]:
    """Return the flat file's sheet: a title, empty rows, the header, the rows."""
    return {
        "Factors by Category": [
            ["UK Government GHG Conversion Factors for Company Reporting"],
            [],
            ["Factor set:", "Full set"],
            [],
            [],
            [*DEFRA_HEADER],
            ["1_1", "Scope 1", "Fuels", "Gaseous fuels", "Butane", "", "", "kWh (Gross CV)",
             "kg CO2e", 0.2224],
            *(rows or DEFRA_ROWS),
        ],
    }  # fmt: skip


DEFRA_SHEETS = defra_sheets()


def defra(*rows: list[object]) -> bytes:
    """Return a flat file as the UK Government's."""
    title: list[list[object]] = [["UK Government GHG Conversion Factors"]]
    return workbook({"Introduction": title, **defra_sheets(*rows)})


def defra_set(*, indented: bool = False, total: str = "kg CO2e") -> dict[str, list[list[object]]]:
    """Return the sheets of a full set for people: small tables between texts."""
    gases = [f"kg CO2e of {gas} per unit" for gas in ("CO2", "CH4", "N2O")]
    head: list[object] = ["Activity", "Country", "Unit", "Year", total]
    place: list[object] = ["Electricity: UK", "kWh", 2026]
    sheets: dict[str, list[list[object]]] = {
        "UK electricity": [
            ["UK electricity"],
            ["Emissions source:", "UK electricity", "Factor set:", "Full set"],
            ["Scope:", "Scope 2", "Version:", 1, "Year:", 2026],
            ["The kWh electricity use is multiplied by the factor."],
            [*head, *gases],
            ["Electricity generated", *place, 0.13096, 0.12943, 0.00067, 0.00086],
        ],
        "Transmission and distribution": [
            [*head, *gases],
            ["T&D- UK electricity", *place, 0.01299, 0.01284, 0.00007, 0.00009],
        ],
        "WTT- UK electricity": [
            [*head],
            ["WTT- UK electricity (generation)", *place, 0.03682],
            ["FAQs"],
            [*head],
            ["WTT- UK electricity (T&D)", *place, 0.00359],
        ],
        "WTT- overseas electricity": [["Activity"], ["x", "Electricity: France", "kWh", 2026, 9]],
    }
    if indented:
        return {name: [["", *row] for row in rows] for name, rows in sheets.items()}
    return sheets


#: Year, generation, its part of CO2, well-to-tank of generation and of losses: g/kWh as printed.
DEFRA_EDITIONS = [
    (2016, 412.05, 409.57, 61.88, 5.6),
    (2020, 233.14, 231.04, 32.17, 2.77),
    (2022, 193.38, 191.21, 46.25, 4.23),
    (2023, 207.074289, 204.96, 45.9, 3.97),
]


def defra_edition(year: int) -> bytes:
    """Return a flat file with the columns and words that the year's file has."""
    generation, co2, upstream, wtt_losses = next(
        [one / 1000 for one in values] for at, *values in DEFRA_EDITIONS if at == year
    )
    old = year < 2022
    front = ["1_1"] if year >= 2023 else []
    units = ["kWh", "kWh"] if year == 2020 else ["kWh"]
    lookup = ["Electricity: UK"] if year == 2020 else []
    of_co2 = "kg CO2" if old else f"kg CO2e of CO2{'' if year == 2022 else ' per unit'}"
    first = "WTT- UK & overseas elec" if old else "WTT- UK electricity"
    header = [
        *(["ID"] if front else []), "Scope", "Level 1", "Level 2", "Level 3", "Level 4",
        "Column Text", *(["UOM (simple)"] if year == 2020 else []), "UOM",
        "GHG" if old else "GHG/Unit", *(["Lookup"] if lookup else []),
        f"GHG Conversion Factor {year}",
    ]  # fmt: skip
    rows = [
        [*front, *ELECTRICITY, *units, "kg CO2e", *lookup, generation],
        [*front, *ELECTRICITY, *units, of_co2, *lookup, co2],
        [*front, *LOSSES, *units, "kg CO2e", *lookup, 0.02],
        [*front, "Scope 3", first, *WTT[2:], *units, "kg CO2e", *lookup, upstream],
        [*front, "Scope 3", first, *WTT_LOSSES[2:], *units, "kg CO2e", *lookup, wtt_losses],
    ]
    blank: list[object] = [""] * 205 if year == 2020 else []
    title: list[list[object]] = [["UK Government GHG Conversion Factors"], [], blank]
    return workbook({"Front page": [["Flat file"]], "Factors by Category": [*title, header, *rows]})
