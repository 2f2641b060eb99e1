"""Upload a text, and import it as a worker would."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emissions.models import ImportRow, Organisation, Run, RunImport
from emissions.services.imports.run import start_import, work
from emissions.services.imports.stage import open_import
from tests.factories import NOW

HEADER = (
    "external_id,name,project,started_at,duration_hours,hardware,device_count,energy_kwh,site\n"
)


def upload(
    organisation: Organisation, content: str | bytes, *, only_project: bool = False, **values: Any
) -> RunImport:
    """Stage a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_import(
            organisation=organisation,
            path=path,
            file_name=values.pop("file_name", "runs.csv"),
            project=values.pop("project", None),
            only_project=only_project,
            by=values.pop("by", None),
            now=values.pop("now", NOW),
            asks=True,
            **values,
        )


def carry_out(run_import: RunImport, **values: Any) -> RunImport:
    """Import what was staged."""
    now = values.get("now", NOW)
    start_import(run_import=run_import, by=run_import.created_by, now=now)
    return finish(run_import, now=now)


def finish(run_import: RunImport, **values: Any) -> RunImport:
    """Do what waits, to its end."""
    while work(now=values.get("now", NOW)):
        pass
    run_import.refresh_from_db()
    return run_import


def bring(organisation: Organisation, content: str | bytes, **values: Any) -> RunImport:
    """Stage and import a file."""
    return carry_out(upload(organisation, content, **values), now=values.get("now", NOW))


def counts(run_import: RunImport) -> tuple[int, int, int, int]:
    """Return the rows that are new, changed, unchanged and refused."""
    one = run_import
    return one.new_rows, one.changed_rows, one.unchanged_rows, one.refused_rows


def reasons(run_import: RunImport) -> list[tuple[int, str, str]]:
    """Return row, column and reason of the refused rows."""
    rows = ImportRow.objects.filter(run_import=run_import, outcome="refused").order_by("row")
    return list(rows.values_list("row", "refused_column", "reason"))


def alive(organisation: Organisation) -> list[Run]:
    """Return the runs that stand, by their external ids."""
    return list(Run.objects.of(organisation).order_by("external_id"))
