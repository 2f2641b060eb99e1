"""Load the shipped reference data."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.services.load_reference import ReferenceConflict, load_reference


class Command(BaseCommand):
    """Load zones, factor sets, losses, hardware and cloud regions; twice does nothing."""

    help = "Load the shipped reference data. Sets that are recorded are never changed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the tables and say what was new."""
        try:
            loaded = load_reference(now=timezone.now())
        except ReferenceConflict as conflict:
            raise CommandError(str(conflict)) from conflict
        self.stdout.write(f"Reference data: {loaded}.")
