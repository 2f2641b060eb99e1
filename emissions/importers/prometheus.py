"""Prometheus: the answer of its HTTP API to a range query over counters of energy.

A counter loses nothing between two samples, so it comes before power. One that falls was reset,
and then counts from nought. A series is one device; devices of one pod (or, without pods, of one
host) on one UTC day are one run, so that the same day pulled twice is the same run.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ROW, ImportRefused, no_errors
from emissions.importers.columns import Parsed, typed
from emissions.importers.exposition import device_of

LARGEST_ANSWER = 256 * 1024**2
MOST_SERIES = 100_000
JOULES_PER_KWH = 3.6e6
DAY_SECONDS = 86_400
#: Name of a metric: what one unit of it is. [J]
COUNTERS = (
    (re.compile(r"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION$"), 1e-3),
    (re.compile(r".*_(?:millijoules|mj)(?:_total)?$", re.IGNORECASE), 1e-3),
    (re.compile(r".*_microjoules(?:_total)?$"), 1e-6),
    (re.compile(r".*_joules(?:_total)?$"), 1.0),
    (re.compile(r".*_(?:kwh|kilowatt_hours)(?:_total)?$"), JOULES_PER_KWH),
)
#: Gauges of power, taken between samples that lie close together. [W]
POWERS = re.compile(r"(?:DCGM_FI_DEV_POWER_USAGE|.*_power_(?:usage_)?watts|.*_watts)$")
LONGEST_GAP = 900
NAMES = {
    "pod": ("pod", "exported_pod", "pod_name"),
    "namespace": ("namespace", "exported_namespace", "pod_namespace"),
    "host": ("Hostname", "hostname", "node", "instance"),
    "model": ("modelName", "model", "gpu_model"),
}
UNKNOWN = (
    "These series are no energy that we know: ask for a counter such as"
    " DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, or for DCGM_FI_DEV_POWER_USAGE."
)


@dataclass(slots=True)
class Day:
    """What one group of devices used on one day."""

    labels: dict[str, str]
    joules: float = 0.0
    first: float = math.inf
    last: float = -math.inf
    devices: set[str] = field(default_factory=set)


def recognises(start: bytes) -> bool:
    """Whether a file begins as an answer of Prometheus does."""
    return start.lstrip().startswith(b"{") and b'"resultType"' in start and b'"status"' in start


def read(path: Path, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the runs of an answer; its times are UTC."""
    days: dict[tuple[str, ...], Day] = {}
    for at, series in enumerate(_matrix(path)):
        if at >= MOST_SERIES:
            raise ImportRefused(f"More than {MOST_SERIES:,} series: ask for fewer.")
        _add(days, at, series)
    found = [day for day in days.values() if day.joules > 0 and day.last > day.first]
    if not found:
        raise ImportRefused("These series show no energy used.")
    found.sort(key=lambda day: (day.first, sorted(day.labels.items())))
    yield Parsed(_runs(found), no_errors())


def _matrix(path: Path) -> list[Any]:
    if path.stat().st_size > LARGEST_ANSWER:
        raise ImportRefused("The answer is larger than 256 MB: ask for fewer days.")
    try:
        answer = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ImportRefused("This is not JSON as Prometheus answers it.") from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise ImportRefused("This is no answer of Prometheus that succeeded.")
    result = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(result, list):
        raise ImportRefused("Ask for a range (query_range): one moment tells no energy.")
    return result


def _add(days: dict[tuple[str, ...], Day], at: int, series: Any) -> None:
    """Add what one device used to the days on which it did."""
    metric = series.get("metric") if isinstance(series, dict) else None
    if not isinstance(metric, dict) or not isinstance(series.get("values"), list):
        raise ImportRefused("A series has no metric or no values.")
    labels = {str(name): str(value) for name, value in metric.items()}
    samples = _samples(series["values"])
    named = {key: _label(labels, names) for key, names in NAMES.items()}
    named["host"] = re.sub(r":\d+$", "", named["host"])
    # A device that other pods had in between is one device nevertheless.
    device = device_of(labels) or f"series {at}"
    for (start, _), (end, _), joules in _steps(labels.get("__name__", ""), samples):
        day = str(int(start // DAY_SECONDS))
        group = (named["namespace"], named["pod"]) if named["pod"] else (named["host"],)
        one = days.setdefault((day, named["model"], *group), Day(named))
        one.joules += joules
        one.first, one.last = min(one.first, start), max(one.last, end)
        one.devices.add(device)


def _label(labels: dict[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")[:150].replace("\x00", "")


Sample = tuple[float, float]


def _samples(values: list[Any]) -> list[Sample]:
    """Return (time, value) in order of time, without what is no number."""
    found = []
    for pair in values:
        try:
            moment, value = float(pair[0]), float(pair[1])
        except (TypeError, ValueError, IndexError, KeyError, OverflowError):
            continue
        if math.isfinite(value) and 0 < moment < 1e11 and value >= 0:
            found.append((moment, value))
    return sorted(found)


def _steps(name: str, samples: list[Sample]) -> Iterator[tuple[Sample, Sample, float]]:
    """Yield neighbouring samples and the energy between them, in J."""
    unit = next((joules for pattern, joules in COUNTERS if pattern.match(name)), None)
    if unit is None and not POWERS.match(name):
        raise ImportRefused(UNKNOWN)
    for before, after in pairwise(samples):
        if unit is not None:
            grown = after[1] - before[1]
            # A counter that falls was reset: it has counted from nought since.
            yield before, after, (grown if grown >= 0 else after[1]) * unit
        elif after[0] - before[0] <= LONGEST_GAP:
            yield before, after, (before[1] + after[1]) / 2 * (after[0] - before[0])


def _runs(days: list[Day]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = defaultdict(list)
    for at, day in enumerate(days, start=1):
        label, date = day.labels, datetime.fromtimestamp(day.first, UTC).date()
        what = "/".join(filter(None, (label["namespace"], label["pod"]))) or label["host"]
        count = float(len(day.devices))
        hours = (day.last - day.first) / 3600
        columns[ROW].append(at)
        columns["external_id"].append(f"prometheus {date} {what} {label['model']}".strip()[:200])
        columns["name"].append(f"{label['pod'] or label['host'] or 'devices'}, {date}"[:200])
        columns["project_name"].append(label["namespace"] or None)
        columns["equipment_name"].append(label["model"] or label["host"] or None)
        columns["place_name"].append(label["host"] or None)
        columns["host"].append(label["host"] or None)
        columns["status"].append("completed")
        columns["started_at"].append(datetime.fromtimestamp(day.first, UTC))
        columns["duration_hours"].append(hours)
        columns["device_count"].append(count)
        columns["energy_kwh"].append(day.joules / JOULES_PER_KWH)
        columns["energy_measured"].append(True)
        columns["energy_includes_pue"].append(False)
    return typed({name: pl.Series(name, values) for name, values in columns.items()})
