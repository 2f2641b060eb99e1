"""Bring the tables of docs/methodology.md up to date with the data and the code."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emissions.management.documentation import DOCUMENT, MarkerMissing, documented


class Command(BaseCommand):
    """Write the tables between their markers; twice changes nothing."""

    help = "Write defaults, bands, factor sets, words and the example into docs/methodology.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether only to look."""
        parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the document, or say that it is stale."""
        present = DOCUMENT.read_text(encoding="utf-8")
        try:
            wanted = documented(present)
        except MarkerMissing as missing:
            raise CommandError(str(missing)) from missing
        if wanted == present:
            self.stdout.write(f"{DOCUMENT.name} is up to date.")
        elif options["check"]:
            raise CommandError(f"{DOCUMENT.name} is stale: run manage.py document_defaults.")
        else:
            DOCUMENT.write_text(wanted, encoding="utf-8")
            self.stdout.write(f"{DOCUMENT.name} is written anew.")
