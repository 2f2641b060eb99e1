"""The tabs over the lists of runs: all, those to assign, those to decide on."""

from typing import Any

from django.urls import reverse

from emissions.permissions import Action, Member
from emissions.selectors.doubles import count_doubles, count_unassigned


def run_tabs(member: Member, current: str) -> list[dict[str, Any]]:
    """Return the tabs for a member; none for whoever changes no runs."""
    if not member.may(Action.EDIT_RUNS):
        return []
    kwargs = {"organisation_slug": member.organisation.slug}
    tabs: list[tuple[str, str, int | None]] = [
        ("run_list", "All runs", None),
        ("unassigned", "Unassigned", count_unassigned(runs=member.unassigned_runs())),
        ("double_list", "Doubles", count_doubles(runs=member.runs(Action.EDIT_RUNS))),
    ]
    return [
        {
            "label": label,
            "url": reverse(name, kwargs=kwargs),
            "current": name == current,
            "count": count or None,
        }
        for name, label, count in tabs
    ]
