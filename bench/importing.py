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
        start = perf_counter()
        one = _look(organisation, path)
        looked = perf_counter()
        start_import(run_import=one, by=None, now=NOW)
        while work(now=NOW, run_import=one):
            pass
        done = perf_counter()
        memory = _memory_of_reading(path)
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
        _value("memory that reading it adds, the mapped file included", memory, "MB"),
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


def _value(name: str, value: float, unit: str) -> Measure:
    rounded = round(value, 1)
    return {"name": name, "value": rounded, "unit": unit, "baseline": None, "ratio": None,
            "aim": None}  # fmt: skip
