"""Projects: create, edit, assign to a team from a day on, archive."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.forms.structure import AssignmentForm, NewProjectForm, ProjectForm
from emissions.models import Project, ProjectAssignment
from emissions.permissions import Action, Member, member_required
from emissions.selectors.settings_lists import assignment_history, projects
from emissions.services.manage_projects import (
    archive_project,
    assign_project,
    create_project,
    edit_project,
    restore_project,
)
from emissions.views.settings_tabs import settings_tabs
from emissions.views.today import local_today, start_of_year


@member_required(Action.MANAGE_STRUCTURE)
@require_safe
def settings_projects(request: HttpRequest, member: Member) -> HttpResponse:
    """List the projects with the teams they belong to."""
    context = {
        "rows": projects(organisation=member.organisation, today=local_today(member.organisation)),
        "tabs": settings_tabs(member, "settings_projects"),
    }
    return render(request, "emissions/settings/projects.html", context)


@member_required(Action.MANAGE_STRUCTURE)
@require_http_methods(["GET", "HEAD", "POST"])
def project_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a project."""
    today = start_of_year(local_today(member.organisation))
    form = NewProjectForm(request.POST or None, organisation=member.organisation, today=today)
    if request.method == "POST" and form.is_valid():
        project = create_project(
            organisation=member.organisation,
            by=member.user,
            now=timezone.now(),
            **form.cleaned_data,
        )
        messages.info(request, f"Project {project} was created.")
        return redirect("settings_projects", organisation_slug=member.organisation.slug)
    context = {"form": form, "tabs": settings_tabs(member, "settings_projects")}
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/project_create.html", context, status=status)


@member_required(Action.MANAGE_STRUCTURE)
@require_http_methods(["GET", "HEAD", "POST"])
def project_edit(request: HttpRequest, member: Member, project_slug: str) -> HttpResponse:
    """Show a project's assignments; change its name and description."""
    project = _project(member, project_slug)
    form = ProjectForm(request.POST or None, organisation=member.organisation, project=project)
    if request.method == "POST" and form.is_valid():
        edit_project(project=project, by=member.user, **form.cleaned_data)
        messages.info(request, "Saved.")
        return _to_project(project)
    return _page(request, member, project, form=form)


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def project_assign(request: HttpRequest, member: Member, project_slug: str) -> HttpResponse:
    """Assign a project to a team from a day on."""
    project = _project(member, project_slug)
    today = local_today(member.organisation)
    form = AssignmentForm(request.POST, organisation=member.organisation, today=today)
    if not form.is_valid():
        return _page(request, member, project, assignment_form=form)
    fact = assign_project(project=project, by=member.user, now=timezone.now(), **form.cleaned_data)
    messages.info(request, f"{project} belongs to {fact.team} from {fact.starts_on:%-d %B %Y}.")
    return _to_project(project)


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def project_archive(request: HttpRequest, member: Member, project_slug: str) -> HttpResponse:
    """Archive a project, or bring an archived one back."""
    project = _project(member, project_slug)
    if project.archived_at is None:
        archive_project(project=project, by=member.user, now=timezone.now())
    else:
        restore_project(project=project, by=member.user)
    return redirect("settings_projects", organisation_slug=member.organisation.slug)


def _project(member: Member, project_slug: str) -> Project:
    return get_object_or_404(Project, organisation=member.organisation, slug=project_slug)


def _to_project(project: Project) -> HttpResponse:
    return redirect(
        "project_edit",
        organisation_slug=project.organisation.slug,
        project_slug=project.slug,
    )


def _current(project: Project, today: date) -> ProjectAssignment | None:
    facts = ProjectAssignment.objects.current().on(today).filter(project=project)
    found: ProjectAssignment | None = facts.select_related("team").first()
    return found


def _page(
    request: HttpRequest,
    member: Member,
    project: Project,
    *,
    form: ProjectForm | None = None,
    assignment_form: AssignmentForm | None = None,
) -> HttpResponse:
    today = local_today(member.organisation)
    current = _current(project, today)
    context = {
        "project": project,
        "current": current,
        "today": today,
        "form": form or ProjectForm(organisation=member.organisation, project=project),
        "assignment_form": assignment_form
        or AssignmentForm(organisation=member.organisation, today=today, assignment=current),
        "history": assignment_history(project=project),
        "tabs": settings_tabs(member, "settings_projects"),
    }
    invalid = any(one is not None and one.errors for one in (form, assignment_form))
    return render(
        request, "emissions/settings/project_edit.html", context, status=422 if invalid else 200
    )
