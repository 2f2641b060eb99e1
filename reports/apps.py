"""The reports application: the ledger's figures, out as files."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Quarterly exports and reports."""

    name = "reports"
    verbose_name = "Reports"
