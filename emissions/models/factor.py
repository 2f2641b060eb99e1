"""Emission factors, their editions, and which of them an organisation has adopted."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.models.choices import choices, one_of
from emissions.models.organisation import Organisation
from emissions.models.site import GridZone, Site


class FactorSet(models.Model):
    """One row is one edition of a publisher's factors: immutable, shared or private."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, blank=True)
    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=200)
    edition = models.CharField(max_length=200)
    published_on = models.DateField()
    default_precedence = models.SmallIntegerField(null=True, blank=True)
    source = models.CharField(max_length=400)
    source_url = models.CharField(max_length=400, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "published_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "slug"], name="factor_set_slug", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.edition}"


class EmissionFactor(models.Model):
    """One row is g CO2e per kWh for a zone and a time; never changed once recorded."""

    factor_set = models.ForeignKey(FactorSet, on_delete=models.CASCADE, related_name="factors")
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    role = models.CharField(max_length=12, choices=choices(FactorRole))
    kind = models.CharField(max_length=12, choices=choices(FactorKind))
    starts_on = models.DateField()
    ends_before = models.DateField()
    g_co2e_per_kwh = models.FloatField()
    includes_upstream = models.BooleanField(default=False)
    includes_losses = models.BooleanField(default=False)
    gases = models.CharField(max_length=16, blank=True)
    co2_g_per_kwh = models.FloatField(null=True, blank=True)
    ch4_g_per_kwh = models.FloatField(null=True, blank=True)
    n2o_g_per_kwh = models.FloatField(null=True, blank=True)
    biogenic_co2_g_per_kwh = models.FloatField(null=True, blank=True)
    published = models.CharField(max_length=200, blank=True)
    verification = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=400)
    source_url = models.CharField(max_length=400, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["zone_id", "starts_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["factor_set", "zone", "site", "role", "kind", "starts_on"],
                name="factor_once",
                nulls_distinct=False,
            ),
            one_of("role", FactorRole, name="factor_role"),
            one_of("kind", FactorKind, name="factor_kind"),
            models.CheckConstraint(condition=Q(g_co2e_per_kwh__gte=0), name="factor_not_negative"),
            models.CheckConstraint(
                condition=Q(ends_before__gt=models.F("starts_on")), name="factor_validity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.g_co2e_per_kwh} g/kWh, {self.zone} {self.starts_on.year}"


class HourlyIntensity(models.Model):
    """One row is a zone's intensity in each hour (UTC) of a year; NULL where it is not known."""

    factor_set = models.ForeignKey(FactorSet, on_delete=models.CASCADE, related_name="hourly")
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    year = models.SmallIntegerField()
    kind = models.CharField(max_length=12, choices=choices(FactorKind))
    g_co2e_per_kwh = ArrayField(models.FloatField(null=True))

    class Meta:
        ordering = ["zone_id", "year"]
        verbose_name_plural = "hourly intensities"
        constraints = [
            models.UniqueConstraint(
                fields=["factor_set", "zone", "year", "kind"], name="hourly_intensity_once"
            ),
            one_of("kind", FactorKind, name="hourly_intensity_kind"),
        ]

    def __str__(self) -> str:
        return f"hours of {self.year}, {self.zone}"


class GridLoss(models.Model):
    """One row is the share of a zone's generation lost in transmission and distribution."""

    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    starts_on = models.DateField()
    ends_before = models.DateField()
    loss_share = models.FloatField()
    published = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=400)
    licence = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["zone_id", "starts_on"]
        verbose_name_plural = "grid losses"
        constraints = [
            models.UniqueConstraint(fields=["zone", "starts_on"], name="grid_loss_once"),
            models.CheckConstraint(
                condition=Q(loss_share__gte=0, loss_share__lt=1), name="grid_loss_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loss_share:.1%}, {self.zone}"


class FactorSetAdoption(models.Model):
    """One row says that an organisation uses a set; only this moves its ledger."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="adoptions"
    )
    factor_set = models.ForeignKey(FactorSet, on_delete=models.PROTECT, related_name="adoptions")
    precedence = models.SmallIntegerField(help_text="The lowest number is asked first.")
    adopted_at = models.DateTimeField(default=timezone.now)
    adopted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["precedence", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "factor_set"],
                condition=Q(withdrawn_at__isnull=True),
                name="adoption_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.factor_set}"
