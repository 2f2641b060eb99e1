"""What a source saw of a run: evidence, which nothing overwrites."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from emissions.calculation.vocabulary import Basis, Boundary, SourceKind
from emissions.models.choices import choices, one_of
from emissions.models.run import Run


class Observation(models.Model):
    """One row is what one source saw of a run over a time span.

    An energy counts as evidence only with its basis beside it: `energy_kwh` (the whole run's)
    with `energy_basis`, and each component with its own. Rows of one source are parts and add
    up; different sources are alternatives, and the best one counts (`services/resolving/evidence`).
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="observations")
    source_kind = models.CharField(max_length=16, choices=choices(SourceKind))
    source_id = models.CharField(max_length=200, blank=True)
    host = models.CharField(max_length=200, blank=True)
    boundary = models.CharField(max_length=16, choices=choices(Boundary), default=Boundary.DEVICE)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    energy_kwh = models.FloatField(null=True, blank=True)
    energy_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    energy_includes_pue = models.BooleanField(
        default=False, help_text="All energies of the row are the facility's."
    )
    client_pue = models.FloatField(
        null=True, blank=True, help_text="The PUE that the client applied, where it says so."
    )
    cpu_energy_kwh = models.FloatField(null=True, blank=True)
    cpu_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    gpu_energy_kwh = models.FloatField(null=True, blank=True)
    gpu_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    memory_energy_kwh = models.FloatField(null=True, blank=True)
    memory_basis = models.SmallIntegerField(choices=choices(Basis), null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    superseded_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it does not count any more."
    )

    class Meta:
        ordering = ["run_id", "id"]
        indexes = [
            models.Index(
                fields=["run"],
                name="observation_evidence",
                condition=Q(superseded_at__isnull=True)
                & (
                    Q(energy_basis__isnull=False)
                    | Q(gpu_basis__isnull=False)
                    | Q(cpu_basis__isnull=False)
                    | Q(memory_basis__isnull=False)
                ),
            )
        ]
        constraints = [
            one_of("energy_basis", Basis, name="observation_energy_basis"),
            models.CheckConstraint(
                condition=Q(client_pue__isnull=True) | Q(client_pue__gte=1),
                name="observation_client_pue",
            ),
            one_of("source_kind", SourceKind, name="observation_source_kind"),
            one_of("boundary", Boundary, name="observation_boundary"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="observation_span"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_kind} of run {self.run_id}"
