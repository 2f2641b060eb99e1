"""What a source saw of a run: evidence, which nothing overwrites."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from emissions.calculation.vocabulary import Basis, Boundary, SourceKind
from emissions.models.choices import choices, one_of
from emissions.models.run import Run


class Observation(models.Model):
    """One row is what one source saw of a run over a time span."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="observations")
    source_kind = models.CharField(max_length=16, choices=choices(SourceKind))
    source_id = models.CharField(max_length=200, blank=True)
    host = models.CharField(max_length=200, blank=True)
    boundary = models.CharField(max_length=16, choices=choices(Boundary), default=Boundary.DEVICE)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    energy_kwh = models.FloatField(null=True, blank=True)
    energy_includes_pue = models.BooleanField(default=False)
    cpu_energy_kwh = models.FloatField(null=True, blank=True)
    cpu_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    gpu_energy_kwh = models.FloatField(null=True, blank=True)
    gpu_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    memory_energy_kwh = models.FloatField(null=True, blank=True)
    memory_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["run_id", "id"]
        constraints = [
            one_of("source_kind", SourceKind, name="observation_source_kind"),
            one_of("boundary", Boundary, name="observation_boundary"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="observation_span"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_kind} of run {self.run_id}"
