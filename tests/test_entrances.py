"""The same thousand runs are the same lines of the ledger, through whichever door they come.

Each comes as it would: through the form's page, the API, the upload page and its preview. What
CodeCarbon's and Slurm's files do not carry is left out of the template's rows as well.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import resolve
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role
from emissions.models import Cell, EmissionEntry, Observation, Organisation, Project, Run, RunImport
from emissions.services.tokens import create_token
from tests.emissions.importers.test_codecarbon import file_of as codecarbon_file
from tests.emissions.importers.test_sacct import file_of as sacct_file
from tests.emissions.services.imports.files import finish
from tests.factories import (
    HARDWARE,
    NOW,
    calculate_all,
    make_member,
    make_organisation,
    make_project,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db
RUNS = 1000
FIRST = datetime(2025, 11, 1, tzinfo=UTC)
Row = dict[str, Any]


def described() -> list[Row]:
    """Return runs as somebody might state them."""
    chance = random.Random(7)
    found = []
    for at in range(RUNS):
        measured = chance.random() < 0.4
        found.append(
            {
                "external_id": f"job-{at}",
                "name": f"Run {at}",
                "started_at": FIRST + timedelta(seconds=chance.randrange(10_000_000)),
                "duration_hours": chance.choice([0.0, 0.1, 7.3, 24.0, 900.5, chance.random()]),
                "stage": chance.choice(["pre_training", "evaluation"]),
                "status": chance.choice(["completed", "failed"]),
                "hardware": chance.choice(list(HARDWARE.values())),
                "device_count": chance.choice([1.0, 8.0, 3.5]),
                "energy_kwh": round(chance.random() * 50, 6) if measured else None,
                "energy_measured": True if measured else None,
                "power_share": None if measured else chance.choice([None, 0.7]),
                "site": chance.choice([None, "Luleå"]),
                "tokens": chance.choice([None, 1e9]),
                "notes": chance.choice([None, 'said "so", twice; é']),
            }
        )
    return found


def measured() -> list[Row]:
    """Return runs with no more facts than CodeCarbon and Slurm write into their files."""
    chance = random.Random(8)
    return [
        {
            "external_id": f"{at}",
            "name": "Vision",
            "project": "Vision",
            "started_at": FIRST + timedelta(seconds=chance.randrange(10_000_000)),
            "duration_hours": chance.randrange(1, 4_000_000) / 3600,
            "hardware": "A100",
            "device_count": float(chance.randrange(1, 9)),
            "energy_kwh": chance.randrange(1, 10**9) / 3.6e6,
            "energy_measured": True,
            "site": "Luleå",
        }
        for at in range(RUNS)
    ]


class Door:
    """An organisation of its own, and what is needed to come in by one entrance."""

    def __init__(self, slug: str) -> None:
        self.organisation: Organisation = make_organisation(slug=slug)
        make_site(self.organisation, name="Luleå", slug="lulea")
        team = make_team(self.organisation, name="Team")
        self.project: Project = make_project(team, name="Vision", slug="vision")
        self.client = Client()
        self.user = make_member(Role.RESEARCHER, team=team).user
        self.client.force_login(self.user)
        self.runs = f"/o/{slug}/runs/"

    def by_form(self, rows: list[Row]) -> None:
        """Fill in the page, run by run; without the middleware, which would take as long again."""
        view, _, kwargs = resolve(f"{self.runs}new/")
        for row in rows:
            known = {name: value for name, value in row.items() if value is not None}
            known |= {"project": self.project.pk, "equipment": known.pop("hardware")}
            known |= {"place": known.pop("site", ""), "started_at": row["started_at"].isoformat()}
            if "power_share" in known:
                known["power_share"] *= 100
            request = RequestFactory().post(f"{self.runs}new/", known)
            request.user = self.user
            answer = view(request, **kwargs)
            assert answer.status_code == 302, answer.content.decode()

    def by_api(self, rows: list[Row]) -> None:
        """Send one run alone, and the others in a list."""
        client = APIClient()
        _, secret = create_token(
            organisation=self.organisation, project=self.project, by=None, now=NOW
        )
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        first, *others = [
            {name: value for name, value in row.items() if value is not None} for row in rows
        ]
        answer = client.post("/api/v1/runs/", first, format="json")
        assert answer.status_code == 201, answer.content
        answer = client.post("/api/v1/runs/", others, format="json")
        assert {one["status"] for one in answer.json()["results"]} == {201}

    def by_file(self, content: str, *, names: dict[str, str] | None = None) -> RunImport:
        """Upload a file, look at its preview, say what its names mean, and import it."""
        upload = SimpleUploadedFile("runs", content.encode())
        data = {"file": upload, "time_zone": "UTC", "project": self.project.pk}
        answer = self.client.post(f"{self.runs}imports/", data)
        assert answer.status_code == 302, answer.context["form"].errors
        one = RunImport.objects.get(organisation=self.organisation)
        page = self.client.get(answer["Location"])
        if names:
            form = page.context["names_form"]
            meant = {key: names[unknown.name] for key, unknown in form.names.items()}
            self.client.post(f"{answer['Location']}names/", meant)
            page = self.client.get(answer["Location"])
            assert page.context["names_form"] is None
        assert f"Import {RUNS:,} runs".replace(",", "\u202f") in page.content.decode() or (
            page.context["due_count"] == RUNS
        )
        assert not Run.objects.of(self.organisation).exists()
        self.client.post(f"{answer['Location']}start/")
        finish(one)
        assert (one.status, one.imported_rows, one.refused_rows) == ("done", RUNS, 0)
        return one


def as_csv(rows: list[Row]) -> str:
    """Return rows in our template."""

    def cell(value: Any) -> str:
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        return "" if value is None else '"' + text.replace('"', '""') + '"'

    lines = [",".join(cell(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines]) + "\n"


def as_sacct(rows: list[Row]) -> str:
    """Return rows as `sacct --parsable2` prints them."""
    return sacct_file(
        *(
            {
                "JobID": row["external_id"],
                "JobName": row["name"],
                "Account": row["project"],
                "User": "",
                "Partition": "north",
                "Start": f"{row['started_at']:%Y-%m-%dT%H:%M:%S}",
                "End": "Unknown",
                "Elapsed": clock(row),
                "NCPUS": "",
                "AllocTRES": f"gres/gpu:a100={row['device_count']:.0f}",
                "ConsumedEnergyRaw": f"{row['energy_kwh'] * 3.6e6:.0f}",
            }
            for row in rows
        )
    )


def clock(row: Row) -> str:
    """Return hours as [DD-]HH:MM:SS."""
    minutes, seconds = divmod(round(row["duration_hours"] * 3600), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours // 24}-{hours % 24:02}:{minutes:02}:{seconds:02}"


def as_codecarbon(rows: list[Row]) -> str:
    """Return rows as CodeCarbon's emissions.csv: what it says of the parts is not known."""
    nothing = dict.fromkeys(("cpu_energy", "gpu_energy", "ram_energy", "country_iso_code"), "")
    return codecarbon_file(
        *(
            {
                **nothing,
                "run_id": row["external_id"],
                "project_name": row["project"],
                "timestamp": f"{row['started_at'] + lasted(row):%Y-%m-%dT%H:%M:%S}",
                "duration": f"{row['duration_hours'] * 3600:.1f}",
                "energy_consumed": str(row["energy_kwh"]),
                "gpu_model": f"{row['device_count']:.0f} x A100",
                "gpu_count": f"{row['device_count']:.0f}",
                "country_name": "Northland",
            }
            for row in rows
        )
    )


def lasted(row: Row) -> timedelta:
    """Return hours as a span of whole seconds."""
    return timedelta(seconds=round(row["duration_hours"] * 3600))


#: What names the entrance or the organisation, and not the run.
NOT_OF_THE_LINE = {"id", "posting", "source", "run", "pool", "cell"}
NOT_OF_THE_CELL = {"id", "organisation", "team", "project", "site", "source_kind"}
NAMED = ("run__external_id", "cell__project__slug", "cell__team__name", "cell__site__slug")


def columns_of(model: type[Model], left_out: set[str]) -> list[str]:
    """Return the names of a model's columns but for some."""
    return [one.name for one in model._meta.concrete_fields if one.name not in left_out]


def ledger(door: Door) -> list[str]:
    """Return the lines of the ledger with every column of theirs and of their cells."""
    calculate_all()
    columns = [
        *NAMED,
        *columns_of(EmissionEntry, NOT_OF_THE_LINE),
        *(f"cell__{name}" for name in columns_of(Cell, NOT_OF_THE_CELL)),
    ]
    lines = EmissionEntry.objects.filter(run__organisation=door.organisation)
    return sorted(map(str, lines.values_list(*columns)))


def stored(door: Door, *left_out: str) -> list[Row]:
    """Return the runs with every column that was stated."""
    not_said = {
        "id", "organisation_id", "project_id", "site_id", "source_kind", "created_at",
        "updated_at", "created_by_id", "run_import_id", *left_out,
    }  # fmt: skip
    runs = Run.objects.of(door.organisation).order_by("external_id")
    return [
        {name: value for name, value in run.items() if name not in not_said}
        for run in runs.values()
    ]


def seen(door: Door) -> list[Any]:
    """Return the evidence of measured energy."""
    columns = "run__external_id", "started_at", "ended_at", "energy_kwh", "energy_includes_pue"
    evidence = Observation.objects.filter(run__organisation=door.organisation).order_by(*columns)
    return list(evidence.values_list(*columns))


def test_a_thousand_runs_by_form_api_and_file() -> None:
    rows = described()
    form, api, file = Door("by-form"), Door("by-api"), Door("by-file")
    form.by_form(rows)
    api.by_api(rows)
    file.by_file(as_csv(rows))

    lines = ledger(form)
    assert len(lines) >= RUNS
    assert ledger(api) == lines
    assert ledger(file) == lines
    assert stored(form) == stored(file)
    assert stored(form) == stored(api)
    assert seen(form) == seen(file)


@pytest.mark.parametrize(
    ("write", "names", "counter"),
    [
        (as_sacct, {"partition north": "Luleå"}, True),
        (as_codecarbon, {"Northland": "Luleå"}, False),
    ],
)
def test_a_thousand_runs_by_the_files_of_others(
    write: Callable[[list[Row]], str], names: dict[str, str], counter: bool
) -> None:
    rows = [{**row, "energy_measured": counter} for row in measured()]
    ours, theirs = Door("ours"), Door("theirs")
    ours.by_file(as_csv(rows))
    theirs.by_file(write(rows), names=names)

    lines = ledger(ours)
    assert len(lines) >= RUNS
    assert ledger(theirs) == lines
    assert stored(theirs, "notes", "reported_kg") == stored(ours, "notes", "reported_kg")
