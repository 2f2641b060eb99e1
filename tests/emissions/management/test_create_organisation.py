import io

import pytest
from django.core.management import CommandError, call_command

from emissions.calculation.vocabulary import Role
from emissions.models import Membership, Organisation

pytestmark = pytest.mark.django_db


def found(**options: str) -> str:
    output = io.StringIO()
    call_command(
        "create_organisation",
        **{"name": "My Lab", "admin": "Admin@Example.org", **options},
        stdout=output,
    )
    return output.getvalue()


def test_founds_it_and_says_how_to_go_on() -> None:
    said = found(time_zone="Europe/Paris")
    membership = Membership.objects.get(organisation__slug="my-lab")
    assert membership.role == Role.ADMIN
    assert membership.user.email == "admin@example.org"
    assert membership.organisation.time_zone == "Europe/Paris"
    assert "/o/my-lab/" in said
    assert "changepassword admin@example.org" in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"time_zone": "Europe/Atlantis"}, "no time zone"),
        ({"time_zone": "../etc"}, "no time zone"),
        ({"admin": "nobody"}, "no e-mail address"),
        ({"slug": "My Lab"}, "--slug"),
        ({"name": "…"}, "--slug"),
    ],
)
def test_refuses_what_cannot_be(options: dict[str, str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        found(**options)
    assert not Organisation.objects.exists()


def test_refuses_a_slug_that_is_taken() -> None:
    found()
    with pytest.raises(CommandError, match="already"):
        found()
