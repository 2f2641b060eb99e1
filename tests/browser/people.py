"""The demo's people, signed in as they do it themselves: through the form."""

from typing import Any

from playwright.sync_api import Browser, Page

from emissions.services.demo.plan import PASSWORD
from tests.browser.chromium import settle
from tests.browser.stack import Stack


def sign_in(page: Page, person: str) -> None:
    """Sign in; `person` is what stands before the @, or "owner" of the empty organisation."""
    organisation = "empty" if person == "owner" else "nordlys"
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(f"{person}@{organisation}.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/o/{organisation}/")
    settle(page)


def session_of(browser: Browser, stack: Stack, person: str) -> Any:
    """Return the cookies of a person who has signed in; a stranger has none."""
    if not person:
        return None
    context = browser.new_context(base_url=stack.address)
    sign_in(context.new_page(), person)
    cookies = context.storage_state()
    context.close()
    return cookies
