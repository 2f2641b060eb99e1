"""Close a quarter of an organisation."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.models import Organisation
from emissions.selectors.periods import InvalidPeriod, Period, parse_value
from emissions.services.close_quarter import CannotClose, close_quarter


class Command(BaseCommand):
    """Close a quarter, or say what is in the way; it is never opened again."""

    help = "Closes a quarter of an organisation for good, or says what is in the way."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the organisation and the quarter."""
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--quarter", required=True, help="such as 2026-Q2")

    def handle(self, *args: Any, **options: Any) -> None:
        """Close, and say at which ledger position."""
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation “{options['organisation']}”.")
        try:
            closed = close_quarter(
                organisation=organisation,
                quarter=_quarter(options["quarter"]),
                by=None,
                now=timezone.now(),
                close_after=settings.CODECARBON_CLOSE_AFTER,
            )
        except CannotClose as refused:
            lines = [f"- {reason.text}" for reason in refused.reasons]
            raise CommandError("\n".join(["It cannot be closed now:", *lines])) from refused
        self.stdout.write(f"{closed} is closed at ledger position {closed.ledger_position}.")


def _quarter(value: str) -> Period:
    try:
        period = parse_value(value, today=timezone.localdate())
    except InvalidPeriod as error:
        raise CommandError("Name the quarter as in 2026-Q2.") from error
    if "-Q" not in period.value:
        raise CommandError("Name the quarter as in 2026-Q2.")
    return period
