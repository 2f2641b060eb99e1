"""What dated facts have in common: a half-open validity and the time they were recorded."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    BigIntegerRangeField,
    DateRangeField,
    RangeBoundary,
    RangeOperators,
)
from django.db import models
from django.utils import timezone


class DateRange(models.Func):
    """The half-open range of a fact's two dates, for constraints."""

    function = "DATERANGE"
    output_field = DateRangeField()


class OneKey(models.Func):
    """A key as a range of itself: GiST compares ranges without the btree_gist extension."""

    function = "INT8RANGE"
    template = "%(function)s(%(expressions)s, %(expressions)s, '[]')"
    arity = 1
    output_field = BigIntegerRangeField()


def no_overlap(key: str, *, name: str) -> ExclusionConstraint:
    """Return the constraint that current facts of one thing never overlap in time."""
    return ExclusionConstraint(
        name=name,
        expressions=[
            (OneKey(key), RangeOperators.OVERLAPS),
            (DateRange("starts_on", "ends_before", RangeBoundary()), RangeOperators.OVERLAPS),
        ],
        condition=models.Q(superseded_at__isnull=True),
    )


class DatedFactQuerySet(models.QuerySet[Any]):
    """Facts, as they are believed now."""

    def current(self) -> Self:
        """Facts that no later record has superseded."""
        return self.filter(superseded_at__isnull=True)

    def on(self, day: date) -> Self:
        """Facts valid on a day."""
        return self.filter(starts_on__lte=day).filter(
            models.Q(ends_before__isnull=True) | models.Q(ends_before__gt=day)
        )


class DatedFact(models.Model):
    """A fact with a validity; a correction supersedes a row and never overwrites it."""

    starts_on = models.DateField()
    ends_before = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = DatedFactQuerySet.as_manager()

    class Meta:
        abstract = True
