"""The pages of the reports application, by address."""

from django.urls import URLPattern, URLResolver, path

from reports import closing, views

REPORTS = "o/<slug:organisation_slug>/reports/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(REPORTS, views.report_list, name="report_list"),
    path(f"{REPORTS}<slug:quarter>/closing/", closing.quarter_closing, name="quarter_closing"),
    path(f"{REPORTS}<slug:quarter>/close/", closing.quarter_close, name="quarter_close"),
    path(f"{REPORTS}<slug:quarter>/<slug:file_format>/", views.report_export, name="report_export"),
]
