from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from emissions.models import Project, Run, RunImport
from tests.emissions.services.imports.files import HEADER
from tests.factories import make_organisation, make_project, make_team

pytestmark = pytest.mark.django_db
ROWS = (
    "a,first,Vision,2026-03-01T09:00Z,10,A100,8,,\n"
    "b,second,Nowhere,2026-03-01T09:00Z,10,A100,8,,\n"
    "c,third,Vision,2026-03-01T09:00Z,x,A100,8,,\n"
)


@pytest.fixture
def project() -> Project:
    organisation = make_organisation(slug="acme")
    return make_project(make_team(organisation), name="Vision", slug="vision")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(HEADER + ROWS)
    return path


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("import_runs", *arguments, "--organisation", "acme", stdout=out)
    return out.getvalue()


def test_a_preview_writes_nothing(project: Project, file: Path) -> None:
    said = run(str(file))
    assert "2 new" in said
    assert "1 refused" in said
    assert "Unknown project: Nowhere (1 rows)" in said
    assert "Row 4, duration_hours" in said
    assert not Run.objects.exists()
    assert not RunImport.objects.exists()


def test_yes_imports(project: Project, file: Path) -> None:
    said = run(str(file), "--yes", "--project", "vision")
    assert "Imported 2 runs" in said
    assert {one.project for one in Run.objects.all()} == {project}
    assert "2 unchanged" in run(str(file), "--yes", "--project", "vision")
    assert Run.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--project", "none"], "no project"),
        (["--time-zone", "Nowhere/At all"], "no time zone"),
        (["--format", "sacct"], "not those of"),
    ],
)
def test_what_is_wrong_is_said(
    project: Project, file: Path, arguments: list[str], word: str
) -> None:
    with pytest.raises(CommandError, match=word):
        run(str(file), *arguments)


def test_a_missing_file_and_a_missing_zone(project: Project, file: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(str(file.with_name("none.csv")))
    file.write_text(HEADER + ROWS.replace("Z,", ","))
    with pytest.raises(CommandError, match="--time-zone"):
        run(str(file), "--yes")
    assert not RunImport.objects.exists()
    assert "2 new" in run(str(file), "--time-zone", "Europe/Paris")
