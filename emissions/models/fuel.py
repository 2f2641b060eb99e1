"""Fuel that a site's generators and boilers burn: scope 1."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import Fuel
from emissions.models.choices import choices, one_of
from emissions.models.organisation import Organisation
from emissions.models.site import Site


class FuelUse(models.Model):
    """One row is an amount of one fuel burnt at a site in a month, with the factor used.

    A correction removes the row (it stays, marked) and adds another.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="fuel_uses")
    month = models.DateField()
    fuel = models.CharField(max_length=16, choices=choices(Fuel))
    amount = models.FloatField(help_text="Litres or cubic metres.")
    kg_per_unit = models.FloatField(help_text="[kg CO2e per litre or m³]")
    factor_source = models.CharField(max_length=250)
    note = models.CharField(max_length=250, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-month", "site__name", "pk"]
        constraints = [
            one_of("fuel", Fuel, name="fuel_use_fuel"),
            models.CheckConstraint(condition=Q(month__day=1), name="fuel_use_month"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, kg_per_unit__gte=0), name="fuel_use_amounts"
            ),
            models.CheckConstraint(condition=~Q(factor_source=""), name="fuel_use_source"),
        ]

    def __str__(self) -> str:
        return f"{Fuel(self.fuel).label} at {self.site}, {self.month:%Y-%m}"

    @property
    def unit(self) -> str:
        """The unit of the amount."""
        return "m³" if self.fuel == Fuel.NATURAL_GAS else "L"

    @property
    def kg(self) -> float:
        """The emissions, for pages; the ledger's line is exact. [kg CO2e]."""
        return self.amount * self.kg_per_unit
