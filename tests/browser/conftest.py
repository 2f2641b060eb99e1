"""One stack and one Chromium for all browser tests; a signed-in session for each person.

Package scope, not session: Playwright keeps an event loop running, and while one runs Django
refuses to touch the database, as the tests after these must.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import running_chromium
from tests.browser.people import session_of
from tests.browser.stack import Stack, running_stack

Opener = Callable[..., Page]


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def session(stack: Stack, chromium: Browser) -> Callable[[str], Any]:
    """Return a function that gives a person's cookies, signing in once."""
    return cache(lambda person: session_of(chromium, stack, person))


@pytest.fixture(scope="package")
def new_window(stack: Stack, chromium: Browser, session) -> Callable[..., BrowserContext]:
    """Return a function that gives somebody a new window, with nothing in its cache."""

    def new(person: str = "", *, width: int = 1440, theme: str = "light") -> BrowserContext:
        context = chromium.new_context(
            base_url=stack.address,
            locale="en-GB",
            storage_state=session(person),
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        return context

    return new


@pytest.fixture
def open_page(new_window) -> Iterator[Opener]:
    """Return a function that opens an empty page as somebody, in a window of its own."""
    contexts: list[BrowserContext] = []

    def opener(person: str = "", **values: Any) -> Page:
        contexts.append(new_window(person, **values))
        return contexts[-1].new_page()

    yield opener
    for context in contexts:
        context.close()
