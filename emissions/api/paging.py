"""Pages by cursor: they stay put while rows are added, however many rows are alike.

A cursor is the values of the order's columns at the row where a page ends, signed: what comes
after it is told by these values alone, never by counting rows.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.utils.urls import remove_query_param, replace_query_param

SIGNER = signing.Signer(salt="emissions.api.paging")
STALE = "Give one as in next and previous of the same list, with the same order."


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row that a page begins after, or, backwards, ends before."""

    order: tuple[str, ...]
    values: tuple[Any, ...]
    backwards: bool = False

    def __str__(self) -> str:
        return SIGNER.sign_object([list(self.order), list(self.values), self.backwards])


def read_cursor(text: str, *, order: Sequence[str]) -> Cursor:
    """Return the cursor that a client sends back.

    Raises
    ------
    ValidationError
        It is none of ours, or one of another order.
    """
    try:
        given, values, backwards = SIGNER.unsign_object(text)
    except (signing.BadSignature, ValueError) as error:
        raise ValidationError({"cursor": [STALE]}) from error
    if given != list(order):
        raise ValidationError({"cursor": [STALE]})
    return Cursor(tuple(order), tuple(values), backwards)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where those before and after them are."""

    rows: list[Any]
    before: Cursor | None
    after: Cursor | None

    def links(self, address: str) -> dict[str, str | None]:
        """Return the addresses of the next and the previous page."""
        bare = remove_query_param(address, "cursor")
        return {
            name: replace_query_param(bare, "cursor", str(cursor)) if cursor else None
            for name, cursor in (("next", self.after), ("previous", self.before))
        }


def page_of_rows(
    rows: QuerySet[Any], *, order: tuple[str, ...], limit: int, cursor: Cursor | None
) -> Page:
    """Return a page of rows in an order whose last column tells any two of them apart."""
    backwards = cursor is not None and cursor.backwards
    way = tuple(_turned(name) for name in order) if backwards else order
    if cursor is not None:
        rows = rows.filter(_beyond(way, cursor.values))
    found = list(rows.order_by(*way)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    first = Cursor(order, _values(found[0], order), backwards=True) if found else None
    last = Cursor(order, _values(found[-1], order)) if found else None
    if backwards:
        return Page(found, before=first if more else None, after=last)
    return Page(found, before=first if cursor else None, after=last if more else None)


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return what comes after the values: the first column that differs decides."""
    same, ways = Q(), []
    for name, value in zip(order, values, strict=True):
        column, lookup = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
        ways.append(same & Q(**{f"{column}__{lookup}": value}))
        same &= Q(**{column: value})
    # Said of the first column alone, too: an index on it finds where to begin.
    column, lookup = order[0].removeprefix("-"), "lte" if order[0].startswith("-") else "gte"
    return Q(**{f"{column}__{lookup}": values[0]}) & reduce(operator.or_, ways)


def _values(row: Any, order: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_value(row, name.removeprefix("-")) for name in order)


def _value(row: Any, path: str) -> Any:
    """Return a column of a row as JSON has it; the order may follow a reference (zone__code)."""
    value = reduce(getattr, path.split("__"), row)
    return value if isinstance(value, (int, float)) else str(value)
