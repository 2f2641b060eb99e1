"""Uploaded tables: what is read, and what a hostile file cannot do."""

import io
import zipfile
from contextlib import suppress
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.importers.cells import Limits, TableError, day_of, matched, number_of
from emissions.importers.tables import ROW, read_table


def xlsx(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    """Return a workbook with some parts replaced or added; `__` stands for a slash."""
    replaced = {
        name.replace("__", "/").replace("_xml", ".xml"): data for name, data in parts.items()
    }
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, replaced.pop(name, None) or old.read(name))
        for name, data in replaced.items():
            new.writestr(name, data)
    return buffer.getvalue()


SHEET = "xl__worksheets__sheet1_xml"


class TestText:
    @pytest.mark.parametrize(
        "content",
        [
            b"name,count\nLule\xc3\xa5,8\n",
            b"\xef\xbb\xbfname,count\r\nLule\xc3\xa5,8\r\n",
            b"name;count\nLule\xe5;8\n",
            "name\tcount\nLuleå\t8\n".encode("utf-16"),
            b'name|count\n"Lule\xc3\xa5"|8\n\n',
        ],
    )
    def test_encodings_and_separators(self, content):
        table = read_table(content)
        assert table.header == ("name", "count")
        assert [(row.number, row.cells) for row in table.rows] == [(2, ("Luleå", "8"))]

    def test_a_separator_within_a_quoted_header_does_not_count(self):
        assert read_table(b'"a,b,c";d\n1;2\n').header == ("a,b,c", "d")

    def test_semicolons_make_the_comma_a_decimal_mark(self):
        assert read_table(b"a;b\n1,5;2\n").decimal_comma
        assert not read_table(b"a,b\n1.5,2\n").decimal_comma

    def test_rows_keep_the_number_of_their_line(self):
        table = read_table(b'a,b\n\n1,"two\nlines"\n,\n3,4\n')
        assert [row.number for row in table.rows] == [4, 6]
        assert table.rows[0].cells == ("1", "two\nlines")

    def test_a_formula_is_the_text_that_it_is(self):
        assert read_table(b"a\n=1+1\n@x\n").rows[0].cells == ("=1+1",)

    def test_short_rows_are_filled_up(self):
        assert read_table(b"a,b,c\n1\n").rows[0].cells == ("1", "", "")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"\n \n", "empty"),
            (b"a,b\n1,2,3\n", "Row 2 has more cells"),
            (b"a,A\n1,2\n", "Two columns"),
            (b"a,,b\n1,2,3\n", "Column 2 has no name"),
            (b'a,b\n1,"2\n', "Line 2"),
            (b'a,b\n1,"2"3\n', "Line 2"),
            (b"a\x00b\n", "not a table"),
            (b"\xd0\xcf\x11\xe0old", "damaged, protected by a password"),
            (b"PK\x03\x04rubbish", "damaged"),
            (b"\xef\xbb\xbf\n <!DOCTYPE html><html><body>404</body></html>", "web page"),
            (b"%PDF-1.7\n", "PDF"),
            (b'{"error": 404}', "JSON"),
            (b"\x1f\x8b\x08", "compressed"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:5a\n", "Git LFS"),
        ],
    )
    def test_what_is_no_table_says_why(self, content, words):
        with pytest.raises(TableError, match=words):
            read_table(content)

    def test_limits(self):
        with pytest.raises(TableError, match="larger than 1 MB"):
            read_table(b"a\n" + b"x" * 1024 * 1024, limits=Limits(megabytes=1))
        with pytest.raises(TableError, match="more than 2 rows"):
            read_table(b"a\n1\n2\n3\n", limits=Limits(rows=2))
        with pytest.raises(TableError, match="more than 1 columns"):
            read_table(b"a,b\n", limits=Limits(columns=1))

    @given(st.binary(max_size=300))
    @settings(max_examples=25, deadline=None)
    def test_any_bytes_are_a_table_or_an_error_with_words(self, content):
        for one in (content, b"PK\x03\x04" + content):
            table = None
            with suppress(TableError):
                table = read_table(one)
            assert table is None or all(len(row.cells) == len(table.header) for row in table.rows)


class TestSpreadsheets:
    def test_values_as_people_see_them(self):
        content = xlsx(
            [
                ["name", "n", "share", "day", "moment", "yes", "empty"],
                ["a", 8, 0.1, date(2026, 3, 1), datetime(2026, 3, 1, 9, 30), True, None],  # noqa: DTZ001
            ]
        )
        (row,) = read_table(content).rows
        assert row.cells == ("a", "8", "0.1", "2026-03-01", "2026-03-01 09:30:00", "true", "")
        assert row.number == 2

    def test_rows_keep_their_number_below_empty_ones(self):
        content = xlsx([[None], [None], ["name"], ["a"], [None], ["b"]])
        assert [row.number for row in read_table(content).rows] == [4, 6]

    def test_a_formula_is_not_computed(self):
        (row,) = read_table(xlsx([["a", "b"], ["=1+1", "x"]])).rows
        assert row.cells == ("", "x")

    def test_a_far_cell_does_not_take_memory_for_all_between(self):
        book = openpyxl.Workbook()
        book.active["A1"] = "name"
        book.active["A2"] = "a"
        book.active.cell(row=1_048_576, column=150).value = "far"
        buffer = io.BytesIO()
        book.save(buffer)
        assert len(buffer.getvalue()) < 10_000
        with pytest.raises(TableError, match="rows"):
            read_table(buffer.getvalue())
        wide = xlsx([["a"] * 201])
        with pytest.raises(TableError, match="columns"):
            read_table(wide)

    def test_a_bomb_is_not_unpacked(self):
        zeros = b"<worksheet>" + b" " * (3 * 1024 * 1024) + b"</worksheet>"
        content = repacked(xlsx([["a"]]), **{SHEET: zeros})
        assert len(content) < 100_000
        with pytest.raises(TableError, match="unpacks to more"):
            read_table(content, limits=Limits(unpacked_megabytes=2))

    def test_a_bomb_that_lies_about_its_size_is_not_unpacked(self):
        zeros = b"<worksheet>" + b" " * (3 * 1024 * 1024) + b"</worksheet>"
        content = bytearray(repacked(xlsx([["a"]]), **{SHEET: zeros}))
        true, lie = len(zeros).to_bytes(4, "little"), (100).to_bytes(4, "little")
        assert content.count(true) == 2
        with pytest.raises(TableError, match="unpacks to more"):
            read_table(bytes(content.replace(true, lie)), limits=Limits(unpacked_megabytes=2))

    @pytest.mark.parametrize(
        "sheet",
        [
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>',
            b"<worksheet><sheetData>",
            b'junk <worksheet><row r="9"><c r="XFD9"/></row></worksheet>',
        ],
    )
    def test_what_no_spreadsheet_program_writes_is_refused(self, sheet):
        with pytest.raises(TableError):
            read_table(repacked(xlsx([["a"]]), **{SHEET: sheet}))

    def test_other_office_files_are_refused(self):
        with pytest.raises(TableError, match="not an XLSX"):
            read_table(repacked(xlsx([["a"]]), content_xml=b"<office/>"))


def test_a_frame_holds_the_same_cells_with_their_rows():
    frame = read_table(b"a,b\n1,\n\n2,x\n").frame()
    assert frame.to_dict(as_series=False) == {ROW: [2, 4], "a": ["1", "2"], "b": [None, "x"]}
    assert read_table(b"a,b\n").frame().columns == [ROW, "a", "b"]


@pytest.mark.parametrize(
    ("text", "comma", "number"),
    [
        ("1234.5", False, 1234.5), ("1,234.5", False, 1234.5), ("1 234.5", False, 1234.5),
        ("1,234", False, 1234), ("1,23", False, None), ("1,234,567", False, 1234567),
        ("1234,5", True, 1234.5), ("1.234,5", True, 1234.5), ("1,234", True, 1.234),
        ("1.234", True, 1234), ("12.5", True, 12.5), ("-3", False, -3), ("1e3", False, 1000),
        (".5", False, 0.5), ("", False, None), ("many", False, None), ("1-2", False, None),
        ("nan", False, None), ("inf", False, None), ("1e999", False, None), ("٣", False, None),
    ],
)  # fmt: skip
def test_numbers(text, comma, number):
    assert number_of(text, decimal_comma=comma) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        ("2026-03-31 00:00:00", date(2026, 3, 31)),
        ("31.03.2026", date(2026, 3, 31)),
        ("31 March 2026", date(2026, 3, 31)),
        ("03/04/2026", None),
        ("2026-02-30", None),
        ("soon", None),
    ],
)
def test_days(text, day):
    assert day_of(text) == day


def test_columns_are_found_however_they_are_spelt():
    found = matched(["Node name", "GPU_count", "Site"], {"name": ("node name",), "site": (),
                    "device_count": ("gpu count",), "owner": ()})  # fmt: skip
    assert found == {"name": "Node name", "site": "Site", "device_count": "GPU_count"}
