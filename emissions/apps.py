"""The emissions application: activity data in, ledger out."""

from importlib import import_module

from django.apps import AppConfig


class EmissionsConfig(AppConfig):
    """Runs, hardware, factors and the ledger."""

    name = "emissions"
    verbose_name = "Emissions"

    def ready(self) -> None:
        """Connect the nudges: services name what should happen, tasks know how."""
        import_module("emissions.tasks")
