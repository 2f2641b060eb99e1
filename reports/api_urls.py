"""The reports in the REST API, by address."""

from django.urls import URLPattern, URLResolver

from emissions.api.urls import both
from reports.api import ReportFileView, ReportListView, ReportView

urlpatterns: list[URLPattern | URLResolver] = [
    *both("reports/", ReportListView, "api_report_list"),
    *both("reports/<slug:quarter>/", ReportView, "api_report"),
    *both("reports/<slug:quarter>/<slug:file_format>/", ReportFileView, "api_report_file"),
]
