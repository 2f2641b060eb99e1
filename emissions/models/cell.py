"""Everything about a ledger line that is not a quantity."""

from django.db import models

from emissions.calculation.vocabulary import (
    Basis,
    Fit,
    PoolKind,
    RunStatus,
    Scope,
    Scope3Category,
    SourceKind,
    Stage,
)
from emissions.models.choices import choices, one_of
from emissions.models.factor import EmissionFactor, GridLoss
from emissions.models.hardware import HardwareModel
from emissions.models.organisation import Organisation, Project, Team
from emissions.models.site import CloudRegion, GridZone, Site


class Cell(models.Model):
    """One row is one combination of attributes of ledger lines: interned, never changed.

    A line of a pool names the pool's kind as its source and has no stage and no status.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True)
    cost_centre = models.CharField(max_length=64, blank=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True)
    cloud_region = models.ForeignKey(CloudRegion, on_delete=models.PROTECT, null=True)
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT, null=True)
    hardware = models.ForeignKey(HardwareModel, on_delete=models.PROTECT, null=True)
    stage = models.CharField(max_length=16, choices=choices(Stage), null=True)  # noqa: DJ001
    status = models.CharField(max_length=16, choices=choices(RunStatus), null=True)  # noqa: DJ001
    source_kind = models.CharField(
        max_length=16, choices=[*choices(SourceKind), *choices(PoolKind)]
    )
    scope = models.SmallIntegerField(choices=choices(Scope))
    category = models.SmallIntegerField(choices=choices(Scope3Category), null=True)
    basis = models.SmallIntegerField(choices=choices(Basis))
    location_factor = models.ForeignKey(
        EmissionFactor, on_delete=models.PROTECT, null=True, related_name="+"
    )
    market_factor = models.ForeignKey(
        EmissionFactor, on_delete=models.PROTECT, null=True, related_name="+"
    )
    upstream_factor = models.ForeignKey(
        EmissionFactor, on_delete=models.PROTECT, null=True, related_name="+"
    )
    grid_loss = models.ForeignKey(GridLoss, on_delete=models.PROTECT, null=True)
    fit = models.SmallIntegerField(choices=choices(Fit))
    assumptions = models.IntegerField(default=0)

    #: What makes two cells the same, in the order of the unique key.
    KEY = (
        "team_id",
        "cost_centre",
        "project_id",
        "site_id",
        "cloud_region_id",
        "zone_id",
        "hardware_id",
        "stage",
        "status",
        "source_kind",
        "scope",
        "category",
        "basis",
        "location_factor_id",
        "market_factor_id",
        "upstream_factor_id",
        "grid_loss_id",
        "fit",
        "assumptions",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "organisation",
                    "team",
                    "cost_centre",
                    "project",
                    "site",
                    "cloud_region",
                    "zone",
                    "hardware",
                    "stage",
                    "status",
                    "source_kind",
                    "scope",
                    "category",
                    "basis",
                    "location_factor",
                    "market_factor",
                    "upstream_factor",
                    "grid_loss",
                    "fit",
                    "assumptions",
                ],
                name="cell_once",
                nulls_distinct=False,
            ),
            one_of("scope", Scope, name="cell_scope"),
            one_of("category", Scope3Category, name="cell_category"),
            one_of("basis", Basis, name="cell_basis"),
            one_of("fit", Fit, name="cell_fit"),
            one_of("stage", Stage, name="cell_stage"),
            one_of("status", RunStatus, name="cell_status"),
        ]

    def __str__(self) -> str:
        return f"cell {self.pk}"
