"""The catalogue of hardware and the organisation's own nodes."""

from django.db import models
from django.db.models import Q

from emissions.calculation.vocabulary import HardwareKind, Tenure
from emissions.models.choices import choices, one_of
from emissions.models.dated import DatedFact, no_overlap
from emissions.models.organisation import Organisation, Team
from emissions.models.site import Site


class HardwareModel(models.Model):
    """One row is a catalogue entry, shared or an organisation's own."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, null=True, blank=True, related_name="hardware"
    )
    name = models.CharField(max_length=150)
    vendor = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=16, choices=choices(HardwareKind))
    max_watts = models.FloatField(help_text="Rated power (TDP) of one device. [W]")
    idle_watts = models.FloatField(null=True, blank=True)
    memory_gb = models.FloatField(null=True, blank=True)
    cores = models.IntegerField(null=True, blank=True)
    release_year = models.SmallIntegerField(null=True, blank=True)
    peak_fp16_tflops = models.FloatField(null=True, blank=True)
    embodied_kg = models.FloatField(null=True, blank=True)
    embodied_source = models.CharField(max_length=250, blank=True)
    life_years = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=400)
    licence = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="hardware_name", nulls_distinct=False
            ),
            one_of("kind", HardwareKind, name="hardware_kind"),
            models.CheckConstraint(condition=Q(max_watts__gt=0), name="hardware_max_watts"),
            models.CheckConstraint(
                condition=Q(idle_watts__isnull=True) | Q(idle_watts__gte=0),
                name="hardware_idle_watts",
            ),
            models.CheckConstraint(
                condition=Q(embodied_kg__isnull=True) | Q(embodied_kg__gte=0),
                name="hardware_embodied",
            ),
            models.CheckConstraint(
                condition=Q(life_years__isnull=True) | Q(life_years__gt=0), name="hardware_life"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class HardwareLife(DatedFact):
    """One row is the life that the catalogue gave for a time that is over.

    The one that it gives now stands in the entry itself. A row without years says that the
    catalogue gave none.
    """

    hardware = models.ForeignKey(HardwareModel, on_delete=models.CASCADE, related_name="lives")
    life_years = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["hardware_id", "starts_on"]
        constraints = [
            no_overlap("hardware", name="hardware_life_no_overlap"),
            models.CheckConstraint(
                condition=Q(life_years__isnull=True) | Q(life_years__gt=0),
                name="hardware_life_years",
            ),
            models.CheckConstraint(
                condition=Q(ends_before__isnull=False), name="hardware_life_over"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hardware}: {self.life_years} years until {self.ends_before}"


class HardwareAlias(models.Model):
    """One row is another spelling of a model, folded: lower case, no spaces or dashes."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, blank=True)
    hardware = models.ForeignKey(HardwareModel, on_delete=models.CASCADE, related_name="aliases")
    folded = models.CharField(max_length=150)
    spelling = models.CharField(max_length=150)

    class Meta:
        ordering = ["spelling"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "folded"], name="hardware_alias", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.spelling


class Node(models.Model):
    """One row is a machine, or several alike, that the organisation has."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="nodes")
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    hardware = models.ForeignKey(HardwareModel, on_delete=models.PROTECT, related_name="nodes")
    device_count = models.PositiveIntegerField(help_text="Devices in one node.")
    node_count = models.PositiveIntegerField(default=1, help_text="Nodes alike.")
    idle_watts = models.FloatField(null=True, blank=True, help_text="Whole node, idle. [W]")
    max_watts = models.FloatField(null=True, blank=True, help_text="Whole node, full load. [W]")
    embodied_kg = models.FloatField(null=True, blank=True, help_text="One node. [kg CO2e]")
    embodied_source = models.CharField(max_length=250, blank=True)
    purchased_on = models.DateField(null=True, blank=True)
    disposed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="node_slug"),
            models.UniqueConstraint(fields=["organisation", "name"], name="node_name"),
            models.UniqueConstraint(fields=["organisation", "id"], name="node_of_organisation"),
            models.CheckConstraint(condition=Q(device_count__gte=1), name="node_device_count"),
            models.CheckConstraint(condition=Q(node_count__gte=1), name="node_node_count"),
            models.CheckConstraint(
                name="node_power",
                condition=(Q(idle_watts__isnull=True) & Q(max_watts__isnull=True))
                | Q(
                    idle_watts__isnull=False,
                    max_watts__isnull=False,
                    idle_watts__gte=0,
                    max_watts__gte=models.F("idle_watts"),
                    max_watts__gt=0,
                ),
            ),
            models.CheckConstraint(
                condition=Q(embodied_kg__isnull=True) | Q(embodied_kg__gte=0), name="node_embodied"
            ),
            models.CheckConstraint(
                condition=Q(disposed_on__isnull=True)
                | Q(purchased_on__isnull=True)
                | Q(disposed_on__gte=models.F("purchased_on")),
                name="node_disposed_after_purchase",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NodePlacement(DatedFact):
    """One row is where a node stood, whose it was and how it was held, over a time."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="placements")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="placements")
    owner = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    tenure = models.CharField(max_length=16, choices=choices(Tenure), default=Tenure.OWNED)

    class Meta:
        ordering = ["node_id", "starts_on"]
        constraints = [
            no_overlap("node", name="node_placement_no_overlap"),
            one_of("tenure", Tenure, name="node_tenure"),
        ]

    def __str__(self) -> str:
        return f"{self.node} at {self.site} from {self.starts_on}"


class NodeLife(DatedFact):
    """One row is how long a node is to serve in all, as believed over a time.

    A row without years follows the catalogue. What the schedule had spread of the node's
    footprint before the row begins stays; what is left is spread over the rest of the life.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="lives")
    life_years = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["node_id", "starts_on"]
        constraints = [
            no_overlap("node", name="node_life_no_overlap"),
            models.CheckConstraint(
                condition=Q(life_years__isnull=True) | Q(life_years__gt=0), name="node_life_years"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node}: {self.life_years} years from {self.starts_on}"
