"""Editing a node within its row of the list."""

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, Membership, Node, PendingCalculation
from tests.factories import make_member, make_node, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def node(officer) -> Node:
    return make_node(
        organisation=officer.organisation, name="rack", idle_watts=100.0, max_watts=900.0
    )


@pytest.fixture
def client(officer) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def url(node: Node) -> str:
    slug = node.organisation.slug
    return reverse("node_row", kwargs={"organisation_slug": slug, "node_slug": node.slug})


def values(node: Node, **changed: object) -> dict[str, object]:
    stated = {"name": node.name, "device_count": 8, "node_count": 1, **changed}
    return {f"{node.slug}-{name}": value for name, value in stated.items()}


def test_the_list_offers_it_to_those_who_may(client, node) -> None:
    slug = {"organisation_slug": node.organisation.slug}
    assert (
        f'hx-get="{url(node)}?edit=1"'
        in client.get(reverse("inventory", kwargs=slug)).content.decode()
    )
    reader = Client()
    reader.force_login(make_member(Role.AUDITOR, organisation=node.organisation).user)
    assert "hx-get" not in reader.get(reverse("inventory", kwargs=slug)).content.decode()


def test_a_row_is_edited_and_its_runs_are_calculated_again(client, node) -> None:
    make_run(node.organisation, node=node)
    assert "<form" in client.get(url(node), {"edit": "1"}).content.decode()
    answer = client.post(url(node), values(node, name="rack-a", device_count=4))
    html = answer.content.decode()
    assert "<form" not in html
    assert "rack-a" in html
    stored = Node.objects.get(pk=node.pk)
    assert (stored.name, stored.device_count) == ("rack-a", 4)
    assert (stored.idle_watts, stored.max_watts, stored.hardware) == (100.0, 900.0, node.hardware)
    assert PendingCalculation.objects.filter(run__node=node).exists()
    assert AuditEvent.objects.filter(action="node edited").count() == 1


def test_what_is_wrong_stands_beside_the_field(client, node) -> None:
    make_node(organisation=node.organisation, name="taken")
    for changed, words in (
        ({"name": "Taken"}, "There is a node"),
        ({"device_count": 0}, "greater than or equal to 1"),
    ):
        html = client.post(url(node), values(node, **changed)).content.decode()
        assert words in html
        assert "<form" in html
    stored = Node.objects.get(pk=node.pk)
    assert (stored.name, stored.device_count) == ("rack", 8)
