"""The keyboard's way in. What axe finds on each page: test_each_page.py."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("path", ["/calculator/", "/no/such/page/"])
def test_the_keyboard_meets_the_way_past_the_navigation_first(path, open_page):
    tab = open_page()
    tab.goto(path)
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.matches('.skip-link')")


def test_a_sign_in_starts_at_its_first_field_and_then_at_what_is_wrong(open_page):
    tab = open_page()
    tab.goto("/accounts/login/")
    email = tab.get_by_label("Email")
    expect(email).to_be_focused()
    tab.keyboard.type("nobody@nordlys.example")
    tab.get_by_label("Password", exact=True).fill("wrong")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_be_visible()
    expect(email).to_be_focused()


def test_what_cannot_be_taken_back_is_asked_and_may_be_left(open_page):
    tab = open_page("admin")
    tab.goto("/o/nordlys/settings/people/")
    remove = tab.get_by_role("button", name="Remove Vera Holm")
    remove.click()
    question = tab.get_by_role("dialog", name="Remove Vera Holm?")
    expect(question.get_by_role("button", name="Keep it as it is")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(remove).to_be_focused()
    expect(tab).to_have_url(re.compile("/settings/people/$"))
