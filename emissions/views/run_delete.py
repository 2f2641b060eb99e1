"""Deleting a run: asked first, then the ledger posts its lines with the opposite sign."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from emissions.permissions import Action, Member, member_required
from emissions.selectors.runs import figures_of_run, with_names
from emissions.services.record_runs import RunGone, delete_run


@member_required(Action.EDIT_RUNS)
@require_http_methods(["GET", "HEAD", "POST"])
def run_delete(request: HttpRequest, member: Member, run_id: int) -> HttpResponse:
    """Ask whether to delete a run, and do it."""
    run = get_object_or_404(with_names(member.runs(Action.EDIT_RUNS)), pk=run_id)
    if request.method != "POST":
        context = {"run": run, "figures": figures_of_run(run=run)}
        return render(request, "emissions/run_delete.html", context)
    try:
        delete_run(run=run, by=member.user, now=timezone.now())
        messages.info(request, f"“{run.name}” is deleted. The ledger posts the difference.")
    except RunGone:
        messages.info(request, "Somebody else has deleted this run already.")
    return redirect("run_list", organisation_slug=member.organisation.slug)
