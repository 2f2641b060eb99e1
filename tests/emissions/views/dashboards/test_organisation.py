import re
from decimal import Decimal

import pytest
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import PendingCalculation, RunState, Team
from emissions.selectors.periods import parse_value
from emissions.selectors.totals import totals
from emissions.services.close_quarter import close_quarter
from tests.emissions.views.dashboards.conftest import NOW
from tests.emissions.views.dashboards.reading import address, column, figures, rows, summary
from tests.factories import make_member, make_project, make_team, settle_all
from tests.scenarios import at, calculate_all, move_project, record_run

pytestmark = pytest.mark.django_db


def test_first_screen(lab, client):
    page = client.get(address()).content.decode()
    assert "Laboratory emitted 68\u00a0" in page
    for words in ("Location-based", "Market-based", "Intensity", "Lifetime share of hardware"):
        assert words in page
    assert "Data as of" in page
    assert "1 run did not complete" in page
    assert "belongs to no project" in page
    assert page.count("data-figure=") == 7


def test_every_figure_adds_up_to_the_organisation_exactly(lab, client):
    whole = totals(organisation=lab.organisation, period=parse_value("2026", today=NOW.date()))
    found = figures(client)
    assert Decimal(summary(client)["Emissions, location-based"]) == whole.location_based_kg
    for name in ("by-team", "by-project", "by-hardware", "by-site", "by-stage"):
        assert column(found[name], "Location-based") == whole.location_based_kg
        assert column(found[name], "Runs") == whole.runs
    assert column(found["by-month"], "Total") == whole.location_based_kg
    assert column(found["by-basis"], "Energy [kWh]") == whole.energy_facility_kwh


def test_a_figure_s_csv_is_its_table(lab, client):
    page = client.get(address()).content.decode()
    for name in ("by-month", "by-team", "by-hardware"):
        response = client.get(address(query=f"period=2026&format=csv&figure={name}"))
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        found = rows(response.content)
        section = page.split(f'id="{name}"')[1].split("</section>")[0]
        body = section.split("<tbody>")[1].split("</tbody>")[0]
        assert len(re.findall("<tr>", body)) == len(found)
        heads = section.split("<thead>")[1].split("</thead>")[0]
        bounds = [name for name in found[0] if name.startswith("95 % ")]
        assert len(re.findall("<th ", heads)) == len(found[0]) - len(bounds)
        assert len(bounds) == 2 * heads.count(">95 % interval")
        if name != "by-month":
            assert [label for row in found for label in row.values() if label in body]
            assert all(next(iter(row.values())) in body for row in found)


def test_months_without_runs_are_zero_and_months_ahead_are_left_out(lab, client):
    months = [row["Month"] for row in figures(client)["by-month"]]
    assert months == [f"2026-{month:02}" for month in range(1, 12)]
    record_run(lab.organisation, project=lab.chat, hardware=lab.a100, started_at=at(12))
    calculate_all()
    assert [row["Month"] for row in figures(client)["by-month"]][-1] == "2026-12"


def test_method_period_and_comparison_are_in_the_address(lab, client):
    market = client.get(address(query="period=2026&method=market")).content.decode()
    assert "(market-based)" in market
    quarter = client.get(address(query="period=2026-Q3&compare=last-year")).content.decode()
    assert "in Q3 2026" in quarter
    assert "nothing was recorded in Q3 2025" in quarter
    alone = client.get(address(query="period=2026-Q3&compare=none")).content.decode()
    assert "against" not in alone.split("<main")[1]
    before = figures(client, "")["by-project"][0]
    assert any(key.startswith("Jan–Nov 2025") for key in before)


def test_change_against_the_period_before(lab, client):
    page = client.get(address(query="period=2026-08&compare=2026-07")).content.decode()
    assert "84% less than in Jul 2026" in page


def test_an_address_that_names_no_period_says_so(lab, client):
    response = client.get(address(query="period=sometime"))
    assert response.status_code == 200
    assert "names no period" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "runs"),
    [
        ("team=vision", "3"),
        ("team=vision&team=language", "5"),
        ("team=none", "1"),
        ("project=maps", "2"),
        ("site=aws:us-west-1", "1"),
        ("status=failed", "1"),
        ("stage=evaluation&status=completed", "0"),
        ("team=", "6"),
        ("team=nobody", "0"),
        ("stage=nothing", "0"),
    ],
)
def test_filters(lab, client, query, runs):
    assert summary(client, query)["Runs"] == runs


def test_filters_show_as_chips_that_can_be_taken_off(lab, client):
    page = client.get(address(query="period=2026&team=vision&status=failed")).content.decode()
    assert "Team: Vision" in page
    assert 'href="/o/laboratory/?period=2026&amp;status=failed"' in page
    unknown = client.get(address(query="period=2026&team=nobody")).content.decode()
    assert "Team: nobody (unknown)" in unknown
    assert "Nothing in this period" in unknown


def test_labels_lead_on_with_the_same_period(lab, client):
    page = client.get(address(query="period=2026&method=market")).content.decode()
    assert "/o/laboratory/teams/vision/?period=2026&amp;method=market" in page
    assert f"&amp;hardware={lab.a100.pk}" in page


def test_as_it_was_and_today_s_structure(lab, client):
    move_project(lab.maps, lab.language, on=NOW.date())
    then = {row["Team"]: row["Runs"] for row in figures(client)["by-team"]}
    assert then == {"Vision": "3", "Language": "2", "Unallocated": "1"}
    today = {row["Team"]: row["Runs"] for row in figures(client, "structure=today")["by-team"]}
    assert today == {"Vision": "1", "Language": "4", "Unallocated": "1"}


def test_more_than_six_teams_stack_as_six_and_other(lab, client):
    for number in range(6):
        team = make_team(organisation=lab.organisation, name=f"Small {number}")
        record_run(
            lab.organisation, project=make_project(team=team), hardware=lab.a100, started_at=at(6)
        )
    calculate_all()
    found = figures(client)["by-month"]
    names = [key.rpartition(" [")[0] for key in found[0]][1:]
    # Six, Other, Total and the comparison; and the intervals of all but the empty comparison.
    assert len(names) == 9 + 2 * 8
    assert names[6:8] == ["Other", "Total"]
    for row in found:
        values = [Decimal(value) for value in list(row.values())[1:10]]
        assert sum(values[:7]) == values[7]


def test_what_needs_attention(lab, client):
    run = record_run(lab.organisation, project=lab.chat, hardware=lab.a100)
    RunState.objects.filter(run=run).update(error="No power is known.")
    assert PendingCalculation.objects.count() == 1
    page = client.get(address()).content.decode()
    assert "1 run not calculated" in page
    assert "1 run waiting to be calculated" in page
    own = client.get(address("project", project_slug="maps")).content.decode()
    assert "waiting to be calculated" not in own


def test_names_are_escaped_and_never_become_formulas(lab, client):
    Team.objects.filter(slug="vision").update(name="=<script>alert(1)</script>")
    assert "<script>alert(1)" not in client.get(address()).content.decode()
    names = {row["Team"] for row in figures(client)["by-team"]}
    assert "'=<script>alert(1)</script>" in names


def test_the_first_run_is_one_button_away(client):
    member = make_member(Role.ADMIN)
    client.force_login(member.user)
    kwargs = {"organisation_slug": member.organisation.slug}
    page = client.get(reverse("organisation", kwargs=kwargs)).content.decode()
    assert "No figures yet" in page
    assert reverse("run_create", kwargs=kwargs) in page


def test_an_unknown_figure_is_a_404(lab, client):
    assert client.get(address(query="format=csv&figure=nothing")).status_code == 404


def test_strangers_meet_a_404_and_members_of_any_role_a_page(lab, client):
    for role in Role:
        client.force_login(make_member(role, organisation=lab.organisation).user)
        assert client.get(address()).status_code == 200
    client.force_login(make_member(Role.ADMIN).user)
    assert client.get(address()).status_code == 404
    client.logout()
    assert client.get(address()).status_code == 302


def test_query_count_does_not_depend_on_what_is_recorded(
    lab, client, django_assert_max_num_queries
):
    with django_assert_max_num_queries(33) as before:
        client.get(address())
    for number in range(4):
        project = make_project(team=make_team(organisation=lab.organisation))
        record_run(lab.organisation, project=project, hardware=lab.a100, started_at=at(number + 1))
    calculate_all()
    with django_assert_max_num_queries(len(before)):
        client.get(address())


def test_totals_stand_with_their_interval_and_what_it_comes_from(lab, client):
    page = client.get(address()).content.decode()
    assert page.count('<abbr title="95 % interval">') == 6
    assert "What the uncertainty comes from" in page
    assert "Default power and host share" in page
    assert "Water, where it is known:" in page
    found = figures(client)
    row = found["summary"][0]
    assert Decimal(row["95 % from"]) < Decimal(row["2026"]) < Decimal(row["95 % to"])
    shares = [
        float(one["Share of the variance of location-based emissions"])
        for one in found["uncertainty"]
    ]
    assert sum(shares) == pytest.approx(1)
    response = client.get(address(query="period=2026&format=csv&figure=uncertainty"))
    assert rows(response.content) == found["uncertainty"]


def test_months_and_ranks_stand_with_their_interval(lab, client):
    """On the page rounded, with a whisker; in the files exact; of the energy, too."""
    page = client.get(address()).content.decode()
    found = figures(client)
    for name, plural in (("by-month", "total"), ("by-team", "location-based"), ("by-site", "")):
        section = page.split(f'id="{name}"')[1].split("</section>")[0]
        assert '"arrayminus"' in section
        assert re.search(r"\(95 %: [\d.,]+\\u2013[\d.,]+\)", section), name
        for row in found[name]:
            amount = next(
                Decimal(value) for key, value in row.items() if re.match("Total|Location", key)
            )
            ends = [value for key, value in row.items() if plural and f", {plural} [" in key]
            if amount and plural:
                assert Decimal(ends[0]) < amount < Decimal(ends[1])
            elif plural:
                assert ends == ["", ""]
    (team,) = [row for row in found["by-team"] if row["Team"] == "Vision"]
    alone = figures(client, "team=vision")["summary"][0]
    end = float(team["95 % to, location-based [kg CO₂e]"])
    assert end == pytest.approx(float(alone["95 % to"]))


def test_closed_quarters_are_said_and_marked(lab, client):
    """With what was posted since; a part of the organisation says that it is the whole's."""
    assert "closed quarter" not in client.get(address()).content.decode()
    settle_all()
    quarter = parse_value("2026-Q1", today=NOW.date())
    close_quarter(organisation=lab.organisation, quarter=quarter, by=None, now=NOW)
    page = client.get(address()).content.decode()
    assert "1 closed quarter<" in page
    assert re.search(r"closed on\s+23 Nov 2026 at \S+; nothing since", page.replace("\xa0", "_"))
    assert '"shapes"' in page
    assert "reports/2026-Q1/closing/" in page
    record_run(lab.organisation, project=lab.chat, hardware=lab.a100, started_at=at(2))
    calculate_all()
    page = client.get(address()).content.decode()
    assert re.search(r"<strong>\+[\d.,]+\xa0kg\xa0CO₂e since, pending restatement", page)
    assert re.search(r"Q1 2026 closed at [^:]+: \+[^<]+ since, pending restatement\.", page)
    assert page.count("reports/2026-Q1/closing/") == 2, "also where something needs attention"
    team = client.get(address("team", team_slug="vision")).content.decode()
    assert "1 closed quarter, 1 with changes since; figures of the whole organisation<" in team
    assert "Q1 2026 closed at" not in team
    partly = client.get(address(query="period=2026-02")).content.decode()
    assert "closed quarter<" not in partly
    assert '"shapes"' in partly
    client.force_login(make_member(Role.RESEARCHER, organisation=lab.organisation).user)
    page = client.get(address()).content.decode()
    assert "pending restatement" in page
    assert "reports/2026-Q1/closing/" not in page, "a page that it may not open"


def test_a_report_that_differs_needs_attention(lab, client):
    assert "reported emissions" not in client.get(address()).content.decode()
    record_run(lab.organisation, project=lab.chat, hardware=lab.a100, reported_kg=1e6)
    calculate_all()
    page = client.get(address()).content.decode()
    assert "1 run reported emissions more than 5% off what its own inputs give." in page
    assert "calculation=differs" in page
