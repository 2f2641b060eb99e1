"""What a grid's electricity is made of."""

from django.db import models
from django.db.models import F, Q

from emissions.models.factor import FactorSet
from emissions.models.site import GridZone


class GridMix(models.Model):
    """One row is what a zone's generation is made of in a time; never changed once recorded.

    Shares of generation, between 0 and 1. They say what a grid is (location-based); nothing
    of them is a claim to renewable electricity, and no market-based figure reads them.
    """

    factor_set = models.ForeignKey(FactorSet, on_delete=models.CASCADE, related_name="mixes")
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    starts_on = models.DateField()
    ends_before = models.DateField()
    renewable_share = models.FloatField()
    nuclear_share = models.FloatField()
    fossil_share = models.FloatField()
    published = models.CharField(max_length=200, blank=True)
    verification = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=400)
    source_url = models.CharField(max_length=400, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["zone_id", "starts_on"]
        verbose_name_plural = "grid mixes"
        constraints = [
            models.UniqueConstraint(
                fields=["factor_set", "zone", "starts_on"], name="grid_mix_once"
            ),
            models.CheckConstraint(
                condition=Q(renewable_share__gte=0, nuclear_share__gte=0, fossil_share__gte=0)
                & Q(renewable_share__lte=1.01 - F("nuclear_share") - F("fossil_share")),
                name="grid_mix_shares",
            ),
            models.CheckConstraint(
                condition=Q(ends_before__gt=F("starts_on")), name="grid_mix_validity"
            ),
        ]

    def __str__(self) -> str:
        return f"mix of {self.zone}, {self.starts_on.year}"
