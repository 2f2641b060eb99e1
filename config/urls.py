"""Every address of the product. /healthz and /readyz are answered before (health.py)."""

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from emissions.api.urls import nowhere


def closed(request: HttpRequest) -> HttpResponse:
    """Hide a page of allauth.

    An e-mail address is who somebody is: invitations are addressed to it. Whoever could take
    one that is not verified would receive the rights that are meant for its owner.
    """
    raise Http404


urlpatterns = [
    path("", include("emissions.urls")),
    path("", include("reports.urls")),
    path("api/v1/", include("emissions.api.urls")),
    path("api/v1/", include("reports.api_urls")),
    path("api/v1/", include(nowhere)),
    path("", include("emissions.api.codecarbon_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    # The split view serves its script from an address of its own: the policy forbids inline ones.
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema"),
        name="api_docs",
    ),
    path("accounts/email/", closed),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "emissions.api.errors.server_error"

if settings.DEBUG:
    from emissions.views.components import components

    urlpatterns.append(path("components/", components, name="components"))
