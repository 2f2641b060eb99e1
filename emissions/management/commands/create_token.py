"""Make an API token of a project or a person and print it: python manage.py create_token."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from emissions.calculation.vocabulary import TokenScope
from emissions.models import Organisation, Project, User
from emissions.services.tokens import TokenError, create_token


class Command(BaseCommand):
    """Print a new token and nothing else; it is shown this once."""

    help = "Make an API token of a project or a person and print it; it is shown once, not kept."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the organisation and the project by their slugs."""
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--project", metavar="SLUG", help="it opens this project's runs")
        owner.add_argument("--person", metavar="EMAIL", help="it opens what their role opens")
        parser.add_argument(
            "--scope", choices=[one.value for one in TokenScope], default=TokenScope.WRITE.value
        )
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument(
            "--expires-in-days", type=int, metavar="DAYS", help="without it, it does not expire"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the token on standard output, or say on standard error why there is none."""
        try:
            self.stdout.write(_token(**options))
        except (TokenError, OverflowError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
            raise CommandError(
                f"The database does not answer or is not migrated: {reason}"
            ) from error


def _token(
    *,
    organisation: str,
    project: str | None,
    name: str,
    expires_in_days: int | None,
    person: str | None = None,
    scope: str = TokenScope.WRITE.value,
    **_: Any,
) -> str:
    now = timezone.now()
    found = Organisation.objects.filter(slug=organisation).first()
    if found is None:
        slugs = Organisation.objects.order_by("slug").values_list("slug", flat=True)[:20]
        raise CommandError(_unknown("organisation", organisation, list(slugs)))
    its_project = None if project is None else _project(found, project)
    its_person = None if person is None else _person(person)
    expires_at = None if expires_in_days is None else now + timedelta(days=expires_in_days)
    _token_row, plain = create_token(
        organisation=found,
        project=its_project,
        person=its_person,
        scope=TokenScope(scope),
        by=None,
        now=now,
        name=name,
        expires_at=expires_at,
    )
    return plain


def _project(organisation: Organisation, slug: str) -> Project:
    project = Project.objects.filter(organisation=organisation, slug=slug).first()
    if project is None:
        projects = Project.objects.filter(organisation=organisation).order_by("slug")
        known = list(projects.values_list("slug", flat=True)[:20])
        raise CommandError(_unknown("project", slug, known))
    return project


def _person(email: str) -> User:
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise CommandError(f"There is nobody with the address “{email}”.")
    return user


def _unknown(noun: str, slug: str, known: list[str]) -> str:
    there = f"There are: {', '.join(known)}." if known else "There are none yet."
    return f"There is no {noun} “{slug}”. {there}"
