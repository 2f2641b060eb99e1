"""Contractual instruments of the market-based method, and what each is used for."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from emissions.calculation.vocabulary import InstrumentKind, InstrumentStatus
from emissions.models.choices import choices, one_of, quantity
from emissions.models.organisation import Organisation
from emissions.models.site import GridZone, Site

MOST_MWH = 9_000_000
"""Exact quantities of nano-kWh end a little above."""


class EnergyInstrument(models.Model):
    """One row is a certificate batch, a contract or a supplier's tariff: so many MWh at a rate.

    It may be used for electricity of its period at its site, or at any own site in its market.
    Until it is retired, what it covers is provisional; a lapsed one covers nothing.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="instruments"
    )
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=16, choices=choices(InstrumentKind))
    energy_mwh = models.DecimalField(max_digits=13, decimal_places=6)
    starts_on = models.DateField()
    ends_before = models.DateField()
    vintage = models.CharField(max_length=64, blank=True, help_text="When it was generated.")
    market = models.ForeignKey(GridZone, on_delete=models.PROTECT, null=True, blank=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    registry = models.CharField(max_length=150, blank=True)
    reference = models.CharField(max_length=250, blank=True, help_text="Serial numbers.")
    rate_g_per_kwh = models.FloatField(default=0)
    rate_source = models.CharField(max_length=250, blank=True)
    status = models.CharField(
        max_length=16, choices=choices(InstrumentStatus), default=InstrumentStatus.CONTRACTED
    )
    retired_on = models.DateField(null=True, blank=True)
    criteria_met = models.SmallIntegerField(default=0, help_text="Bits of `QualityCriterion`.")
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["starts_on", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "id"], name="instrument_of_organisation"
            ),
            models.UniqueConstraint(fields=["organisation", "name"], name="instrument_name"),
            one_of("kind", InstrumentKind, name="instrument_kind"),
            one_of("status", InstrumentStatus, name="instrument_status"),
            models.CheckConstraint(
                condition=Q(energy_mwh__gt=0, energy_mwh__lte=MOST_MWH), name="instrument_energy"
            ),
            models.CheckConstraint(condition=Q(rate_g_per_kwh__gte=0), name="instrument_rate"),
            models.CheckConstraint(
                condition=Q(ends_before__gt=F("starts_on")), name="instrument_period"
            ),
            models.CheckConstraint(
                condition=Q(status=InstrumentStatus.RETIRED) | Q(retired_on__isnull=True),
                name="instrument_retired_on",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InstrumentUse(models.Model):
    """One row is the electricity of a site's month that an instrument covers.

    Those of one instrument are never more than its MWh. What is not `by_hand` is allocated
    chronologically, and anew when consumption changes.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, db_index=False)
    instrument = models.ForeignKey(
        EnergyInstrument, on_delete=models.CASCADE, related_name="uses", db_index=False
    )
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    month = models.DateField()
    energy_kwh = quantity()
    by_hand = models.BooleanField(default=False)

    class Meta:
        ordering = ["month", "site_id", "instrument_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instrument", "site", "month"], name="instrument_use_once"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="instrument_use_month"),
            models.CheckConstraint(condition=Q(energy_kwh__gte=0), name="instrument_use_energy"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} for {self.month:%Y-%m}"
