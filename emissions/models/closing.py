"""Quarters that are closed: what stood, and what was in use, when they were."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.models.entry import Quantities
from emissions.models.organisation import Organisation

MONTHS = 3
"""Months of a quarter."""


class ClosedQuarter(Quantities):
    """One row is a quarter that was closed: once, and never opened again.

    Lines with an id up to `ledger_position` stood when it was closed; its quantities are
    their sums over the quarter. `factor_sets` are the sets in use then, as (id, precedence),
    best first: the quarter's months are calculated with them from then on.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="closed_quarters"
    )
    starts_on = models.DateField(help_text="The first day of the quarter.")
    closed_at = models.DateTimeField(default=timezone.now)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ledger_position = models.BigIntegerField()
    methodology_version = models.CharField(max_length=16)
    factor_sets = models.JSONField()

    class Meta:
        ordering = ["-starts_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "id"], name="closed_quarter_of_organisation"
            ),
            models.UniqueConstraint(
                fields=["organisation", "starts_on"], name="quarter_closed_once"
            ),
            models.CheckConstraint(
                condition=Q(starts_on__day=1, starts_on__month__in=(1, 4, 7, 10)),
                name="closed_quarter_starts_on",
            ),
            models.CheckConstraint(
                condition=Q(ledger_position__gte=0), name="closed_quarter_position"
            ),
        ]

    def __str__(self) -> str:
        return f"Q{self.starts_on.month // 3 + 1} {self.starts_on.year}"
