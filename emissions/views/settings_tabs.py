"""The tabs of the settings: only those that a person may open."""

from typing import Any

from django.urls import reverse

from emissions.permissions import Action, Member

TABS = (
    ("settings", "Organisation", Action.VIEW_TOTALS),
    ("settings_people", "People", Action.MANAGE_PEOPLE),
    ("settings_teams", "Teams", Action.MANAGE_STRUCTURE),
    ("settings_projects", "Projects", Action.MANAGE_STRUCTURE),
    ("settings_experiments", "Experiments", Action.VIEW_RUNS),
    ("settings_tokens", "API tokens", Action.MANAGE_TOKENS),
    ("audit_log", "Audit log", Action.VIEW_AUDIT),
)


def settings_tabs(member: Member, current: str) -> list[dict[str, Any]]:
    """Return the tabs for a member; `current` is the name of the page's address."""
    return [
        {
            "label": label,
            "url": reverse(name, kwargs={"organisation_slug": member.organisation.slug}),
            "current": name == current,
        }
        for name, label, action in TABS
        if member.may(action)
    ]
