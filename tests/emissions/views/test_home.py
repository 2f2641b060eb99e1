import pytest
from django.test import Client

from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db


def test_visitors_meet_the_calculator(client: Client) -> None:
    assert client.get("/")["Location"] == "/calculator/"


def test_members_meet_their_organisation(client: Client) -> None:
    member = make_member()
    client.force_login(member.user)
    assert client.get("/")["Location"] == f"/o/{member.organisation.slug}/"


def test_who_is_nowhere_a_member_meets_the_calculator(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/")["Location"] == "/calculator/"
