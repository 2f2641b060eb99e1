"""Small files with the publishers' own headers."""

import io

import xlsxwriter


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    """Return an XLSX file; a text that begins with “=” becomes a formula."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    book.close()
    return buffer.getvalue()


def egrid(
    *, subregions: list[list[object]] | None = None, states: list[list[object]] | None = None
) -> bytes:
    """Return a workbook as eGRID2023's: long names, codes, then rows; rates in lb/MWh."""
    subregions = subregions or [
        [2023, "AKGD", "ASCC Alaska Grid", 896.1, 0.061, 0.009, 905.109],
        [2023, "SRVC", "SERC Virginia/Carolina", 590.0, 0.046, 0.006, 593.111],
    ]
    states = states or [[2023, "AK", "02", 806.0, 814.457], [2023, "PR", "72", 1400.0, 1410.0]]
    return workbook(
        {
            "Contents": [["eGRID2023 Data File"], ["Sheet", "Description"]],
            "SRL23": [
                [
                    "Data Year", "eGRID subregion acronym", "eGRID subregion name",
                    "eGRID subregion annual CO2 total output emission rate (lb/MWh)",
                    "eGRID subregion annual CH4 total output emission rate (lb/MWh)",
                    "eGRID subregion annual N2O total output emission rate (lb/MWh)",
                    "eGRID subregion annual CO2 equivalent total output emission rate (lb/MWh)",
                ],
                ["YEAR", "SUBRGN", "SRNAME", "SRCO2RTA", "SRCH4RTA", "SRN2ORTA", "SRC2ERTA"],
                *subregions,
            ],
            "ST23": [
                [
                    "Data Year", "State abbreviation", "FIPS State code",
                    "State annual CO2 total output emission rate (lb/MWh)",
                    "State annual CO2 equivalent total output emission rate (lb/MWh)",
                ],
                ["YEAR", "PSTATABB", "FIPSST", "STCO2RTA", "STC2ERTA"],
                *states,
            ],
            "US23": [
                ["Data Year", "U.S. annual CO2 equivalent total output emission rate (lb/MWh)"],
                ["YEAR", "USC2ERTA"],
                [2023, 770.884],
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


def defra(*rows: list[object]) -> bytes:
    """Return a flat file as the UK Government's: a title, empty rows, the header, the rows."""
    return workbook(
        {
            "Introduction": [["UK Government GHG Conversion Factors"]],
            "Factors by Category": [
                ["UK Government GHG Conversion Factors for Company Reporting"],
                [],
                ["Factor set:", "Full set"],
                [],
                [],
                DEFRA_HEADER,
                ["1_1", "Scope 1", "Fuels", "Gaseous fuels", "Butane", "", "", "kWh (Gross CV)",
                 "kg CO2e", 0.2224],
                *(
                    rows
                    or (
                        ["2_1", *ELECTRICITY, "kWh", "kg CO2e", 0.20705],
                        ["2_2", *ELECTRICITY, "kWh", "kg CO2e of CO2 per unit", 0.20493],
                        ["3_1", *LOSSES, "kWh", "kg CO2e", 0.01830],
                        ["4_1", *WTT, "kWh", "kg CO2e", 0.0459],
                        ["4_2", *WTT_LOSSES, "kWh", "kg CO2e", 0.00406],
                    )
                ),
            ],
        }
    )  # fmt: skip
