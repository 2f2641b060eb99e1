"""Import a file of runs from the command line: a preview, and only with --yes the runs."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.calculation.vocabulary import ImportStatus
from emissions.importers.bulk import ImportRefused
from emissions.importers.columns import TimeZoneNeeded
from emissions.importers.formats import FORMATS
from emissions.models import Organisation, Project, RunImport
from emissions.selectors.imports import refused_rows, unknown_names
from emissions.services.imports.run import NotNow, discard_import, start_import, work
from emissions.services.imports.stage import open_import

SHOWN = 20


class Command(BaseCommand):
    """Show what a file would bring; with --yes, bring it."""

    help = "Show what a file of runs would bring; with --yes, import it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and what it does not say itself."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--project", metavar="SLUG", help="for rows of no known project")
        parser.add_argument("--format", choices=list(FORMATS), default="")
        parser.add_argument("--time-zone", default="", help="of dates that carry none")
        parser.add_argument("--yes", action="store_true", help="import after the preview")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stage the file, print the preview, and go on or forget it."""
        organisation, project = _where(options["organisation"], options["project"])
        one = _opened(organisation, project, options)
        self._preview(one)
        if not options["yes"]:
            discard_import(run_import=one, by=None)
            self.stdout.write("Nothing was written. Repeat with --yes to import.")
            return
        if one.new_rows + one.changed_rows:
            self._carry_out(one)

    def _preview(self, one: RunImport) -> None:
        write = self.stdout.write
        write(f"{one.file_name}: {FORMATS[one.file_format].label}")
        for count, word in (
            (one.new_rows, "new"),
            (one.changed_rows, "changed"),
            (one.unchanged_rows, "unchanged"),
            (one.refused_rows, "refused"),
        ):
            write(f"{count:>12,} {word}")
        write(f"{one.energy_kwh:>12,.1f} kWh")
        write(f"{one.location_based_kg:>12,.1f} kg CO2e, location-based, new and changed")
        if one.left_out:
            write(f"Left out: {', '.join(one.left_out)}")
        for name in unknown_names(run_import=one)[:SHOWN]:
            write(f"Unknown {name.kind.value}: {name.name} ({name.rows:,} rows)")
        for row in refused_rows(run_import=one)[:SHOWN]:
            write(f"Row {row.row}, {row.refused_column}: {row.reason}")

    def _carry_out(self, one: RunImport) -> None:
        try:
            one = start_import(run_import=one, by=None, now=timezone.now())
        except NotNow as error:
            raise CommandError("Somebody else has changed this import.") from error
        while one.status == ImportStatus.IMPORTING:
            # A worker may have taken a batch of it: then that is waited for.
            if not work(now=timezone.now(), run_import=one):
                time.sleep(0.1)
            one.refresh_from_db()
        if one.status != ImportStatus.DONE:
            raise CommandError(one.error or f"The import is {one.get_status_display().lower()}.")
        self.stdout.write(f"Imported {one.imported_rows:,} runs as import {one.pk}.")


def _where(slug: str, project_slug: str | None) -> tuple[Organisation, Project | None]:
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        raise CommandError(f"There is no organisation “{slug}”.")
    if project_slug is None:
        return organisation, None
    projects = Project.objects.filter(organisation=organisation, archived_at=None)
    project = projects.filter(slug=project_slug).first()
    if project is None:
        raise CommandError(f"There is no project “{project_slug}”, or it is archived.")
    return organisation, project


def _opened(
    organisation: Organisation, project: Project | None, options: dict[str, Any]
) -> RunImport:
    try:
        if options["time_zone"]:
            ZoneInfo(options["time_zone"])
        return open_import(
            organisation=organisation,
            path=options["file"],
            file_name=options["file"].name,
            project=project,
            only_project=False,
            format_name=options["format"],
            time_zone=options["time_zone"],
            by=None,
            now=timezone.now(),
        )
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"There is no time zone “{options['time_zone']}”.") from error
    except TimeZoneNeeded as needed:
        raise CommandError("The dates in this file carry no zone: give --time-zone.") from needed
    except ImportRefused as refused:
        raise CommandError(str(refused)) from refused
    except OSError as error:
        raise CommandError(f"The file cannot be read: {error.strerror}.") from error
