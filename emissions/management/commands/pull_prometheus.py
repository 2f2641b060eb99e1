"""Pull measured energy from Prometheus or an exporter: a preview, and only with --yes the runs."""

import json
import urllib.error
import urllib.parse
import urllib.request
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from emissions.importers.bulk import ImportRefused
from emissions.importers.exposition import COUNTER, POWER, as_answer, read_samples
from emissions.models import Organisation
from emissions.services.keep_samples import forget_samples, keep_samples, kept_samples

TIMEOUT_SECONDS = 60
MOST_BYTES = 256 * 1024**2


class Command(BaseCommand):
    """Ask Prometheus day by day, or an exporter for this moment, and hand the answers on."""

    help = (
        "Pull energy from Prometheus, or from a DCGM exporter at …/metrics, as runs: a preview,"
        " and with --yes the runs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, what to ask, and for which days."""
        parser.add_argument("url", help="such as http://prometheus:9090, http://gpu01:9400/metrics")
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--project", metavar="SLUG", help="for pods of no known namespace")
        parser.add_argument("--metric", default="", help=f"default: {COUNTER}")
        parser.add_argument("--query", default="", help="PromQL instead of a metric")
        parser.add_argument("--days", type=int, default=1, help="so many whole days up to today")
        parser.add_argument("--step", type=int, default=60, metavar="SECONDS")
        parser.add_argument("--token-file", type=Path, help="file with a bearer token")
        parser.add_argument("--yes", action="store_true", help="import after the preview")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and import what is answered."""
        if not 1 <= options["days"] <= 400 or not 1 <= options["step"] <= 86_400:
            raise CommandError("Give 1 to 400 days, and a step of 1 to 86400 seconds.")
        address = urllib.parse.urlsplit(options["url"])
        if address.scheme not in ("http", "https"):
            raise CommandError("Give an address that begins with http:// or https://.")
        if address.path.rstrip("/").endswith("/metrics"):
            self._scrape(options, address)
        else:
            self._query(options)

    def _query(self, options: dict[str, Any]) -> None:
        """Ask Prometheus for whole days."""
        midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight - timedelta(days=options["days"])
        series: dict[str, dict[str, Any]] = {}
        for day in range(options["days"]):
            _collect(series, _asked(options, first + timedelta(days=day)))
        self._import(options, list(series.values()), name=f"prometheus {first:%Y-%m-%d}")

    def _scrape(self, options: dict[str, Any], address: urllib.parse.SplitResult) -> None:
        """Ask an exporter, and count what was used since it was last asked."""
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation “{options['organisation']}”.")
        host, now = address.hostname or "", timezone.now()
        endpoint = f"{host}:{address.port or ''}{address.path}"[:250]
        metrics = (options["metric"],) if options["metric"] else (COUNTER, POWER)
        try:
            text = _answer(options, options["url"]).decode()
            shown = read_samples(text, now=now, host=host, metrics=metrics)
        except (ImportRefused, UnicodeDecodeError) as refused:
            raise CommandError(str(refused)) from refused
        if options["yes"]:
            keep_samples(organisation=organisation, endpoint=endpoint, samples=shown)
        kept = kept_samples(organisation=organisation, endpoint=endpoint)
        answer = as_answer({*kept, *shown})["data"]["result"]
        if all(len(one["values"]) == 1 for one in answer):
            self.stdout.write(
                f"{len(shown):,} devices seen. Energy is counted between two looks:"
                f" {'ask again later' if options['yes'] else 'with --yes this one is kept'}."
            )
            return
        self._import(options, answer, name=f"{host} {now:%Y-%m-%d}")
        if options["yes"]:
            newest = max(one.at for one in shown)
            forget_samples(organisation=organisation, endpoint=endpoint, newest=newest)

    def _import(self, options: dict[str, Any], series: list[Any], *, name: str) -> None:
        answer = {"status": "success", "data": {"resultType": "matrix", "result": series}}
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(answer), encoding="utf-8")
            call_command(
                "import_runs",
                str(path),
                organisation=options["organisation"],
                project=options["project"],
                format="prometheus",
                yes=options["yes"],
                stdout=self.stdout,
            )


def _collect(series: dict[str, dict[str, Any]], found: list[Any]) -> None:
    """Join the days of each series."""
    for one in found:
        key = json.dumps(one["metric"], sort_keys=True)
        known = series.setdefault(key, {"metric": one["metric"], "values": []})
        known["values"] += one["values"]


def _asked(options: dict[str, Any], start: datetime) -> list[Any]:
    """Return the series of one day; its last sample is the next day's first."""
    values = {
        "query": options["query"] or options["metric"] or COUNTER,
        "start": f"{start.timestamp():.0f}",
        "end": f"{(start + timedelta(days=1)).timestamp():.0f}",
        "step": str(options["step"]),
    }
    base = options["url"].rstrip("/")
    body = _answer(options, f"{base}/api/v1/query_range?{urllib.parse.urlencode(values)}")
    try:
        found = json.loads(body)["data"]["result"]
        return [{"metric": one["metric"], "values": one["values"]} for one in found]
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"Prometheus answers something else: {error}") from error


def _answer(options: dict[str, Any], url: str) -> bytes:
    request = urllib.request.Request(url)
    if options["token_file"]:
        token = options["token_file"].read_text(encoding="utf-8").strip()
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            body: bytes = response.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        detail = error.read(500).decode("utf-8", "replace")
        raise CommandError(f"Prometheus answers {error.code}: {detail}") from error
    except (OSError, ValueError) as error:
        raise CommandError(f"Prometheus cannot be asked: {error}") from error
    if len(body) > MOST_BYTES:
        raise CommandError("The answer is larger than 256 MB: ask for fewer series.")
    return body
