"""Themes and tables work under the strict Content-Security-Policy.

That every page lives with it: test_each_page.py.
"""

import pytest

from tests.browser.chromium import settle
from tests.browser.watch import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_theme_changes_and_is_kept(stack, open_page):
    tab = open_page("manager")
    watch = Watch(stack.address).over(tab)
    tab.goto("/o/nordlys/")
    settle(tab)
    background = "() => getComputedStyle(document.body).backgroundColor"
    light, axis = tab.evaluate(background), _axis_colour(tab)
    tab.get_by_role("button", name="Use dark theme").first.click()
    settle(tab)
    assert tab.evaluate(background) != light
    tab.wait_for_function(f"(before) => {AXIS_COLOUR} !== before", arg=axis)
    tab.goto("/o/nordlys/projects/", wait_until="commit")
    tab.wait_for_selector("body")
    assert tab.evaluate(background) != light
    settle(tab)
    tab.get_by_role("button", name="Use light theme").first.click()
    settle(tab)
    assert tab.evaluate(background) == light
    assert watch.problems == []


AXIS_COLOUR = 'getComputedStyle(document.querySelector(".xtick text")).fill'


def _axis_colour(tab):
    return tab.evaluate(AXIS_COLOUR)


def test_a_chart_can_be_read_as_a_table(stack, open_page):
    tab = open_page("manager")
    tab.goto("/o/nordlys/")
    settle(tab)
    figure = tab.locator(".figure").first
    assert not figure.get_by_role("table").is_visible()
    figure.get_by_role("button", name="Table").click()
    assert figure.get_by_role("table").is_visible()
    assert not figure.locator("[data-figure]").is_visible()
    figure.get_by_role("button", name="Chart").click()
    assert figure.locator("svg.main-svg").first.is_visible()
