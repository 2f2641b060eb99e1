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


def test_a_click_on_a_bar_opens_what_is_under_the_pointer(stack, open_page):
    tab = open_page("manager")
    tab.goto("/o/nordlys/")
    settle(tab)
    plot = tab.locator(".figure [data-figure]").first
    traces = plot.evaluate(
        "element => JSON.parse(document.getElementById(element.dataset.figure).textContent).data"
        ".filter(trace => trace.type === 'bar').map(trace => trace.customdata[0])"
    )
    plot.scroll_into_view_if_needed()
    bars = plot.locator(".barlayer .trace.bars")
    high = [
        (bars.nth(at).locator("path").first.bounding_box(), url)
        for at, url in enumerate(traces)
        if url
    ]
    box, url = next((box, url) for box, url in high[1:] if box and box["height"] > 6)
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_url(lambda address: address.endswith(url), wait_until="commit")
