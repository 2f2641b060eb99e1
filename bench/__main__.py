"""Measure Tonne against a peer in the same run; print and write build/bench.json.

Each measure is a dict: name, value, unit, baseline, ratio, aim. Only ratios are compared
with an aim: seconds depend on the machine.
"""

import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

RUNS = int(os.environ.get("BENCH_RUNS", "1000000"))
HEADINGS = ("measure", "figure", "", "peer", "ratio", "limit", "ok")
LINE = "{:66} {:>11} {:7} {:>10} {:>7} {:>6}  {}"


def main() -> int:
    """Start servers, migrate, measure, stop; exit with 1 if an aim is missed or a part fails."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    # Of static files, which nothing here asks for.
    warnings.filterwarnings("ignore", "No directory at", UserWarning)
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
        print(LINE.format(*HEADINGS), flush=True)
        found = [
            *_part("ledger and dashboards", lambda: measures.measure(runs=RUNS)),
            *_part("API", lambda: api.measure(servers=servers)),
            *_part("imports", lambda: importing.importing(runs=RUNS)),
            *_part("trackers", lambda: codecarbon.measure(servers=servers)),
        ]
    finally:
        servers.stop()
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    missed = [one for one in found if _kept(one) is False]
    print(f"\n{len(missed)} of {sum(_kept(one) is not None for one in found)} limits missed")
    return 1 if missed else 0


def _part(name: str, measure: Callable[[], list[dict[str, object]]]) -> list[dict[str, object]]:
    """Measure and print a part; one that fails is a limit missed, and the others go on."""
    start = time.perf_counter()
    try:
        found = measure()
    except Exception:
        traceback.print_exc()
        found = [_whole(name, "failed", ratio=1.0, aim=0.0)]
    else:
        found.append(_whole(f"all of it: {name}", round(time.perf_counter() - start, 1)))
    for one in found:
        print(_line(one), flush=True)
    return found


def _whole(
    name: str, value: object, *, ratio: float | None = None, aim: float | None = None
) -> dict[str, object]:
    unit = "s" if ratio is None else ""
    return {
        "name": name, "value": value, "unit": unit, "baseline": None, "ratio": ratio, "aim": aim,
    }  # fmt: skip


def _kept(one: dict[str, object]) -> bool | None:
    """Whether a limit is kept; None where there is none."""
    ratio, aim = one["ratio"], one["aim"]
    if not isinstance(aim, float):
        return None
    return isinstance(ratio, float) and ratio <= aim


def _line(one: dict[str, object]) -> str:
    words = {True: "ok", False: "MISSED", None: ""}
    ratio, aim = (f"{x:.2f}" if isinstance(x, float) else "" for x in (one["ratio"], one["aim"]))
    value, baseline = (_number(one[key]) for key in ("value", "baseline"))
    return LINE.format(one["name"], value, one["unit"], baseline, ratio, aim, words[_kept(one)])


def _number(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
