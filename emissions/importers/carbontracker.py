"""carbontracker's logs: what was measured, as sentences.

    2024-03-01 10:15:38 - carbontracker - INFO - Actual consumption for 10 epoch(s):
            Time:   0:10:00
            Energy: 0.520000 kWh
            CO2eq:  150.3 g

Each “actual consumption” is of a run on its own; predictions are not read.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ROW, ImportRefused, no_errors
from emissions.importers.columns import Parsed, Reader, divided

LARGEST_LOG = 64 * 1024**2
STAMP = re.compile(r"(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2})")
ACTUAL = re.compile(r"Actual consumption for (\d+) epoch\(?s?\)?", re.IGNORECASE)
PREDICTED = re.compile(r"Predicted consumption", re.IGNORECASE)
TIME = re.compile(r"Time:\s*(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")
ENERGY = re.compile(r"Energy:\s*([\d.eE+-]+)\s*kWh")
EMITTED = re.compile(r"CO2eq:\s*([\d.eE+-]+)\s*(k?g)\b")
DEVICES = re.compile(r"GPU with device\(s\) (.{1,300}?)\.?$")
NO_TIME = "The log says nowhere when this was: its lines carry no date."
NOT_WHOLE = "Time or energy is missing after “Actual consumption”."


def recognises(start: str) -> bool:
    """Whether a text is a log of carbontracker."""
    return "carbontracker" in start.lower() and not start.lstrip().startswith("{")


def read(text: str, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the measured runs of a log."""
    found = list(_blocks(text.splitlines()))
    if not found:
        raise ImportRefused("This log has no “Actual consumption”: nothing was measured.")
    names = ("end", "hours", "energy", "grams", "epochs", "gpu", "count")
    columns = {name: [one.get(name) for one in found] for name in names}
    rows = pl.DataFrame(
        {ROW: [one["row"] for one in found], **columns},
        schema={ROW: pl.Int64, **dict.fromkeys(names, pl.String)},
    )
    reader = Reader(rows, zone)
    end, hours = reader.moment("end"), reader.number("hours")
    energy, grams = reader.number("energy"), reader.number("grams")
    reader.refuse("timestamp", rows["end"].is_null(), NO_TIME)
    reader.refuse("Energy", rows["energy"].is_null() | rows["hours"].is_null(), NOT_WHOLE)
    timed = pl.DataFrame({"end": end, "hours": hours})
    start = timed.select(
        pl.col("end") - pl.duration(microseconds=(pl.col("hours") * 3.6e9).round())
    ).to_series()
    yield reader.parsed(
        {
            "external_id": _ids(rows),
            "name": pl.Series([f"carbontracker, {one['epochs']} epochs" for one in found]),
            "equipment_name": reader.text("gpu"),
            "device_count": reader.number("count").fill_null(1.0),
            "started_at": start,
            "duration_hours": hours,
            "energy_kwh": energy,
            "reported_kg": divided(grams, 1000),
        },
        no_errors(),
    )


def _ids(rows: pl.DataFrame) -> pl.Series:
    stated = (pl.col(name).fill_null("") for name in ("end", "energy"))
    return rows.select(pl.format("carbontracker {} {}", *stated)).to_series()


def _blocks(lines: list[str]) -> Iterator[dict[str, str | int]]:
    block: dict[str, str | int] | None = None
    stamp: str | None = None
    device: dict[str, str | int] = {}
    for number, line in enumerate(lines, start=1):
        line = line[:2000]
        if dated := STAMP.search(line):
            stamp = dated[1]
        if devices := DEVICES.search(line):
            models = [one.strip() for one in devices[1].split(",") if one.strip()]
            device = {"gpu": models[0][:200], "count": str(len(models))} if models else {}
        if actual := ACTUAL.search(line):
            if block is not None:
                yield block
            block = {"row": number, "epochs": actual[1][:9], **device}
            if stamp is not None:
                block["end"] = stamp
        elif PREDICTED.search(line) and block is not None:
            yield block
            block = None
        elif block is not None:
            _read_line(line, block)
    if block is not None:
        yield block


def _read_line(line: str, block: dict[str, str | int]) -> None:
    if (time := TIME.search(line)) and len(time[2]) < 9:
        days, hours, minutes, seconds = (float(part or 0) for part in time.groups())
        block["hours"] = str(days * 24 + hours + minutes / 60 + seconds / 3600)
    if energy := ENERGY.search(line):
        block["energy"] = energy[1]
    if emitted := EMITTED.search(line):
        factor = 1000.0 if emitted[2] == "kg" else 1.0
        try:
            block["grams"] = str(float(emitted[1]) * factor)
        except ValueError:
            block["grams"] = emitted[1]
