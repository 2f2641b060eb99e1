"""What meters say: energy at a point of a site over a period."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from emissions.calculation.vocabulary import MeasuringPoint
from emissions.models.choices import choices, one_of, quantity
from emissions.models.dated import DateRange, OneKey
from emissions.models.organisation import Organisation
from emissions.models.site import Site


class MeterReading(models.Model):
    """One row is the metered energy of a site over some days: a bill, or a month of data.

    A site has one series of readings: several meters are added up before. `other_load_kwh` is
    what is known to be no AI work (offices, storage), at the same point.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, db_index=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="readings")
    starts_on = models.DateField()
    ends_before = models.DateField()
    measuring_point = models.CharField(
        max_length=16, choices=choices(MeasuringPoint), default=MeasuringPoint.FACILITY
    )
    energy_kwh = quantity()
    other_load_kwh = quantity(default=0)
    source = models.CharField(max_length=250, blank=True, help_text="The bill, or the meter.")
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["site_id", "starts_on"]
        constraints = [
            one_of("measuring_point", MeasuringPoint, name="reading_measuring_point"),
            models.CheckConstraint(
                condition=Q(ends_before__gt=F("starts_on")), name="reading_period"
            ),
            models.CheckConstraint(condition=Q(energy_kwh__gte=0), name="reading_energy"),
            models.CheckConstraint(condition=Q(other_load_kwh__gte=0), name="reading_other_load"),
            ExclusionConstraint(
                name="reading_no_overlap",
                expressions=[
                    (OneKey("site"), RangeOperators.OVERLAPS),
                    (
                        DateRange("starts_on", "ends_before", RangeBoundary()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} from {self.starts_on}"
