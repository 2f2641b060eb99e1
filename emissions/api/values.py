"""Read the fields of a row: their names, types and words, in plain Python for speed.

Ranges, and what values say about each other, are checked by the services that every
entrance shares (`check_run`, `check_calculation`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Errors = dict[str, list[str]]
#: Errors of a row that is no object at all stand under this name.
ROW = "run"
MOST_ROWS = 10_000
HOURS_ADVICE = (
    "Give hours as a number without quotation marks: 51.5 for two days, three hours and a half."
)


class RefusedError(Exception):
    """A value cannot be read; the message says what to give instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: how it is read, and what the documentation says of it."""

    name: str
    kind: str
    help: str
    choices: tuple[str, ...] = ()
    longest: int = 200


def read_row(row: Any, fields: Mapping[str, Field]) -> tuple[dict[str, Any], Errors]:
    """Return a row's stated values, typed, and what is wrong with it; null and "" state nothing."""
    if not isinstance(row, dict):
        return {}, {ROW: ["Give an object of fields, such as {"
                          '"hardware": "A100", "duration_hours": 10}.']}  # fmt: skip
    values: dict[str, Any] = {}
    errors: Errors = {}
    for name, value in row.items():
        field = fields.get(name)
        if field is None:
            errors[name] = [_unknown(name, fields)]
        elif value is not None and (value != "" or field.kind == "text"):
            try:
                values[name] = READERS[field.kind](value, field)
            except RefusedError as refused:
                errors[name] = [str(refused)]
    return values, errors


def _unknown(name: str, fields: Mapping[str, Field]) -> str:
    plain = name.lower().replace("-", "_")
    known = next((one for one in fields if one == plain or one.startswith(plain + "_")), None)
    hint = f" Did you mean {known}?" if known else ""
    return f"There is no such field.{hint}"


def _number(value: Any, field: Field) -> float:
    if isinstance(value, str):
        if field.name.endswith("_hours"):
            raise RefusedError(HOURS_ADVICE)
        raise RefusedError("Give a number without quotation marks.")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RefusedError("Give a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RefusedError("This number is too large.")
    return number


def _whole(value: Any, field: Field) -> int:
    number = _number(value, field)
    if not number.is_integer():
        raise RefusedError("Give a whole number.")
    return int(number)


def _flag(value: Any, field: Field) -> bool:
    if not isinstance(value, bool):
        raise RefusedError("Give true or false.")
    return value


def _text(value: Any, field: Field) -> str:
    if not isinstance(value, str):
        raise RefusedError("Give a text.")
    text = value.strip()
    if "\x00" in text:
        raise RefusedError("A text cannot hold the character NUL.")
    if len(text) > field.longest:
        raise RefusedError(f"Give at most {field.longest:,} characters.")
    return text


def _choice(value: Any, field: Field) -> str:
    if not isinstance(value, str) or value.strip().lower() not in field.choices:
        raise RefusedError(f"Give one of {', '.join(field.choices)}.")
    return value.strip().lower()


def _moment(value: Any, field: Field) -> datetime:
    example = "such as 2026-03-01T09:00:00Z or 2026-03-01T10:00:00+01:00"
    if not isinstance(value, str):
        raise RefusedError(f"Give a date and time in ISO 8601, {example}.")
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            raise RefusedError(f"Give the offset from UTC with the time, {example}.")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"Give a date and time in ISO 8601, {example}.") from error


READERS: dict[str, Callable[[Any, Field], Any]] = {
    "number": _number,
    "whole": _whole,
    "flag": _flag,
    "text": _text,
    "choice": _choice,
    "moment": _moment,
}


def named(*fields: Field) -> dict[str, Field]:
    """Return fields by their names."""
    return {field.name: field for field in fields}


def words(vocabulary: type[Enum]) -> tuple[str, ...]:
    """Return the values of a vocabulary, as the API spells them."""
    return tuple(str(member.value) for member in vocabulary)
