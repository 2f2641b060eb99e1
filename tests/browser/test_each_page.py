"""Every page, opened once: it lives with the strict Content-Security-Policy and needs nothing from
elsewhere, axe finds no serious or critical violation in it, light and dark, and as narrow as a
phone it does not scroll sideways."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page as Tab
from playwright.sync_api import Response

from tests.browser.chromium import settle
from tests.browser.pages import PAGES, Page
from tests.browser.watch import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
#: First, so that all tests number them alike: pytest then runs all before the next page.
LISTS = {"inventory", "report_list", "purchase_list", "cloud_account_list", "audit_log", "site"}
STACKED = [page for page in PAGES if page.id in LISTS]
OURS = STACKED + [page for page in PAGES if page.ours and page not in STACKED]
OTHERS = [page for page in PAGES if not page.ours]
ON_A_PHONE = {"width": 390, "height": 900}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (rules) => {
    const found = await axe.run({runOnly: rules, resultTypes: ["violations"]});
    return found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
}"""


@dataclass
class Visit:
    """A page that has been opened and shows what it will show."""

    page: Page
    tab: Tab
    response: Response
    watch: Watch


@pytest.fixture(scope="module")
def visit(request, stack, new_window) -> Iterator[Visit]:
    """Open the page in a window of its own."""
    page = request.param
    window = new_window(page.person)
    tab = window.new_page()
    watch = Watch(stack.address).over(tab)
    response = tab.goto(page.address(stack))
    settle(tab)
    yield Visit(page, tab, response, watch)
    window.close()


def named(page: Page) -> str:
    return page.id


@pytest.mark.parametrize("visit", OURS + OTHERS, ids=named, indirect=True)
def test_nothing_is_forbidden_or_missing(visit):
    assert visit.response.status == visit.page.status
    policy = visit.response.headers["content-security-policy"]
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert re.search(r"style-src-elem 'self'(;|$)", policy)
    for chart in visit.tab.locator("[data-figure]").all():
        assert chart.locator("svg.main-svg").count(), "a chart was not drawn"
    for image in visit.tab.locator("img").all():
        assert image.evaluate("(image) => image.naturalWidth") > 0
    assert visit.watch.problems == []


@pytest.mark.parametrize("visit", OURS, ids=named, indirect=True)
def test_axe_finds_nothing_serious(visit):
    tab = visit.tab
    tab.evaluate(AXE_SCRIPT)
    problems = []
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        # Charts take their colours anew.
        tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        settle(tab)
        problems += [_explain(theme, violation) for violation in tab.evaluate(RUN, RULES)]
    assert not problems, "\n".join(problems)


def _explain(theme, violation):
    nodes = "\n".join(
        f"    {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for node in violation["nodes"][:5]
    )
    return f"{theme}: {violation['id']} ({violation['impact']}), {violation['help']}\n{nodes}"


#: What sticks out on the right, unless something between it and the page scrolls by itself.
STICKING_OUT = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("visit", OURS, ids=named, indirect=True)
def test_it_does_not_scroll_sideways_on_a_phone(visit):
    tab = visit.tab
    tab.set_viewport_size(ON_A_PHONE)
    if tab.locator("[data-figure]").count():
        # Charts follow a window only after a while; they are drawn as wide as it is.
        tab.reload()
    settle(tab)
    width = tab.evaluate("() => document.scrollingElement.scrollWidth")
    assert width <= ON_A_PHONE["width"], tab.evaluate(STICKING_OUT)


#: Cells of a table that are out of sight, or do not say what they are.
LOST = """() => [...document.querySelectorAll(".table tbody td:not([data-blank])")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1
        || !(one.dataset.label || one.colSpan > 1 || one.querySelector("a, button, input")))
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("visit", STACKED, ids=named, indirect=True)
def test_no_figure_of_a_list_disappears_to_the_right_on_a_phone(visit):
    """A row becomes a block, and keeps its meaning for a screen reader."""
    tab = visit.tab
    tab.set_viewport_size(ON_A_PHONE)
    settle(tab)
    assert tab.get_by_role("rowheader").count() > 0
    tab.evaluate("() => document.querySelectorAll('.figure').forEach((one) => one.remove())")
    assert tab.evaluate(LOST) == []
