"""Read the parameters of an address: filters, order, fields, page. A misspelt one is an error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from emissions.api.paging import Cursor, read_cursor
from emissions.api.values import READERS, Field, RefusedError

LARGEST_ID = 2**63 - 1
MOST_PER_PAGE = 1000
PER_PAGE = 100
ONCE = "Give it once."
TYPES = {
    "text": OpenApiTypes.STR,
    "choice": OpenApiTypes.STR,
    "moment": OpenApiTypes.DATETIME,
    "day": OpenApiTypes.DATE,
    "whole": OpenApiTypes.INT,
    "flag": OpenApiTypes.BOOL,
    "set": OpenApiTypes.BOOL,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter: its name, how it is read, and the lookup of the ORM that it narrows."""

    name: str
    lookup: str
    help: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    #: Whether it may be repeated, if it is of a kind that can be: rows that match any of them.
    several: bool = True

    @property
    def repeatable(self) -> bool:
        """Whether rows that match any of several values can be asked for."""
        return self.several and self.kind in ("text", "choice")

    def read(self, text: str) -> Any:
        """Return the value, or raise RefusedError with what to give instead."""
        return KINDS[self.kind](text, self)


def _whole(text: str, one: Filter) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > LARGEST_ID:
        raise RefusedError("Give a whole number.")
    return int(text)


def _flag(text: str, one: Filter) -> bool:
    if text not in ("true", "false"):
        raise RefusedError("Give true or false.")
    return text == "true"


def _set(text: str, one: Filter) -> bool:
    """Whether a column is empty: the opposite of what `?archived=true` asks."""
    return not _flag(text, one)


def _day(text: str, one: Filter) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RefusedError("Give a date, such as 2026-03-31.") from error


def _as_in_rows(text: str, one: Filter) -> Any:
    # A "+" of an offset from UTC that was not encoded arrives as a space.
    given = text.replace(" ", "+") if one.kind == "moment" and "T" in text else text
    return READERS[one.kind](given, Field(one.name, one.kind, one.help, one.choices))


KINDS: dict[str, Callable[[str, Filter], Any]] = {
    "text": _as_in_rows,
    "choice": _as_in_rows,
    "moment": _as_in_rows,
    "day": _day,
    "whole": _whole,
    "flag": _flag,
    "set": _set,
}


@dataclass(frozen=True, slots=True)
class Query:
    """What an address asks for."""

    filters: dict[str, Any]
    fields: tuple[str, ...] | None
    order: tuple[str, ...]
    limit: int = PER_PAGE
    cursor: Cursor | None = None


PAGING = ("limit", "cursor")


def read_query(
    request: Request,
    *,
    filters: Sequence[Filter] = (),
    fields: Sequence[str] = (),
    orders: Mapping[str, str] | None = None,
    default_order: Sequence[str] = (),
) -> Query:
    """Return what an address asks for.

    Raises
    ------
    ValidationError
        With what is wrong, by parameter.
    """
    orders = orders or {}
    errors: dict[str, list[str]] = {}
    known = {one.name: one for one in filters}
    others = {"fields"} | ({"order", *PAGING} if default_order else set())
    found: dict[str, Any] = {}
    for name, texts in request.query_params.lists():
        if name in known:
            try:
                found |= _narrowed(known[name], texts)
            except RefusedError as refused:
                errors[name] = [str(refused)]
        elif name not in others:
            errors[name] = ["There is no such parameter."]
        elif len(texts) > 1:
            errors[name] = [ONCE]
    asked = request.query_params
    chosen = _fields(asked["fields"], fields, errors) if "fields" in asked else None
    order = tuple(default_order)
    if "order" in asked and default_order:
        order = _order(asked["order"], orders, default_order, errors)
    limit = PER_PAGE
    if "limit" in asked and default_order:
        limit = _limit(asked["limit"], errors)
    if errors:
        raise ValidationError(errors)
    paged = default_order and asked.get("cursor")
    cursor = read_cursor(asked["cursor"], order=order) if paged else None
    return Query(found, chosen, order, limit, cursor)


def _narrowed(known: Filter, texts: Sequence[str]) -> dict[str, Any]:
    """Return the lookup of one parameter; of several values, any may match."""
    values = [known.read(text) for text in texts]
    if len(values) == 1:
        return {known.lookup: values[0]}
    if not known.repeatable:
        raise RefusedError(ONCE)
    return {f"{known.lookup}__in": values}


def _fields(
    text: str, known: Sequence[str], errors: dict[str, list[str]]
) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        errors["fields"] = [f"Give some of {', '.join(known)}, with commas between."]
    return names


def _order(
    text: str, orders: Mapping[str, str], default: Sequence[str], errors: dict[str, list[str]]
) -> tuple[str, ...]:
    name = text.removeprefix("-")
    if name not in orders:
        errors["order"] = [f"Give one of {', '.join(orders)}; a minus before it turns it round."]
        return tuple(default)
    sign = "-" if text.startswith("-") else ""
    # The key decides where the rest is the same: pages neither skip nor repeat a row.
    return (f"{sign}{orders[name]}", f"{sign}pk")


def _limit(text: str, errors: dict[str, list[str]]) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_PER_PAGE:
        return int(text)
    errors["limit"] = [f"Give a whole number from 1 to {MOST_PER_PAGE:,}."]
    return PER_PAGE


def documented(
    filters: Sequence[Filter], orders: Mapping[str, str] | None = None, *, paged: bool = True
) -> list[OpenApiParameter]:
    """Return the parameters for the OpenAPI document."""
    found = [
        OpenApiParameter(
            one.name,
            TYPES[one.kind],
            description=one.help,
            enum=one.choices or None,
            many=one.repeatable,
        )
        for one in filters
    ]
    found.append(
        OpenApiParameter(
            "fields", OpenApiTypes.STR, description="Names of the wanted fields, by commas."
        )
    )
    if not paged:
        return found
    ways = [way for name in orders or {} for way in (name, f"-{name}")]
    found.append(OpenApiParameter("order", OpenApiTypes.STR, description="Order.", enum=ways))
    found.append(
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE, "default": PER_PAGE},
            description="Rows per page.",
        )
    )
    found.append(
        OpenApiParameter("cursor", OpenApiTypes.STR, description="As in next and previous.")
    )
    return found
