"""Fold what CodeCarbon clients have posted into their runs, at once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from emissions.services.streams.fold import fold_streams


class Command(BaseCommand):
    """Fold every post that waits, as beat does once in every hour of a run."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Fold and say how many runs took part."""
        folded = fold_streams(
            now=timezone.now(), close_after=settings.CODECARBON_CLOSE_AFTER, at_once=True
        )
        self.stdout.write(f"{folded} streams folded.")
