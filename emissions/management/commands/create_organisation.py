"""Found an organisation and name its first admin."""

from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from emissions.calculation.vocabulary import Role
from emissions.models import Organisation
from emissions.services.create_organisation import create_organisation
from emissions.services.manage_people import invite_person


class Command(BaseCommand):
    """Found an organisation; its admin invites everybody else in the app's own pages."""

    help = "Make an organisation with the default factor sets and a first admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name, the time zone that decides the month, and the admin."""
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", default="", help="its part of addresses; made of the name")
        parser.add_argument("--time-zone", default="UTC", help="such as Europe/Stockholm")
        parser.add_argument("--admin", required=True, metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make both, and say how the admin gets a password."""
        slug = options["slug"] or slugify(options["name"])
        _refuse(slug=slug, time_zone=options["time_zone"], email=options["admin"])
        now = timezone.now()
        with transaction.atomic():
            organisation = create_organisation(
                name=options["name"],
                slug=slug,
                time_zone=options["time_zone"],
                by=None,
                now=now,
            )
            admin = invite_person(
                organisation=organisation,
                email=options["admin"],
                role=Role.ADMIN,
                team=None,
                by=None,
                now=now,
            ).user
        self.stdout.write(f"{organisation.name} is at /o/{organisation.slug}/.")
        if not admin.has_usable_password():
            self.stdout.write(f"Set the admin's password: manage.py changepassword {admin.email}")


def _refuse(*, slug: str, time_zone: str, email: str) -> None:
    """Raise what stands against founding the organisation."""
    if not slug or slug != slugify(slug):
        raise CommandError("Give a --slug of letters, digits and hyphens.")
    if Organisation.objects.filter(slug=slug).exists():
        raise CommandError(f"There is an organisation “{slug}” already.")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(f"There is no time zone “{time_zone}”.") from error
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"“{email}” is no e-mail address.") from error
