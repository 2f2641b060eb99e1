"""The front door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from emissions.models import Organisation


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead a member to their organisation, everybody else to the calculator."""
    if request.user.is_authenticated:
        own = Organisation.objects.filter(memberships__user=request.user)
        slug = own.order_by("name").values_list("slug", flat=True).first()
        if slug is not None:
            return redirect("organisation", organisation_slug=slug)
    return redirect("calculator")
