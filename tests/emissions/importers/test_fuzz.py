"""Whatever a file holds: runs, row errors or a refusal; never a crash, never a lost row."""

import io
import random
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emissions.importers import bulk
from emissions.importers.bulk import ROW, ImportRefused
from emissions.importers.formats import open_file
from emissions.importers.unpack import write_text
from tests.emissions.importers.test_bulk import workbook
from tests.emissions.importers.test_codecarbon import file_of as codecarbon_file
from tests.emissions.importers.test_others import ECO2AI, LOG
from tests.emissions.importers.test_sacct import file_of as sacct_file

ZONE = ZoneInfo("America/New_York")
TEMPLATE = (
    "name,started_at,ended_at,duration_hours,hardware,site,device_count,energy_kwh,energy_measured\n"
    "x,2026-03-01T09:00Z,,1,A100,Luleå,8,2,yes\n"
    "y,2026-03-01 09:00,2026-03-02 09:00,,A100,,8,,\n"
)
EXAMPLES = {
    "template": TEMPLATE,
    "codecarbon": codecarbon_file({}, {"run_id": "None"}, {"duration": "9"}),
    "sacct": sacct_file({}, {"JobID": "123.batch"}, {"JobID": "5", "State": "PENDING"}),
    "eco2ai": ECO2AI
    + "a,p,d,N/A,2026-03-01 10:00:00,3600,0.5,0.1,X/1 device(s),Y 2 device(s),,,\n",
    "carbontracker": LOG,
}
FUZZ = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CELLS = st.one_of(
    st.sampled_from(
        ["", "nan", "-1", "1e400", "1,5", "9" * 400, "²", "=1", "0001-01-01", "9999-12-31T23:59:59",
         "-0", "None", "Unknown", "12:00", "99999999999-00:00:00", "gres/gpu:a=" + "9" * 30, "😀",
         "2026-03-08 02:30", "a\x00b", "2026-01-01T00:00:00+99:99", "inf", '"', "\r"]
    ),
    st.text(max_size=30),
    st.floats().map(str),
)  # fmt: skip


def outcome(path: Path) -> tuple[int, int] | str:
    """Return how many runs and errors a file has, or why it is refused."""
    try:
        opened = open_file(path)
        parts = list(opened.read(zone=ZONE))
    except ImportRefused as refused:
        return str(refused)
    for part in parts:
        assert not set(part.runs[ROW]) & set(part.errors[ROW])
        assert part.errors["reason"].str.len_chars().min() != 0
        part.runs.write_csv(io.BytesIO())
    return sum(part.runs.height for part in parts), sum(part.errors.height for part in parts)


@FUZZ
@given(content=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    outcome(path)


@pytest.mark.parametrize("name", EXAMPLES)
@FUZZ
@given(data=st.data())
def test_any_cells_under_a_format_s_header(tmp_path: Path, name: str, data: st.DataObject) -> None:
    lines = EXAMPLES[name].split("\n")
    delimiter = "|" if name == "sacct" else ","
    width = lines[0].count(delimiter) + 1
    rows = data.draw(st.lists(st.lists(CELLS, min_size=1, max_size=width + 1), max_size=6))
    path = tmp_path / "file"
    text = "\n".join([lines[0], lines[1], *(delimiter.join(row) for row in rows)])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    outcome(path)


@pytest.mark.parametrize("name", EXAMPLES)
@FUZZ
@given(seed=st.integers(0, 2**32))
def test_broken_files(tmp_path: Path, name: str, seed: int) -> None:
    chance, content = random.Random(seed), bytearray(EXAMPLES[name].encode())
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                del content[at : at + chance.randint(1, 40)]
            case _:
                content[at:at] = bytes(chance.choices(b'",|;\n\r\t-+:.=eE \x00\xff09', k=3))
        if not content:
            break
    path = tmp_path / "file"
    path.write_bytes(bytes(content))
    outcome(path)


@FUZZ
@given(seed=st.integers(0, 2**32))
def test_broken_workbooks(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(broken_binary("workbook", seed))
    # Without the process of its own, which would take a second each.
    with patch.object(bulk, "unpack", write_text):
        outcome(path)


@settings(FUZZ, max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_broken_parquet_files(tmp_path: Path, seed: int) -> None:
    # In the process of its own: one in a thousand such files ends it, and only it.
    path = tmp_path / "file"
    path.write_bytes(broken_binary("parquet", seed))
    outcome(path)


def broken_binary(kind: str, seed: int) -> bytes:
    chance = random.Random(seed)
    table = [["name", "started_at", "duration_hours"], ["x", "2026-01-01T00:00Z", 1.5]]
    if kind == "workbook":
        content = bytearray(workbook([list(row) for row in table]))
    else:
        buffer = io.BytesIO()
        pl.DataFrame([table[1]], schema=table[0], orient="row").write_parquet(buffer)
        content = bytearray(buffer.getvalue())
    for _ in range(chance.randint(0, 6)):
        content[chance.randrange(4, len(content))] = chance.randrange(256)
    return bytes(content)


def test_the_examples_themselves_are_read(tmp_path: Path) -> None:
    for name, text in EXAMPLES.items():
        path = tmp_path / name
        path.write_text(text)
        found = outcome(path)
        assert isinstance(found, tuple), (name, found)
        assert found[0] >= 1, name
