import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from emissions.models import HardwareModel, Membership, Run, RunState
from emissions.services.record_runs import delete_run
from tests.factories import (
    HARDWARE,
    NOW,
    calculate_all,
    make_member,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Membership:
    organisation = make_organisation(slug="acme", time_zone="Europe/Paris")
    return make_member(Role.RESEARCHER, team=make_team(organisation))


@pytest.fixture
def run(alice: Membership) -> Run:
    return make_run(
        project=make_project(alice.team),
        name="ViT-L",
        site=make_site(alice.organisation),
        stated_power_watts=300.0,
        created_by=alice.user,
        calculated=False,
    )


def get(membership: Membership, path: str) -> str:
    client = Client()
    client.force_login(membership.user)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_the_figure_before_it_is_posted(alice: Membership, run: Run) -> None:
    page = get(alice, f"/o/acme/runs/{run.pk}/")
    assert "1.44" in page
    assert "Posting…" in page
    assert 'hx-trigger="every 1s"' in page


def test_the_page_shows_the_ledgers_figure_and_asks_no_more(alice: Membership, run: Run) -> None:
    calculate_all()
    page = get(alice, f"/o/acme/runs/{run.pk}/")
    assert "1.44" in page
    assert "every 1s" not in page
    assert "Run recorded" in page  # The posting's reason.
    assert "300 W" in page
    assert "The same energy elsewhere" in page
    assert "every 1s" not in get(alice, f"/o/acme/runs/{run.pk}/figures/")


def test_a_run_that_cannot_be_calculated_says_why(alice: Membership, run: Run) -> None:
    RunState.objects.filter(run=run).update(error="Too large.")
    page = get(alice, f"/o/acme/runs/{run.pk}/figures/")
    assert "Too large." in page
    assert "every 1s" not in page


def test_an_unknown_footprint_is_not_zero(alice: Membership, run: Run) -> None:
    run.hardware = None
    run.save()
    assert "unknown" in get(alice, f"/o/acme/runs/{run.pk}/figures/")


def test_a_run_across_new_year_is_shown_by_month(alice: Membership) -> None:
    crossing = make_run(
        project=make_project(alice.team),
        started_at=datetime(2025, 12, 31, 20, tzinfo=UTC),
        created_by=alice.user,
    )
    page = get(alice, f"/o/acme/runs/{crossing.pk}/")
    assert "By month" in page
    assert "Dec 2025" in page
    assert "Jan 2026" in page


def test_only_who_may_edit_sees_the_buttons(alice: Membership, run: Run) -> None:
    bob = make_member(Role.RESEARCHER, team=alice.team)
    assert f"/runs/{run.pk}/edit/" in get(alice, f"/o/acme/runs/{run.pk}/")
    assert f"/runs/{run.pk}/edit/" not in get(bob, f"/o/acme/runs/{run.pk}/")


@pytest.mark.parametrize("path", ["", "figures/", "edit/", "delete/"])
def test_runs_of_other_teams_and_deleted_ones_are_not_found(
    alice: Membership, run: Run, path: str
) -> None:
    client = Client()
    client.force_login(make_member(Role.RESEARCHER, organisation=alice.organisation).user)
    assert client.get(f"/o/acme/runs/{run.pk}/{path}").status_code == 404
    delete_run(run=run, by=None, now=NOW)
    client.force_login(alice.user)
    assert client.get(f"/o/acme/runs/{run.pk}/{path}").status_code == 404


def test_once_posted_the_page_is_read_anew(alice: Membership, run: Run, client: Client) -> None:
    client.force_login(alice.user)
    asked = {"headers": {"HX-Request": "true"}}
    assert "HX-Refresh" not in client.get(f"/o/acme/runs/{run.pk}/figures/", **asked)
    calculate_all()
    assert client.get(f"/o/acme/runs/{run.pk}/figures/", **asked)["HX-Refresh"] == "true"


def test_a_posted_figure_stands_with_its_interval(alice: Membership, run: Run) -> None:
    assert "95 % interval" not in get(alice, f"/o/acme/runs/{run.pk}/")
    calculate_all()
    page = get(alice, f"/o/acme/runs/{run.pk}/")
    assert page.count("95 % interval") == 3, "the hardware is not stated"
    assert "What the uncertainty comes from" in page
    assert "Water: unknown" in page


def test_a_page_shows_the_digits_that_the_interval_supports(alice: Membership) -> None:
    """By default values a run is known to a fifth at best: two digits; its file has all of them."""
    run = make_run(
        project=make_project(alice.team),
        name="By default",
        site=make_site(alice.organisation, pue=1.3),
        hardware=HardwareModel.objects.get(name=HARDWARE["a100"]),
        started_at=datetime(2026, 5, 30, tzinfo=UTC),
        duration_hours=77.0,
    )
    posted = sum(entry.location_based_kg for entry in run.entries.all())
    assert f"{posted:.9f}" == "16.216200000"
    page = get(alice, f"/o/acme/runs/{run.pk}/")
    figure = re.search(r'Location-based</p>\s*<p class="stat-value">([\d.,]+)', page)
    assert figure is not None
    assert figure[1] == "16"
    results = re.findall(r'working-result">([\d.,]+)<', page)
    assert "16" in results, "the step's result, too"
    assert "16.2" not in results
    assert "324.324 kWh × 50 g" in page, "the values that it was made of have all their digits"
    assert ">16.2<" not in page, "neither the months nor the ledger's lines say more"
    assert "<dd>16.2162 kg CO₂e</dd>" in page, "but what is folded away, for who compares"
    (row,) = re.findall(
        r'<tr>\s*<th scope="row"><a class="run-name".*?</tr>',
        get(alice, "/o/acme/runs/"),
        re.DOTALL,
    )
    assert re.search(r'numeric">16<', row) or re.search(r'numeric">16\s', row), row
    client = Client()
    client.force_login(alice.user)
    file = b"".join(client.get("/o/acme/runs/csv/").streaming_content).decode()
    assert "16.216200000" in file


def test_a_report_that_differs_is_flagged_with_the_reason(alice: Membership) -> None:
    run = make_run(
        project=make_project(alice.team), site=make_site(alice.organisation), reported_kg=9000.0
    )
    page = get(alice, f"/o/acme/runs/{run.pk}/")
    assert "Differs from what was reported." in page
    assert "For the same energy the report implies" in page
    assert run.name in get(alice, "/o/acme/runs/?calculation=differs")

    Run.objects.filter(pk=run.pk).update(reported_kg=None)
    assert "Differs from what" not in get(alice, f"/o/acme/runs/{run.pk}/")
    assert run.name not in get(alice, "/o/acme/runs/?calculation=differs")
