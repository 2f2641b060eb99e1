"""Queue runs, and the pools that they share, to be calculated again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emissions.models import Organisation
from emissions.services.calculate import calculate_pending
from emissions.services.invalidate import organisation_changed
from emissions.services.pools.settle import settle_pools


class Command(BaseCommand):
    """Queue all runs of an organisation; calculating twice posts nothing."""

    help = "Queue all runs and pools of an organisation, and calculate them unless --queue-only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the organisation, and whether to leave the work to the workers."""
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--queue-only", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue the runs and work through the queue."""
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation “{options['organisation']}”.")
        queued = organisation_changed(
            organisation=organisation, by=None, reason="Full recalculation"
        )
        self.stdout.write(f"{queued} runs queued.")
        while not options["queue_only"] and (done := calculate_pending()):
            self.stdout.write(f"{done} calculated.")
        while not options["queue_only"] and (done := settle_pools()):
            self.stdout.write(f"{done} pools settled.")
