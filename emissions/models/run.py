"""Activity data as somebody stated it, and the queue of what is still to be calculated."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from emissions.calculation.vocabulary import Cause, RunStatus, SourceKind, Stage
from emissions.models.choices import choices, one_of
from emissions.models.hardware import HardwareModel, Node
from emissions.models.organisation import Organisation, Project
from emissions.models.site import CloudRegion, GridZone, Site


def at_least(field: str, least: float, *, name: str) -> models.CheckConstraint:
    """Return the constraint that a stated number is unknown or no less than `least`."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": least}), name=name
    )


def share(field: str, *, name: str) -> models.CheckConstraint:
    """Return the constraint that a stated share is unknown or between 0 and 1."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__range": (0, 1)}), name=name
    )


NO_PLACE = Q(node__isnull=True, site__isnull=True, cloud_region__isnull=True, zone__isnull=True)
NO_HARDWARE = Q(hardware__isnull=True, node__isnull=True) & ~Q(unknown_equipment="")
UNASSIGNED = Q(project__isnull=True) | NO_PLACE | NO_HARDWARE


class RunQuerySet(models.QuerySet["Run"]):
    """Runs that stand: a deleted one is a tombstone."""

    def alive(self) -> Self:
        """Runs that nobody has deleted."""
        return self.filter(deleted_at__isnull=True)

    def counted(self) -> Self:
        """Runs that stand in the ledger: alive, and not another record of the same job."""
        return self.alive().filter(superseded_by__isnull=True)

    def unassigned(self) -> Self:
        """Runs that count, but without a project, a place, or hardware that is known."""
        return self.counted().filter(UNASSIGNED)

    def of(self, organisation: Organisation) -> Self:
        """Runs of one organisation that nobody has deleted."""
        return self.alive().filter(organisation=organisation)


class Run(models.Model):
    """One row is one training run (or another job): hardware × hours, or measured kWh."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="runs")
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    external_id = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200)
    ai_model = models.CharField(max_length=200, blank=True)
    stage = models.CharField(max_length=16, choices=choices(Stage), default=Stage.PRE_TRAINING)
    status = models.CharField(
        max_length=16, choices=choices(RunStatus), default=RunStatus.COMPLETED
    )
    source_kind = models.CharField(
        max_length=16, choices=choices(SourceKind), default=SourceKind.FORM
    )

    hardware = models.ForeignKey(HardwareModel, on_delete=models.PROTECT, null=True, blank=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, null=True, blank=True, db_index=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, db_index=False)
    cloud_region = models.ForeignKey(CloudRegion, on_delete=models.PROTECT, null=True, blank=True)
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT, null=True, blank=True)

    started_at = models.DateTimeField()
    duration_hours = models.FloatField(help_text="Wall-clock. [h]")
    device_count = models.FloatField(default=1)
    #: Nobody stated the count: it and the wall-clock hours were made from device-hours alone.
    count_assumed = models.BooleanField(default=False, db_default=False)
    device_hours = models.FloatField(help_text="Devices × wall-clock, or as stated. [h]")

    energy_kwh = models.FloatField(null=True, blank=True)
    energy_includes_pue = models.BooleanField(default=False)
    energy_measured = models.BooleanField(default=False)
    stated_power_watts = models.FloatField(null=True, blank=True, help_text="Per device. [W]")
    power_share = models.FloatField(null=True, blank=True)
    utilisation = models.FloatField(null=True, blank=True)
    cpu_cores = models.FloatField(null=True, blank=True)
    cpu_watts_per_core = models.FloatField(null=True, blank=True)
    memory_gb = models.FloatField(null=True, blank=True)
    stated_pue = models.FloatField(null=True, blank=True)
    stated_factor_g_per_kwh = models.FloatField(null=True, blank=True)
    stated_factor_source = models.CharField(max_length=250, blank=True)
    reported_kg = models.FloatField(null=True, blank=True, help_text="The client's own. [kg]")

    sweep = models.CharField(max_length=200, blank=True)
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    superseded_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="supersedes"
    )
    tokens = models.FloatField(null=True, blank=True)
    flop = models.FloatField(null=True, blank=True)
    metric_name = models.CharField(max_length=100, blank=True)
    metric_value = models.FloatField(null=True, blank=True)
    notes = models.TextField(blank=True)

    #: What the source calls its project, equipment and place, where we know none of that name.
    unknown_project = models.CharField(max_length=200, blank=True, default="", db_default="")
    unknown_equipment = models.CharField(max_length=200, blank=True, default="", db_default="")
    unknown_place = models.CharField(max_length=200, blank=True, default="", db_default="")
    # Not checked by the database: a file of a million runs would be checked a million times.
    run_import = models.ForeignKey(
        "RunImport",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    #: Not a column: the hours of an unsaved run are those until now, nobody stated them.
    hours_so_far = False

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(
                fields=["organisation", "-started_at", "-id"],
                name="run_recent",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=["project", "-started_at", "-id"],
                name="run_of_project",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=["site", "-started_at", "-id"],
                name="run_of_site",
                condition=Q(site__isnull=False),
            ),
            models.Index(
                fields=["node", "-started_at", "-id"],
                name="run_of_node",
                condition=Q(node__isnull=False),
            ),
            models.Index(
                fields=["organisation", "project"],
                name="run_reported",
                condition=Q(deleted_at__isnull=True, reported_kg__isnull=False),
            ),
            models.Index(
                fields=["project", "started_at"],
                name="run_of_tracker",
                condition=Q(deleted_at__isnull=True, source_kind=SourceKind.CODECARBON),
            ),
            models.Index(
                fields=["organisation", "-started_at", "-id"],
                name="run_unassigned",
                condition=Q(deleted_at__isnull=True, superseded_by__isnull=True) & UNASSIGNED,
            ),
            models.Index(
                fields=["run_import"],
                name="run_of_import",
                condition=Q(run_import__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "project", "external_id"],
                condition=Q(deleted_at__isnull=True) & ~Q(external_id=""),
                name="run_external_id",
                nulls_distinct=False,
            ),
            one_of("stage", Stage, name="run_stage"),
            one_of("status", RunStatus, name="run_status"),
            one_of("source_kind", SourceKind, name="run_source_kind"),
            at_least("duration_hours", 0, name="run_duration"),
            at_least("device_count", 0, name="run_device_count"),
            at_least("device_hours", 0, name="run_device_hours"),
            at_least("energy_kwh", 0, name="run_energy"),
            at_least("stated_power_watts", 0, name="run_power"),
            share("power_share", name="run_power_share"),
            share("utilisation", name="run_utilisation"),
            at_least("stated_pue", 1, name="run_pue"),
            at_least("stated_factor_g_per_kwh", 0, name="run_factor"),
            models.CheckConstraint(
                name="run_factor_has_source",
                condition=Q(stated_factor_g_per_kwh__isnull=True) | ~Q(stated_factor_source=""),
            ),
            models.CheckConstraint(
                name="run_power_or_energy_known",
                condition=Q(hardware__isnull=False)
                | Q(node__isnull=False)
                | Q(stated_power_watts__isnull=False)
                | Q(energy_kwh__isnull=False)
                | Q(cpu_cores__isnull=False, cpu_cores__gt=0)
                | ~Q(unknown_equipment=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ended_at(self) -> datetime:
        """When the run ended, from its start and wall-clock hours."""
        return self.started_at + timedelta(hours=self.duration_hours)


class RunState(models.Model):
    """One row is a run's lock for workers, and why its last calculation failed.

    `node` is the node whose totals have the run's lines: the run's own once it is calculated.
    """

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="state"
    )
    error = models.TextField(blank=True)
    # Not checked by the database, and not looked up: only the run's own row is read.
    node = models.ForeignKey(
        Node,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        indexes = [
            models.Index(fields=["run"], name="run_state_failed", condition=~Q(error="")),
        ]

    def __str__(self) -> str:
        return f"state of run {self.run_id}"


class PendingCalculation(models.Model):
    """One row asks for one run to be calculated; others only insert rows, workers clear them.

    Only the run is a foreign key in the database: queueing a million runs would check each
    of the others a million times.
    """

    WAITING = 0
    BULK = 10

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="pending")
    priority = models.SmallIntegerField(default=WAITING)
    cause = models.CharField(max_length=20, choices=choices(Cause), default=Cause.DATA)
    reason = models.CharField(max_length=250, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["priority", "id"]
        indexes = [models.Index(fields=["priority", "id"], name="pending_order")]
        constraints = [
            one_of("cause", Cause, name="pending_cause"),
            at_least("priority", 0, name="pending_priority"),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id}: {self.cause}"
