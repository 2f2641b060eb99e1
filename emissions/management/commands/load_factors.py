"""Load a publisher's own file of emission factors as a factor set."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.importers.factors import FORMATS
from emissions.models import Organisation
from emissions.services.factors.load import (
    FileRejected,
    LoadedAlready,
    Publication,
    SourceMissing,
    load_factor_set,
)

ERRORS_SHOWN = 50


class Command(BaseCommand):
    """Load a file; it moves no figure until an organisation adopts the set."""

    help = "Load a publisher's own file of emission factors as a factor set: all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the format, the file, and which publication it is."""
        parser.add_argument("format", choices=sorted(FORMATS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--organisation", help="Whose private set (its slug); else shared.")
        parser.add_argument("--edition", required=True, help='Such as "eGRID2023 rev2".')
        parser.add_argument("--published", required=True, type=date.fromisoformat)
        parser.add_argument("--name", default="", help="The set's name, if not the publisher's.")
        parser.add_argument("--source", default="")
        parser.add_argument("--source-url", default="")
        parser.add_argument("--licence", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load it, or say what is wrong with it, row by row."""
        try:
            content = options["file"].read_bytes()
            loaded = load_factor_set(
                organisation=_organisation(options["organisation"]),
                format_name=options["format"],
                content=content,
                publication=Publication(
                    edition=options["edition"],
                    published_on=options["published"],
                    name=options["name"],
                    source=options["source"],
                    source_url=options["source_url"],
                    licence=options["licence"],
                ),
                by=None,
                now=timezone.now(),
            )
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}") from error
        except SourceMissing as error:
            raise CommandError("Name the set and its source: --name, --source.") from error
        except LoadedAlready as error:
            raise CommandError("This name and edition are loaded already.") from error
        except FileRejected as rejected:
            for one in rejected.errors[:ERRORS_SHOWN]:
                self.stderr.write(str(one))
            message = f"{len(rejected.errors)} errors; nothing was loaded."
            raise CommandError(message) from rejected
        for text in loaded.left_out:
            self.stdout.write(f"Left out: {text}")
        self.stdout.write(f"{loaded.factor_set}: {loaded.contents}.")


def _organisation(slug: str | None) -> Organisation | None:
    if slug is None:
        return None
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organisation “{slug}”.")
    return found
