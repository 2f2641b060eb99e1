"""The ledger: postings, and their append-only signed lines."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import Cause, EntrySource
from emissions.models.cell import Cell
from emissions.models.choices import choices, one_of, quantity
from emissions.models.organisation import Organisation
from emissions.models.pool import Pool
from emissions.models.run import Run

#: Decimals of each quantity of a ledger line; a line holds integers of that size.
DECIMALS = {
    "device_hours": 9,
    "energy_it_kwh": 9,
    "energy_facility_kwh": 9,
    "location_based_kg": 9,
    "location_based_annual_kg": 9,
    "market_based_kg": 9,
    "upstream_kg": 9,
    "losses_kg": 9,
    "embodied_kg": 9,
    "embodied_purchase_kg": 9,
    "water_litres": 9,
    "independent_variance_kg2": 3,
    "runs_started": 0,
}
QUANTITIES = tuple(DECIMALS)


class Quantities(models.Model):
    """The signed, additive quantities that entries and totals share."""

    device_hours = quantity(default=0)
    energy_it_kwh = quantity(default=0)
    energy_facility_kwh = quantity(default=0)
    location_based_kg = quantity(default=0)
    location_based_annual_kg = quantity(default=0)
    market_based_kg = quantity(default=0)
    upstream_kg = quantity(default=0)
    losses_kg = quantity(default=0)
    embodied_kg = quantity(default=0, help_text="Lifetime share of hardware.")
    embodied_purchase_kg = quantity(default=0)
    water_litres = quantity(default=0)
    independent_variance_kg2 = quantity(default=0)
    runs_started = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class Posting(models.Model):
    """One row is one act of writing to the ledger: who, when, and why."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    cause = models.CharField(max_length=20, choices=choices(Cause))
    reason = models.CharField(max_length=250, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    methodology_version = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [one_of("cause", Cause, name="posting_cause")]

    def __str__(self) -> str:
        return f"posting {self.pk}: {self.cause}"


class EmissionEntry(Quantities):
    """One row is one signed line of the ledger; never updated, never deleted.

    Its references are checked once per statement, by a trigger over all new lines
    (migrations 0002 and 0003, docs/adr/0002): a foreign key would check each line on its own.
    A line comes from a run or, whatever its source is called, from a pool.
    """

    posting = models.ForeignKey(
        Posting, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    source = models.CharField(max_length=10, choices=choices(EntrySource), default=EntrySource.RUN)
    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, null=True, related_name="entries", db_constraint=False
    )
    pool = models.ForeignKey(
        Pool,
        on_delete=models.PROTECT,
        null=True,
        related_name="entries",
        db_index=False,
        db_constraint=False,
    )
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    month = models.DateField()

    class Meta:
        verbose_name_plural = "emission entries"
        indexes = [
            models.Index(fields=["pool"], name="entry_of_pool", condition=Q(pool__isnull=False)),
        ]
        constraints = [
            one_of("source", EntrySource, name="entry_source"),
            models.CheckConstraint(
                name="entry_has_its_source",
                condition=Q(source=EntrySource.RUN, run__isnull=False, pool__isnull=True)
                | (~Q(source=EntrySource.RUN) & Q(run__isnull=True, pool__isnull=False)),
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="entry_month"),
        ]

    def __str__(self) -> str:
        return f"entry {self.pk}"
