import csv
import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from emissions.calculation.vocabulary import CloudProvider, InventoryFigure, Role
from emissions.models import EmissionEntry, Project
from emissions.selectors.periods import parse_value
from emissions.selectors.totals import Filters, totals
from emissions.services.load_statements import Origin, Stated, load_statements
from emissions.services.manage_cloud_accounts import choose_figure
from emissions.services.pools.stale import purchases_due
from tests.factories import (
    NOW,
    make_cloud_account,
    make_fuel_use,
    make_member,
    make_node,
    settle_all,
)
from tests.scenarios import Laboratory, at, calculate_all, record_run

pytestmark = pytest.mark.django_db
LOCATION = "Electricity, location-based [kg CO2e]"
MARKET = "Electricity, market-based [kg CO2e]"
FACILITY = "Energy, facility [kWh]"


@pytest.fixture
def lab(laboratory):
    return laboratory


def address(lab: Laboratory, quarter="2026-Q3", file_format="csv") -> str:
    kwargs = {
        "organisation_slug": lab.organisation.slug,
        "quarter": quarter,
        "file_format": file_format,
    }
    return reverse("report_export", kwargs=kwargs)


def sign_in(client, lab, role=Role.OFFICER, team=None):
    client.force_login(make_member(role, organisation=lab.organisation, team=team).user)


def read_csv(content: bytes) -> dict[str, list[dict[str, str]]]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    return {
        name.removesuffix(".csv"): list(
            csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig")))
        )
        for name in archive.namelist()
    }


def column(rows, name) -> list[Decimal]:
    return [Decimal(row[name] or 0) for row in rows]


def test_csv_adds_up_to_the_ledger_to_the_last_digit(lab, client):
    sign_in(client, lab)
    response = client.get(address(lab))
    assert response.headers["Content-Type"] == "application/zip"
    assert 'filename="laboratory_2026-Q3.zip"' in response.headers["Content-Disposition"]
    tables = read_csv(response.content)
    assert list(tables) == [
        "cover",
        "inventory",
        "uncertainty",
        "uncertainty_sources",
        "lifetime_share",
        "hardware_bought",
        "energy_by_site",
        "by_team_and_project",
        "by_hardware",
        "places",
        "not_completed",
        "factors",
        "columns",
    ]
    *rows, total = tables["by_team_and_project"]
    assert [(row["Team"], row["Project"]) for row in rows] == [
        ("Language", "Chat"),
        ("No team", "No project"),
    ]
    entries = EmissionEntry.objects.filter(month__gte="2026-07-01", month__lt="2026-10-01")
    for name, quantity in ((LOCATION, "location_based_kg"), (MARKET, "market_based_kg")):
        ledger = sum(getattr(entry, quantity) for entry in entries)
        assert sum(column(rows, name)) == Decimal(total[name]) == ledger > 0
    whole = totals(organisation=lab.organisation, period=parse_value("2026-Q3", today=NOW.date()))
    location, market, *_ = tables["uncertainty"]
    for row, name in ((location, "location_based_kg"), (market, "market_based_kg")):
        assert Decimal(row["Total"]) == getattr(whole, name), "exact"
        assert Decimal(row["95 % from"]) < Decimal(row["Total"]) < Decimal(row["95 % to"])
    shares = [
        float(row["Share of the variance [of location-based emissions]"])
        for row in tables["uncertainty_sources"]
    ]
    assert sum(shares) == pytest.approx(1)
    assert shares[:-1] == sorted(shares[:-1], reverse=True)
    assert Decimal(total[FACILITY]) == whole.energy_facility_kwh


def test_the_factors_are_listed_with_their_sources_and_the_energy_they_were_applied_to(lab, client):
    sign_in(client, lab)
    record_run(
        lab.organisation,
        project=lab.chat,
        energy_kwh=10.0,
        stated_factor_g_per_kwh=123.4,
        stated_factor_source="=Our supplier",
    )
    calculate_all()
    tables = read_csv(client.get(address(lab, "2026-Q2")).content)
    total = tables["by_team_and_project"][-1]
    for purpose, kg in (("Location-based", LOCATION), ("Market-based", MARKET)):
        rows = [row for row in tables["factors"] if row["Used for"] == purpose]
        assert sum(column(rows, "Applied to [kWh]")) == Decimal(total[FACILITY])
        assert sum(column(rows, "Resulting emissions [kg CO2e]")) == Decimal(total[kg])
        assert all(row["Source"] for row in rows)
    stated = [row for row in tables["factors"] if row["Factor match"] == "Stated with the run"]
    assert {row["Value"] for row in stated} == {"123.4"}
    assert {row["Source"] for row in stated} == {"'=Our supplier"}
    upstream = [row for row in tables["factors"] if row["Used for"] == "Upstream"]
    assert [(row["Value"], row["Unit"]) for row in upstream] == [("9.7", "g CO2e/kWh")]
    assert upstream[0]["Source address"] == ""
    losses = [row for row in tables["factors"] if row["Used for"] == "Losses"]
    assert [row["Value"] for row in losses] == ["0.06"]


def test_where_no_residual_mix_is_published_the_factor_that_stands_in_says_so(lab, client):
    sign_in(client, lab)
    tables = read_csv(client.get(address(lab)).content)
    notes = {
        row["Zone code"]: row["Note"]
        for row in tables["factors"]
        if row["Used for"] == "Market-based"
    }
    assert notes["FR"] == ""
    assert notes["US-CA"].startswith("No residual mix published")


def test_inventory_holds_every_kilogram_once(lab, client):
    sign_in(client, lab)
    rows = read_csv(client.get(address(lab, "2026-Q1")).content)["inventory"]
    figures = {
        (row["Scope"], row["Category"], row["Method"]): Decimal(row["Q1 2026 [kg CO2e]"] or 0)
        for row in rows
        if row["Scope"] in ("Scope 2", "Total")
    }
    scope_3 = [row for row in rows if row["Scope"] == "Scope 3" and row["Method"] != "market-based"]
    location = figures["Scope 2", "", "location-based"]
    assert figures["Total", "", "location-based"] == location + sum(
        column(scope_3, "Q1 2026 [kg CO2e]")
    )
    assert location > 0
    bought = next(row for row in rows if row["Category"].startswith("3.2"))
    assert bought["Q1 2026 [kg CO2e]"] == ""  # not known, which is not zero


def test_what_has_no_factor_is_missing_and_not_zero(lab, client):
    sign_in(client, lab)
    tables = read_csv(client.get(address(lab)).content)
    rows = tables["by_team_and_project"]
    without_place = next(row for row in rows if row["Project"] == "No project")
    assert without_place["Upstream of the electricity [kg CO2e]"] == ""
    cover = {
        row["Item"]: row["Value"] for row in read_csv(client.get(address(lab)).content)["cover"]
    }
    assert cover["Energy whose upstream emissions are known"].endswith("%")


def test_scope_1_and_hardware_bought_are_rows_of_their_own_and_in_the_total(lab, client):
    sign_in(client, lab)
    make_fuel_use(site=lab.lulea, month=date(2026, 3, 1), amount=100.0, kg_per_unit=2.5)
    make_node(site=lab.lulea, embodied_kg=3700.0, purchased_on=date(2026, 2, 3))
    before = read_csv(client.get(address(lab, "2026-Q1")).content)["inventory"]
    purchases_due()
    settle_all()
    tables = read_csv(client.get(address(lab, "2026-Q1")).content)
    amounts = {
        (row["Scope"], row["Category"], row["Method"]): row["Q1 2026 [kg CO2e]"]
        for row in tables["inventory"]
    }
    assert amounts["Scope 1", "", ""] == "250"
    assert amounts["Scope 3", "3.2 Capital goods", ""] == "3700"
    for method in ("location-based", "market-based"):
        stood = next(row for row in before if row["Scope"] == "Total" and row["Method"] == method)
        idle = Decimal(amounts["Total", "", method]) - Decimal(stood["Q1 2026 [kg CO2e]"]) - 3950
        assert idle == idle_of(lab, method)
    bought = next(row for row in tables["hardware_bought"] if row["Node"] == "Total")
    assert bought["Bought in the quarter [kg CO2e]"] == "3700"
    for purpose in ("Location-based", "Market-based"):
        notes = [row["Note"] for row in tables["factors"] if row["Used for"] == purpose]
        assert any(note.startswith("Fuel burnt on site") for note in notes)
    fuel = next(row for row in tables["factors"] if row["Used for"] == "Fuel burnt on site")
    assert (fuel["Value"], fuel["Unit"], fuel["Source"]) == ("2.5", "kg CO2e/L", "Test factors")


def idle_of(lab, method) -> Decimal:
    """What idle nodes have posted to the inventory of the first quarter."""
    entries = EmissionEntry.objects.filter(
        cell__organisation=lab.organisation,
        cell__source_kind="node_idle",
        month__gte="2026-01-01",
        month__lt="2026-04-01",
    )
    name = "location_based_kg" if method == "location-based" else "market_based_kg"
    return sum(
        (getattr(one, name) + one.upstream_kg + one.losses_kg for one in entries), Decimal(0)
    )


def test_a_statement_s_figure_is_the_cloud_s_in_the_inventory(lab, client):
    sign_in(client, lab)
    account = make_cloud_account(lab.organisation)
    load_statements(
        organisation=lab.organisation,
        provider=CloudProvider.AWS,
        stated=[
            Stated(
                account.pk,
                date(2026, 7, 1),
                "v3",
                {
                    "location_based_kg": Decimal("12.000000001"),
                    "market_based_kg": Decimal(3),
                    "scope_3_location_kg": Decimal(2),
                },
            )
        ],
        origin=Origin(),
        by=None,
        now=NOW,
    )
    choose_figure(account=account, figure=InventoryFigure.STATEMENT, by=None)
    settle_all()
    tables = read_csv(client.get(address(lab)).content)
    rows = {(row["Category"], row["Method"]): row for row in tables["inventory"]}
    for method, kg in (("location-based", "12.000000001"), ("market-based", "3")):
        assert rows["3.1 Purchased services", method]["Q3 2026 [kg CO2e]"] == kg
    total = tables["by_team_and_project"][-1]
    for purpose, name in (("Location-based", LOCATION), ("Market-based", MARKET)):
        uses = [row for row in tables["factors"] if row["Used for"] == purpose]
        assert sum(column(uses, "Resulting emissions [kg CO2e]")) == Decimal(total[name])
        assert "No factor was found" not in str([row for row in uses if row["Note"]][-1])


def test_cloud_is_category_3_1_with_everything_that_belongs_to_it(lab, client):
    sign_in(client, lab)
    tables = read_csv(client.get(address(lab)).content)
    rows = {(row["Category"], row["Method"]): row for row in tables["inventory"]}
    cloud = Decimal(rows["3.1 Purchased services", "location-based"]["Q3 2026 [kg CO2e]"])
    period = parse_value("2026-Q3", today=NOW.date())
    only = Filters(cloud_regions=(lab.region.pk,))
    found = totals(organisation=lab.organisation, period=period, filters=only)
    parts = found.location_based_kg + found.upstream_kg + found.losses_kg + found.embodied_kg
    assert cloud == parts > found.location_based_kg


def test_xlsx_holds_the_same_figures(lab, client):
    sign_in(client, lab)
    response = client.get(address(lab, file_format="xlsx"))
    assert response.headers["Content-Type"].startswith("application/vnd.openxmlformats")
    book = load_workbook(io.BytesIO(response.content))
    assert book.sheetnames == [
        "Cover",
        "Inventory by scope",
        "Totals and their uncertainty",
        "What the uncertainty comes from",
        "With the lifetime share",
        "Hardware bought",
        "Energy by site",
        "By team and project",
        "By hardware",
        "Place and time",
        "Not completed",
        "Factors and their sources",
    ]
    header, *rows = book["By team and project"].iter_rows(values_only=True)
    at = header.index(LOCATION)
    total = read_csv(client.get(address(lab)).content)["by_team_and_project"][-1]
    assert sum(row[at] for row in rows[:-1]) == pytest.approx(rows[-1][at], rel=1e-14)
    assert rows[-1][at] == pytest.approx(float(total[LOCATION]), rel=1e-14)
    assert all("[" in name for name in header if "based" in name)


def test_names_never_become_formulas(lab, client):
    sign_in(client, lab)
    Project.objects.filter(pk=lab.chat.pk).update(name='=HYPERLINK("http://evil","Chat")')
    book = load_workbook(io.BytesIO(client.get(address(lab, file_format="xlsx")).content))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    rows = read_csv(client.get(address(lab)).content)["by_team_and_project"]
    assert rows[0]["Project"].startswith("'=HYPERLINK")


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_the_same_ledger_gives_the_same_bytes(lab, client, file_format):
    sign_in(client, lab)
    first = client.get(address(lab, file_format=file_format)).content
    assert client.get(address(lab, file_format=file_format)).content == first
    record_run(lab.organisation, project=lab.chat, hardware=lab.a100)
    calculate_all()
    assert client.get(address(lab, file_format=file_format)).content != first


def test_a_manager_exports_their_own_team_only(lab, client):
    sign_in(client, lab, Role.MANAGER, lab.vision)
    response = client.get(address(lab, "2026-Q1"))
    assert "laboratory_vision_2026-Q1" in response.headers["Content-Disposition"]
    tables = read_csv(response.content)
    assert {row["Team"] for row in tables["by_team_and_project"][:-1]} == {"Vision"}
    assert "Chat" not in str(tables)
    empty = read_csv(client.get(address(lab, "2026-Q3")).content)
    assert [row["Team"] for row in empty["by_team_and_project"]] == ["Total"]
    assert empty["factors"] == []


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.RESEARCHER, 403),
        (Role.MANAGER, 200),
        (Role.OFFICER, 200),
        (Role.AUDITOR, 200),
        (Role.ADMIN, 200),
    ],
)
def test_who_may_export(lab, client, role, status):
    sign_in(client, lab, role)
    assert client.get(address(lab)).status_code == status
    kwargs = {"organisation_slug": lab.organisation.slug}
    assert client.get(reverse("report_list", kwargs=kwargs)).status_code == status


def test_a_stranger_meets_a_404(lab, client):
    client.force_login(make_member(Role.ADMIN).user)
    assert client.get(address(lab)).status_code == 404


@pytest.mark.parametrize(
    ("quarter", "file_format"),
    [
        ("2026-Q5", "csv"),
        ("2026", "csv"),
        ("2026-07", "csv"),
        ("last-12-months", "csv"),
        ("2026-q3", "csv"),
        ("2026-Q3", "pdf"),
    ],
)
def test_what_is_no_quarter_or_no_format_is_a_404(lab, client, quarter, file_format):
    sign_in(client, lab)
    assert client.get(address(lab, quarter, file_format)).status_code == 404


def test_the_list_shows_every_quarter_and_its_downloads(lab, client):
    sign_in(client, lab)
    kwargs = {"organisation_slug": lab.organisation.slug}
    page = client.get(reverse("report_list", kwargs=kwargs)).content.decode()
    for quarter in ("2026-Q1", "2026-Q2", "2026-Q3"):
        assert address(lab, quarter) in page
        assert address(lab, quarter, "xlsx") in page
    assert "2025-Q4" not in page


def test_an_organisation_without_runs_is_told_what_to_do(client):
    member = make_member(Role.OFFICER)
    client.force_login(member.user)
    kwargs = {"organisation_slug": member.organisation.slug}
    page = client.get(reverse("report_list", kwargs=kwargs)).content.decode()
    assert "No quarter to report yet" in page
    response = client.get(
        reverse("report_export", kwargs={**kwargs, "quarter": "2026-Q3", "file_format": "xlsx"})
    )
    assert response.status_code == 200


def test_query_count_does_not_grow(lab, client, django_assert_max_num_queries):
    sign_in(client, lab)
    with django_assert_max_num_queries(44):
        client.get(address(lab))


RESULTS = ("location-based [kg CO2e]", "market-based [kg CO2e]")


def test_rows_of_totals_carry_their_interval_and_the_last_that_of_the_whole(lab, client):
    sign_in(client, lab)
    record_run(
        lab.organisation, project=lab.chat, hardware=lab.a100, started_at=at(8), status="failed"
    )
    calculate_all()
    tables = read_csv(client.get(address(lab)).content)
    uncertain = {row["Figure"]: row for row in tables["uncertainty"]}
    for name in ("by_team_and_project", "by_hardware", "places", "not_completed"):
        seen = 0
        for row in tables[name]:
            for result in RESULTS:
                amount = Decimal(row[f"Electricity, {result}"] or 0)
                label, _, unit = result.partition(" ")
                low, high = (
                    row[f"{label.capitalize()}, 95 % {end} {unit}"] for end in ("from", "to")
                )
                if amount > 0:
                    assert Decimal(low) < amount < Decimal(high), (name, row)
                    seen += 1
                else:
                    assert (low, high) == ("", "")
        assert seen, name
    for name in ("by_team_and_project", "by_hardware"):
        whole = uncertain["Electricity and fuel, location-based"]
        last = tables[name][-1]
        assert last["Location-based, 95 % to [kg CO2e]"] == whole["95 % to"]
        assert last["Location-based, 95 % from [kg CO2e]"] == whole["95 % from"]
    sites = tables["energy_by_site"]
    for row in sites:
        total = Decimal(row["Total [MWh]"])
        assert Decimal(row["Total, 95 % from [MWh]"]) < total < Decimal(row["Total, 95 % to [MWh]"])
    energy = Decimal(uncertain["Energy, facility"]["95 % to"])
    assert Decimal(sites[-1]["Total, 95 % to [MWh]"]) == energy / 1000
