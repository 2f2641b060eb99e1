"""Make an API token for a project and print it: python manage.py create_token."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from emissions.models import Organisation, Project
from emissions.services.tokens import TokenError, create_token


class Command(BaseCommand):
    """Print a new token and nothing else; it is shown this once."""

    help = "Make an API token of a project and print it. It is shown once and not kept."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the organisation and the project by their slugs."""
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--project", required=True, metavar="SLUG")
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
    *, organisation: str, project: str, name: str, expires_in_days: int | None, **_: Any
) -> str:
    now = timezone.now()
    found = Organisation.objects.filter(slug=organisation).first()
    if found is None:
        slugs = Organisation.objects.order_by("slug").values_list("slug", flat=True)[:20]
        raise CommandError(_unknown("organisation", organisation, list(slugs)))
    its_project = Project.objects.filter(organisation=found, slug=project).first()
    if its_project is None:
        projects = Project.objects.filter(organisation=found).order_by("slug")
        known = list(projects.values_list("slug", flat=True)[:20])
        raise CommandError(_unknown("project", project, known))
    expires_at = None if expires_in_days is None else now + timedelta(days=expires_in_days)
    _token_row, plain = create_token(
        organisation=found, project=its_project, by=None, now=now, name=name, expires_at=expires_at
    )
    return plain


def _unknown(noun: str, slug: str, known: list[str]) -> str:
    there = f"There are: {', '.join(known)}." if known else "There are none yet."
    return f"There is no {noun} “{slug}”. {there}"
