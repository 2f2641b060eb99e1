import io
import zipfile
from csv import reader
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from reports.definitions.tables import Column, Kind, Table
from reports.renderers import csv, xlsx

GOLDEN = Path(__file__).parent / "golden.csv"


def table(rows=None, **values) -> Table:
    columns = (
        Column("Name", comment="What it is called."),
        Column("Runs", Kind.INTEGER),
        Column("Mass", Kind.QUANTITY, "kg CO2e"),
        Column("Share", Kind.SHARE),
        Column("Day", Kind.DATE),
    )
    rows = rows or [
        ["Vision", 12, Decimal("1234.500000000"), Decimal("0.25"), date(2026, 7, 1)],
        ["=1+1", 0, Decimal("-0.000000001"), None, None],
        ["Größe, “quoted”", 3, Decimal("123456789012345.123456789"), None, None],
    ]
    return Table("things", "Things", columns, rows, **values)


def test_csv_is_exactly_this():
    archive = zipfile.ZipFile(io.BytesIO(csv.render(tables=[table()])))
    assert archive.namelist() == ["things.csv", "columns.csv"]
    assert archive.read("things.csv") == GOLDEN.read_bytes()
    assert "What it is called." in archive.read("columns.csv").decode()


@pytest.mark.parametrize("renderer", [csv, xlsx])
def test_equal_tables_give_equal_bytes(renderer):
    assert renderer.render(tables=[table()]) == renderer.render(tables=[table()])


def test_archives_carry_no_clock():
    for content in (csv.render(tables=[table()]), xlsx.render(tables=[table()])):
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
        assert {entry.date_time[0] for entry in entries} == {1980}


def test_a_sheet_has_typed_cells_units_and_no_formula():
    content = xlsx.render(tables=[table(with_total=True)])
    sheet = load_workbook(io.BytesIO(content))["Things"]
    header, first, second, third = list(sheet.iter_rows())
    assert [cell.value for cell in header] == ["Name", "Runs", "Mass [kg CO2e]", "Share", "Day"]
    assert [cell.value for cell in first][:4] == ["Vision", 12, 1234.5, 0.25]
    assert first[4].value.date() == date(2026, 7, 1)
    assert (second[0].value, second[0].data_type) == ("'=1+1", "s")
    assert [cell.value for cell in second][3:] == [None, None]
    assert third[0].font.bold
    assert sheet.freeze_panes == "B2"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_text_starts_like_a_formula(start):
    text = f"{start}cmd|' /C calc'!A0"
    content = csv.render(tables=[table([[text, 1, Decimal(1), None, None]])])
    lines = zipfile.ZipFile(io.BytesIO(content)).read("things.csv").decode("utf-8-sig")
    _, row = reader(io.StringIO(lines, newline=""))
    assert row[0] == f"'{text}"


def test_a_workbook_of_many_rows_is_written():
    rows = [[f"run {number}", number, Decimal(number), None, None] for number in range(5000)]
    sheet = load_workbook(io.BytesIO(xlsx.render(tables=[table(rows)])), read_only=True)["Things"]
    assert sum(row[1] for row in sheet.iter_rows(min_row=2, values_only=True)) == sum(range(5000))
