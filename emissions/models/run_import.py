"""Files of runs: what was uploaded, its rows until they are imported, and what names mean."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import ImportStatus, NameKind, RowOutcome, SourceKind
from emissions.models.choices import choices, one_of
from emissions.models.hardware import HardwareModel, Node
from emissions.models.organisation import Organisation, Project
from emissions.models.site import CloudRegion, GridZone, Site


class RunImport(models.Model):
    """One row is one uploaded file: looked at first, then imported, perhaps undone.

    `project` takes the rows that name none; with `only_project` it takes all rows.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="imports")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True)
    only_project = models.BooleanField(default=False)
    file_name = models.CharField(max_length=250)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    file_format = models.CharField(max_length=16, blank=True)
    source_kind = models.CharField(
        max_length=16, choices=choices(SourceKind), default=SourceKind.FILE
    )
    time_zone = models.CharField(max_length=64, blank=True)
    status = models.CharField(
        max_length=16, choices=choices(ImportStatus), default=ImportStatus.READY
    )
    left_out = models.JSONField(default=list, help_text="Columns that mean nothing to us.")
    error = models.TextField(blank=True)

    rows = models.IntegerField(default=0, help_text="New, changed, unchanged and refused.")
    new_rows = models.IntegerField(default=0)
    changed_rows = models.IntegerField(default=0)
    unchanged_rows = models.IntegerField(default=0)
    refused_rows = models.IntegerField(default=0)
    energy_kwh = models.FloatField(default=0, help_text="Of new and changed rows. [kWh]")
    location_based_kg = models.FloatField(default=0, help_text="Of new and changed rows. [kg]")
    last_row = models.BigIntegerField(default=0, help_text="Imported up to this row of the file.")
    imported_rows = models.IntegerField(default=0, help_text="New and changed rows written.")
    kept_rows = models.IntegerField(
        default=0, help_text="Runs that an undo left, for somebody had changed them since."
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="import_recent"),
            models.Index(
                fields=["id"],
                name="import_waiting",
                condition=Q(status__in=[ImportStatus.IMPORTING, ImportStatus.UNDOING]),
            ),
        ]
        constraints = [
            one_of("status", ImportStatus, name="import_status"),
            one_of("source_kind", SourceKind, name="import_source_kind"),
            models.CheckConstraint(
                name="import_only_project",
                condition=Q(only_project=False) | Q(project__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportContent(models.Model):
    """One row keeps a file's bytes while somebody is asked for its time zone."""

    run_import = models.OneToOneField(
        RunImport, on_delete=models.CASCADE, primary_key=True, related_name="content"
    )
    content = models.BinaryField(help_text="Compressed with zlib.")

    def __str__(self) -> str:
        return f"content of import {self.run_import_id}"


class ImportRow(models.Model):
    """One row is one row of a file, typed: what would become a run, or why it cannot.

    Its names are what the source says; ids are what they mean here. Filled by COPY: its
    references are checked when it becomes a run.
    """

    pk = models.CompositePrimaryKey("run_import", "row")
    run_import = models.ForeignKey(
        RunImport, on_delete=models.CASCADE, db_index=False, related_name="staged"
    )
    row = models.BigIntegerField(help_text="As a spreadsheet counts: the header is row 1.")
    outcome = models.CharField(max_length=10, choices=choices(RowOutcome))
    refused_column = models.CharField(max_length=100, blank=True, db_default="")
    reason = models.TextField(blank=True, db_default="")
    run_id = models.BigIntegerField(null=True, help_text="The run that it changes or made.")
    before = models.JSONField(null=True, help_text="What an import changed, for undoing it.")

    external_id = models.CharField(max_length=200, db_default="")
    name = models.CharField(max_length=200, db_default="")
    project_name = models.CharField(max_length=200, null=True)  # noqa: DJ001
    equipment_name = models.CharField(max_length=200, null=True)  # noqa: DJ001
    place_name = models.CharField(max_length=200, null=True)  # noqa: DJ001
    host = models.CharField(max_length=200, null=True)  # noqa: DJ001
    project_id = models.BigIntegerField(null=True)
    hardware_id = models.BigIntegerField(null=True)
    node_id = models.BigIntegerField(null=True)
    site_id = models.BigIntegerField(null=True)
    cloud_region_id = models.BigIntegerField(null=True)
    zone_id = models.BigIntegerField(null=True)
    stage = models.CharField(max_length=16, null=True)  # noqa: DJ001
    status = models.CharField(max_length=16, null=True)  # noqa: DJ001
    started_at = models.DateTimeField(null=True)
    duration_hours = models.FloatField(null=True)
    device_count = models.FloatField(null=True)
    count_assumed = models.BooleanField(default=False, db_default=False)
    device_hours = models.FloatField(null=True)
    energy_kwh = models.FloatField(null=True)
    energy_includes_pue = models.BooleanField(null=True)
    energy_measured = models.BooleanField(null=True)
    stated_power_watts = models.FloatField(null=True)
    power_share = models.FloatField(null=True)
    utilisation = models.FloatField(null=True)
    cpu_cores = models.FloatField(null=True)
    cpu_watts_per_core = models.FloatField(null=True)
    memory_gb = models.FloatField(null=True)
    stated_pue = models.FloatField(null=True)
    stated_factor_g_per_kwh = models.FloatField(null=True)
    stated_factor_source = models.CharField(max_length=250, db_default="")
    reported_kg = models.FloatField(null=True)
    experiment = models.CharField(max_length=200, null=True)  # noqa: DJ001
    boundary = models.CharField(max_length=16, null=True)  # noqa: DJ001
    client_pue = models.FloatField(null=True)
    gpu_energy_kwh = models.FloatField(null=True)
    gpu_basis = models.SmallIntegerField(null=True)
    cpu_energy_kwh = models.FloatField(null=True)
    cpu_basis = models.SmallIntegerField(null=True)
    memory_energy_kwh = models.FloatField(null=True)
    memory_basis = models.SmallIntegerField(null=True)
    ai_model = models.CharField(max_length=200, db_default="")
    sweep = models.CharField(max_length=200, db_default="")
    tokens = models.FloatField(null=True)
    flop = models.FloatField(null=True)
    metric_name = models.CharField(max_length=100, db_default="")
    metric_value = models.FloatField(null=True)
    notes = models.TextField(db_default="")

    class Meta:
        constraints = [one_of("outcome", RowOutcome, name="import_row_outcome")]

    def __str__(self) -> str:
        return f"row {self.row} of import {self.run_import_id}"


class ImportMapping(models.Model):
    """One row says once what a name of another system means here."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16, choices=choices(NameKind))
    name = models.CharField(max_length=200)
    folded = models.CharField(max_length=200)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True)
    hardware = models.ForeignKey(HardwareModel, on_delete=models.CASCADE, null=True, blank=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, null=True, blank=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, null=True, blank=True)
    cloud_region = models.ForeignKey(CloudRegion, on_delete=models.CASCADE, null=True, blank=True)
    zone = models.ForeignKey(GridZone, on_delete=models.CASCADE, null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "folded"], name="import_mapping_once"
            ),
            one_of("kind", NameKind, name="import_mapping_kind"),
            models.CheckConstraint(
                name="import_mapping_means_one_thing",
                condition=Q(kind=NameKind.PROJECT, project__isnull=False)
                | Q(kind=NameKind.EQUIPMENT, hardware__isnull=False, node__isnull=True)
                | Q(kind=NameKind.EQUIPMENT, hardware__isnull=True, node__isnull=False)
                | Q(kind=NameKind.PLACE, site__isnull=False)
                | Q(kind=NameKind.PLACE, cloud_region__isnull=False)
                | Q(kind=NameKind.PLACE, zone__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
