"""Recompute the ledger and say what does not agree."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emissions.services.verify_ledger import SHOWN, verify_ledger


class Command(BaseCommand):
    """Recompute every run, compare with its entries, and the entries with the totals."""

    help = "Recompute every run that is not pending and compare it with the ledger."

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify all organisations; exit with 1 if anything differs."""
        found = verify_ledger()
        if not found.clean:
            raise CommandError(
                f"{len(found.wrong_runs)} runs, {len(found.wrong_pools)} pools and"
                f" {len(found.wrong_totals)} totals differ. Runs: {found.wrong_runs[:SHOWN]};"
                f" pools: {found.wrong_pools[:SHOWN]}; totals: {found.wrong_totals[:SHOWN]}"
            )
        self.stdout.write(
            f"{found.runs} runs agree with the ledger; {found.pending} are pending."
            f" {found.pools} pools agree; {found.stale} are stale."
        )
