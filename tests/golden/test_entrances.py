"""Published results come out of the form, the API and a file alike: the same ledger lines."""

import csv
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Role
from emissions.models import EmissionEntry, Organisation, Project, Run
from emissions.selectors.posted import posted
from emissions.services.tokens import create_token
from tests.emissions.services.imports.files import bring
from tests.factories import (
    NOW,
    calculate_all,
    make_member,
    make_organisation,
    make_project,
    make_reference,
    make_team,
)

pytestmark = pytest.mark.django_db

with Path(__file__).with_name("published_results.csv").open(encoding="utf-8", newline="") as file:
    PUBLISHED = list(csv.DictReader(file, strict=True))
#: Columns that state nothing of a run.
ABOUT = {"id", "source", "published_kwh", "published_kwh_at", "published_kg", "tolerance"}
#: The API's names, where the form's are others.
IN_FORM = {
    "power_watts": "stated_power_watts", "pue_included": "energy_includes_pue",
    "pue": "stated_pue", "grid_g_per_kwh": "stated_factor_g_per_kwh",
}  # fmt: skip
STARTED = "2023-01-10T09:00:00Z"


def stated(row: dict[str, str]) -> dict[str, str]:
    """Return what a publication states, as texts under the API's names."""
    return {
        name: text
        for name, text in row.items()
        if text and name not in ABOUT and name != "what it checks"
    }


def made(slug: str) -> Project:
    """Return a project of an organisation of its own."""
    return make_project(make_team(make_organisation(slug=slug)), slug="published")


def by_form(project: Project) -> None:
    client = Client()
    client.force_login(make_member(Role.RESEARCHER, team=project.assignments.get().team).user)
    for row in PUBLISHED:
        data = {IN_FORM.get(name, name): text for name, text in stated(row).items()}
        if data.get("energy_includes_pue") == "false":
            del data["energy_includes_pue"]
        data |= {
            "project": str(project.pk), "name": row["id"], "external_id": row["id"],
            "stage": "pre_training", "status": "completed", "started_at": STARTED,
            "stated_factor_source": row["source"],
        }  # fmt: skip
        answer = client.post(f"/o/{project.organisation.slug}/runs/new/", data)
        assert answer.status_code == 302, (row["id"], answer.context["form"].errors)


def by_api(project: Project) -> None:
    client = APIClient()
    _, secret = create_token(organisation=project.organisation, project=project, by=None, now=NOW)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    runs = []
    for row in PUBLISHED:
        values: dict[str, Any] = {
            name: text == "true" if name == "pue_included" else float(text)
            for name, text in stated(row).items()
        }
        values |= {"external_id": row["id"], "started_at": STARTED, "grid_source": row["source"]}
        runs.append(values)
    answer = client.post("/api/v1/runs/", runs, format="json")
    assert [one.get("errors") for one in answer.json()["results"]] == [None] * len(runs)


def by_file(project: Project) -> None:
    columns = [name for name in PUBLISHED[0] if name not in ABOUT and name != "what it checks"]
    header = ["external_id", "started_at", "grid_source", *columns]
    lines = [
        [row["id"], STARTED, f'"{row["source"]}"', *(row[name] for name in columns)]
        for row in PUBLISHED
    ]
    text = "\n".join(",".join(line) for line in [header, *lines])
    done = bring(project.organisation, text, project=project)
    assert (done.imported_rows, done.refused_rows) == (len(PUBLISHED), 0)


def lines_of(organisation: Organisation) -> list[str]:
    """Return an organisation's ledger lines, without what names the entrance."""
    lines = EmissionEntry.objects.filter(run__organisation=organisation).values_list(
        "run__external_id", "month", "energy_it_kwh", "energy_facility_kwh", "device_hours",
        "location_based_kg", "market_based_kg", "upstream_kg", "losses_kg", "cell__basis",
        "cell__fit", "cell__assumptions",
    )  # fmt: skip
    return sorted(map(str, lines))


def test_published_results_by_form_api_and_file() -> None:
    make_reference()
    form, api, table = (made(slug) for slug in ("by-form", "by-api", "by-file"))
    by_form(form)
    by_api(api)
    by_file(table)
    calculate_all()

    assert lines_of(api.organisation) == lines_of(form.organisation)
    assert lines_of(table.organisation) == lines_of(form.organisation)
    ids = dict(Run.objects.of(api.organisation).values_list("external_id", "pk"))
    figures = posted(run_ids=list(ids.values()))
    for row in PUBLISHED:
        found, rel = figures[ids[row["id"]]], float(row["tolerance"])
        assert float(found.location_based_kg) == pytest.approx(
            float(row["published_kg"]), rel=rel
        ), row["id"]
        if row["published_kwh"]:
            kwh = getattr(found, f"energy_{row['published_kwh_at']}_kwh")
            assert float(kwh) == pytest.approx(float(row["published_kwh"]), rel=rel), row["id"]
