"""What every page's template finds in its context."""

from typing import Any

from django.http import HttpRequest

from emissions.models import Organisation
from emissions.permissions import Member, rights


def organisation(request: HttpRequest) -> dict[str, Any]:
    """Return the organisation of the page, the member and their rights, if there is one."""
    member: Member | None = getattr(request, "member", None)
    if member is None:
        return {}
    return {
        "organisation": member.organisation,
        "member": member,
        "rights": rights(member),
        "organisations": Organisation.objects.filter(memberships__user=member.user),
    }
