"""No page scrolls sideways on a phone, and its controls are large enough for a finger."""

import pytest

from tests.browser.chromium import settle
from tests.browser.pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
OURS = [page for page in PAGES if page.ours]
WIDTH = 390

#: What sticks out on the right, unless something between it and the page scrolls by itself.
STICKING_OUT = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.id)
def test_no_page_scrolls_sideways(page, stack, open_page):
    tab = open_page(page.person, width=WIDTH)
    tab.goto(page.address(stack))
    settle(tab)
    width = tab.evaluate("() => document.scrollingElement.scrollWidth")
    assert width <= WIDTH, tab.evaluate(STICKING_OUT)


#: Cells of a table that are out of sight, or do not say what they are.
LOST = """() => [...document.querySelectorAll(".table tbody td:not([data-blank])")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1
        || !(one.dataset.label || one.colSpan > 1 || one.querySelector("a, button, input")))
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""
LISTS = ("inventory", "report_list", "purchase_list", "cloud_account_list", "audit_log", "site")


def test_no_figure_of_a_list_disappears_to_the_right(stack, open_page):
    """A row becomes a block on a phone, and keeps its meaning for a screen reader."""
    for page in (page for page in PAGES if page.id in LISTS):
        tab = open_page(page.person, width=WIDTH)
        tab.goto(page.address(stack))
        settle(tab)
        assert tab.get_by_role("rowheader").count() > 0, page.id
        tab.evaluate("() => document.querySelectorAll('.figure').forEach((one) => one.remove())")
        assert tab.evaluate(LOST) == [], page.id


def test_the_navigation_opens_on_a_phone(open_page):
    tab = open_page("researcher", width=WIDTH)
    tab.goto("/o/nordlys/runs/")
    link = tab.get_by_role("navigation", name="Main").get_by_role("link", name="Teams")
    assert not link.is_visible()
    tab.get_by_role("button", name="Menu").click()
    link.click()
    tab.wait_for_url("**/teams/")
