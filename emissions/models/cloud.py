"""Cloud accounts, and what their provider states of them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import CloudProvider, InventoryFigure
from emissions.models.choices import choices, one_of, quantity
from emissions.models.organisation import Organisation, Project, Team
from emissions.models.site import Site


class CloudAccount(models.Model):
    """One row is an account, project or subscription at a provider, and which runs are its own.

    Its runs are those in the provider's regions, narrowed to a project, team or site. A run
    belongs to one account: the one that is narrowed most. `figure` says whether the provider's
    statement or the own estimate stands in the inventory.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="cloud_accounts"
    )
    provider = models.CharField(max_length=16, choices=choices(CloudProvider))
    account_id = models.CharField(max_length=100)
    name = models.CharField(max_length=150)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    figure = models.CharField(
        max_length=16, choices=choices(InventoryFigure), default=InventoryFigure.ESTIMATE
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["provider", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "provider", "account_id"], name="cloud_account_once"
            ),
            models.UniqueConstraint(
                fields=["organisation", "provider", "project", "team", "site"],
                name="cloud_account_of_other_runs",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["organisation", "id"], name="cloud_account_of_organisation"
            ),
            models.CheckConstraint(
                condition=Q(project__isnull=True) | Q(team__isnull=True),
                name="cloud_account_project_or_team",
            ),
            one_of("provider", CloudProvider, name="cloud_account_provider"),
            one_of("figure", InventoryFigure, name="cloud_account_figure"),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderStatement(models.Model):
    """One row is what a provider states for one account and month, in one version.

    A restated figure supersedes the earlier row, which is kept. A part is NULL where the
    provider does not give it.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    account = models.ForeignKey(CloudAccount, on_delete=models.CASCADE, related_name="statements")
    month = models.DateField()
    version = models.CharField(max_length=64, blank=True)
    location_based_kg = quantity(null=True)
    market_based_kg = quantity(null=True)
    scope_1_kg = quantity(null=True)
    scope_2_location_kg = quantity(null=True)
    scope_2_market_kg = quantity(null=True)
    scope_3_location_kg = quantity(null=True)
    scope_3_market_kg = quantity(null=True)
    services = models.JSONField(default=dict, help_text="Name: location-based, market-based kg.")
    file_name = models.CharField(max_length=150, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    loaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    loaded_at = models.DateTimeField(default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    #: What makes two statements say the same.
    FIGURES = (
        "version",
        "location_based_kg",
        "market_based_kg",
        "scope_1_kg",
        "scope_2_location_kg",
        "scope_2_market_kg",
        "scope_3_location_kg",
        "scope_3_market_kg",
    )

    class Meta:
        ordering = ["account_id", "month", "-loaded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "month"],
                condition=Q(superseded_at__isnull=True),
                name="statement_current_once",
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="statement_month"),
            models.CheckConstraint(
                condition=Q(location_based_kg__isnull=False) | Q(market_based_kg__isnull=False),
                name="statement_says_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}, {self.month:%Y-%m}"
