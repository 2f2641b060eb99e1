from datetime import UTC, datetime
from typing import Any

import pytest

from emissions.calculation.vocabulary import Role
from emissions.forms.run import RunForm, initial_after, initial_of
from emissions.models import Membership, Run
from emissions.permissions import Member
from tests.factories import (
    NOW,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership() -> Membership:
    organisation = make_organisation(time_zone="Europe/Stockholm")
    team = make_team(organisation)
    make_project(team, name="Maps")
    return make_member(Role.RESEARCHER, team=team)


def form(membership: Membership, *, run: Run | None = None, **changes: Any) -> RunForm:
    project = membership.organisation.projects.get(name="Maps")
    data = {
        "project": str(project.pk),
        "name": "ViT",
        "stage": "pre_training",
        "status": "completed",
        "equipment": "a100",
        "device_count": "8",
        "started_at": "2026-05-04T10:00",
        "duration_hours": "12",
        **changes,
    }
    data = {name: value for name, value in data.items() if value is not None}
    return RunForm(data, member=Member(membership), now=NOW, run=run)


def test_a_short_form_becomes_a_run(membership: Membership) -> None:
    found = form(membership)
    assert found.is_valid(), found.errors
    run = found.build()
    assert run.hardware is not None
    assert run.hardware.name == "NVIDIA A100 SXM4 80GB"
    assert (run.duration_hours, run.device_hours) == (12, 96)


def test_the_start_is_in_the_organisations_time_zone(membership: Membership) -> None:
    found = form(membership)
    assert found.is_valid()
    assert found.build().started_at == datetime(2026, 5, 4, 8, tzinfo=UTC)


def test_an_hour_that_the_clocks_repeat_is_its_first(membership: Membership) -> None:
    found = form(membership, started_at="2025-10-26T02:30")
    assert found.is_valid()
    assert found.build().started_at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("project", ""),
        ("equipment", "Abacus"),
        ("equipment", ""),
        ("place", "Atlantis"),
        ("device_count", "0"),
        ("device_count", "eight"),
        ("duration_hours", ""),
        ("duration_hours", "-1"),
        ("duration_hours", "nan"),
        ("device_hours", "5000"),
        ("started_at", "yesterday"),
        ("started_at", "1970-01-01T00:00"),
        ("power_share", "101"),
        ("stated_pue", "0.5"),
        ("retry_of", "no such run"),
        ("energy_kwh", "1e300"),
    ],
)
def test_an_error_stands_beside_its_field(membership: Membership, field: str, value: str) -> None:
    assert list(form(membership, **{field: value}).errors) == [field]


def test_a_misspelt_name_gets_a_suggestion(membership: Membership) -> None:
    assert "NVIDIA A100 SXM4 80GB" in form(membership, equipment="A100 SXM").errors["equipment"][0]


def test_hardware_by_alias_and_in_any_spelling(membership: Membership) -> None:
    for spelling in ("A100", "nvidia a100 sxm4-80GB", "NVIDIA A100 SXM4 80 GB"):
        assert form(membership, equipment=spelling).is_valid(), spelling


def test_a_node_brings_its_hardware_and_place(membership: Membership) -> None:
    node = make_node(organisation=membership.organisation, name="nyx-01")
    found = form(membership, equipment="NYX-01")
    assert found.is_valid()
    run = found.build()
    assert (run.node, run.hardware) == (node, None)


def test_nodes_and_sites_of_others_are_unknown(membership: Membership) -> None:
    other = make_organisation()
    make_node(organisation=other, name="nyx-02")
    make_site(other, name="Elsewhere")
    assert list(form(membership, equipment="nyx-02").errors) == ["equipment"]
    assert list(form(membership, place="Elsewhere").errors) == ["place"]


def test_a_place_is_a_site_a_region_or_a_zone(membership: Membership) -> None:
    site = make_site(membership.organisation, name="Luleå")
    columns = {}
    for typed in ("luleå", "gcp:europe-west3", "google:europe-west3", "France (FR)", "fr"):
        found = form(membership, place=typed)
        assert found.is_valid(), found.errors
        run = found.build()
        columns[typed] = (run.site, run.cloud_region and str(run.cloud_region), run.zone_id)
    assert columns["luleå"][0] == site
    assert columns["gcp:europe-west3"][1] == columns["google:europe-west3"][1]
    assert columns["fr"] == columns["France (FR)"]
    assert columns["fr"][2] is not None


def test_the_power_of_a_whole_machine_is_not_multiplied(membership: Membership) -> None:
    found = form(membership, stated_power_watts="1600", power_is_total="on")
    assert found.is_valid()
    run = found.build()
    assert run.stated_power_watts == 200
    assert run.device_hours == 96


def test_percentages_are_stored_as_shares(membership: Membership) -> None:
    found = form(membership, power_share="62.5")
    assert found.is_valid()
    run = found.build()
    assert run.power_share == 0.625
    assert (
        RunForm(initial=initial_of(run), member=Member(membership), now=NOW, run=run)[
            "power_share"
        ].value()
        == 62.5
    )


def test_an_external_id_is_used_once_in_a_project(membership: Membership) -> None:
    project = membership.organisation.projects.get()
    twin = make_run(project=project, external_id="job-1", calculated=False)
    assert list(form(membership, external_id="job-1").errors) == ["external_id"]
    assert form(membership, external_id="job-1", run=twin).is_valid()


def test_projects_of_other_teams_cannot_be_chosen(membership: Membership) -> None:
    foreign = make_project(organisation=membership.organisation)
    assert list(form(membership, project=str(foreign.pk)).errors) == ["project"]


def test_a_retry_names_a_run_one_may_see(membership: Membership) -> None:
    project = membership.organisation.projects.get()
    first = make_run(project=project, external_id="job-7", calculated=False)
    for typed in ("job-7", str(first.pk), f"#{first.pk}"):
        found = form(membership, retry_of=typed)
        assert found.is_valid()
        assert found.build().retry_of == first
    foreign = make_run(calculated=False)
    assert list(form(membership, retry_of=str(foreign.pk)).errors) == ["retry_of"]


def test_an_edited_run_shows_one_kind_of_hours(membership: Membership) -> None:
    run = make_run(project=membership.organisation.projects.get(), calculated=False)
    assert initial_of(run)["device_hours"] is None
    run.device_hours = 70
    assert initial_of(run)["device_hours"] == 70


def test_the_last_run_gives_the_defaults(membership: Membership) -> None:
    run = make_run(project=membership.organisation.projects.get(), name="Earlier", calculated=False)
    initial = initial_after(run, now=NOW)
    assert initial["project"] == run.project_id
    assert initial["equipment"] == "NVIDIA A100 SXM4 80GB"
    assert initial["device_count"] == 8
    assert "name" not in initial
    assert "duration_hours" not in initial
    assert set(initial_after(None, now=NOW)) == {"started_at", "stage", "status"}
