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


def test_the_navigation_opens_on_a_phone(open_page):
    tab = open_page("researcher", width=WIDTH)
    tab.goto("/o/nordlys/runs/")
    link = tab.get_by_role("navigation", name="Main").get_by_role("link", name="Teams")
    assert not link.is_visible()
    tab.get_by_role("button", name="Menu").click()
    link.click()
    tab.wait_for_url("**/teams/")
