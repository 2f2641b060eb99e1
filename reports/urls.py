"""The pages of the reports application, by address."""

from django.urls import URLPattern, URLResolver, path

from reports import views

REPORTS = "o/<slug:organisation_slug>/reports/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(REPORTS, views.report_list, name="report_list"),
    path(f"{REPORTS}<slug:quarter>/<slug:file_format>/", views.report_export, name="report_export"),
]
