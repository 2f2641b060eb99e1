"""Measure Tonne against a peer in the same run; print and write build/bench.json.

Each measure is a dict: name, value, unit, baseline, ratio, aim. Only ratios are compared
with an aim: seconds depend on the machine.
"""

import json
import os
import sys
from pathlib import Path

RUNS = int(os.environ.get("BENCH_RUNS", "1000000"))


def main() -> int:
    """Start servers, migrate, measure, stop; exit with 1 if an aim is missed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from bench import api, codecarbon, importing, measures
    from tests.servers import Servers

    servers = Servers(Path(settings.SERVERS))
    servers.start()
    try:
        measures.create_database()
        call_command("migrate", verbosity=0)
        found = measures.measure(runs=RUNS)
        found += api.measure(servers=servers)
        found += importing.importing(runs=RUNS)
        found += codecarbon.measure(servers=servers)
    finally:
        servers.stop()
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return _report(found)


def _report(found: list[dict[str, object]]) -> int:
    missed = 0
    for one in found:
        ratio, aim = one["ratio"], one["aim"]
        line = f"{one['name']:62} {one['value']:>12} {one['unit']:8}"
        if isinstance(ratio, float):
            line += f" ratio {ratio:6.2f}"
        if isinstance(aim, float):
            kept = isinstance(ratio, float) and ratio <= aim
            missed += not kept
            line += f" aim {aim:5.2f} {'kept' if kept else 'MISSED'}"
        print(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
