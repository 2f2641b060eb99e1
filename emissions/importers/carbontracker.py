"""carbontracker's logs: what was measured, as sentences.

Its output log says what was used, times a PUE of its own, a survey's average:

    2024-03-01 10:15:38 - CarbonTracker:
    Actual consumption for 10 epoch(s):
            Time:   0:10:00
            Energy: 0.520000 kWh
            CO2eq:  150.3 g

That PUE is divided out, for the site's is known here; an older log says nowhere which it was,
so that its day tells. Predictions are not read. Its standard log says the duration and average
power of each epoch instead, which together are a run. One of the two logs is enough.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import polars as pl

from emissions.importers.bulk import ROW, ImportRefused, no_errors
from emissions.importers.columns import Parsed, Reader, divided

LARGEST_LOG = 64 * 1024**2
STAMP = re.compile(r"(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2})")
ACTUAL = re.compile(r"Actual consumption(?: for (\d+) epoch\(?s?\)?)?:", re.IGNORECASE)
PREDICTED = re.compile(r"Predicted consumption", re.IGNORECASE)
TIME = re.compile(r"Time:\s*(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")
ENERGY = re.compile(r"Energy:\s*([\d.eE+-]+)\s*kWh")
EMITTED = re.compile(r"CO2eq:\s*([\d.eE+-]+)\s*(k?g)\b")
DEVICES = re.compile(r"\b(GPU|CPU) with device\(s\) (.{1,300}?)\.?(?= [A-Z]+ with device|$)")
EPOCH = re.compile(r"\bEpoch (\d{1,9}):\s*$")
DURATION = re.compile(r"\bDuration:\s*(\d{1,8}):(\d{2}):(\d{2}(?:\.\d+)?)")
POWER = re.compile(r"Average power usage \(W\) for \w+:(.*)$")
STATED_PUE = re.compile(r"\bPUE\b[^\d\n]{1,40}(\d\.\d+)")
MODELLED = re.compile(r"simulat|\bTDP\b", re.IGNORECASE)
#: The PUE in carbontracker's code until a day, and since.
#: https://github.com/saintslab/carbontracker, carbontracker/constants.py
PUE_UNTIL = (("2022-12-05", 1.59), ("2024-09-13", 1.55))
PUE_SINCE = 1.58
NO_TIME = "The log says nowhere when this was: its lines carry no date."
NOT_WHOLE = "Time or energy is missing after “Actual consumption”."
NOTHING = "This log has no “Actual consumption” and no epochs: nothing was measured."
FIELDS = ("end", "hours", "energy", "grams", "epochs", "gpu", "count", "pue")
Block = dict[str, str]


def recognises(start: str) -> bool:
    """Whether a text is a log of carbontracker."""
    return "carbontracker" in start.lower() and not start.lstrip().startswith("{")


def read(text: str, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
    """Yield the measured runs of a log."""
    lines = [line[:2000] for line in text.splitlines()]
    found = list(_blocks(lines)) or _epochs(lines)
    if not found:
        raise ImportRefused(NOTHING)
    rows = pl.DataFrame(
        {name: [one.get(name) for one in found] for name in (ROW, *FIELDS)},
        schema=dict.fromkeys((ROW, *FIELDS), pl.String),
    ).cast({ROW: pl.Int64})
    reader = Reader(rows, zone)
    end, hours = reader.moment("end"), reader.number("hours")
    energy, grams = reader.number("energy"), reader.number("grams")
    pue = reader.number("pue")
    reader.refuse("timestamp", rows["end"].is_null(), NO_TIME)
    reader.refuse("Energy", rows["energy"].is_null() | rows["hours"].is_null(), NOT_WHOLE)
    timed = pl.DataFrame({"end": end, "hours": hours})
    start = timed.select(
        pl.col("end") - pl.duration(microseconds=(pl.col("hours") * 3.6e9).round())
    ).to_series()
    columns = {
        "external_id": _ids(rows),
        "name": pl.Series([_name(one) for one in found]),
        "equipment_name": reader.text("gpu"),
        "device_count": reader.number("count").fill_null(1.0),
        "started_at": start,
        "duration_hours": hours,
        "energy_kwh": pl.DataFrame({"kwh": energy, "pue": pue})
        .select(pl.col("kwh") / pl.col("pue").fill_null(1.0))
        .to_series(),
        "energy_includes_pue": pl.Series([False] * rows.height),
        "energy_measured": pl.Series([not MODELLED.search(text)] * rows.height),
        "reported_kg": divided(grams, 1000),
        "notes": pl.Series([_notes(one) for one in found], dtype=pl.String),
    }
    yield reader.parsed(columns, no_errors())


def _ids(rows: pl.DataFrame) -> pl.Series:
    stated = (pl.col(name).fill_null("") for name in ("end", "energy"))
    return rows.select(pl.format("carbontracker {} {}", *stated)).to_series()


def _name(block: Block) -> str:
    count = block.get("epochs")
    return f"carbontracker, {count} epoch{'s' * (count != '1')}" if count else "carbontracker run"


def _notes(block: Block) -> str | None:
    if not {"pue", "energy"} <= block.keys():
        return None
    return f"The log's {block['energy']} kWh had carbontracker's PUE of {block['pue']} applied."


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Yield what follows each “Actual consumption”."""
    block: Block | None = None
    stamp: str | None = None
    stated_pue = next((found[1] for line in lines if (found := STATED_PUE.search(line))), None)
    device: Block = {}
    for number, line in enumerate(lines, start=1):
        if dated := STAMP.search(line):
            stamp = dated[1]
        device = _device(line) or device
        if actual := ACTUAL.search(line):
            if block is not None:
                yield block
            block = {ROW: str(number), "pue": stated_pue or _pue_of(stamp or ""), **device}
            if actual[1]:
                block["epochs"] = actual[1][:9]
            if stamp is not None:
                block["end"] = stamp
        elif PREDICTED.search(line) and block is not None:
            yield block
            block = None
        elif block is not None:
            _read_line(line, block)
    if block is not None:
        yield block


def _device(line: str) -> Block:
    """Return what was measured: GPUs, else a CPU that is called by its name."""
    named: dict[str, str] = dict(DEVICES.findall(line))
    names = named.get("GPU") or named.get("CPU", "")
    models = [one.strip() for one in names.split(",") if one.strip()]
    if not models or models[0].startswith("cpu:"):
        return {}
    return {"gpu": models[0][:200], "count": str(len(models))}


def _pue_of(day: str) -> str:
    """Return the PUE that carbontracker multiplied by on a day."""
    return str(next((pue for until, pue in PUE_UNTIL if day < until), PUE_SINCE))


def _read_line(line: str, block: Block) -> None:
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


def _epochs(lines: list[str]) -> list[Block]:
    """Return the epochs of a standard log as one run; their power has no PUE applied."""
    device: Block = {}
    end: str | None = None
    number = epochs = 0
    seconds = lasted = joules = 0.0
    for at, line in enumerate(lines, start=1):
        device = _device(line) or device
        if EPOCH.search(line):
            number, epochs, lasted = number or at, epochs + 1, 0.0
        elif epochs and (duration := DURATION.search(line)):
            hours, minutes, rest = (float(part) for part in duration.groups())
            lasted = hours * 3600 + minutes * 60 + rest
            seconds += lasted
        elif epochs and (power := POWER.search(line)):
            joules += lasted * sum(float(one) for one in re.findall(r"\d+\.?\d*", power[1][:500]))
        else:
            continue
        end = found[1] if (found := STAMP.search(line)) else end
    if not joules:
        return []
    block = {ROW: str(number), "epochs": str(epochs), "hours": str(seconds / 3600), **device}
    if end is not None:
        block["end"] = end
    return [{**block, "energy": str(joules / 3.6e6)}]
