"""axe finds no serious or critical violation on any page, light and dark."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.browser.chromium import settle
from tests.browser.pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
OURS = [page for page in PAGES if page.ours]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (rules) => {
    const found = await axe.run({runOnly: rules, resultTypes: ["violations"]});
    return found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
}"""


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.id)
def test_axe_finds_nothing_serious(page, stack, open_page):
    tab = open_page(page.person)
    tab.goto(page.address(stack))
    settle(tab)
    tab.evaluate(AXE_SCRIPT)
    problems = []
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        # Charts take their colours anew.
        tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        settle(tab)
        problems += [_explain(theme, violation) for violation in tab.evaluate(RUN, RULES)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", ["/calculator/", "/accounts/login/", "/no/such/page/"])
def test_the_keyboard_meets_the_way_past_the_navigation_first(path, open_page):
    tab = open_page()
    tab.goto(path)
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.matches('.skip-link')")


def _explain(theme, violation):
    nodes = "\n".join(
        f"    {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for node in violation["nodes"][:5]
    )
    return f"{theme}: {violation['id']} ({violation['impact']}), {violation['help']}\n{nodes}"
