from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from emissions.models import ApiToken, Organisation
from emissions.services.tokens import digest
from tests.factories import make_project


def call(*arguments: str) -> str:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_token_and_nothing_else_is_printed() -> None:
    project = make_project()

    printed = call("--organisation", project.organisation.slug, "--project", project.slug)

    plain = printed.removesuffix("\n")
    assert plain.startswith("tonne_")
    assert plain.split() == [plain]
    assert ApiToken.objects.get().sha256 == digest(plain)
    assert ApiToken.objects.get().expires_at is None


@pytest.mark.django_db
def test_an_expiry_in_days() -> None:
    project = make_project()

    call("--organisation", project.organisation.slug, "--project", project.slug,
         "--expires-in-days", "30", "--name", "cluster")  # fmt: skip

    token = ApiToken.objects.get()
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 30
    assert token.name == "cluster"


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["-1", "0", "99999999999"])
def test_an_expiry_that_cannot_be(days: str) -> None:
    project = make_project()

    with pytest.raises(CommandError):
        call("--organisation", project.organisation.slug, "--project", project.slug,
             "--expires-in-days", days)  # fmt: skip


@pytest.mark.django_db
def test_what_is_not_there_is_named_with_what_is() -> None:
    project = make_project()

    with pytest.raises(CommandError, match=f"“nobody”.*{project.organisation.slug}"):
        call("--organisation", "nobody", "--project", project.slug)
    with pytest.raises(CommandError, match=f"“nothing”.*{project.slug}"):
        call("--organisation", project.organisation.slug, "--project", "nothing")


@pytest.mark.django_db
def test_another_organisations_project_is_not_there() -> None:
    project, other = make_project(), make_project()

    with pytest.raises(CommandError, match="no project"):
        call("--organisation", project.organisation.slug, "--project", other.slug)


def test_a_database_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(Organisation.objects, "filter", refuse)

    with pytest.raises(CommandError, match=r"does not answer.*connection refused"):
        call("--organisation", "a", "--project", "b")
