"""No link that a page shows a person is refused: the first pages, by role, with nothing in yet."""

import re

import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a\b[^>]*\bhref="(/o/[^"?#]*)')


@pytest.mark.parametrize("role", list(Role))
def test_no_link_that_a_person_is_shown_is_refused(role: Role) -> None:
    member = make_member(role)
    client = Client()
    client.force_login(member.user)
    to_open, opened = {f"/o/{member.organisation.slug}/"}, set[str]()
    while to_open:
        address = to_open.pop()
        answer = client.get(address)
        assert answer.status_code == 200, address
        opened.add(address)
        if answer.get("Content-Type", "").startswith("text/html"):
            to_open |= set(LINK.findall(answer.content.decode())) - opened
    assert len(opened) > 12


def test_who_makes_projects_is_led_to_the_first_one() -> None:
    """The first button of an organisation without any leads to a form that needs a project."""
    for role, words in ((Role.ADMIN, "/settings/new-project/"), (Role.RESEARCHER, "administrator")):
        member = make_member(role)
        client = Client()
        client.force_login(member.user)
        address = f"/o/{member.organisation.slug}/runs/new/"
        assert words in client.get(address).content.decode()
        make_project(organisation=member.organisation, team=member.team)
        assert "no project to log runs in" not in client.get(address).content.decode()
