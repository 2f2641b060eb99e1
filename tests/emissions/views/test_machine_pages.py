"""A site's and a node's page: what they add up to, and the files of what they show."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from emissions.calculation.vocabulary import Role, Tenure
from emissions.models import Membership, Node, Site
from emissions.selectors.inventory import node_rows
from emissions.selectors.machines import footprint_of, node_by_month, site_by_month
from emissions.selectors.metering import node_months
from emissions.selectors.periods import of_months
from emissions.services.manage_nodes import place_node
from emissions.services.pools.settle import settle_pools
from emissions.views.today import local_today
from tests.factories import (
    NOW,
    calculate_all,
    make_instrument,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reading,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db

YEAR = of_months(value="2026", first=2026 * 12, months=12)


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def site(officer) -> Site:
    return make_site(officer.organisation, name="Hall", pue=1.2)


@pytest.fixture
def node(site) -> Node:
    return make_node(
        site=site, name="rack-1", embodied_kg=4380.0, embodied_source="Sheet", life_years=5.0,
        purchased_on=date(2026, 4, 1), starts_on=date(2026, 4, 1),
    )  # fmt: skip


@pytest.fixture
def client(officer) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def settle() -> None:
    calculate_all()
    while settle_pools():
        pass


def url(thing: Site | Node) -> str:
    kind = "site" if isinstance(thing, Site) else "node"
    kwargs = {"organisation_slug": thing.organisation.slug, f"{kind}_slug": thing.slug}
    return reverse(kind, kwargs=kwargs)


def test_no_page_reads_the_lines_of_the_ledger(client, officer, site, node) -> None:
    make_run(project=make_project(organisation=officer.organisation), node=node)
    settle()
    inventory = reverse("inventory", kwargs={"organisation_slug": officer.organisation.slug})
    with CaptureQueriesContext(connection) as queries:
        for address in (url(site), url(node), inventory):
            assert client.get(address, {"period": "2026"}).status_code == 200
    read = [one["sql"] for one in queries if "emissions_nodetotal" in one["sql"]]
    assert read
    assert not [one["sql"] for one in queries if "emissions_emissionentry" in one["sql"]]


def test_a_site_shows_how_its_meter_is_explained(client, officer, site, node) -> None:
    make_run(
        project=make_project(organisation=officer.organisation), node=node, energy_kwh=1000.0,
        energy_measured=True,
    )  # fmt: skip
    make_reading(site, energy_kwh="5000", other_load_kwh=Decimal(300), source="Bill 5")
    settle()
    answer = client.get(url(site), {"period": "2026-05"})
    html = answer.content.decode()
    parts = {
        part.part: part.energy_facility_kwh
        for part in site_by_month(site=site, period=YEAR)
        if part.month == date(2026, 5, 1)
    }
    assert parts["Runs"] == 1200
    assert sum(parts.values()) == 4700  # The meter without the other load, to the last digit.
    assert answer.context["explained"] == (1500 + parts["Idle nodes"]) / Decimal(5000)
    assert "Metered energy, and what explains it" in html
    assert "Bill 5" in html
    assert "rack-1" in html
    text = client.get(url(site), {"period": "2026-05", "format": "csv", "figure": "reconciliation"})
    header, row = text.content.decode("utf-8-sig").strip().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    explained = sum(
        Decimal(values[f"{name} [kWh]"])
        for name in ("Runs", "Idle", "Other known load", "Unexplained")
    )
    assert explained == Decimal(values["Metered [kWh]"]) == 5000


def test_a_node_shows_hours_and_how_much_of_its_footprint_is_used(client, officer, node) -> None:
    project = make_project(organisation=officer.organisation)
    make_run(project=project, node=node, device_count=8.0, duration_hours=372.0)
    settle()
    answer = client.get(url(node), {"period": "2026-05"})
    assert answer.context["allocated"] == Decimal("0.5")
    text = client.get(url(node), {"period": "2026-05", "format": "csv", "figure": "hours"})
    assert "2026-05,5952,2976,2976," in text.content.decode("utf-8-sig")
    used = footprint_of(node=node)
    assert used.whole_kg == 4380.0
    posted = sum(part.embodied_kg for part in node_by_month(node=node, period=YEAR))
    assert used.used_kg == posted
    assert 0 < used.used_share < 1
    may = sum(
        part.embodied_kg
        for part in node_by_month(node=node, period=YEAR)
        if part.month == date(2026, 5, 1)
    )
    # All the hours of May, given or idle, carry 31 days of five years.
    assert float(may) == pytest.approx(4380.0 * 31 * 24 / (5 * 8760), rel=1e-6)


def test_without_anything_the_pages_say_what_to_do(client, officer, site) -> None:
    html = client.get(url(site)).content.decode()
    assert "No meter reading yet" in html
    assert "No node of yours stands here" in html
    assert "Nothing in this period" in html
    bare = make_node(site=site, name="bare", hardware=None)
    html = client.get(url(bare)).content.decode()
    assert "No run that you can see" in html


def test_all_files_come_in_one_archive_and_unknown_ones_are_not_found(client, site, node) -> None:
    for thing in (site, node):
        archive = client.get(url(thing), {"format": "zip"})
        assert archive["Content-Type"] == "application/zip"
        assert client.get(url(thing), {"format": "csv", "figure": "nothing"}).status_code == 404
    listed = client.get(url(site), {"format": "csv", "figure": "nodes"}).content.decode()
    assert "rack-1" in listed


def test_runs_beyond_a_researchers_reach_are_not_named(site, node) -> None:
    organisation = site.organisation
    team = make_team(organisation)
    researcher = make_member(Role.RESEARCHER, organisation=organisation, team=team)
    make_run(
        project=make_project(organisation=organisation), node=node, name="secret-run",
        started_at=datetime(2026, 5, 4, tzinfo=UTC),
    )  # fmt: skip
    make_run(project=make_project(team), node=node, name="own-run")
    client = Client()
    client.force_login(researcher.user)
    for thing in (site, node):
        html = client.get(url(thing)).content.decode()
        assert "own-run" in html
        assert "secret-run" not in html
        assert "Edit" not in html.split("<main")[1].split("</main>")[0]


def test_another_organisations_site_and_node_are_not_found(client) -> None:
    foreign = make_site(make_organisation())
    assert client.get(url(foreign)).status_code == 404
    assert client.get(url(make_node(site=foreign))).status_code == 404


def test_a_meter_that_says_less_than_the_runs_shows_a_negative_rest(client, officer, site) -> None:
    make_run(
        project=make_project(organisation=officer.organisation), site=site, energy_kwh=1000.0,
        energy_measured=True,
    )  # fmt: skip
    make_reading(site, energy_kwh="900", other_load_kwh=Decimal(100))
    settle()
    html = client.get(url(site), {"period": "2026-05"}).content.decode()
    assert "144% of the metered energy is explained." in html
    asked = {"period": "2026-05", "format": "csv", "figure": "reconciliation"}
    lines = client.get(url(site), asked).content.decode("utf-8-sig").splitlines()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    parts = [
        Decimal(row[f"{name} [kWh]"])
        for name in ("Runs", "Idle", "Other known load", "Unexplained")
    ]
    assert parts[-1] == -400
    assert sum(parts) == Decimal(row["Metered [kWh]"]) == 900


def test_a_node_shows_how_it_was_held_and_from_when(client, officer, site, node) -> None:
    place_node(
        node=node, site=site, tenure=Tenure.OPERATING_LEASE, starts_on=date(2026, 6, 1), by=None,
        now=NOW,
    )  # fmt: skip
    html = client.get(url(node)).content.decode()
    assert "Operating lease" in html
    assert "Owned" in html
    assert "before 1 Jun 2026" in html
    held = client.get(url(node), {"format": "csv", "figure": "placements"}).content.decode()
    assert "operating_lease" in held


def test_a_site_lists_its_instruments_with_what_is_used_by_month(client, officer, site) -> None:
    make_run(
        project=make_project(organisation=officer.organisation), site=site, energy_kwh=1000.0,
        energy_measured=True,
    )  # fmt: skip
    used = make_instrument(officer.organisation, name="Wind 2026")
    waiting = make_instrument(
        officer.organisation, name="Tariff", kind="tariff", site=site,
        starts_on=date(2026, 5, 20), ends_before=date(2027, 5, 1), rate_g_per_kwh=12.0,
        rate_source="Bill",
    )  # fmt: skip
    elsewhere = make_instrument(officer.organisation, name="Other hall", site=make_site(
        officer.organisation, name="Other"))  # fmt: skip
    settle()
    html = client.get(url(site), {"period": "2026"}).content.decode()
    for one in (used, waiting):
        page = reverse(
            "instrument",
            kwargs={"organisation_slug": officer.organisation.slug, "instrument_id": one.pk},
        )
        assert f'href="{page}"' in html
    assert elsewhere.name not in html
    assert "Instruments cover 100% of all electricity of the site." in html
    rows = client.get(url(site), {"period": "2026", "format": "csv", "figure": "instruments"})
    lines = rows.content.decode("utf-8-sig").splitlines()
    table = [line.split(",") for line in lines]
    covered = sum(Decimal(cell) for cell in table[5][1:-1])
    assert table[5][0] == "2026-05"
    assert covered == 1200
    assert Decimal(table[5][-1]) == 0


def test_a_site_without_instruments_says_what_to_do(client, site) -> None:
    html = client.get(url(site)).content.decode()
    assert "No instrument covers this site in the period" in html
    assert "Electricity that instruments cover" not in html


def test_the_list_of_sites_says_how_much_of_the_metered_energy_is_explained(
    client, officer, site, node
) -> None:
    make_site(officer.organisation, name="Without a meter")
    # The twelve months before this one are shown.
    last = local_today(officer.organisation).replace(day=1) - timedelta(days=1)
    month = last.replace(day=1)
    make_run(
        project=make_project(organisation=officer.organisation), site=site, energy_kwh=100.0,
        energy_measured=True, started_at=datetime(month.year, month.month, 10, tzinfo=UTC),
    )  # fmt: skip
    make_reading(
        site, starts_on=month, ends_before=last + timedelta(days=1), energy_kwh="400",
        other_load_kwh=Decimal(80),
    )  # fmt: skip
    Node.objects.all().delete()
    settle()
    address = reverse("inventory", kwargs={"organisation_slug": officer.organisation.slug})
    answer = client.get(address)
    shares = {row.site.name: row.metered and row.metered.share for row in answer.context["sites"]}
    assert shares == {"Hall": Decimal("0.5"), "Without a meter": None}
    html = answer.content.decode()
    assert "50%" in html
    assert "not metered" in html


def test_the_list_says_how_much_of_each_node_was_used_as_its_page_does(
    client, officer, site, node, django_assert_num_queries
) -> None:
    """Another node without a run comes last, whichever way the list is sorted."""
    make_node(site=site, name="another", starts_on=date(2026, 4, 1))
    make_run(
        project=make_project(organisation=officer.organisation), node=node, energy_kwh=1000.0,
        energy_measured=True,
    )  # fmt: skip
    settle()
    organisation = officer.organisation
    whole, hours = footprint_of(node=node), node_months(
        organisation=organisation, nodes=[node],
        starts_on=date(2026, 1, 1), ends_before=date(2026, 6, 1),
    )  # fmt: skip
    settled = [month for month in hours if month.idle_hours]
    available = sum(month.available_hours for month in settled)
    assert 0 < sum(month.allocated_hours for month in settled) < available
    for sort in ("hours", "-hours"):
        with django_assert_num_queries(5):
            rows = node_rows(organisation=organisation, on=date(2026, 6, 15), sort=sort)
        assert rows[0].node.name == "rack-1"
    use = rows[0].use
    assert use.footprint == whole
    assert use.hours_share == pytest.approx(
        float(sum(month.allocated_hours for month in settled) / available)
    )


def test_the_list_of_nodes_sorts_by_what_is_asked(client, site, node) -> None:
    make_node(site=site, name="zebra", node_count=9, starts_on=date(2026, 4, 1))
    address = reverse("inventory", kwargs={"organisation_slug": site.organisation.slug})

    def order(sort: str) -> list[str]:
        return [row.node.name for row in client.get(address, {"sort": sort}).context["nodes"]]

    assert order("devices") == ["rack-1", "zebra"]
    assert order("-devices") == order("-name") == ["zebra", "rack-1"]
    assert order("no such") == ["rack-1", "zebra"]
    assert 'aria-sort="descending"' in client.get(address, {"sort": "-age"}).content.decode()


def test_every_reading_can_be_reached_to_be_changed(client, site) -> None:
    for at in range(14):
        start = date(2024 + at // 12, at % 12 + 1, 1)
        end = (start + timedelta(days=32)).replace(day=1)
        make_reading(site, starts_on=start, ends_before=end)
    page = client.get(url(site))
    assert "The latest 12 of 14" in page.content.decode()
    assert len(client.get(url(site), {"readings": "all"}).context["readings"]) == 14
