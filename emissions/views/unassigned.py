"""The inbox of runs that lack a project, a place or known hardware."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from emissions.forms.unassigned import AssignForm, UnassignedFilterForm, chosen
from emissions.permissions import Action, Member, member_required
from emissions.selectors.runs import with_names
from emissions.services.assign_runs import Assigned, assign_runs
from emissions.views.run_rows import listed
from emissions.views.run_tabs import run_tabs

PAGE_SIZE = 100


@member_required(Action.EDIT_RUNS)
@require_http_methods(["GET", "HEAD", "POST"])
def unassigned(request: HttpRequest, member: Member) -> HttpResponse:
    """List runs that lack something; give the chosen ones what they lack."""
    filters = UnassignedFilterForm(request.GET)
    runs = filters.narrowed(member.unassigned_runs())
    form = AssignForm(request.POST if request.method == "POST" else None, member=member)
    if request.method == "POST":
        picked = chosen(request.POST, runs)
        if not picked.exists():
            form.add_error(None, "Tick the runs that are meant.")
        elif form.is_valid():
            done = assign_runs(
                organisation=member.organisation,
                runs=picked,
                project=form.cleaned_data["project"],
                place=form.cleaned_data["place"],
                hardware=form.cleaned_data["hardware"],
                remember=form.cleaned_data.get("remember", False),
                by=member.user,
                now=timezone.now(),
            )
            _say(request, done)
            here = reverse("unassigned", kwargs={"organisation_slug": member.organisation.slug})
            return redirect(f"{here}?{request.GET.urlencode()}" if request.GET else here)
    page = Paginator(with_names(runs.order_by("-started_at", "-pk")), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "form": form,
        "filters": filters,
        "page": page,
        **listed(list(page.object_list)),
        "ticked": set(request.POST.getlist("run")),
        "tabs": run_tabs(member, "unassigned"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/unassigned.html", context, status=status)


def _say(request: HttpRequest, done: Assigned) -> None:
    messages.info(request, f"{done.runs:,} run{'s' if done.runs != 1 else ''} assigned.")
    if done.names:
        also = " Others that waited with the same names were placed, too." if done.also else ""
        messages.info(
            request,
            f"{done.names} name{'s' if done.names != 1 else ''} will be known from now on.{also}",
        )
    if done.same_id:
        messages.warning(
            request,
            f"{done.same_id:,} left: the project has a run with the same ID already. They may be"
            " doubles.",
        )
