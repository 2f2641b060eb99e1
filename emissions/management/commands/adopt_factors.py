"""Show what adopting or withdrawing a factor set would change, and do it if asked."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.models import FactorSet, GridZone, Organisation, Team
from emissions.selectors.closings import Sets
from emissions.selectors.factor_list import open_sets
from emissions.services.factors.adopt import NotAdopted, adopt_factor_set, withdraw_factor_set
from emissions.services.factors.preview import (
    Difference,
    closed_quarters_kept,
    preview_factors,
    sets_with,
    sets_without,
)

COLUMNS = "{:8} {:24.24} {:20.20} {:>15} {:>15} {:>15} {:>15} {:>15} {:>15}"
HEADS = ("quarter", "team", "zone", "location, old", "new", "difference",
         "market, old", "new", "difference")  # fmt: skip


class Command(BaseCommand):
    """Preview a change of the sets in use, in kg; with --yes, make it."""

    help = "Show what adopting (or withdrawing) a factor set would change; with --yes, do it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the organisation, the set, and which change."""
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--set", required=True, metavar="SLUG")
        change = parser.add_mutually_exclusive_group(required=True)
        change.add_argument("--precedence", type=int, help="1 to 999; the lowest is asked first.")
        change.add_argument("--withdraw", action="store_true")
        parser.add_argument("--yes", action="store_true", help="Make the change.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print old, new and difference of each open quarter, team and zone."""
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation “{options['organisation']}”.")
        sets = open_sets(organisation=organisation).filter(slug=options["set"])
        factor_set = sets.order_by("organisation_id").first()
        if factor_set is None:
            raise CommandError(f"{organisation} has no factor set “{options['set']}” to choose.")
        precedence = options["precedence"]
        if precedence is not None and not 1 <= precedence <= 999:
            raise CommandError("The precedence lies between 1 and 999.")
        if precedence is None:
            after = sets_without(organisation=organisation, factor_set=factor_set)
        else:
            after = sets_with(
                organisation=organisation, factor_set=factor_set, precedence=precedence
            )
        self._preview(organisation, after)
        if not options["yes"]:
            self.stdout.write("Nothing was changed: --yes makes the change.")
            return
        self._change(organisation, factor_set, precedence)

    def _preview(self, organisation: Organisation, after: Sets) -> None:
        found = preview_factors(organisation=organisation, after=after, progress=self._progress)
        self.stdout.write(f"{found.runs:,} runs would be calculated again.")
        if found.differences:
            self.stdout.write(COLUMNS.format(*HEADS))
        for line in _lines(organisation, found.differences):
            self.stdout.write(line)
        for quarter in closed_quarters_kept(organisation=organisation, after=after):
            self.stdout.write(f"{quarter.value:8} closed: stays")

    def _progress(self, done: int, of: int) -> bool:
        self.stderr.write(f"{done:,} of {of:,} runs")
        return True

    def _change(
        self, organisation: Organisation, factor_set: FactorSet, precedence: int | None
    ) -> None:
        change: dict[str, Any] = {
            "organisation": organisation,
            "factor_set": factor_set,
            "by": None,
            "now": timezone.now(),
        }
        if precedence is not None:
            adopt_factor_set(precedence=precedence, **change)
            self.stdout.write(f"{factor_set} is in use; workers post the differences.")
            return
        try:
            withdraw_factor_set(**change)
        except NotAdopted as error:
            raise CommandError(f"{organisation} does not use {factor_set}.") from error
        self.stdout.write(f"{factor_set} is withdrawn; workers post the differences.")


def _lines(organisation: Organisation, differences: Iterable[Difference]) -> Iterable[str]:
    teams = dict(Team.objects.filter(organisation=organisation).values_list("pk", "name"))
    zones = dict(GridZone.objects.values_list("pk", "code"))
    for one in differences:
        kg = (
            one.old_location_kg, one.new_location_kg, one.new_location_kg - one.old_location_kg,
            one.old_market_kg, one.new_market_kg, one.new_market_kg - one.old_market_kg,
        )  # fmt: skip
        yield COLUMNS.format(
            f"{one.year}-Q{one.quarter}",
            teams.get(one.team_id, "No team") if one.team_id else "No team",
            zones.get(one.zone_id, "") if one.zone_id else "",
            *(f"{amount:,.3f}" for amount in kg),
        )
