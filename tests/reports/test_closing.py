"""The page on which a quarter is closed."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import IdleRule, Role
from emissions.models import ClosedQuarter, Organisation, PendingCalculation
from emissions.selectors.periods import quarter
from emissions.services.close_quarter import close_quarter
from emissions.services.factors.adopt import adopt_factor_set
from tests.factories import (
    NOW,
    make_factor_set,
    make_member,
    make_organisation,
    make_project,
    make_run,
    settle_all,
)

pytestmark = pytest.mark.django_db
Q1 = quarter(year=2026, number=1)


@pytest.fixture
def organisation() -> Organisation:
    """A run in the first quarter of 2026, one in the second, all calculated."""
    organisation = make_organisation(slug="lab", idle_rule=IdleRule.OFF)
    project = make_project(organisation=organisation)
    for month in (1, 5):
        make_run(
            project=project, started_at=datetime(2026, month, 10, tzinfo=UTC), name=f"Run {month}"
        )
    settle_all()
    return organisation


def sign_in(organisation: Organisation, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(role, organisation=organisation).user)
    return client


@pytest.fixture
def officer(organisation: Organisation) -> Client:
    return sign_in(organisation, Role.OFFICER)


def url(name: str, value: str = "2026-Q1") -> str:
    return reverse(name, args=["lab", value])


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return str(answer.content.decode())


def test_it_says_what_closing_fixes_and_closes(officer):
    html = text(officer.get(url("quarter_closing")))
    assert "Close Q1 2026?" in html
    assert "cannot be closed" not in html
    assert "Test direct" in html
    assert "is fixed for the organisation from the first close on" in html
    answer = officer.post(url("quarter_close"), follow=True)
    assert answer.redirect_chain[0][0] == url("quarter_closing")
    assert "Q1 2026 is closed" in text(answer)
    assert "nothing has changed since" in text(answer)
    closed = ClosedQuarter.objects.get()
    assert closed.closed_by is not None
    assert f"{closed.ledger_position:,}" in text(answer)


def test_what_is_in_the_way_is_listed_with_where_to_see_to_it(organisation, officer):
    make_run(organisation, started_at=datetime(2026, 5, 3, tzinfo=UTC), calculated=False)
    for answer in (
        officer.get(url("quarter_closing", "2026-Q2")),
        officer.post(url("quarter_close", "2026-Q2")),
    ):
        html = text(answer, 422 if answer.request["REQUEST_METHOD"] == "POST" else 200)
        assert "Q2 2026 cannot be closed yet" in html
        assert "Close Q1 2026 first" in html
        assert f'href="{url("quarter_closing")}"' in html
        assert "1 run of the quarter is being calculated." in html
        assert "/o/lab/runs/?calculation=pending" in html
        assert "for good" not in html
    PendingCalculation.objects.update(attempts=1)
    assert "calculation=failed" in text(officer.get(url("quarter_closing", "2026-Q2")))
    assert not ClosedQuarter.objects.exists()


def test_while_it_is_only_being_calculated_one_tries_again(organisation, officer):
    make_run(organisation, started_at=datetime(2026, 1, 3, tzinfo=UTC), calculated=False)
    html = text(officer.post(url("quarter_close")), 422)
    assert "try again in a moment" in html
    assert "for good" in html


def test_the_list_offers_the_earliest_that_is_open(organisation, officer):
    page = reverse("report_list", args=["lab"])
    assert officer.get(page).context["next_to_close"] == Q1
    close_quarter(organisation=organisation, quarter=Q1, by=None, now=NOW)
    assert officer.get(page).context["next_to_close"].value == "2026-Q2"


def test_a_quarter_that_goes_on_says_so(officer):
    assert "has not ended" in text(officer.get(url("quarter_closing", "2199-Q4")))


def test_what_came_later_is_shown_beside_what_was_closed(organisation, officer):
    close_quarter(organisation=organisation, quarter=Q1, by=None, now=NOW)
    assert "pending restatement" not in text(officer.get(reverse("report_list", args=["lab"])))
    make_run(organisation, started_at=datetime(2026, 2, 3, tzinfo=UTC))
    html = text(officer.get(url("quarter_closing")))
    assert "posted since, pending restatement" in html
    rows = officer.get(url("quarter_closing")).context["rows"]
    assert {row.label for row in rows if row.moved} >= {"Location-based", "Energy", "Runs started"}
    assert next(row for row in rows if row.label == "Runs started").since == "+1"
    (location,) = (row for row in rows if row.label == "Location-based")
    assert location.since_range.startswith("+")
    assert "–" in location.range
    page = text(officer.get(reverse("report_list", args=["lab"])))
    assert "since, pending restatement" in page
    assert page.count(">Closed<") == 1


def test_a_file_says_that_its_quarter_is_closed_and_with_which_sets(organisation, officer):
    closed = close_quarter(organisation=organisation, quarter=Q1, by=None, now=NOW)
    make_run(organisation, started_at=datetime(2026, 2, 3, tzinfo=UTC))
    newer = make_factor_set(name="Newer set")
    adopt_factor_set(organisation=organisation, factor_set=newer, precedence=0, by=None, now=NOW)

    def cover(value: str) -> dict[str, str]:
        address = reverse("report_export", args=["lab", value, "csv"])
        archive = zipfile.ZipFile(io.BytesIO(officer.get(address).content))
        rows = csv.reader(io.StringIO(archive.read("cover.csv").decode("utf-8-sig")))
        return {row[0]: row[1] for row in rows}

    before = cover("2026-Q1")
    assert before["Status"] == (
        f"closed at 2026-07-01T09:00:00+00:00, ledger position {closed.ledger_position}"
    )
    assert float(before["Posted since the close, location-based [kg CO2e]"]) > 0
    assert "Newer set, 2026" not in before.values()
    after = cover("2026-Q2")
    assert after["Status"] == "open: not yet approved"
    assert after["Factor set 1, by precedence"] == "Newer set, 2026"


def test_who_may_see_and_who_may_close(organisation):
    auditor = sign_in(organisation, Role.AUDITOR)
    html = text(auditor.get(url("quarter_closing")))
    assert "for good" not in html
    assert "A sustainability officer or an admin closes quarters." in html
    assert auditor.post(url("quarter_close")).status_code == 403
    assert sign_in(organisation, Role.MANAGER).post(url("quarter_close")).status_code == 403
    assert sign_in(organisation, Role.RESEARCHER).get(url("quarter_closing")).status_code == 403
    assert not ClosedQuarter.objects.exists()


@pytest.mark.parametrize("value", ["2026", "spring", "2026-Q9"])
def test_what_is_no_quarter_is_not_found(officer, value):
    assert officer.get(url("quarter_closing", value)).status_code == 404
    assert officer.post(url("quarter_close", value)).status_code == 404


def test_closing_twice_shows_what_was_closed(officer):
    officer.post(url("quarter_close"))
    assert "Q1 2026 is closed" in text(officer.post(url("quarter_close")))


def test_the_settings_say_that_the_time_zone_is_fixed(organisation):
    admin = sign_in(organisation, Role.ADMIN)
    page = reverse("settings", args=["lab"])
    assert "Fixed since a quarter was closed" not in text(admin.get(page))
    close_quarter(organisation=organisation, quarter=Q1, by=None, now=NOW)
    assert "Fixed since a quarter was closed" in text(admin.get(page))
    values = {"name": "Lab", "time_zone": "Europe/Oslo", "preset": "0"}
    answer = admin.post(reverse("settings_edit", args=["lab"]), values)
    organisation.refresh_from_db()
    assert organisation.time_zone == "UTC"
    assert answer.status_code in (302, 422)
