"""Who changed what, and what it was before."""

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from emissions.models import Organisation, User
from emissions.permissions import Action, Member, member_required
from emissions.selectors.audit_log import actions, actors, event_rows, events
from emissions.views.settings_tabs import settings_tabs

PAGE_SIZE = 50


class FilterForm(forms.Form):
    """What to look for; all of it in the address."""

    q = forms.CharField(required=False, max_length=100)
    action = forms.ChoiceField(required=False)
    by = forms.ModelChoiceField(queryset=User.objects.none(), required=False, empty_label="Anybody")

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = actions(organisation=organisation)
        self.fields["action"].choices = [  # type: ignore[attr-defined]
            ("", "Everything"),
            *((kind, kind.capitalize()) for kind in kinds),
        ]
        self.fields["by"].queryset = actors(organisation=organisation)  # type: ignore[attr-defined]


@member_required(Action.VIEW_AUDIT)
@require_safe
def audit_log(request: HttpRequest, member: Member) -> HttpResponse:
    """List an organisation's events, filtered and paged by the address."""
    form = FilterForm(request.GET, organisation=member.organisation)
    form.is_valid()
    asked = form.cleaned_data
    by = asked.get("by")
    found = events(
        organisation=member.organisation,
        text=asked.get("q", ""),
        action=asked.get("action", ""),
        by=by.pk if by else None,
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": event_rows(page.object_list),
        "filtered": any(asked.get(name) for name in ("q", "action", "by")),
        "tabs": settings_tabs(member, "audit_log"),
    }
    return render(request, "emissions/settings/audit_log.html", context)
