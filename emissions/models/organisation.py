"""The organisation, its teams and its projects."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import Headline, IdleRule, Preset, RemainderRule
from emissions.models.choices import choices, one_of
from emissions.models.dated import DatedFact, no_overlap


class Organisation(models.Model):
    """One row is one tenant: nothing is shared across it but reference data."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=150)
    time_zone = models.CharField(max_length=64, default="UTC")
    preset = models.SmallIntegerField(choices=choices(Preset), default=Preset.TONNE)
    headline = models.CharField(max_length=8, choices=choices(Headline), default=Headline.ANNUAL)
    idle_rule = models.CharField(max_length=16, choices=choices(IdleRule), default=IdleRule.OWNER)
    remainder_rule = models.CharField(
        max_length=16, choices=choices(RemainderRule), default=RemainderRule.UNALLOCATED
    )
    trued_up_before = models.DateField(
        null=True, blank=True, help_text="In years before it only retired instruments count."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(trued_up_before__isnull=True)
                | Q(trued_up_before__month=1, trued_up_before__day=1),
                name="organisation_trued_up_before",
            ),
            one_of("preset", Preset, name="organisation_preset"),
            one_of("headline", Headline, name="organisation_headline"),
            one_of("idle_rule", IdleRule, name="organisation_idle_rule"),
            one_of("remainder_rule", RemainderRule, name="organisation_remainder_rule"),
        ]

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """One row is one team; it keeps its history when projects move."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="teams")
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="team_slug"),
            models.UniqueConstraint(fields=["organisation", "name"], name="team_name"),
            models.UniqueConstraint(fields=["organisation", "id"], name="team_of_organisation"),
        ]

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """One row is one project; which team it belongs to is a dated assignment."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="projects"
    )
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="project_slug"),
            models.UniqueConstraint(fields=["organisation", "name"], name="project_name"),
            models.UniqueConstraint(fields=["organisation", "id"], name="project_of_organisation"),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectAssignment(DatedFact):
    """One row is the team and cost centre of a project over a time."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="assignments")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="assignments")
    cost_centre = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["project_id", "starts_on"]
        constraints = [no_overlap("project", name="assignment_no_overlap")]

    def __str__(self) -> str:
        return f"{self.project} → {self.team} from {self.starts_on}"
