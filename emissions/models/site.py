"""Grid zones, cloud regions, sites and what was true of them when."""

from django.core.validators import MinValueValidator
from django.db import models

from emissions.calculation.vocabulary import Control, SiteKind, ZoneKind
from emissions.models.choices import choices, one_of
from emissions.models.dated import DatedFact, no_overlap
from emissions.models.organisation import Organisation


class GridZone(models.Model):
    """One row is a place with an electricity mix; its parent is what it falls back to."""

    code = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=16, choices=choices(ZoneKind))
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [one_of("kind", ZoneKind, name="zone_kind")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class CloudRegion(models.Model):
    """One row is a region of a cloud provider, with its grid zone and published PUE."""

    provider = models.CharField(max_length=24)
    region = models.CharField(max_length=64)
    location = models.CharField(max_length=150)
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    pue = models.FloatField(null=True, blank=True)
    pue_source = models.CharField(max_length=250, blank=True)
    wue_litres_per_kwh = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["provider", "region"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "region"], name="cloud_region_once"),
            models.CheckConstraint(
                condition=models.Q(pue__isnull=True) | models.Q(pue__gte=1), name="cloud_region_pue"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.region}"


class DefaultPue(models.Model):
    """One row is a published PUE to fall back to: the world survey or a provider's fleet."""

    entity = models.CharField(max_length=64)
    year = models.SmallIntegerField()
    pue = models.FloatField(validators=[MinValueValidator(1.0)])
    source = models.CharField(max_length=250)

    class Meta:
        ordering = ["entity", "year"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "year"], name="default_pue_once"),
            models.CheckConstraint(condition=models.Q(pue__gte=1), name="default_pue_value"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.year}: {self.pue}"


class Site(models.Model):
    """One row is a data centre, a cloud region in use, or an office."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="sites")
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=16, choices=choices(SiteKind))
    cloud_region = models.ForeignKey(CloudRegion, on_delete=models.PROTECT, null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="site_slug"),
            models.UniqueConstraint(fields=["organisation", "name"], name="site_name"),
            models.UniqueConstraint(fields=["organisation", "id"], name="site_of_organisation"),
            one_of("kind", SiteKind, name="site_kind"),
        ]

    def __str__(self) -> str:
        return self.name


class SiteConditions(DatedFact):
    """One row is what was true of a site over a time: zone, control, PUE and WUE."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="conditions")
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT)
    it_control = models.CharField(max_length=16, choices=choices(Control))
    overhead_control = models.CharField(max_length=16, choices=choices(Control))
    pue = models.FloatField(null=True, blank=True, validators=[MinValueValidator(1.0)])
    pue_source = models.CharField(max_length=250, blank=True)
    wue_litres_per_kwh = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["site_id", "starts_on"]
        verbose_name_plural = "site conditions"
        constraints = [
            no_overlap("site", name="site_conditions_no_overlap"),
            one_of("it_control", Control, name="site_it_control"),
            one_of("overhead_control", Control, name="site_overhead_control"),
            models.CheckConstraint(
                condition=models.Q(pue__isnull=True) | models.Q(pue__gte=1), name="site_pue"
            ),
            models.CheckConstraint(
                condition=models.Q(wue_litres_per_kwh__isnull=True)
                | models.Q(wue_litres_per_kwh__gte=0),
                name="site_wue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} from {self.starts_on}"
