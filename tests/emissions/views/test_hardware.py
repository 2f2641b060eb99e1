import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, HardwareAlias, Membership
from emissions.selectors.catalogue import find_equipment
from tests.factories import (
    make_alias,
    make_hardware,
    make_member,
    make_node,
    make_reference,
    make_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def client(officer: Membership) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def address(officer: Membership, name: str, **kwargs: object) -> str:
    return reverse(name, kwargs={"organisation_slug": officer.organisation.slug, **kwargs})


def test_the_catalogue_is_searched_by_what_tools_print(client, officer) -> None:
    make_reference()
    for typed in ("gpu:a100:8", "gres:gpu:a100", "A100", "nvidia a100", "gpu:a100 MIG 1g.5gb"):
        html = client.get(address(officer, "hardware_list"), {"q": typed}).content.decode()
        assert "NVIDIA A100 SXM4 80GB" in html
        assert "NVIDIA H100" not in html
    mistyped = client.get(address(officer, "hardware_list"), {"q": "NVIDA A100 SXM5"})
    assert "NVIDIA A100 SXM4 80GB" in mistyped.context["similar"]
    assert address(officer, "hardware_create") in mistyped.content.decode()


def test_an_alias_of_another_organisation_is_neither_shown_nor_searched(client, officer) -> None:
    hardware = make_reference()["a100"]
    secret = make_alias(make_hardware(organisation=make_member().organisation), spelling="secret")
    HardwareAlias.objects.filter(pk=secret.pk).update(hardware=hardware)
    listed = client.get(address(officer, "hardware_list"), {"q": "secret"}).content.decode()
    assert "No such hardware" in listed
    page = client.get(address(officer, "hardware", hardware_id=hardware.pk)).content.decode()
    assert "secret" not in page


def test_a_spelling_is_added_used_and_forgotten(client, officer) -> None:
    hardware, organisation = make_reference()["h100"], officer.organisation
    page = address(officer, "hardware", hardware_id=hardware.pk)
    added = client.post(
        address(officer, "alias_add", hardware_id=hardware.pk),
        {"spelling": "Big card"},
        follow=True,
    )
    assert added.redirect_chain == [(page, 302)]
    assert "Your own" in added.content.decode()
    assert find_equipment("BIG-card", organisation=organisation) == hardware
    alias = HardwareAlias.objects.get(organisation=organisation)
    client.post(address(officer, "alias_remove", hardware_id=hardware.pk, alias_id=alias.pk))
    assert find_equipment("BIG-card", organisation=organisation) is None
    assert list(
        AuditEvent.objects.filter(organisation=organisation, subject="hardwaremodel")
        .order_by("pk")
        .values_list("action", flat=True)
    ) == ["hardware alias added", "hardware alias removed"]


@pytest.mark.parametrize(
    ("spelling", "words"),
    [("own-card", "You call Own card so"), ("- -", "Give a name"), ("", "required")],
)
def test_a_spelling_means_one_thing(client, officer, spelling, words) -> None:
    make_hardware(organisation=officer.organisation, name="Own card")
    hardware = make_reference()["h100"]
    answer = client.post(
        address(officer, "alias_add", hardware_id=hardware.pk), {"spelling": spelling}
    )
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not HardwareAlias.objects.filter(organisation=officer.organisation).exists()


def test_a_shared_spelling_is_not_removed(client, officer) -> None:
    hardware = make_reference()["a100"]
    alias = HardwareAlias.objects.get(hardware=hardware)
    url = address(officer, "alias_remove", hardware_id=hardware.pk, alias_id=alias.pk)
    assert client.post(url).status_code == 404
    assert HardwareAlias.objects.filter(pk=alias.pk).exists()


def test_the_page_says_what_runs_on_it(client, officer) -> None:
    organisation = officer.organisation
    node = make_node(organisation=organisation, name="rack-1")
    make_run(organisation, node=node)
    make_run(organisation)
    html = client.get(address(officer, "hardware", hardware_id=node.hardware_id)).content.decode()
    assert "2 runs" in html
    assert "rack-1" in html
