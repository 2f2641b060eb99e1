"""Turn the core's enumerations into choices and CHECK constraints."""

from enum import Enum
from typing import Any

from django.db import models


def choices(vocabulary: type[Enum]) -> list[tuple[Any, str]]:
    """Return (value, label) pairs of an enumeration, as Django's fields want them."""
    return [(member.value, member.label) for member in vocabulary]  # type: ignore[attr-defined]


def one_of(field: str, vocabulary: type[Enum], *, name: str) -> models.CheckConstraint:
    """Return the constraint that holds `field` to an enumeration; NULL passes."""
    values = [member.value for member in vocabulary]
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)


def quantity(**options: Any) -> "models.DecimalField[Any, Any]":
    """Return a column of an exact quantity: whole units with nine decimals."""
    return models.DecimalField(max_digits=24, decimal_places=9, **options)
