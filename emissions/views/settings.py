"""The organisation itself: its name, time zone and preset."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from emissions.forms.structure import ROLE_WORDS, TIME_ZONE_FIXED, OrganisationForm
from emissions.models import Organisation
from emissions.permissions import ROLES, Action, Member, member_required, reach
from emissions.selectors.settings_lists import runs_to_calculate_again
from emissions.services.manage_organisation import TimeZoneFixed, edit_organisation
from emissions.views.settings_tabs import settings_tabs

REACH_WORDS = ("—", "own", "team", "all")


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What each role may do, in words."""

    label: str
    reaches: list[str]


@member_required(Action.VIEW_TOTALS)
@require_safe
def settings(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the settings; an admin finds them in a form."""
    return _page(request, member, OrganisationForm(organisation=member.organisation))


@member_required(Action.MANAGE_ORGANISATION)
@require_POST
def settings_edit(request: HttpRequest, member: Member) -> HttpResponse:
    """Store the settings."""
    before = Organisation.objects.get(pk=member.organisation.pk)
    form = OrganisationForm(request.POST, organisation=member.organisation)
    if not form.is_valid():
        return _page(request, member, form, status=422)
    try:
        after = edit_organisation(
            organisation=member.organisation, by=member.user, **form.cleaned_data
        )
    except TimeZoneFixed:
        form.add_error("time_zone", TIME_ZONE_FIXED)
        return _page(request, member, form, status=422)
    if (before.time_zone, before.preset) != (after.time_zone, after.preset):
        messages.info(request, "Saved. Every run is being calculated again.")
    else:
        messages.info(request, "Saved.")
    return redirect("settings", organisation_slug=member.organisation.slug)


def _page(
    request: HttpRequest, member: Member, form: OrganisationForm, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "tabs": settings_tabs(member, "settings"),
        "runs": runs_to_calculate_again(organisation=member.organisation),
        "roles": [(role, role.label, ROLE_WORDS[role]) for role in ROLES],
        "matrix": [
            ActionRow(
                action.value.capitalize(), [REACH_WORDS[reach(role, action)] for role in ROLES]
            )
            for action in Action
        ],
    }
    return render(request, "emissions/settings/organisation.html", context, status=status)
