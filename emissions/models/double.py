"""Two runs that may be one job, what somebody decided, and the search for such pairs."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from emissions.calculation.vocabulary import (
    DoubleReason,
    DoubleState,
    MergeRule,
    PreviewState,
)
from emissions.models.choices import choices, one_of
from emissions.models.organisation import Organisation
from emissions.models.run import Run


class DoublePair(models.Model):
    """One row is two runs that may be one job: found, then kept apart or merged.

    A decision is remembered: what was kept is not found again. Where a rule merged them, what
    the superseded run saw counts as evidence of the other (`services/doubles/match_jobs`).
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    first = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=16, choices=choices(DoubleReason))
    state = models.CharField(max_length=16, choices=choices(DoubleState), default=DoubleState.OPEN)
    rule = models.CharField(
        max_length=16, choices=choices(MergeRule), blank=True, default="", db_default=""
    )
    superseded = models.ForeignKey(
        Run, on_delete=models.CASCADE, null=True, blank=True, related_name="merges"
    )
    found_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "state", "-id"], name="double_listed"),
            models.Index(
                fields=["superseded"],
                name="double_by_rule",
                condition=~Q(rule=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="double_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="double_in_order"),
            one_of("reason", DoubleReason, name="double_reason"),
            one_of("state", DoubleState, name="double_state"),
            models.CheckConstraint(
                name="double_rule",
                condition=Q(rule="")
                | Q(rule__in=[rule.value for rule in MergeRule], state=DoubleState.MERGED),
            ),
            models.CheckConstraint(
                name="double_merged_names_which",
                condition=Q(
                    Q(superseded=F("first")) | Q(superseded=F("second")), state=DoubleState.MERGED
                )
                | (~Q(state=DoubleState.MERGED) & Q(superseded__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"runs {self.first_id} and {self.second_id}"


class DoubleSearch(models.Model):
    """One row asks for a search for doubles among all runs, and says what came of it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(
        max_length=12, choices=choices(PreviewState), default=PreviewState.WAITING
    )
    found = models.IntegerField(default=0, help_text="Pairs that are new on the list.")
    merged = models.IntegerField(default=0, help_text="Pairs that a rule merged.")
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("state", PreviewState, name="double_search_state"),
            models.UniqueConstraint(
                fields=["organisation"],
                condition=Q(state__in=[PreviewState.WAITING, PreviewState.RUNNING]),
                name="double_search_one",
            ),
        ]

    def __str__(self) -> str:
        return f"search for doubles: {self.state}"
