"""A publisher's file that a worker loads: what it is, how far it is, what is wrong with it."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from emissions.calculation.vocabulary import PreviewState
from emissions.models.choices import choices, one_of
from emissions.models.factor import FactorSet
from emissions.models.organisation import Organisation


class FactorLoad(models.Model):
    """One row is one file that shall become a factor set, and what became of it.

    `content` is the file, compressed, until it has become a set or been refused. `errors`
    holds the first of them as [row, column, reason]; `error_count` says how many there are.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    format_name = models.CharField(max_length=40)
    file_name = models.CharField(max_length=250)
    content = models.BinaryField(null=True, help_text="Compressed with zlib.")
    edition = models.CharField(max_length=200)
    published_on = models.DateField()
    name = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=400, blank=True)
    source_url = models.CharField(max_length=400, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=12, choices=choices(PreviewState), default=PreviewState.WAITING
    )
    attempts = models.SmallIntegerField(default=0)
    factors = models.IntegerField(default=0, help_text="Factors and years of hours in the file.")
    errors = models.JSONField(default=list)
    error_count = models.IntegerField(default=0)
    left_out = models.JSONField(default=list)
    factor_set = models.ForeignKey(
        FactorSet, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [one_of("state", PreviewState, name="factor_load_state")]

    def __str__(self) -> str:
        return f"{self.file_name}: {self.state}"

    @property
    def status_text(self) -> str:
        """What is being done, in words."""
        return f"Writing {self.factors:,} factors" if self.factors else "Reading the file"

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1: reading takes most of the time."""
        return 0.8 if self.factors else 0.1
