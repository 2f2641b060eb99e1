"""Experiments: what CodeCarbon clients name, with the configuration ready to copy."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.forms.experiments import EditExperimentForm, NewExperimentForm
from emissions.models import Experiment
from emissions.permissions import Action, Member, member_required
from emissions.selectors.experiments import experiments
from emissions.services.manage_experiments import (
    ExperimentError,
    Setup,
    create_experiment,
    edit_experiment,
    setup_at,
)
from emissions.views.settings_tabs import settings_tabs


@member_required(Action.VIEW_RUNS)
@require_safe
def settings_experiments(request: HttpRequest, member: Member) -> HttpResponse:
    """List the experiments of the projects that a person sees."""
    context = {
        "rows": experiments(projects=member.projects(Action.VIEW_RUNS)),
        "tabs": settings_tabs(member, "settings_experiments"),
    }
    return render(request, "emissions/settings/experiments.html", context)


@member_required(Action.MANAGE_STRUCTURE)
@require_http_methods(["GET", "HEAD", "POST"])
def experiment_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create an experiment."""
    form = NewExperimentForm(
        request.POST or None,
        organisation=member.organisation,
        projects=member.projects(Action.MANAGE_STRUCTURE).filter(archived_at=None),
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            experiment = create_experiment(
                project=data["project"],
                name=data["name"],
                description=data["description"],
                setup=_setup(data),
                by=member.user,
                now=timezone.now(),
            )
        except ExperimentError as error:
            form.add_error("name", str(error))
        else:
            messages.info(request, f"Experiment {experiment} was created.")
            return _to(experiment)
    context = {"form": form, "tabs": settings_tabs(member, "settings_experiments")}
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/experiment_create.html", context, status=status)


@member_required(Action.VIEW_RUNS)
@require_safe
def experiment(request: HttpRequest, member: Member, experiment_id: int) -> HttpResponse:
    """Show an experiment: its id, the configuration of its trackers, its set-up."""
    return _page(request, member, _experiment(member, experiment_id))


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def experiment_edit(request: HttpRequest, member: Member, experiment_id: int) -> HttpResponse:
    """Change what an experiment is called and where its machines stand."""
    found = _experiment(member, experiment_id)
    form = EditExperimentForm(request.POST, experiment=found)
    if form.is_valid():
        data = form.cleaned_data
        try:
            edit_experiment(
                experiment=found,
                name=data["name"],
                description=data["description"],
                setup=_setup(data),
                move_runs=data["move_runs"],
                by=member.user,
                now=timezone.now(),
            )
        except ExperimentError as error:
            form.add_error("name", str(error))
        else:
            messages.info(request, "Saved.")
            return _to(found)
    return _page(request, member, found, form=form)


def _experiment(member: Member, experiment_id: int) -> Experiment:
    seen = experiments(projects=member.projects(Action.VIEW_RUNS))
    return get_object_or_404(seen, pk=experiment_id)


def _setup(data: dict[str, Any]) -> Setup:
    return setup_at(
        data["place"],
        cpu_measured=bool(data["cpu_measured"]),
        separate_machines=bool(data["separate_machines"]),
    )


def _to(experiment: Experiment) -> HttpResponse:
    return redirect(
        "experiment",
        organisation_slug=experiment.organisation.slug,
        experiment_id=experiment.pk,
    )


def _page(
    request: HttpRequest,
    member: Member,
    found: Experiment,
    *,
    form: EditExperimentForm | None = None,
) -> HttpResponse:
    context = {
        "experiment": found,
        "place": found.site or found.cloud_region or found.zone,
        "endpoint": request.build_absolute_uri("/codecarbon"),
        "form": form or EditExperimentForm(experiment=found),
        "tabs": settings_tabs(member, "settings_experiments"),
    }
    status = 422 if form is not None else 200
    return render(request, "emissions/settings/experiment.html", context, status=status)
