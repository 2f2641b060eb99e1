"""Every address of the product."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("emissions.urls")),
    path("", include("reports.urls")),
    path("api/v1/", include("emissions.api.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),

]

if settings.DEBUG:
    from emissions.views.components import components

    urlpatterns.append(path("components/", components, name="components"))
