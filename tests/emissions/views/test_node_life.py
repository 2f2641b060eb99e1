"""Changing how long a node is to serve, from a day on."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, HardwareLife, HardwareModel, Node, NodeLife
from emissions.selectors.lives import lives_of_node
from tests.factories import make_hardware, make_member, make_node

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    return make_node(name="rack", purchased_on=date(2024, 1, 1), life_years=4.0)


@pytest.fixture
def client(node) -> Client:
    client = Client()
    client.force_login(make_member(Role.OFFICER, organisation=node.organisation).user)
    return client


def url(node: Node, name: str = "node_life") -> str:
    slug = node.organisation.slug
    return reverse(name, kwargs={"organisation_slug": slug, "node_slug": node.slug})


def test_a_longer_life_is_recorded_and_shown_over_time(client, node) -> None:
    answer = client.post(url(node), {"life_years": "6", "life_from": "2026-01-01"}, follow=True)
    assert [one.years for one in lives_of_node(node).shown] == [6.0, 4.0]
    assert "6 years" in answer.content.decode()
    page = client.get(url(node, "node")).content.decode()
    assert "How long it is to serve" in page
    assert "the beginning" in page
    file = client.get(url(node, "node"), {"format": "csv", "figure": "lives"}).content.decode()
    assert "6.0,2026-01-01" in file or "6,2026-01-01" in file
    event = AuditEvent.objects.get(action="node's life changed")
    assert (event.before, event.after["life_years"]) == ({"life_years": 4.0}, 6.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"life_years": "1.5", "life_from": "2026-01-01"}, "the node was 2.0 years old"),
        ({"life_years": "0", "life_from": "2026-01-01"}, "greater than or equal to 0.1"),
        ({"life_years": "nan", "life_from": "2026-01-01"}, "Give a plain number"),
        ({"life_years": "1e999", "life_from": "2026-01-01"}, "Give a plain number"),
        ({"life_years": "6", "life_from": "1066-10-14"}, "Give a day between"),
        ({"life_years": "6", "life_from": ""}, "This field is required"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(client, node, values, words) -> None:
    answer = client.post(url(node), values)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert NodeLife.objects.count() == 1


def test_empty_follows_the_catalogue(client, node) -> None:
    HardwareModel.objects.filter(pk=node.hardware_id).update(life_years=7.0)
    client.post(url(node), {"life_years": "", "life_from": "2026-01-01"})
    fresh = Node.objects.select_related("hardware").get(pk=node.pk)
    assert lives_of_node(fresh).shown[0].years == 7.0
    assert "as the catalogue says" in client.get(url(node, "node")).content.decode()


def test_a_new_node_has_the_life_that_is_stated(client, node) -> None:
    slug = {"organisation_slug": node.organisation.slug}
    values = {
        "name": "new", "hardware": node.hardware.name, "device_count": 8, "node_count": 1,
        "site": node.placements.get().site_id, "tenure": "owned", "starts_on": "2025-02-01",
        "life_years": "3.5",
    }  # fmt: skip
    assert client.post(reverse("node_create", kwargs=slug), values).status_code == 302
    life = NodeLife.objects.get(node__name="new")
    assert (life.life_years, life.starts_on) == (3.5, date(2025, 2, 1))


def test_an_own_entry_s_life_changes_from_a_day_on(client, node) -> None:
    model = make_hardware(organisation=node.organisation, name="X1", life_years=4.0)
    slug = {"organisation_slug": node.organisation.slug, "hardware_id": model.pk}
    values = {"name": "X1", "kind": "gpu", "max_watts": 300, "source": "Sheet", "life_years": 6}
    edit = reverse("hardware_edit", kwargs=slug)
    assert client.post(edit, {**values, "life_from": "2099-01-01"}).status_code == 422
    assert client.post(edit, {**values, "life_from": "2026-01-01"}).status_code == 302
    kept = HardwareLife.objects.get(hardware=model)
    assert (kept.life_years, kept.ends_before) == (4.0, date(2026, 1, 1))
