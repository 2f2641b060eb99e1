"""What makes a run's values believable together: the rules that form and API share.

Values carry the names of `Run`'s columns. Absent, None and "" all mean "not stated". What
only one value can tell (is it a number, does the project exist) is the form's or the
serializer's; here are its range and what values say about each other.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Values = Mapping[str, Any]
Errors = dict[str, list[str]]

MOST_KWH = 9.0e9
"""The largest energy a ledger line can hold. [kWh]"""

EARLIEST_START = datetime(1990, 1, 1, tzinfo=UTC)
LONGEST_AHEAD = timedelta(days=366)

#: Field: (least, most, what to do about a number outside). Least is allowed.
RANGES: dict[str, tuple[float, float, str]] = {
    "duration_hours": (0, 1e6, "Give the hours from start to end, between 0 and 1,000,000."),
    "device_hours": (0, MOST_KWH, "Give device-hours between 0 and 9,000,000,000."),
    "energy_kwh": (0, MOST_KWH, "Give kWh between 0 and 9,000,000,000."),
    "stated_power_watts": (0, 1e9, "Give watts per device between 0 and 1,000,000,000."),
    "power_share": (0, 1, "Give a share between 0 and 1: 0.75 is 75%."),
    "utilisation": (0, 1, "Give a share between 0 and 1: 0.75 is 75%."),
    "cpu_cores": (0, 1e8, "Give a number of cores between 0 and 100,000,000."),
    "cpu_watts_per_core": (0, 1e4, "Give watts per core between 0 and 10,000."),
    "memory_gb": (0, 1e9, "Give GB between 0 and 1,000,000,000."),
    "stated_pue": (
        1, 10, "PUE is facility energy ÷ IT energy: give 1.0 (none) or more, at most 10."
    ),
    "stated_factor_g_per_kwh": (0, 1e5, "Give g CO2e per kWh between 0 and 100,000."),
    "reported_kg": (0, MOST_KWH, "Give kg CO2e between 0 and 9,000,000,000."),
    "tokens": (0, 1e30, "Give a number of tokens that is not negative."),
    "flop": (0, 1e40, "Give a number of floating-point operations that is not negative."),
    "metric_value": (-1e300, 1e300, "Give a finite number."),
}  # fmt: skip
MOST_DEVICES = 1e7
YEAR_HOURS = 8760.0
"""How long a run of which only device-hours are known lasts at most: on as many devices. [h]"""
#: Wall-clock hours are often rounded in a log: this much more device-hours are still the same.
ROUNDING = 1.01


def stated(values: Values, field: str) -> bool:
    """Whether a value is given at all; 0 and False are."""
    return values.get(field) not in (None, "")


def check_run(values: Values, *, now: datetime | None = None) -> Errors:
    """Return what is wrong with a run's values: {field: [what to do about it]}; {} if nothing.

    Parameters
    ----------
    values
        Names of `Run`'s columns; `hardware`, `node`, `site` and `cloud_region` as instances
        or ids (rules that need an instance's own columns skip an id).
    now
        The time of asking; where given, a start far ahead of it is an error.
    """
    errors: Errors = {}
    for field, message in _of_single_values(values):
        errors.setdefault(field, []).append(message)
    if errors:  # What follows compares numbers, so they must be sound.
        return errors
    for check in (_energy_is_known, _hours_are_known, _one_way_each, _place, _start, _within_range):
        for field, message in check(values):
            errors.setdefault(field, []).append(message)
    start = values.get("started_at")
    if now is not None and isinstance(start, datetime) and start > now + LONGEST_AHEAD:
        ahead = "This is more than a year ahead. Check the year of the start."
        errors.setdefault("started_at", []).append(ahead)
    return errors


def devices_of(values: Values) -> float:
    """Return how many devices worked at the same time: as stated, else as the hours need.

    Publications often give device-hours alone: 1,720,320 of them are not 196 years of one
    device, so that without wall-clock hours as many devices are taken as worked for a year.
    """
    count = _number(values, "device_count")
    if count is not None:
        return count
    wall, hours = _number(values, "duration_hours"), _number(values, "device_hours")
    if not hours or wall == 0:
        return 1.0
    return max(1.0, hours / wall if wall else math.ceil(hours / YEAR_HOURS))


def complete_run(values: Values) -> dict[str, Any]:
    """Return the values with what follows from them: count, wall-clock and device-hours.

    One of wall-clock hours [h] and device-hours [h] gives the other:
    device-hours = count × wall-clock hours. Energy without hours has no length.
    """
    full = dict(values)
    count = devices_of(values)
    wall, hours = _number(values, "duration_hours"), _number(values, "device_hours")
    full["count_assumed"] = (
        wall is None and hours is not None and not stated(values, "device_count")
    )
    if wall is None:
        wall = hours / count if hours is not None else 0.0
    full["device_count"] = count
    full["duration_hours"] = wall
    full["device_hours"] = hours if hours is not None else wall * count
    if not stated(values, "energy_kwh"):
        full["energy_includes_pue"] = full["energy_measured"] = False
    return full


Found = Iterator[tuple[str, str]]


def _number(values: Values, field: str) -> float | None:
    return float(values[field]) if stated(values, field) else None


def _of_single_values(values: Values) -> Found:
    for field, (least, most, advice) in RANGES.items():
        if stated(values, field) and not _between(values[field], least, most):
            yield field, advice
    if stated(values, "device_count"):
        count = values["device_count"]
        if not _between(count, 0, MOST_DEVICES) or float(count) == 0:
            yield "device_count", "Give a number of devices above 0, at most 10,000,000."


def _between(value: Any, least: float, most: float) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return math.isfinite(number) and least <= number <= most


def _energy_is_known(values: Values) -> Found:
    ways = ("hardware", "node", "stated_power_watts", "energy_kwh")
    if not any(stated(values, way) for way in ways) and not _number(values, "cpu_cores"):
        yield (
            "hardware",
            "Choose hardware or a node, or give the average power, the measured energy, or the"
            " CPU cores of a job without accelerators.",
        )


def _hours_are_known(values: Values) -> Found:
    wall, hours = _number(values, "duration_hours"), _number(values, "device_hours")
    count = devices_of(values)
    if wall is None and hours is None and not stated(values, "energy_kwh"):
        yield "duration_hours", "Give wall-clock hours, or device-hours; one is enough."
    if wall is not None and hours is not None and hours > wall * count * ROUNDING:
        yield (
            "device_hours",
            f"{count:,.10g} devices cannot work {hours:,.10g} device-hours in {wall:,.10g}"
            " wall-clock hours. Device-hours already count every device: leave one of the two"
            " empty and the other is filled in.",
        )
    if wall is None and hours is not None and hours / count > RANGES["duration_hours"][1]:
        yield (
            "device_hours",
            f"{hours:,.10g} device-hours on {count:,.10g} {'device' if count == 1 else 'devices'}"
            f" are {hours / count / YEAR_HOURS:,.0f} years. Give the number of devices that worked"
            " at the same time, or leave it empty.",
        )


def _one_way_each(values: Values) -> Found:
    if stated(values, "power_share") and stated(values, "utilisation"):
        yield "utilisation", "Give average power, % of maximum, or utilisation, not both."
    if stated(values, "stated_factor_g_per_kwh") and not stated(values, "stated_factor_source"):
        yield (
            "stated_factor_source",
            "Name where this factor comes from, so that it can be checked.",
        )
    node, hardware = values.get("node"), values.get("hardware")
    own = getattr(node, "hardware_id", None)
    if own is not None and hardware not in (None, "") and getattr(hardware, "pk", hardware) != own:
        yield "hardware", f"{node} has other hardware. Choose the node or the hardware, not both."
    if own is not None and stated(values, "device_count"):
        present = node.device_count * node.node_count  # type: ignore[union-attr]
        if float(values["device_count"]) > present:
            yield "device_count", f"{node} has {present:,} devices."


def _place(values: Values) -> Found:
    site, region = values.get("site"), values.get("cloud_region")
    if site in (None, "") or region in (None, ""):
        return
    if getattr(site, "cloud_region_id", None) != getattr(region, "pk", region):
        yield "cloud_region", "Choose a site or a cloud region, not both."


def _start(values: Values) -> Found:
    start = values.get("started_at")
    if isinstance(start, datetime) and start < EARLIEST_START:
        yield "started_at", "This is before 1990. Check the year of the start."


def _within_range(values: Values) -> Found:
    """Yield an error where stated power × hours exceeds what a ledger line can hold."""
    watts = _number(values, "stated_power_watts")
    if watts is None or stated(values, "energy_kwh"):
        return
    full = complete_run(values)
    pue = _number(values, "stated_pue") or 1.0
    if watts * full["device_hours"] / 1000 * pue > MOST_KWH:
        yield (
            "stated_power_watts",
            "Power × device-hours is above 9,000,000,000 kWh. Power is per device, in watts.",
        )
