"""A CSV from file to stored runs, as a ratio to COPY of the same rows into the same table."""

import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import polars as pl
from django.db import connection, transaction

from emissions.models import Organisation, Run, RunImport
from emissions.services.imports.run import start_import, work
from emissions.services.imports.stage import open_import
from tests import factories

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PROJECTS, SITES = 20, 4
#: What importing may add to a process, however long the file is. [MB]
MOST_MEGABYTES = 512
Measure = dict[str, object]


def importing(*, runs: int) -> list[Measure]:
    """Measure importing a CSV of so many runs into an empty organisation."""
    organisation = factories.make_organisation("importing", slug="importing")
    for at in range(PROJECTS):
        factories.make_project(organisation=organisation, name=f"Import {at}")
    for at in range(SITES):
        factories.make_site(organisation=organisation, name=f"Import site {at}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        _write(path, runs)
        size = path.stat().st_size
        least = _resident("VmRSS", reset=True)
        start = perf_counter()
        one = _look(organisation, path)
        looked = perf_counter()
        start_import(run_import=one, by=None, now=NOW)
        while work(now=NOW, run_import=one):
            pass
        done = perf_counter()
        added = _resident("VmHWM") - least
        reading = _reading(Path(folder), path, runs)
    stored = Run.objects.filter(run_import=one).count()
    assert stored == runs, (stored, runs)
    bare = _bare_copy(one)
    return [
        {
            "name": f"importing a CSV of {runs:,} runs, to COPY of the same rows",
            "value": round(done - start, 2),
            "unit": "s",
            "baseline": round(bare, 2),
            "ratio": round((done - start) / bare, 2),
            "aim": 4.0,
        },
        _value("of it, the preview", looked - start, "s"),
        _value("size of the CSV", size / 1024**2, "MB"),
        _within("memory that preview and import add", added),
        *reading,
    ]


def _resident(what: str, *, reset: bool = False) -> float:
    """Return the memory of this process, now (VmRSS) or at most (VmHWM), in MB; Linux only."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return int(status.read_text().split(f"{what}:")[1].split()[0]) / 1024


def _reading(folder: Path, path: Path, runs: int) -> list[Measure]:
    """Measure what reading the same runs adds to a process, in each of the large formats."""
    rows = pl.read_csv(path, infer_schema=False)
    rows.write_parquet(folder / "runs.parquet")
    some = min(runs, 100_000)
    rows.head(some).write_excel(folder / "runs.xlsx")
    hours = pl.col("duration_hours").cast(pl.Float64)
    rows.select(
        JobID="external_id", JobName="name", Account="project", State=pl.lit("COMPLETED"),
        Start=pl.col("started_at").str.strip_suffix("Z"), Elapsed=pl.lit("05:00:00"),
        AllocTRES=pl.lit("billing=64,cpu=64,gres/gpu:a100=8,gres/gpu=8,mem=512G,node=1"),
        ConsumedEnergyRaw=pl.lit("0"), NodeList=pl.lit("gpu01"),
    ).write_csv(folder / "sacct.txt", separator="|")  # fmt: skip
    rows.select(
        timestamp=pl.col("started_at").str.strip_suffix("Z"), project_name="project",
        run_id="external_id", duration=hours * 3600, emissions=pl.lit(0.05),
        energy_consumed=pl.lit(0.8), country_name=pl.lit("France"), gpu_model=pl.lit("8 x A100"),
        os=pl.lit("Linux-6.8.0-47-generic-x86_64-with-glibc2.35"),
    ).write_csv(folder / "emissions.csv")  # fmt: skip
    del rows
    names = {
        "runs.csv": f"a CSV of {runs:,} runs",
        "emissions.csv": f"an emissions.csv of {runs:,} runs",
        "sacct.txt": f"sacct's {runs:,} jobs",
        "runs.parquet": f"a Parquet file of {runs:,} runs",
        "runs.xlsx": f"a workbook of {some:,} runs",
    }
    return [
        _within(f"memory that reading {words} adds", _memory_of_reading(folder / name))
        for name, words in names.items()
    ]


def _write(path: Path, runs: int) -> None:
    """Write a file whose rows differ in what a cluster's do."""
    n = pl.int_range(runs, eager=True).alias("n")
    moment = pl.datetime(2023, 7, 1) + pl.duration(minutes=pl.col("n") % 1_500_000)
    pl.DataFrame({"n": n}).select(
        external_id=pl.format("job-{}", "n"),
        name=pl.format("train {}", "n"),
        project=pl.format("Import {}", pl.col("n") % PROJECTS),
        started_at=moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_hours=1 + pl.col("n") % 47 + 0.25,
        hardware=pl.lit("A100"),
        device_count=pl.lit(8),
        power_share=pl.lit(0.6),
        site=pl.format("Import site {}", pl.col("n") % SITES),
        stage=pl.lit("pre_training"),
        status=pl.when(pl.col("n") % 9 == 0).then(pl.lit("failed")).otherwise(pl.lit("completed")),
    ).write_csv(path)


def _look(organisation: Organisation, path: Path) -> RunImport:
    return open_import(
        organisation=organisation,
        path=path,
        file_name=path.name,
        project=None,
        only_project=False,
        by=None,
        now=NOW,
    )


def _bare_copy(one: RunImport) -> float:
    """Do what any import must at least do: COPY the same rows into the same table."""
    columns = [field.column for field in Run._meta.concrete_fields]
    buffer = StringIO()
    with connection.cursor() as cursor:
        names = ", ".join(columns)
        for table in ("emissions_pendingcalculation", "emissions_runstate"):
            cursor.execute(
                f"DELETE FROM {table} WHERE run_id IN"
                f" (SELECT id FROM emissions_run WHERE run_import_id = {one.pk})"
            )
        query = f"SELECT {names} FROM emissions_run WHERE run_import_id = {one.pk}"
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv)", buffer)
        cursor.execute("DELETE FROM emissions_run WHERE run_import_id = %s", [one.pk])
        cursor.execute("VACUUM emissions_run")
        cursor.execute("CHECKPOINT")
        buffer.seek(0)
        start = perf_counter()
        with transaction.atomic():
            cursor.copy_expert(f"COPY emissions_run ({names}) FROM STDIN (FORMAT csv)", buffer)
        return perf_counter() - start


def _memory_of_reading(path: Path) -> float:
    """Return by how much a process of its own grows that reads the file to its end, in MB."""
    answer = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return float(answer.stdout)


READ = """
import resource, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from emissions.importers.formats import open_file
def used():
    # What a process inherits from its parent counts in getrusage, and not in VmHWM.
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().split("VmHWM:")[1].split()[0])
before = used()
for part in open_file(Path(sys.argv[1])).read(zone=ZoneInfo("UTC")):
    del part
print((used() - before) / 1024)
"""


def _within(name: str, megabytes: float) -> Measure:
    """Compare with the limit, which does not grow with the file."""
    return {"name": name, "value": round(megabytes), "unit": "MB", "baseline": MOST_MEGABYTES,
            "ratio": round(megabytes / MOST_MEGABYTES, 2), "aim": 1.0}  # fmt: skip


def _value(name: str, value: float, unit: str) -> Measure:
    rounded = round(value, 1)
    return {"name": name, "value": rounded, "unit": unit, "baseline": None, "ratio": None,
            "aim": None}  # fmt: skip
