"""The straight line: a run logged in the browser reaches the dashboard and the quarter's export."""

import csv
import io
import re
import time
import zipfile
from datetime import UTC, date, datetime, timedelta

import openpyxl
import pytest

from tests.browser.chromium import settle
from tests.browser.people import sign_in
from tests.browser.words import field, kilograms, stat
from tests.golden.worked_examples import BY_ID

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROUNDING = 0.005
"""Figures show three digits."""
INTERVAL_ROUNDING = 0.05
"""Those of what has been posted show two where the interval supports no more."""
PROJECT = "Retrieval"
KG = "Electricity, location-based [kg CO2e]"


def quarter_before(today: date) -> tuple[str, date]:
    """Return the quarter before this one as exports name it, and its first day."""
    first = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1) - timedelta(days=1)
    start = date(first.year, 3 * ((first.month - 1) // 3) + 1, 1)
    return f"{start.year}-Q{(start.month + 2) // 3}", start


def language_total(tab) -> float:
    """Return what the team's dashboard says it emitted. [kg]"""
    tab.goto("/o/nordlys/teams/language/")
    settle(tab)
    return kilograms(stat(tab, "Location-based").inner_text())


def download(tab, quarter: str, words: str) -> bytes:
    """Return a quarter's file as the page of reports gives it."""
    tab.goto("/o/nordlys/reports/")
    row = tab.get_by_role("row").filter(has=tab.locator(f'[href*="period={quarter}"]'))
    with tab.expect_download() as waiting:
        row.get_by_role("link", name=words).click()
    return waiting.value.path().read_bytes()


def project_in_csv(archive: bytes) -> float:
    """Return the project's emissions in the CSV of a quarter. [kg]"""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        text = files.read("by_team_and_project.csv").decode("utf-8-sig")
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["Project"] == PROJECT]
    return sum(float(row[KG]) for row in rows)


def project_in_xlsx(workbook: bytes) -> float:
    """Return the project's emissions in the workbook of a quarter. [kg]"""
    sheet = openpyxl.load_workbook(io.BytesIO(workbook), data_only=True)["By team and project"]
    rows = list(sheet.iter_rows(values_only=True))
    header = next(row for row in rows if row[:2] == ("Team", "Project"))
    return sum(row[header.index(KG)] for row in rows if row[1] == PROJECT)


def fill(tab, **values) -> None:
    """Fill the form's fields by their labels."""
    for label, value in values.items():
        field(tab, label).fill(str(value))


def preview(tab) -> float:
    """Return what the preview says the run will emit. [kg]"""
    settle(tab)
    return kilograms(tab.locator("[data-figure-kg]").inner_text())


def save(tab) -> int:
    """Log the run, and return its number once the ledger has it."""
    tab.get_by_role("button", name="Log this run").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/$"))
    tab.get_by_text("Posted", exact=True).first.wait_for(timeout=15_000)
    return int(tab.url.rstrip("/").rsplit("/", 1)[1])


def test_a_run_reaches_the_dashboard_and_the_export(stack, open_page):
    quarter, first_day = quarter_before(datetime.now(UTC).date())
    officer = open_page("officer")
    before = language_total(officer)
    csv_before = project_in_csv(download(officer, quarter, "CSV"))
    xlsx_before = project_in_xlsx(download(officer, quarter, "XLSX"))

    tab = open_page()
    sign_in(tab, "researcher")
    tab.get_by_role("banner").get_by_role("link", name="Log a run").click()
    field(tab, "What was trained").fill("Retriever, 7B, second try")
    field(tab, "Project").select_option(PROJECT)
    field(tab, "Hardware").fill("NVIDIA H100 SXM5 80GB")
    field(tab, "Number of devices").fill("64")
    field(tab, "Wall-clock hours").fill("200")
    field(tab, "Start").fill(f"{first_day + timedelta(days=5)}T09:00")
    field(tab, "Site or cloud region").fill("Frankfurt")
    tab.locator("[data-figure-kg]").wait_for()
    half = preview(tab)
    field(tab, "Number of devices").fill("128")
    tab.wait_for_function(
        "(old) => document.querySelector('[data-figure-kg]')?.textContent !== old",
        arg=tab.locator("[data-figure-kg]").text_content(),
    )
    expected = preview(tab)
    assert expected == pytest.approx(2 * half, rel=ROUNDING)

    begun = time.monotonic()
    run = save(tab)
    assert time.monotonic() - begun < 10
    assert tab.get_by_role("heading", level=1).inner_text() == "Retriever, 7B, second try"
    assert kilograms(stat(tab, "Location-based").inner_text()) == pytest.approx(
        expected, rel=INTERVAL_ROUNDING
    )
    kg = posted(stack, run)
    assert kg == pytest.approx(expected, rel=ROUNDING)

    assert language_total(officer) - before == pytest.approx(kg, rel=0.01)
    archive, workbook = download(officer, quarter, "CSV"), download(officer, quarter, "XLSX")
    assert project_in_csv(archive) - csv_before == pytest.approx(kg, rel=1e-6)
    assert project_in_xlsx(workbook) - xlsx_before == pytest.approx(kg, rel=1e-6)

    tab.get_by_role("link", name="Edit").click()
    field(tab, "Wall-clock hours").fill("100")
    tab.get_by_role("button", name="Save changes").click()
    tab.wait_for_url(f"**/runs/{run}/")
    tab.wait_for_function("() => document.querySelector('#run-figures .badge-good')")
    tab.reload()
    lines = tab.locator("#ledger tbody tr")
    # Each line, the overhead's in a colocation is one of its own, and what corrects it.
    assert lines.count() == 2 * lines.filter(has_text="−").count() > 0
    assert kg / 2 == pytest.approx(posted(stack, run), rel=1e-9)
    assert language_total(officer) - before == pytest.approx(kg / 2, rel=0.02)

    tab.get_by_role("link", name="Delete").click()
    tab.get_by_role("button", name="Delete run").click()
    tab.wait_for_url("**/runs/")
    tab.goto("/o/nordlys/runs/?q=Retriever")
    assert tab.get_by_role("link", name="Retriever, 7B, second try").count() == 0
    stack.wait_until_nothing_is_pending()
    assert language_total(officer) == before
    assert project_in_csv(download(officer, quarter, "CSV")) == pytest.approx(csv_before, rel=1e-9)


def posted(stack, run: int) -> float:
    """Return what the ledger holds of a run, at the factors of the year. [kg]"""
    return float(
        stack.value(
            "SELECT sum(location_based_annual_kg) FROM emissions_emissionentry WHERE run_id = %s",
            run,
        )
    )


@pytest.mark.parametrize("key", ["strubell-tbase", "patterson-t5", "bloom-dynamic"])
def test_published_results_come_out_of_the_form(key, stack, open_page):
    example = BY_ID[key]
    tab = open_page("researcher")
    tab.goto("/o/nordlys/runs/new/")
    settle(tab)
    if not field(tab, "PUE").is_visible():
        tab.locator("details.advanced summary").first.click()
    field(tab, "Project").select_option(PROJECT)
    values = {
        "What was trained": key,
        "Hardware": "",
        "Number of devices": example.device_count,
        "Wall-clock hours": example.duration_hours,
        "or device-hours": example.device_hours,
        "Start": "2020-01-15T12:00",
        "Average power": example.power_watts,
        "PUE": example.pue,
        "Emission factor": example.grid_g_per_kwh,
        "Source of the factor": "The publication",
    }
    fill(tab, **{label: "" if value is None else value for label, value in values.items()})
    tab.locator("[data-figure-kg]").wait_for()
    shown = preview(tab)
    kg = posted(stack, save(tab))
    assert kg == pytest.approx(example.published_kg, rel=example.tolerance)
    assert shown == pytest.approx(kg, rel=ROUNDING)


def test_the_architecture_search_on_the_calculator_page(open_page):
    example = BY_ID["strubell-nas"]
    tab = open_page()
    tab.goto("/calculator/")
    settle(tab)
    tab.locator("details.advanced summary").first.click()
    fill(
        tab,
        **{
            "Hardware": "",
            "Number of devices": 8,
            "Wall-clock hours": int(example.duration_hours),
            "Average power": example.power_watts,
            "PUE": example.pue,
            "Emission factor": example.grid_g_per_kwh,
        },
    )
    field(tab, "The power is of the whole machine").check()
    tab.wait_for_url("**power_is_total=on*")
    settle(tab)
    tab.get_by_role("link", name="lb", exact=True).click()
    settle(tab)
    pounds = kilograms(stat(tab, "Location-based").inner_text()) / 0.45359237
    assert pounds == pytest.approx(626_155, rel=1e-3)


def test_a_mistake_is_told_beside_its_field(open_page):
    tab = open_page("researcher")
    tab.goto("/o/nordlys/runs/new/")
    field(tab, "What was trained").fill("Nothing")
    field(tab, "Project").select_option(PROJECT)
    field(tab, "Wall-clock hours").fill("8")
    for label, wrong, right in (("Hardware", "H9000", "H100"), ("Wall-clock hours", "-3", "3")):
        field(tab, label).fill(wrong)
        tab.get_by_role("button", name="Log this run").click()
        tab.locator("[aria-invalid=true]").wait_for()
        control = field(tab, label)
        assert control.get_attribute("aria-invalid") == "true"
        assert tab.locator(f"#{control.get_attribute('id')}_error").is_visible()
        control.fill(right)
    assert field(tab, "What was trained").input_value() == "Nothing"
