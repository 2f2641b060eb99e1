"""The list of pages and the URLconf agree."""

from collections import Counter

from tests.browser.pages import NOT_PAGES, PAGES, addresses


def test_every_address_is_a_page_or_none():
    named = {page.name for page in PAGES} - {"admin:login", "not-found", "forbidden"}
    there = set(addresses())
    assert named | set(NOT_PAGES) == there
    assert not named & set(NOT_PAGES)


def test_every_page_has_a_name_of_its_own():
    assert Counter(page.id for page in PAGES).most_common(1)[0][1] == 1
