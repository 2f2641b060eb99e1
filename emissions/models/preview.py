"""What a change of the factor sets would post, calculated in the background."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from emissions.calculation.vocabulary import PreviewState
from emissions.models.choices import choices, one_of
from emissions.models.factor import FactorSet
from emissions.models.organisation import Organisation


class AdoptionPreview(models.Model):
    """One row asks what adopting or withdrawing a set would change, and holds the answer.

    `precedence` is empty for a withdrawal. `before` and `after` are the sets in use and those
    that would be, as (id, precedence): the answer holds while `before` is still true.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    factor_set = models.ForeignKey(FactorSet, on_delete=models.CASCADE, related_name="+")
    precedence = models.SmallIntegerField(null=True)
    before = models.JSONField()
    after = models.JSONField()
    state = models.CharField(
        max_length=12, choices=choices(PreviewState), default=PreviewState.WAITING
    )
    runs_done = models.BigIntegerField(default=0)
    runs_total = models.BigIntegerField(default=0)
    differences = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [one_of("state", PreviewState, name="adoption_preview_state")]

    def __str__(self) -> str:
        return f"preview of {self.factor_set}: {self.state}"

    @property
    def status_text(self) -> str:
        """How far it is, in words."""
        return f"{self.runs_done:,} of {self.runs_total:,} runs"

    @property
    def share(self) -> float | None:
        """How far it is, from 0 to 1; None before it is known."""
        return self.runs_done / self.runs_total if self.runs_total else None
