"""The REST API, by address."""

from django.urls import URLPattern, URLResolver, path

from emissions.api.calculator import CalculatorView
from emissions.api.runs import RunDetailView, RunListView

urlpatterns: list[URLPattern | URLResolver] = [
    path("calculator/", CalculatorView.as_view(), name="api_calculator"),
    path("runs/", RunListView.as_view(), name="api_run_list"),
    path("runs/<int:run_id>/", RunDetailView.as_view(), name="api_run"),
    # Without the slash, too: redirected, a POST would become a GET and seem to succeed.
    path("calculator", CalculatorView.as_view(schema=None)),
    path("runs", RunListView.as_view(schema=None)),
]
