"""The formats that are read, one file each, and how a file tells which one it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from emissions.calculation.vocabulary import SourceKind
from emissions.importers import carbontracker, codecarbon, eco2ai, prometheus, sacct, template
from emissions.importers.bulk import ImportRefused, Table, open_table
from emissions.importers.columns import Parsed


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its words, and the functions of its file."""

    name: str
    label: str
    source_kind: SourceKind
    recognises: Callable[[Table], bool] | None
    read: Callable[..., Iterator[Parsed]]


#: In the order in which they are tried. Logs and JSON are no tables and are told by their words.
FORMATS: dict[str, Format] = {
    "sacct": Format("sacct", "Slurm sacct", SourceKind.SACCT, sacct.recognises, sacct.read),
    "codecarbon": Format(
        "codecarbon",
        "CodeCarbon emissions.csv",
        SourceKind.CODECARBON,
        codecarbon.recognises,
        codecarbon.read,
    ),
    "eco2ai": Format(
        "eco2ai", "eco2AI emission.csv", SourceKind.FILE, eco2ai.recognises, eco2ai.read
    ),
    "template": Format(
        "template", "Tonne's template", SourceKind.FILE, template.recognises, template.read
    ),
    "carbontracker": Format(
        "carbontracker", "carbontracker log", SourceKind.FILE, None, carbontracker.read
    ),
    "prometheus": Format(
        "prometheus", "Prometheus range query", SourceKind.PROMETHEUS, None, prometheus.read
    ),
}
#: Which hours a format holds: multiplying GPU-hours by the GPUs again is the commonest error.
HOURS: dict[str, str] = {
    "sacct": "Elapsed is wall-clock time; times the allocated GPUs it gives device-hours.",
    "codecarbon": "duration is wall-clock time; times gpu_count it gives device-hours.",
    "eco2ai": "duration(s) is wall-clock time; times the devices it gives device-hours.",
    "template": "duration_hours are wall-clock hours, device_hours are summed over the devices:"
    " either gives the other by device_count.",
    "carbontracker": "The log's time is wall-clock time; times the devices it gives device-hours.",
    "prometheus": "A series is one device: its samples are wall-clock time, summed they are"
    " device-hours.",
}
UNKNOWN = (
    "The columns fit none of the formats that are read: our template, CodeCarbon's emissions.csv,"
    " sacct --parsable2, eco2AI's emission.csv, a carbontracker log, a Prometheus range query."
    " Our template needs the columns started_at and one of duration_hours, device_hours, ended_at"
    " and energy_kwh, by these names."
)
LOOK_AT = 64 * 1024
LOG_MARKS = (
    b"consumption for",
    b"Actual consumption:",
    b"CarbonTracker:",
    b"carbontracker version",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose format is known."""

    format: Format
    source: Table | Path | str
    left_out: list[str]

    def read(self, *, zone: ZoneInfo | None) -> Iterator[Parsed]:
        """Yield the file's runs, part by part.

        Raises
        ------
        ImportRefused
            The file as a whole cannot be read.
        TimeZoneNeeded
            Its dates carry no zone, and none is given.
        """
        return self.format.read(self.source, zone=zone)


def open_file(path: Path, *, format_name: str = "") -> Opened:
    """Return a file with its format: as stated, else as its content tells.

    Raises
    ------
    ImportRefused
        It is in none of the formats, or not in the one that was stated.
    """
    if format_name in ("", "prometheus") and _is_prometheus(path):
        return Opened(FORMATS["prometheus"], path, [])
    log = _log(path)
    if log is not None and format_name in ("", "carbontracker"):
        return Opened(FORMATS["carbontracker"], log, [])
    table = open_table(path)
    for name, one in FORMATS.items():
        if format_name in ("", name) and one.recognises is not None and one.recognises(table):
            left_out = template.unknown_columns(table) if name == "template" else []
            return Opened(one, table, left_out)
    if format_name:
        raise ImportRefused(f"The columns are not those of {FORMATS[format_name].label}.")
    raise ImportRefused(UNKNOWN)


def _is_prometheus(path: Path) -> bool:
    with path.open("rb") as file:
        return prometheus.recognises(file.read(LOOK_AT))


def _log(path: Path) -> str | None:
    """Return the text of a carbontracker log, or None."""
    with path.open("rb") as file:
        start = file.read(LOOK_AT)
    if b"\x00" in start or not carbontracker.recognises(start.decode("utf-8", "ignore")):
        return None
    if not any(mark in start for mark in LOG_MARKS):
        return None
    if path.stat().st_size > carbontracker.LARGEST_LOG:
        raise ImportRefused("The log is larger than 64 MB: send its last part.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ImportRefused("This log is not UTF-8.") from error
