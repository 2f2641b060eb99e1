"""Whatever any other upload holds: lines, errors of rows or a refusal; never a crash.

Factors of publishers, statements of providers, bills, intervals, nodes and what an exporter
shows: each from a sound example, of which some bytes or whole cells are changed.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.importers.bulk import ImportRefused
from emissions.importers.cells import TableError
from emissions.importers.exposition import as_answer, read_samples
from emissions.importers.factors import FORMATS
from emissions.importers.factors.rows import NotThisFormat, read_file
from emissions.importers.meters import NoReadings, read_bills, read_intervals
from emissions.importers.nodes import MissingColumns, read_nodes
from emissions.importers.statements import StatementError, read_statement
from emissions.importers.tables import read_table
from tests.emissions.importers.factors.test_formats import EMBER, ENERGY, LICENSED, MAPS, OWID
from tests.emissions.importers.factors.workbooks import DEFRA_EDITIONS, defra_edition, egrid

STATEMENTS = Path(__file__).parent / "statements"
REFUSALS = (TableError, NotThisFormat, NoReadings, MissingColumns, StatementError, ImportRefused)
ZONE = ZoneInfo("America/St_Johns")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FUZZ = settings(max_examples=15, deadline=None)
HOURLY = MAPS + "2026-01-01 00:00:00,Sweden,Sweden,SE,20,40,98,70,svk.se,false,\n"
BILLS = "from,to,energy_kwh,other_load_kwh,source\n2026-02-01,2026-02-28,398114,18000,Invoice 1\n"
INTERVALS = "time;energy_kwh\n2026-01-01 00:00;1,5\n2026-01-01 00:15;1,5\n"
NODES = (
    "name,hardware,device_count,node_count,site,tenure,placed_on,life_years,max_watts\n"
    "a,A100,8,24,Luleå,owned,2025-02-01,5,1800\n"
)
EXPOSED = (
    "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n"
    'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",modelName="A100"} 1e9 17000000\n'
)


def factors(name: str) -> Callable[[bytes], object]:
    return lambda content: read_file(FORMATS[name], content)


def exposed(content: bytes) -> object:
    samples = read_samples(content.decode("utf-8", "replace"), now=NOW, host="gpu01")
    return as_answer(samples)


READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "owid": (factors("owid"), OWID.encode()),
    "ember": (factors("owid"), EMBER.encode()),
    "owid energy": (factors("owid"), ENERGY.encode()),
    "egrid": (factors("egrid"), egrid()),
    "defra": (factors("defra"), defra_edition(DEFRA_EDITIONS[0][0])),
    "electricity-maps": (factors("electricity-maps"), HOURLY.encode()),
    "electricity-maps-hourly": (factors("electricity-maps-hourly"), HOURLY.encode()),
    "licensed": (factors("licensed"), f"{LICENSED}SE,2025,12.5,location,direct,\n".encode()),
    "bills": (lambda content: read_bills(read_table(content)), BILLS.encode()),
    "intervals": (
        lambda content: read_intervals(read_table(content), zone=ZONE, days_in=ZONE),
        INTERVALS.encode(),
    ),
    "nodes": (lambda content: list(read_nodes(read_table(content))), NODES.encode()),
    "exposition": (exposed, EXPOSED.encode()),
    **{
        path.name: (read_statement, path.read_bytes())
        for path in sorted(STATEMENTS.iterdir())
        if path.suffix in (".csv", ".json")
    },
}
TEXTS = [name for name, (_, example) in READERS.items() if not example.startswith(b"PK")]
CELLS = st.one_of(
    st.sampled_from(
        ["", "nan", "-1", "1e400", "1,5", "9" * 400, "²", "=1+1", "0001-01-01", "9999-12-31",
         "2026-03-29 02:30", "2026-01-01T00:00:00+99:99", "inf", '"', "\r", "\x00", "1.234.567"]
    ),
    st.text(max_size=20),
    st.floats().map(str),
)  # fmt: skip


def refused_or_read(name: str, content: bytes) -> None:
    try:
        READERS[name][0](content)
    except REFUSALS as refusal:
        said = str(refusal)
    else:
        return
    assert said


@pytest.mark.parametrize("name", READERS)
def test_the_examples_themselves_are_read(name: str) -> None:
    if name not in ("intervals",):  # Two quarters of an hour are no day.
        READERS[name][0](READERS[name][1])


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(seed=st.integers(0, 2**32))
def test_broken_files(name: str, seed: int) -> None:
    chance, content = random.Random(seed), bytearray(READERS[name][1])
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                del content[at : at + chance.randint(1, 40)]
            case _:
                content[at:at] = bytes(chance.choices(b'",|;\n\r\t-+:.=eE{}[] \x00\xff09', k=3))
        if not content:
            break
    refused_or_read(name, bytes(content))


@pytest.mark.parametrize("name", TEXTS)
@FUZZ
@given(data=st.data())
def test_any_cells_under_a_format_s_header(name: str, data: st.DataObject) -> None:
    header, *_ = READERS[name][1].decode().split("\n")
    delimiter = ";" if name == "intervals" else ","
    width = header.count(delimiter) + 1
    rows = data.draw(st.lists(st.lists(CELLS, min_size=1, max_size=width + 1), max_size=6))
    text = "\n".join([header, *(delimiter.join(row) for row in rows)])
    refused_or_read(name, text.encode("utf-8", "surrogatepass"))


@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    for name in READERS:
        refused_or_read(name, content)
