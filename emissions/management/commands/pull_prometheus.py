"""Pull measured energy from Prometheus: a preview, and only with --yes the runs."""

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

METRIC = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
TIMEOUT_SECONDS = 60
MOST_BYTES = 256 * 1024**2


class Command(BaseCommand):
    """Ask Prometheus day by day, and hand its answers to the import."""

    help = "Pull energy from Prometheus (DCGM) as runs: a preview, and with --yes the runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, what to ask, and for which days."""
        parser.add_argument("url", help="such as http://prometheus:9090")
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--project", metavar="SLUG", help="for pods of no known namespace")
        parser.add_argument("--metric", default=METRIC, help=f"default: {METRIC}")
        parser.add_argument("--query", default="", help="PromQL instead of a metric")
        parser.add_argument("--days", type=int, default=1, help="so many whole days up to today")
        parser.add_argument("--step", type=int, default=60, metavar="SECONDS")
        parser.add_argument("--token-file", type=Path, help="file with a bearer token")
        parser.add_argument("--yes", action="store_true", help="import after the preview")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and import what is answered."""
        if not 1 <= options["days"] <= 400 or not 1 <= options["step"] <= 86_400:
            raise CommandError("Give 1 to 400 days, and a step of 1 to 86400 seconds.")
        midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight - timedelta(days=options["days"])
        series: dict[str, dict[str, Any]] = {}
        for day in range(options["days"]):
            _collect(series, _asked(options, first + timedelta(days=day)))
        answer = {
            "status": "success",
            "data": {"resultType": "matrix", "result": list(series.values())},
        }
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"prometheus {first:%Y-%m-%d}.json"
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
    base = options["url"].rstrip("/")
    if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
        raise CommandError("Give an address that begins with http:// or https://.")
    values = {
        "query": options["query"] or options["metric"],
        "start": f"{start.timestamp():.0f}",
        "end": f"{(start + timedelta(days=1)).timestamp():.0f}",
        "step": str(options["step"]),
    }
    request = urllib.request.Request(f"{base}/api/v1/query_range?{urllib.parse.urlencode(values)}")
    if options["token_file"]:
        token = options["token_file"].read_text(encoding="utf-8").strip()
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            body = response.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise CommandError("The answer is larger than 256 MB: ask for fewer series.")
        found = json.loads(body)["data"]["result"]
        return [{"metric": one["metric"], "values": one["values"]} for one in found]
    except urllib.error.HTTPError as error:
        detail = error.read(500).decode("utf-8", "replace")
        raise CommandError(f"Prometheus answers {error.code}: {detail}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"Prometheus cannot be asked, or answers something else: {error}"
        ) from error
