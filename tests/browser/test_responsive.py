"""The navigation on a phone. That every page fits one: test_each_page.py."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_navigation_opens_on_a_phone(open_page):
    tab = open_page("researcher", width=390)
    tab.goto("/o/nordlys/runs/")
    link = tab.get_by_role("navigation", name="Main").get_by_role("link", name="Teams")
    assert not link.is_visible()
    tab.get_by_role("button", name="Menu").click()
    link.click()
    tab.wait_for_url("**/teams/")
