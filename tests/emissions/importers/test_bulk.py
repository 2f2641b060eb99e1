"""Whatever is uploaded: a table, or a refusal that says what to do."""

import gzip
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import polars as pl
import pytest

from emissions.importers import bulk, unpack
from emissions.importers.bulk import ImportRefused, open_table
from emissions.importers.cells import Limits
from emissions.importers.unpack import UnpackError


def table_of(folder: Path, content: bytes) -> tuple[list[dict[str, Any]], list[Any]]:
    path = folder / "upload"
    path.write_bytes(content)
    parts = list(open_table(path).batches())
    rows = [row for frame, _ in parts for row in frame.to_dicts()]
    return rows, [row for _, errors in parts for row in errors.rows()]


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_spaces_and_blank_lines(tmp_path: Path, delimiter: str) -> None:
    text = "Started At,Name\n 1 ,x\n\n,\n2,\n".replace(",", delimiter)
    rows, errors = table_of(tmp_path, text.encode())
    assert rows == [
        {"row": 2, "started_at": "1", "name": "x"},
        {"row": 5, "started_at": "2", "name": None},
    ]
    assert not errors


def test_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    rows, _ = table_of(tmp_path, b"\xef\xbb\xbfname\nx\n")
    assert rows == [{"row": 2, "name": "x"}]


def test_rows_with_too_many_cells_are_named_and_the_others_read(tmp_path: Path) -> None:
    rows, errors = table_of(tmp_path, b'a,b\n1,2\n1,234,5\n"x\ny",4\n6\n')
    assert [(row["row"], row["a"], row["b"]) for row in rows] == [
        (2, "1", "2"),
        (4, "x\ny", "4"),
        (5, "6", None),
    ]
    assert errors == [(3, "cells", "This row has 3 cells, the first line names 2 columns.")]


def test_a_late_ragged_row_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PART", 40)
    lines = [f"{n},x" for n in range(95)]
    lines[70] = "70,x,y"
    rows, errors = table_of(tmp_path, ("a,b\n" + "\n".join(lines)).encode())
    assert [row["a"] for row in rows] == [str(n) for n in range(95) if n != 70]
    assert [error[0] for error in errors] == [72]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (pickle.dumps({"a": 1}, protocol=4), "pickle"),
        (pickle.dumps([1], protocol=2), "pickle"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "compressed"),
        ("name\nå\n".encode("latin-1"), "UTF-8"),
        (b"name\n" + b"x\n" * 5000 + "å\n".encode("latin-1"), "UTF-8"),
        ("name\nå\n".encode("utf-16"), "UTF-16"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"a\x00b,c\n", "no text"),
        (b"\n1,2\n", "first line"),
        (b"a,a\n1,2\n", "twice"),
        (b"A b,a-B\n1,2\n", "twice"),
        (b"a,,c\n1,2,3\n", "Column 2"),
        (b"a" * 100_000, "too long"),
        (b",".join(b"c%d" % n for n in range(600)), "500 columns"),
        (b"PAR1 nonsense PAR1", "Parquet"),
        (b"PK\x03\x04 nonsense", "damaged"),
        (b'a,b\n1,"2\n3,4\n', "cannot be read"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    if word == "cannot be read":  # An open quotation mark: one long cell, or a refusal.
        rows, errors = table_of(tmp_path, content)
        assert len(rows) + len(errors) <= 1
        return
    with pytest.raises(ImportRefused, match=word):
        table_of(tmp_path, content)


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        file.truncate(2 * 1024**3)
    with pytest.raises(ImportRefused, match="larger than 1 GB"):
        open_table(path)


class TestWorkbooks:
    def test_cells_as_text(self, tmp_path: Path) -> None:
        rows, _ = table_of(
            tmp_path, workbook([["Name", "hours"], ["x", 1.5], [None, None], [3, 2]])
        )
        assert rows == [
            {"row": 2, "name": "x", "hours": "1.5"},
            {"row": 4, "name": "3", "hours": "2"},
        ]

    def test_formulas_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ImportRefused, match="formulas"):
            table_of(tmp_path, workbook([["a"], ["=1+1"]]))

    def test_a_bomb_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack, "SHEET", Limits(unpacked_megabytes=1))
        buffer = io.BytesIO(workbook([["a"], [1]]))
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet9.xml", b" " * 4 * 1024 * 1024)
        (tmp_path / "upload").write_bytes(buffer.getvalue())
        with pytest.raises(UnpackError, match="unpacks to more"):
            unpack.write_text(tmp_path / "upload", tmp_path / "text")

    def test_another_archive_is_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("runs.csv", "a,b")
        with pytest.raises(ImportRefused, match="not an XLSX"):
            table_of(tmp_path, buffer.getvalue())


class TestParquet:
    def test_typed_columns_become_text(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        pl.DataFrame({"Hours": [1.5, None], "Name": ["x", "y"]}).write_parquet(buffer)
        rows, _ = table_of(tmp_path, buffer.getvalue())
        assert rows == [
            {"row": 2, "hours": "1.5", "name": "x"},
            {"row": 3, "hours": None, "name": "y"},
        ]

    def test_nested_columns_are_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        pl.DataFrame({"a": [[1, 2]]}).write_parquet(buffer)
        with pytest.raises(ImportRefused, match="give text"):
            table_of(tmp_path, buffer.getvalue())

    def test_a_bomb_ends_the_process_that_unpacks_it_and_no_other(self, tmp_path: Path) -> None:
        # Some kilobytes that stand for terabytes of text.
        rows = pl.zeros(2_000_000, dtype=pl.Int64, eager=True)
        bomb = pl.Series("name", ["x" * 1_000_000]).cast(pl.Categorical).gather(rows)
        path = tmp_path / "bomb.parquet"
        bomb.to_frame().write_parquet(path)
        assert path.stat().st_size < 100_000
        with pytest.raises(ImportRefused, match="cannot be unpacked"):
            open_table(path)

    def test_a_long_cell_is_no_cell_of_a_table(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        pl.DataFrame({"a": ["x" * 100_000]}).write_parquet(buffer)
        with pytest.raises(ImportRefused, match="longer than 64 kB"):
            table_of(tmp_path, buffer.getvalue())

    def test_what_was_unpacked_is_gone_with_the_table(self, tmp_path: Path) -> None:
        path = tmp_path / "upload"
        pl.DataFrame({"a": ["x"]}).write_parquet(path)
        table = open_table(path)
        text = table.path
        assert text.read_text() == "2,x\n"
        del table
        assert not text.exists()


class TestParts:
    """Text is read some bytes at a time; where it is cut is not to be seen."""

    TEXT = 'a,b\n1,"x\ny, ""z"""\n\n2,"é\n"\n3,w\r\n4\n"5",\n'
    ROWS: ClassVar = [
        (2, "1", 'x\ny, "z"'), (4, "2", "é"), (5, "3", "w"), (6, "4", None), (7, "5", None),
    ]  # fmt: skip

    @pytest.mark.parametrize("size", [1, 2, 5, 8, 13, 21, 1000])
    def test_rows_are_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(bulk, "PART", size)
        monkeypatch.setattr(bulk, "LONGEST_ROW", 100)
        rows, errors = table_of(tmp_path, self.TEXT.encode())
        assert not errors
        assert [tuple(row.values()) for row in rows] == self.ROWS

    def test_a_row_that_does_not_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "PART", 10)
        monkeypatch.setattr(bulk, "LONGEST_ROW", 40)
        with pytest.raises(ImportRefused, match="quotation mark"):
            table_of(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 100)


def test_too_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_ROWS", 3)
    with pytest.raises(ImportRefused, match="in parts"):
        table_of(tmp_path, b"a\n1\n2\n3\n4\n")
