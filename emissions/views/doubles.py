"""Runs that may be one job: the list, and what somebody decides."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from emissions.models import DoublePair, Run
from emissions.permissions import Action, Member, member_required
from emissions.selectors import doubles as selector
from emissions.services.doubles.review import (
    NotTwoRuns,
    keep_double,
    merge_double,
    reopen_double,
)
from emissions.services.doubles.searches import start_search
from emissions.views.run_tabs import run_tabs

PAGE_SIZE = 20
DECIDED_SHOWN = 20
RULE_UNDONE = "Both count, and the rule leaves them apart from now on."
GONE = "One of these runs was deleted or merged meanwhile: there is nothing left to decide."


@member_required(Action.EDIT_RUNS)
@require_safe
def double_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the pairs that nobody has decided, and the latest decisions."""
    runs = member.runs(Action.EDIT_RUNS)
    pairs = selector.open_doubles(runs=runs)
    page = Paginator(pairs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "doubles": selector.with_records(pairs=page.object_list),
        "decided": selector.decided_doubles(runs=runs)[:DECIDED_SHOWN],
        "search": selector.latest_search(organisation=member.organisation),
        "tabs": run_tabs(member, "double_list"),
    }
    return render(request, "emissions/double_list.html", context)


@member_required(Action.EDIT_RUNS)
@require_POST
def double_find(request: HttpRequest, member: Member) -> HttpResponse:
    """Have all runs searched for doubles, in the background."""
    start_search(organisation=member.organisation, by=member.user, now=timezone.now())
    return _to_list(member)


@member_required(Action.EDIT_RUNS)
@require_safe
def double_progress(request: HttpRequest, member: Member) -> HttpResponse:
    """Show how far the latest search is: what the page asks for until it has ended."""
    search = selector.latest_search(organisation=member.organisation)
    context = {"search": search}
    response = render(request, "emissions/_double_search.html", context)
    if search is None or search.ended_at:
        response["HX-Refresh"] = "true"
    return response


@member_required(Action.EDIT_RUNS)
@require_POST
def double_merge(request: HttpRequest, member: Member, pair_id: int) -> HttpResponse:
    """Let the run that was chosen stand for both."""
    pair = _pair(member, pair_id)
    keep = pair.second if request.POST.get("keep") == str(pair.second_id) else pair.first
    try:
        merge_double(pair=pair, keep=keep, by=member.user, now=timezone.now())
    except NotTwoRuns:
        messages.error(request, GONE)
    else:
        messages.info(request, f"Merged into “{keep}”. The other record counts nothing now.")
    return _to_list(member)


@member_required(Action.EDIT_RUNS)
@require_POST
def double_keep(request: HttpRequest, member: Member, pair_id: int) -> HttpResponse:
    """Remember that both are real."""
    try:
        keep_double(pair=_pair(member, pair_id), by=member.user, now=timezone.now())
    except NotTwoRuns:
        messages.error(request, GONE)
    else:
        messages.info(request, "Both stay. You are not asked about them again.")
    return _to_list(member)


@member_required(Action.EDIT_RUNS)
@require_POST
def double_reopen(request: HttpRequest, member: Member, pair_id: int) -> HttpResponse:
    """Take a decision back."""
    pair = _pair(member, pair_id)
    by_rule = pair.rule
    reopen_double(pair=pair, by=member.user, now=timezone.now())
    messages.info(request, RULE_UNDONE if by_rule else "The decision is taken back.")
    return _to_list(member)


def _pair(member: Member, pair_id: int) -> DoublePair:
    runs: Any = Run.objects.filter(organisation=member.organisation)
    pairs = DoublePair.objects.select_related("first", "second", "organisation")
    pair = get_object_or_404(pairs.filter(first__in=runs), pk=pair_id)
    within = member.runs(Action.EDIT_RUNS).filter(pk__in=[pair.first_id, pair.second_id])
    get_object_or_404(within, pk=pair.first_id)
    get_object_or_404(within, pk=pair.second_id)
    return pair


def _to_list(member: Member) -> HttpResponse:
    return redirect("double_list", organisation_slug=member.organisation.slug)
