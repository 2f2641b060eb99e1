"""The emissions application: activity data in, ledger out."""

from django.apps import AppConfig


class EmissionsConfig(AppConfig):
    """Runs, hardware, factors and the ledger."""

    name = "emissions"
    verbose_name = "Emissions"
