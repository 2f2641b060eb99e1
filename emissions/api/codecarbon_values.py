"""Read what a CodeCarbon tracker sends: its fields by name, all others ignored.

Fields that older clients do not send, or send as null, are not stated. Long texts are cut: a
run is worth more than the whole name of its processor.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from emissions.services.streams.receive import Post, Tracker

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_SECONDS = 366 * 24 * 3600
"""What one post may cover: it is split at the hours. [s]"""

MOST_WATTS = 1e6
"""More than any machine draws; larger figures are another unit. [W]"""

MOST_KG = 9e9
ROUNDING_KWH = 1e-9
"""A difference of totals may be a hair below nothing. [kWh]"""

Errors = dict[str, list[str]]


class BodyError(ValueError):
    """The body cannot be read; `errors` says what is wrong with which field."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


class Body:
    """A JSON object whose fields are read one by one; errors are gathered."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise BodyError({"body": ["Give a JSON object."]})
        self.data = data
        self.errors: Errors = {}

    def check(self) -> None:
        """Raise what was found wrong."""
        if self.errors:
            raise BodyError(self.errors)

    def refuse(self, name: str, message: str) -> None:
        """Note what is wrong with a field."""
        self.errors.setdefault(name, []).append(message)

    def text(self, name: str, *, longest: int = 200) -> str:
        """Return a text, cut to what is kept; "" where it is not stated."""
        value = self.data.get(name)
        return "" if value is None else str(value).replace("\x00", "").strip()[:longest]

    def number(
        self,
        name: str,
        *,
        least: float = 0.0,
        most: float = math.inf,
        required: bool = False,
    ) -> float | None:
        """Return a finite number within bounds, None where it is not stated."""
        value = self.data.get(name)
        if value is None:
            if required:
                self.refuse(name, "Give a number.")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "Give a number.")
            return None
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or not least <= number <= most:
            self.refuse(name, f"Give a finite number between {least:,.10g} and {most:,.10g}.")
            return None
        return number

    def hint(self, name: str, *, most: float = 1e9) -> float | None:
        """Return a number that is no more than a hint; None where it makes no sense."""
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if 0 <= value <= most else None

    def count(self, name: str) -> int | None:
        """Return how many of something there are, None where it is not stated."""
        value = self.hint(name, most=1e6)
        return None if value is None else int(value)

    def moment(self, name: str) -> datetime:
        """Return a time; without an offset it is UTC."""
        value = self.data.get(name)
        try:
            moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
            moment = moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
            moment = moment and moment.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = None
        if moment is None or moment < EARLIEST:
            self.refuse(name, "Give a date and time in ISO 8601, such as 2026-03-01T09:00:00Z.")
            return EARLIEST
        return moment

    def uuid(self, name: str) -> UUID:
        """Return an id, that of nothing with an error where it is none."""
        try:
            return UUID(str(self.data.get(name)))
        except ValueError:
            self.refuse(name, "Give the id, such as 0b5c1e0e-6a0d-4d53-9a3b-0a4a8f0d6c55.")
            return UUID(int=0)


def experiment_and_job(body: Body) -> tuple[str, str]:
    """Return the experiment that a tracker names and, after a slash, the scheduler's job.

    An unmodified client sends its `experiment_id` as it is set: CODECARBON_EXPERIMENT_ID may
    be "default/$SLURM_JOB_ID".
    """
    experiment, _, job = body.text("experiment_id", longest=300).partition("/")
    return experiment.strip(), job.strip()[:200]


def read_tracker(body: Body, *, sent_at: datetime, address: str) -> Tracker:
    """Return what a tracker says of itself."""
    return Tracker(
        sent_at=sent_at,
        address=address,
        is_whole_machine=body.text("tracking_mode").lower() != "process",
        name=body.text("project_name") if "project_name" in body.data else "",
        job_id=experiment_and_job(body)[1],
        client_version=body.text("codecarbon_version", longest=50),
        os=body.text("os"),
        cpu_model=body.text("cpu_model"),
        cpu_count=body.count("cpu_count"),
        gpu_model=body.text("gpu_model"),
        gpu_count=body.count("gpu_count"),
        memory_gb=body.hint("ram_total_size"),
    )


def read_post(
    body: Body, *, sent_at: datetime, longest_seconds: float, emissions: str, pue: float = 1.0
) -> Post:
    """Return a post, of at most so many seconds [s].

    `emissions` is the name of the field with the client's own figure. The client multiplied its
    energies by `pue`; they are divided by it again.
    """
    seconds = body.number("duration", most=longest_seconds, required=True) or 0.0
    most_kwh = MOST_WATTS * (seconds + 1) / 3.6e6
    parts = {
        column: _energy(body, name, most_kwh, required=name == "energy_consumed") / pue
        for column, name in (
            ("energy_kwh", "energy_consumed"),
            ("cpu_energy_kwh", "cpu_energy"),
            ("gpu_energy_kwh", "gpu_energy"),
            ("memory_energy_kwh", "ram_energy"),
        )
    }
    return Post(
        sent_at=sent_at,
        duration_seconds=seconds,
        reported_kg=body.number(emissions, least=-MOST_KG, most=MOST_KG) or 0.0,
        cpu_watts=body.hint("cpu_power"),
        gpu_watts=body.hint("gpu_power"),
        memory_watts=body.hint("ram_power"),
        cpu_utilisation=body.hint("cpu_utilization_percent"),
        gpu_utilisation=body.hint("gpu_utilization_percent"),
        memory_utilisation=body.hint("ram_utilization_percent"),
        **parts,
    )


def _energy(body: Body, name: str, most: float, *, required: bool) -> float:
    value = body.number(name, least=-ROUNDING_KWH, required=required)
    if value is not None and value > most:
        body.refuse(name, "That is more than 1 MW over the whole duration: is it in kWh?")
    return max(value or 0.0, 0.0)


def identity(body: Body) -> str:
    """Return by which id a tracker's totals are one run.

    `run_id` can be the text "None": then project, time and duration are the run.
    """
    run_id = body.text("run_id")
    if run_id and run_id != "None":
        return run_id
    known = [str(body.data.get(name)) for name in ("project_name", "timestamp", "duration")]
    return hashlib.sha256("|".join(known).encode("utf-8", "replace")).hexdigest()
