"""Chromium as Debian packages it; Playwright's own build is not needed."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

#: True once charts are drawn, htmx is at rest and nothing fades any more.
SETTLED = """() => document.readyState === "complete"
    && !document.querySelector("[data-loading], .htmx-request, .htmx-swapping, .htmx-settling")
    && document.getAnimations().every(
        (one) => one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Chromium, yield it, end it."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        raise RuntimeError(
            f"No Chromium: none of {', '.join(NAMES)} is on the PATH. "
            "On Debian or Ubuntu: apt install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def settle(page: Page) -> None:
    """Wait until the page shows what it will show."""
    page.wait_for_function(SETTLED, timeout=15_000)
