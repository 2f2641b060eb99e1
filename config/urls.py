"""Every address of the product. /healthz and /readyz are answered before (health.py)."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("", include("emissions.urls")),
    path("", include("reports.urls")),
    path("api/v1/", include("emissions.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    # The split view serves its script from an address of its own: the policy forbids inline ones.
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema"),
        name="api_docs",
    ),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

if settings.DEBUG:
    from emissions.views.components import components

    urlpatterns.append(path("components/", components, name="components"))
