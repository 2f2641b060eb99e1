"""What a DCGM exporter shows at /metrics: the text format of Prometheus, at one moment.

Each device's counter of energy is taken, and its power only where it has no counter. One moment
tells no energy: `as_answer` puts kept samples together as Prometheus would answer, device by
device, so that the same rules make runs of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from emissions.importers.bulk import ImportRefused

COUNTER = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
POWER = "DCGM_FI_DEV_POWER_USAGE"
LARGEST_TEXT = 16 * 1024**2
MOST_SAMPLES = 20_000
#: Labels that tell a device from others, the best first; without them all labels do.
DEVICE = (("UUID",), ("Hostname", "gpu"), ("instance", "gpu"), ("Hostname", "device"))
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """What one device showed at one moment."""

    device: str
    metric: str
    at: datetime
    value: float
    labels: dict[str, str] = field(hash=False)


def read_samples(
    text: str, *, now: datetime, host: str, metrics: tuple[str, ...] = (COUNTER, POWER)
) -> list[Sample]:
    """Return a sample of each device: of the first of the metrics that it has.

    Parameters
    ----------
    text
        What the exporter answers.
    now
        When it was asked, for samples that carry no time.
    host
        What to call the host where the labels do not say.
    metrics
        Counters of energy, and power, in order of preference.

    Raises
    ------
    ImportRefused
        It is not in Prometheus' text format, or shows none of the metrics.
    """
    if len(text) > LARGEST_TEXT:
        raise ImportRefused("This endpoint shows more than 16 MB: ask an exporter of devices.")
    found: dict[str, Sample] = {}
    try:
        for family in text_string_to_metric_families(text):
            # The parser calls a counter by the name that later versions of the format ask for.
            metric = next((one for one in metrics if family.name in (one, _short(one))), None)
            for shown in family.samples if metric is not None else ():
                one = _sample(str(metric), shown, now=now, host=host)
                known = found.get(one.device)
                if known is None or metrics.index(one.metric) < metrics.index(known.metric):
                    found[one.device] = one
                if len(found) > MOST_SAMPLES:
                    raise ImportRefused(f"More than {MOST_SAMPLES:,} devices: ask for fewer.")
    except (ValueError, IndexError, KeyError, OverflowError, OSError) as error:
        raise ImportRefused(f"This is not Prometheus' text format: {error}.") from error
    if not found:
        raise ImportRefused(f"This endpoint shows no {' and no '.join(metrics)}.")
    return list(found.values())


def _short(metric: str) -> str:
    return metric.removesuffix("_total")


def _sample(metric: str, shown: Any, *, now: datetime, host: str) -> Sample:
    labels = {
        str(name)[:LONGEST]: str(value)[:LONGEST].replace("\x00", "")
        for name, value in shown.labels.items()
    }
    if not {"Hostname", "hostname", "node", "instance"} & labels.keys():
        labels["Hostname"] = host
    at = now if shown.timestamp is None else datetime.fromtimestamp(shown.timestamp, UTC)
    device = device_of(labels) or "/".join(labels[name] for name in sorted(labels))
    return Sample(device[:LONGEST], metric, at, float(shown.value), labels)


def device_of(labels: dict[str, str]) -> str:
    """Return what tells a device from others by its labels, or nothing."""
    named = next((names for names in DEVICE if all(labels.get(one) for one in names)), ())
    return "/".join(labels[name] for name in named)


def as_answer(samples: Iterable[Sample]) -> dict[str, Any]:
    """Return samples as Prometheus answers a range query.

    A device that comes to another pod has other labels: what it used until then is the earlier
    one's, so that the first sample with new labels ends the old series and begins the new one.
    """
    ordered = sorted(samples, key=lambda one: (one.device, one.metric, one.at))
    series: list[dict[str, Any]] = []
    for (_, metric), shown in groupby(ordered, key=lambda one: (one.device, one.metric)):
        last: Sample | None = None
        for one in shown:
            pair = [one.at.timestamp(), str(one.value)]
            if last is not None:
                series[-1]["values"].append(pair)
            if last is None or last.labels != one.labels:
                labels = {**one.labels, "__name__": metric}
                series.append({"metric": labels, "values": [pair]})
            last = one
    return {"status": "success", "data": {"resultType": "matrix", "result": series}}
