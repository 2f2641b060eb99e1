"""A screenshot of every page, wide and narrow, light and dark: python -m tests.browser.shots

Written to build/shots/<page>-<width>-<theme>.png. Names after it choose pages.
"""

import sys
from collections.abc import Sequence
from itertools import groupby, product

from playwright.sync_api import Browser, BrowserContext

from tests.browser.chromium import running_chromium, settle
from tests.browser.pages import PAGES, Page
from tests.browser.people import session_of
from tests.browser.stack import ROOT, Stack, running_stack

SHOTS = ROOT / "build" / "shots"
HEIGHTS = {1440: 900, 390: 844}
THEMES = ("light", "dark")


def main(wanted: Sequence[str]) -> None:
    """Take the screenshots of the pages that are wanted, or of all."""
    pages = [page for page in PAGES if not wanted or {page.id, page.name} & set(wanted)]
    SHOTS.mkdir(parents=True, exist_ok=True)
    print("Starting Tonne with a small demo", flush=True)
    with running_stack() as stack, running_chromium() as chromium:
        for person, theirs in groupby(sorted(pages, key=_person), key=_person):
            _visit(chromium, stack, person, list(theirs))
    print(f"{len(pages) * 4} screenshots in {SHOTS.relative_to(ROOT)}")


def _person(page: Page) -> str:
    return page.person


def _visit(chromium: Browser, stack: Stack, person: str, pages: list[Page]) -> None:
    cookies = session_of(chromium, stack, person)
    for width, theme in product(HEIGHTS, THEMES):
        context = chromium.new_context(
            base_url=stack.address,
            locale="en-GB",
            storage_state=cookies,
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        for page in pages:
            _shoot(context, stack, page, f"{page.id}-{width}-{theme}.png")
        context.close()


def _shoot(context: BrowserContext, stack: Stack, page: Page, file: str) -> None:
    tab = context.new_page()
    tab.goto(page.address(stack))
    settle(tab)
    tab.screenshot(path=SHOTS / file, full_page=True)
    tab.close()
    print(f"  {file}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
