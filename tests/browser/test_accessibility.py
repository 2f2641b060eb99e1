"""The keyboard's way in. What axe finds on each page: test_each_page.py."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("path", ["/calculator/", "/accounts/login/", "/no/such/page/"])
def test_the_keyboard_meets_the_way_past_the_navigation_first(path, open_page):
    tab = open_page()
    tab.goto(path)
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.matches('.skip-link')")
