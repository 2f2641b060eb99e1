"""Make the demo organisation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from emissions.models import User
from emissions.services.calculate import calculate_pending
from emissions.services.demo.closings import close_old_quarters, log_late
from emissions.services.demo.meters import seed_meters
from emissions.services.demo.plan import NAME, OFFICER, PASSWORD, PEOPLE, RUNS
from emissions.services.demo.seed import seed_demo
from emissions.services.pools.settle import settle_pools


class Command(BaseCommand):
    """Make the demo organisation on first start; a second time changes nothing."""

    help = "Make the demo organisation with three years of runs, unless it is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many runs to make, and whether to print who can sign in."""
        parser.add_argument("--runs", type=int, default=RUNS, help="about so many")
        parser.add_argument("--print-sign-ins", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, calculate what was recorded, and print the sign-ins."""
        now = timezone.now()
        organisation = seed_demo(now=now, runs=options["runs"])
        if organisation is not None:
            _settle()
            seed_meters(organisation=organisation, now=now)
            _settle()
            officer = User.objects.get(email=OFFICER)
            close_old_quarters(organisation=organisation, by=officer, now=now)
            log_late(organisation=organisation, by=None, now=now)
            _settle()
        if options["print_sign_ins"]:
            self.stdout.write(f"{NAME} (demo), password for all: {PASSWORD}")
            for email, _, role, team in PEOPLE:
                self.stdout.write(f"  {email:30} {role.label}{f', {team}' if team else ''}")


def _settle() -> None:
    """Post what was recorded, and what runs share."""
    while calculate_pending():
        pass
    while settle_pools():
        pass
