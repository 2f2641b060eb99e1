"""No page answers nonsense with an error of its own: every parameter, every field of every form.

The API has tests of the same kind in tests/emissions/api/test_fuzz.py.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.forms.calculator import CalculatorForm
from emissions.forms.run import RunForm
from emissions.models import Membership
from tests.factories import (
    make_factor_set,
    make_hardware,
    make_import,
    make_mapping,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)
from tests.test_permissions import ARGUMENT, GUARDED

NONSENSE = (
    "a\x00b", "nan", "-0.0", "1e400", "9" * 30, "9" * 5000, "²", "😀", "0001-01-01T00:00",
    "9999-12-31T23:59-12:00", "9999-12-31T23:59", "9999-Q4", "0000-Q1", "custom",
)  # fmt: skip
NUL = "a\x00b"
PARAMETERS = (
    "page", "lines", "sort", "q", "period", "from", "to", "compare", "method", "structure", "team",
    "project", "site", "hardware", "stage", "status", "source", "calculation", "copy", "format",
    "figure", "action", "by", "year", "kind", "role", "zone", "own", "unit", "next",
)  # fmt: skip
PAGES = (
    "organisation", "team_list", "team", "project_list", "project", "run_list", "run_list_csv",
    "import_list", "import_detail", "import_progress", "import_refused", "import_template",
    "run", "run_create", "run_edit", "inventory", "hardware_list", "factor_list", "report_list",
    "settings", "settings_people", "settings_tokens", "audit_log",
)  # fmt: skip


@pytest.fixture
def admin(db: None) -> Membership:
    organisation = make_organisation(time_zone="Asia/Tokyo")
    return make_member(Role.ADMIN, organisation=organisation, team=make_team(organisation))


@pytest.fixture
def objects(admin: Membership) -> dict[str, Any]:
    organisation = admin.organisation
    project = make_project(admin.team)
    site = make_site(organisation)
    return {
        "organisation_slug": organisation.slug,
        "team_slug": admin.team.slug if admin.team else "",
        "project_slug": project.slug,
        "run_id": make_run(project=project, created_by=admin.user).pk,
        "site_slug": site.slug,
        "node_slug": make_node(site=site).slug,
        "hardware_id": make_hardware(organisation=organisation).pk,
        "factor_set_id": make_factor_set().pk,
        "membership_id": make_member(Role.AUDITOR, organisation=organisation).pk,
        "import_id": make_import(project=project, created_by=admin.user).pk,
        "mapping_id": make_mapping(project=project).pk,
        "project": project.pk,
        "site": site.pk,
        "team": admin.team_id,
    }


@pytest.fixture
def client(admin: Membership) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(admin.user)
    return client


def address(name: str, objects: dict[str, Any]) -> str:
    """Return an address with those of its arguments that it has."""
    route = {pattern.name: route for route, pattern in GUARDED}[name]
    return reverse(name, kwargs={one: objects[one] for one in ARGUMENT.findall(route)})


def asked(client: Client, method: str, url: str, data: Any = None) -> int:
    """Return the status of an answer, read to its end; what it wrote is undone."""
    with transaction.atomic():
        response = getattr(client, method)(url, data)
        if response.streaming:
            try:
                list(response)
            except Exception:
                return 500
        transaction.set_rollback(True)
    return int(response.status_code)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_survives_any_address(name: str, client: Client, objects: dict[str, Any]):
    url = address(name, objects)
    failed = [
        value[:40]
        for value in NONSENSE
        if asked(client, "get", f"{url}?{urlencode(dict.fromkeys(PARAMETERS, value))}") >= 500
    ]
    assert not failed


RUN = {
    "name": "Run", "stage": "pre_training", "status": "completed", "equipment": "A100",
    "device_count": "8", "duration_hours": "10", "started_at": "2026-05-04T08:00",
}  # fmt: skip
SITE = {
    "name": "A site", "kind": "own", "starts_on": "2026-01-01", "zone": "FR",
    "it_control": "organisation", "overhead_control": "organisation",
}  # fmt: skip
NODE = {
    "name": "A node", "hardware": "A100", "device_count": "8", "node_count": "1",
    "starts_on": "2026-01-01", "tenure": "owned",
}  # fmt: skip
HARDWARE = {"name": "A device", "kind": "gpu", "max_watts": "300", "source": "Data sheet"}
#: Address: a form that it accepts, and names of its other fields.
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "run_create": (RUN, "run"),
    "run_edit": (RUN, "run"),
    "run_preview": (RUN, "run"),
    "run_delete": ({}, "x"),
    "import_list": ({}, "file project time_zone"),
    "import_zone": ({}, "time_zone"),
    "import_names": ({}, "name_0 name_1"),
    "import_start": ({}, "x"),
    "import_cancel": ({}, "x"),
    "import_undo": ({}, "x"),
    "site_create": (SITE, "cloud_region pue pue_source wue_litres_per_kwh"),
    "site_edit": (SITE, "cloud_region"),
    "site_conditions": (SITE, "pue pue_source wue_litres_per_kwh"),
    "node_create": (
        NODE,
        "site owner max_watts idle_watts embodied_kg embodied_source purchased_on life_years",
    ),
    "node_edit": (NODE, "max_watts idle_watts embodied_kg purchased_on"),
    "node_life": ({"life_from": "2026-01-01"}, "life_years life_from"),
    "node_place": (NODE, "site owner"),
    "node_dispose": ({}, "disposed_on"),
    "hardware_create": (
        HARDWARE,
        "vendor idle_watts cores memory_gb release_year embodied_kg embodied_source life_years",
    ),
    "hardware_edit": (HARDWARE, "vendor idle_watts cores memory_gb release_year embodied_kg"),
    "adopt_factor_set": ({}, "precedence"),
    "factor_upload": (
        {"format": "licensed", "edition": "2026", "published_on": "2026-01-01"},
        "name source source_url licence file",
    ),
    "settings_edit": ({"name": "An organisation", "time_zone": "UTC", "preset": "0"}, ""),
    "person_invite": ({"email": "a@example.org", "role": "auditor"}, "name team"),
    "person_edit": ({"role": "auditor"}, "team"),
    "team_create": ({"name": "A team"}, ""),
    "team_edit": ({"name": "A team"}, ""),
    "project_create": ({"name": "A project", "starts_on": "2026-01-01"}, "description cost_centre"),
    "project_edit": ({"name": "A project"}, "description"),
    "project_assign": ({"starts_on": "2026-01-01"}, "cost_centre"),
    "settings_tokens": ({}, "project name expires_on"),
}
NEEDED = {
    "run_create": ("project",), "run_edit": ("project",), "node_create": ("site",),
    "node_place": ("site",), "project_create": ("team",), "project_assign": ("team",),
    "settings_tokens": ("project",),
}  # fmt: skip

#: Forms whose fields are tried one by one, all others being right; the others are alike.
ONE_BY_ONE = {
    "run_create", "site_create", "node_create", "hardware_create", "settings_edit",
    "person_invite", "project_create", "settings_tokens",
}  # fmt: skip


def fields_of(name: str) -> Iterator[str]:
    """Yield all fields of a form."""
    known, others = FORMS[name]
    if others == "run":
        yield from RunForm.base_fields
    else:
        yield from {**known, **dict.fromkeys(NEEDED.get(name, ()))}
        yield from others.split()


@pytest.mark.parametrize("name", FORMS)
def test_a_form_survives_any_value(name: str, client: Client, objects: dict[str, Any]):
    url = address(name, objects)
    valid = {**FORMS[name][0], **{one: objects[one] for one in NEEDED.get(name, ())}}
    failed = []
    for field in fields_of(name) if name in ONE_BY_ONE else ():
        failed += [
            (field, value[:40])
            for value in (NUL, "9" * 30)
            if asked(client, "post", url, {**valid, field: value}) >= 500
        ]
    failed += [
        ("all", value[:40])
        for value in NONSENSE
        if asked(client, "post", url, dict.fromkeys(fields_of(name), value)) >= 500
    ]
    assert not failed


@pytest.mark.django_db
def test_the_calculator_survives_any_address():
    make_organisation()
    nobody = Client(raise_request_exception=False)
    known = {"hardware": "A100", "device_count": "8", "duration_hours": "24"}
    failed = [
        (field, value[:40])
        for field in (*CalculatorForm.base_fields, "zone", "cloud_region", "unit", "junk")
        for value in (NUL, "nan", "9" * 30)
        if asked(nobody, "get", f"/calculator/?{urlencode({**known, field: value})}") >= 500
    ]
    assert not failed
