"""Which static files are collected."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFiles(StaticFilesConfig):
    """All but what no page uses: compressing it would take most of the first start."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        # Plotly's: for notebooks
        "widgetbundle.js",
        "datasets",
        "templates",
        # drf-spectacular-sidecar's: the API is shown by Swagger UI
        "redoc",
    ]
