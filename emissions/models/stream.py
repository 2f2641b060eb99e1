"""What trackers send while a run goes on: posts as they came, and where their machines stand."""

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.models.organisation import Organisation, Project
from emissions.models.run import Run
from emissions.models.site import CloudRegion, GridZone, Site


class Experiment(models.Model):
    """One row is what a tracker names: a project, and where its machines stand.

    The organisation says where; what a client finds out about its place is not believed.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="experiments"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="experiments")
    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    cloud_region = models.ForeignKey(CloudRegion, on_delete=models.PROTECT, null=True, blank=True)
    zone = models.ForeignKey(GridZone, on_delete=models.PROTECT, null=True, blank=True)
    cpu_measured = models.BooleanField(
        default=False, help_text="Whether its machines let the client read processor counters."
    )
    separate_machines = models.BooleanField(
        default=False, help_text="Whether its trackers never share a machine."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["project__name", "-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="experiment_name"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(is_default=True), name="experiment_default"
            ),
            models.UniqueConstraint(
                fields=["organisation", "id"], name="experiment_of_organisation"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EnergyStream(models.Model):
    """One row is one tracker: what it said of itself when it began.

    A request inserts it; `run` and what stands after it are a worker's.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="energy_streams"
    )
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="streams")
    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200, blank=True)
    job_id = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The scheduler's job that it says it is part of.",
    )
    is_cumulative = models.BooleanField(
        default=False, help_text="Whether each post holds the total since the start."
    )
    sent_at = models.DateTimeField(help_text="By the client's clock.")
    received_at = models.DateTimeField()
    host = models.CharField(max_length=64, help_text="What is known of the machine, hashed.")
    is_whole_machine = models.BooleanField(default=True)
    client_version = models.CharField(max_length=50, blank=True)
    os = models.CharField(max_length=200, blank=True)
    cpu_model = models.CharField(max_length=200, blank=True)
    cpu_count = models.IntegerField(null=True, blank=True)
    gpu_model = models.CharField(max_length=200, blank=True)
    gpu_count = models.IntegerField(null=True, blank=True)
    memory_gb = models.FloatField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, null=True, blank=True, related_name="streams"
    )
    folded_at = models.DateTimeField(null=True, blank=True)
    to_be_folded = models.BooleanField(
        default=False, help_text="What its posts amount to changed, without a post."
    )
    first_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    last_received_at = models.DateTimeField(null=True, blank=True)
    is_open = models.BooleanField(default=True)
    double_kwh = models.FloatField(
        default=0.0, help_text="Also seen by an earlier tracker of the machine: not counted."
    )

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["organisation", "host", "id"], name="stream_host"),
            models.Index(fields=["folded_at"], name="stream_open", condition=Q(is_open=True)),
            models.Index(fields=["id"], name="stream_changed", condition=Q(to_be_folded=True)),
        ]

    def __str__(self) -> str:
        return self.name or str(self.uuid)


class EnergyPost(models.Model):
    """One row is one post of a tracker, as it came: append-only, and the same one only once."""

    stream = models.ForeignKey(
        EnergyStream, on_delete=models.CASCADE, related_name="posts", db_index=False
    )
    sent_at = models.DateTimeField(help_text="By the client's clock.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what it says.")
    received_at = models.DateTimeField()
    duration_seconds = models.FloatField(help_text="[s]")
    energy_kwh = models.FloatField()
    cpu_energy_kwh = models.FloatField()
    gpu_energy_kwh = models.FloatField()
    memory_energy_kwh = models.FloatField()
    reported_kg = models.FloatField(help_text="The client's own. [kg]")
    cpu_watts = models.FloatField(null=True)
    gpu_watts = models.FloatField(null=True)
    memory_watts = models.FloatField(null=True)
    cpu_utilisation = models.FloatField(null=True)
    gpu_utilisation = models.FloatField(null=True)
    memory_utilisation = models.FloatField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["stream", "sent_at", "digest"], name="energy_post_once")
        ]

    def __str__(self) -> str:
        return f"post of {self.stream_id} at {self.sent_at}"


class UnfoldedPost(models.Model):
    """One row says that a post waits to be folded: inserted with it, deleted by a worker."""

    post = models.OneToOneField(EnergyPost, on_delete=models.CASCADE, primary_key=True)
    stream = models.ForeignKey(
        EnergyStream, on_delete=models.CASCADE, related_name="unfolded", db_constraint=False
    )

    class Meta:
        ordering = ["post_id"]

    def __str__(self) -> str:
        return f"post {self.post_id} waits"
