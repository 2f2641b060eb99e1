"""The typed table of runs that every importer makes, and how a text becomes a value of it.

Units and shape are settled here; what values say about each other is `check_run`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from zoneinfo import ZoneInfo

import polars as pl

from emissions.calculation.vocabulary import RunStatus, Stage
from emissions.importers.bulk import ERRORS, ROW

MOMENT = pl.Datetime("us", "UTC")

#: What a frame of runs holds. Names that mean something only to the source are text.
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    ROW: pl.Int64,
    "external_id": pl.String,
    "name": pl.String,
    "project_name": pl.String,
    "equipment_name": pl.String,
    "place_name": pl.String,
    "host": pl.String,
    "stage": pl.String,
    "status": pl.String,
    "started_at": MOMENT,
    "duration_hours": pl.Float64,
    "device_count": pl.Float64,
    "device_hours": pl.Float64,
    "energy_kwh": pl.Float64,
    "energy_includes_pue": pl.Boolean,
    "energy_measured": pl.Boolean,
    "stated_power_watts": pl.Float64,
    "power_share": pl.Float64,
    "utilisation": pl.Float64,
    "cpu_cores": pl.Float64,
    "cpu_watts_per_core": pl.Float64,
    "memory_gb": pl.Float64,
    "stated_pue": pl.Float64,
    "stated_factor_g_per_kwh": pl.Float64,
    "stated_factor_source": pl.String,
    "reported_kg": pl.Float64,
    "experiment": pl.String,
    "boundary": pl.String,
    "client_pue": pl.Float64,
    "gpu_energy_kwh": pl.Float64,
    "gpu_basis": pl.Int64,
    "cpu_energy_kwh": pl.Float64,
    "cpu_basis": pl.Int64,
    "memory_energy_kwh": pl.Float64,
    "memory_basis": pl.Int64,
    "ai_model": pl.String,
    "sweep": pl.String,
    "tokens": pl.Float64,
    "flop": pl.Float64,
    "metric_name": pl.String,
    "metric_value": pl.Float64,
    "notes": pl.String,
}
LONGEST = {"stated_factor_source": 250, "metric_name": 100, "notes": 10_000}
LONGEST_TEXT = 200

#: A date, or a date and time, in ISO 8601; perhaps with its offset from UTC.
ISO = (
    r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:[.,]\d{1,9})?)?)?"
    r" ?(Z|z|UTC|[+-]\d{2}:?\d{2})?$"
)
DATE_ADVICE = "Give a date and time in ISO 8601, such as 2026-03-01T09:00:00Z."
NUMBER_ADVICE = (
    "Give a plain number with a decimal point and no thousands separators, such as 1234.5."
)
HOURS_ADVICE = (
    "Give hours as a plain number with a decimal point and no thousands separators, such as 51.5"
    " for two days, three hours and a half."
)
FLAG_ADVICE = "Give true or false."
FORMULA_ADVICE = "This looks like a formula: give its value."
SKIPPED_HOUR = "The clocks went forward over this time, so it never was: give the offset from UTC."


class TimeZoneNeeded(Exception):
    """The file's dates carry no zone, and nobody has said which one is meant."""


@dataclass(slots=True)
class Parsed:
    """Runs of a part of a file in the columns of `COLUMNS`, and what is wrong with others."""

    runs: pl.DataFrame
    errors: pl.DataFrame


@dataclass(slots=True)
class Reader:
    """Turn columns of text into typed ones and collect what cannot be read, by row."""

    frame: pl.DataFrame
    zone: ZoneInfo | None = None
    errors: list[pl.DataFrame] = field(default_factory=list)

    def has(self, column: str) -> bool:
        """Whether the file has a column."""
        return column in self.frame.columns

    def text(self, column: str, *, longest: int = LONGEST_TEXT) -> pl.Series:
        """Return a text column; formulas, NUL and what is too long are errors."""
        cells = self.cells(column)
        self._refuse(column, cells.str.starts_with("="), FORMULA_ADVICE)
        self._refuse(column, cells.str.contains("\x00", literal=True), "NUL is no character.")
        long = cells.str.len_chars() > longest
        self._refuse(column, long, f"Give at most {longest:,} characters.")
        return cells

    def number(self, column: str) -> pl.Series:
        """Return a column of finite numbers."""
        cells = self.cells(column)
        numbers = cells.cast(pl.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite().fill_null(value=True), None)
        advice = HOURS_ADVICE if column.endswith("_hours") else NUMBER_ADVICE
        self._refuse(column, cells.is_not_null() & numbers.is_null(), advice)
        return numbers

    def flag(self, column: str) -> pl.Series:
        """Return a column of true and false."""
        cells = self.cells(column)
        words = cells.str.to_lowercase()
        flags = words.replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
        self._refuse(column, cells.is_not_null() & flags.is_null(), FLAG_ADVICE)
        return flags

    def choice(self, column: str, vocabulary: type[Enum]) -> pl.Series:
        """Return a column of a vocabulary's words, however spelt."""
        known = {str(member.value) for member in vocabulary}
        known_labels = {
            member.label.lower().replace("-", "_").replace(" ", "_"): str(member.value)  # type: ignore[attr-defined]
            for member in vocabulary
        }
        cells = self.cells(column)
        words = cells.str.to_lowercase().str.replace_all(r"[\s\-]+", "_")
        found = words.replace_strict(
            {**known_labels, **{word: word for word in known}},
            default=None,
            return_dtype=pl.String,
        )
        advice = f"Give one of {', '.join(sorted(known))}."
        self._refuse(column, cells.is_not_null() & found.is_null(), advice)
        return found

    def moment(self, column: str) -> pl.Series:
        """Return a column of instants.

        Raises
        ------
        TimeZoneNeeded
            Some carry no offset, and no zone was given.
        """
        cells = self.cells(column)
        parts = cells.to_frame("cell").select(
            pl.concat_str(
                pl.col("cell").str.extract(ISO, 1),
                pl.lit("T"),
                pl.col("cell").str.extract(ISO, 2).fill_null("00:00"),
                pl.col("cell").str.extract(ISO, 3).fill_null(":00").str.replace(",", "."),
            )
            .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
            .alias("local"),
            pl.col("cell").str.extract(ISO, 4).alias("offset"),
        )
        local, offset = parts["local"], parts["offset"]
        offset = offset.set(offset.str.to_uppercase().is_in(["Z", "UTC"]), "+00:00")
        self._refuse(column, cells.is_not_null() & local.is_null(), DATE_ADVICE)
        return self._instants(column, local, offset)

    def _instants(self, column: str, local: pl.Series, offset: pl.Series) -> pl.Series:
        naive = local.is_not_null() & offset.is_null()
        if naive.any() and self.zone is None:
            raise TimeZoneNeeded
        digits = offset.str.replace(":", "")
        minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
        minutes = minutes * digits.str.starts_with("-").replace_strict(
            {True: -1, False: 1}, default=None, return_dtype=pl.Int64
        )
        instants = _shifted(local, minutes)
        if not naive.any():
            return instants
        # An hour that the clocks repeated is taken the first time.
        meant = local.dt.replace_time_zone(
            str(self.zone), ambiguous="earliest", non_existent="null"
        )
        meant = meant.dt.convert_time_zone("UTC")
        self._refuse(column, naive & meant.is_null(), SKIPPED_HOUR)
        return meant.zip_with(naive, instants.cast(MOMENT))

    def refuse(self, column: str, where: pl.Series, reason: str) -> None:
        """Note what is wrong with the rows of a mask."""
        self._refuse(column, where, reason)

    def cells(self, column: str) -> pl.Series:
        """Return a column as text; of nulls where the file has none."""
        if self.has(column):
            return self.frame[column]
        return pl.Series(column, [None] * self.frame.height, dtype=pl.String)

    def _refuse(self, column: str, where: pl.Series, reason: str) -> None:
        rows = self.frame[ROW].filter(where.fill_null(value=False))
        if rows.len():
            self.errors.append(
                pl.DataFrame({ROW: rows}).with_columns(
                    pl.lit(column).alias("column"), pl.lit(reason).alias("reason")
                )
            )

    def parsed(self, columns: Mapping[str, pl.Series], *others: pl.DataFrame) -> Parsed:
        """Return the runs of typed columns without the rows that have errors."""
        errors = pl.concat([pl.DataFrame(schema=ERRORS), *others, *self.errors])
        runs = typed({ROW: self.frame[ROW], **columns})
        return Parsed(runs.join(errors, on=ROW, how="anti", maintain_order="left"), errors)


def _shifted(local: pl.Series, minutes: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"local": local, "minutes": minutes})
    moved = frame.select(
        (pl.col("local") - pl.duration(minutes=pl.col("minutes"))).dt.replace_time_zone("UTC")
    )
    return moved.to_series()


def divided(series: pl.Series, by: float) -> pl.Series:
    """Return a quotient to the last digit; Polars multiplies by the reciprocal."""
    numbers = series.cast(pl.Float64)
    return pl.Series(series.name, numbers.to_numpy() / by).fill_nan(None)


def hours_of(span: pl.Series) -> pl.Series:
    """Return durations in hours, exactly as Python divides them."""
    return divided(divided(span.dt.total_microseconds(), 1e6), 3600)


def typed(columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return a frame with all columns of `COLUMNS`; what is not given is null."""
    return pl.DataFrame(
        [
            columns[name].cast(kind).alias(name)
            if name in columns
            else pl.Series(name, [None] * columns[ROW].len(), dtype=kind)
            for name, kind in COLUMNS.items()
        ]
    )


FLAGS: dict[str, bool] = {
    **dict.fromkeys(("true", "yes", "y", "1", "t", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "0", "f", "0.0"), False),
}

#: Readers of the template's columns, by kind.
READERS: dict[str, Callable[[Reader, str], pl.Series]] = {
    "number": Reader.number,
    "flag": Reader.flag,
    "moment": Reader.moment,
    "text": lambda reader, column: reader.text(column, longest=LONGEST.get(column, LONGEST_TEXT)),
    "stage": lambda reader, column: reader.choice(column, Stage),
    "status": lambda reader, column: reader.choice(column, RunStatus),
}
