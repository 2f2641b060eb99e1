"""Old Excel files are read in a process of their own, and refused where they hold too much."""

import pytest

from emissions.importers import old_excel
from emissions.importers.cells import Limits, TableError
from emissions.importers.old_excel import read_old_sheets
from emissions.importers.tables import read_table
from tests.emissions.importers.old_workbooks import old_workbook

NODES = {"Nodes": [["name", "watts"], ["Luleå", 8.5], ["", 3]], "Notes": [["x"]]}


def test_the_first_sheet_is_a_table():
    table = read_table(old_workbook(NODES))
    assert table.header == ("name", "watts")
    assert [(row.number, *row.cells) for row in table.rows] == [(2, "Luleå", "8.5"), (3, "", "3")]


def test_sheets_are_found_by_name_and_rows_counted_from_the_top():
    sheets = read_old_sheets(
        old_workbook(NODES, top=2), names=["Notes", "Absent", "Nod.s"], limits=Limits()
    )
    numbers = [[row.number for row in rows if any(row.cells)] for rows in sheets]
    assert numbers == [[3], [], [3, 4, 5]]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(rows=100), "more than 100 rows"),
        (Limits(columns=1), "more than 1 columns"),
        (Limits(cells=3), "more than 3 cells"),
        (Limits(unpacked_megabytes=0), "Save it as XLSX"),
    ],
)
def test_what_is_larger_than_the_limits_is_refused(limits, words):
    rows: list[list[object]] = [["a", "b"]] * 1200 if limits.rows == 100 else [["a", "b"]] * 2
    with pytest.raises(TableError, match=words):
        read_old_sheets(old_workbook({"S": rows}), names=None, limits=limits)


def test_a_cell_far_away_takes_the_memory_of_another_process_only():
    content = old_workbook({"S": [["near"]]}, far=(65535, 30))
    with pytest.raises(TableError, match="more than 20 columns"):
        read_old_sheets(content, names=None, limits=Limits(columns=20))


@pytest.mark.parametrize(
    "content",
    [
        b"\xd0\xcf\x11\xe0" + bytes(600),
        old_workbook(NODES)[:3000],
        old_workbook(NODES).replace("Workbook".encode("utf-16-le"), "Protecte".encode("utf-16-le")),
    ],
)
def test_what_cannot_be_read_says_what_to_do(content):
    with pytest.raises(TableError, match=r"password.*Save it as XLSX or CSV"):
        read_table(content)


def test_a_process_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(old_excel, "MOST_SECONDS", 0)
    with pytest.raises(TableError, match="Save it as XLSX"):
        read_table(old_workbook(NODES))
