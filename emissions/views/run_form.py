"""Logging and editing a run, with its figures while one types."""

from typing import Any

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from emissions.forms.run import TAKEN, RunForm, initial_after, initial_of
from emissions.models import Run
from emissions.permissions import Action, Member, member_required
from emissions.selectors.runs import last_run_of, with_names
from emissions.services.estimate import estimate_runs
from emissions.services.record_runs import RunGone, edit_run, external_id_taken, record_runs
from emissions.views import spread
from emissions.views.working import notes, plain

#: What a copy does not take along: it is another job.
NOT_COPIED = ("external_id", "energy_kwh", "retry_of", "metric_value")


@member_required(Action.LOG_RUNS)
@require_http_methods(["GET", "HEAD", "POST"])
def run_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Log a run; ?copy= starts from another one, else from the person's last."""
    now = timezone.now()
    if request.method == "POST":
        form = RunForm(request.POST, member=member, now=now)
        if form.is_valid():
            try:
                (run,) = record_runs(
                    organisation=member.organisation, runs=[form.build()], by=member.user, now=now
                )
            except IntegrityError as error:
                _show_beside(form, error)
            else:
                return redirect("run", organisation_slug=member.organisation.slug, run_id=run.pk)
    else:
        form = RunForm(member=member, now=now, initial=_initial(request, member))
    return _page(request, form, title="Log a run")


def _initial(request: HttpRequest, member: Member) -> dict[str, Any]:
    now = timezone.now()
    runs = member.runs(Action.VIEW_RUNS)
    copied = request.GET.get("copy", "")
    if not copied:
        return initial_after(last_run_of(runs=runs, by=member.user), now=now)
    if not copied.isdecimal() or len(copied) > 18:
        raise Http404
    initial = initial_of(get_object_or_404(with_names(runs), pk=int(copied)))
    return {name: value for name, value in initial.items() if name not in NOT_COPIED}


@member_required(Action.EDIT_RUNS)
@require_http_methods(["GET", "HEAD", "POST"])
def run_edit(request: HttpRequest, member: Member, run_id: int) -> HttpResponse:
    """Change a run; the ledger posts the difference."""
    run = get_object_or_404(with_names(member.runs(Action.EDIT_RUNS)), pk=run_id)
    now = timezone.now()
    if request.method == "POST":
        form = RunForm(request.POST, member=member, now=now, run=run)
        if form.is_valid():
            try:
                edit_run(run=form.build(), by=member.user, now=now)
            except RunGone:
                messages.error(request, "Somebody deleted this run while you edited it.")
                return redirect("run_list", organisation_slug=member.organisation.slug)
            except IntegrityError as error:
                _show_beside(form, error)
            else:
                return redirect("run", organisation_slug=member.organisation.slug, run_id=run.pk)
    else:
        form = RunForm(member=member, now=now, run=run, initial=initial_of(run))
    return _page(request, form, title="Edit run", run=run)


def _show_beside(form: RunForm, error: IntegrityError) -> None:
    """Say beside the field that somebody took the external id between check and write."""
    if not external_id_taken(error):
        raise error
    form.add_error("external_id", TAKEN)


def _page(
    request: HttpRequest, form: RunForm, *, title: str, run: Run | None = None
) -> HttpResponse:
    form.suggest()
    context = {"form": form, "heading": title, "run": run}
    status = 422 if form.errors else 200
    return render(request, "emissions/run_form.html", context, status=status)


def _edited(request: HttpRequest, member: Member) -> Run | None:
    edited = request.GET.get("run", "")
    if not edited:
        return None
    if not edited.isdecimal() or len(edited) > 18:
        raise Http404
    return get_object_or_404(with_names(member.runs(Action.EDIT_RUNS)), pk=int(edited))


@member_required(Action.LOG_RUNS)
@require_POST
def run_preview(request: HttpRequest, member: Member) -> HttpResponse:
    """Show what the form's values would post; nothing is stored. ?run= is the one being edited."""
    run = _edited(request, member)
    form = RunForm(request.POST, member=member, now=timezone.now(), run=run, previewing=True)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        run = form.build()
        (estimate,) = estimate_runs(runs=[run], organisation=member.organisation)
        found = spread.of_estimate(estimate, hardware=str(run.hardware or ""))
        context |= {
            "run": run,
            "estimate": estimate,
            "ranges": spread.all_words(found),
            "mostly_from": spread.mostly_from(found),
            "hours": f"{plain(run.device_count)} × {plain(run.duration_hours)} h wall-clock",
            **notes(estimate),
        }
    else:
        context["missing"] = [
            (form.fields[name].label or name.capitalize(), messages_)
            for name, messages_ in form.errors.items()
        ]
    return render(request, "emissions/_run_preview.html", context)
