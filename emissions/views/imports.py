"""Bringing runs in a file: upload, preview, progress, undo."""

from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.vocabulary import ImportStatus
from emissions.forms.imports import NamesForm, TimeZoneForm, UploadForm
from emissions.importers.bulk import ImportRefused
from emissions.importers.formats import FORMATS, HOURS
from emissions.importers.template import FIELDS
from emissions.models import ImportMapping, ImportRow, RunImport
from emissions.permissions import Action, Member, Reach, member_required, reach
from emissions.selectors import imports as selector
from emissions.services.imports.mapping import forget_name, map_names
from emissions.services.imports.run import (
    NotNow,
    cancel_import,
    discard_import,
    start_import,
    undo_import,
)
from emissions.services.imports.stage import open_import, stage_again, tell_time_zone
from emissions.tabular import csv_bytes
from emissions.views.downloads import download, download_rows
from emissions.views.working import plain

BUSY = (ImportStatus.IMPORTING, ImportStatus.UNDOING)
MEANWHILE = "This has changed meanwhile: look again."


def _imports(member: Member) -> QuerySet[RunImport]:
    """Return the files that a person may see: their own, or the organisation's."""
    imports = RunImport.objects.filter(organisation=member.organisation)
    if reach(member.role, Action.IMPORT_RUNS) is Reach.ORGANISATION:
        return imports
    return imports.filter(created_by=member.user)


def _one(member: Member, import_id: int) -> RunImport:
    imports = _imports(member).select_related("organisation", "created_by", "project")
    return get_object_or_404(imports, pk=import_id)


def _to(run_import: RunImport) -> HttpResponse:
    return redirect(
        "import_detail",
        organisation_slug=run_import.organisation.slug,
        import_id=run_import.pk,
    )


@member_required(Action.IMPORT_RUNS)
@require_http_methods(["GET", "HEAD", "POST"])
def import_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Take a file and show what it would bring; list the earlier ones."""
    form = UploadForm(member=member)
    if request.method == "POST":
        data, files = request.POST, request.FILES
        too_large = getattr(request, "upload_too_large", False)
        form = UploadForm(data, files, member=member, too_large=too_large)
        if form.is_valid():
            try:
                return _to(_upload(form, member))
            except ImportRefused as refused:
                form.add_error("file", str(refused))
    context = {
        "form": form,
        "imports": selector.recent_imports(imports=_imports(member)),
        "mappings": selector.mappings(organisation=member.organisation),
        "formats": FORMATS,
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/imports/import_list.html", context, status=status)


def _upload(form: UploadForm, member: Member) -> RunImport:
    data = form.cleaned_data
    with TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as target:
            for chunk in data["file"].chunks():
                target.write(chunk)
        return open_import(
            organisation=member.organisation,
            path=path,
            file_name=data["file"].name.replace("\x00", ""),
            project=data["project"],
            only_project=False,
            time_zone=data["time_zone"],
            asks=True,
            by=member.user,
            now=timezone.now(),
        )


@member_required(Action.IMPORT_RUNS)
@require_safe
def import_detail(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Show what a file would bring, how far it is, or what it brought."""
    return _page(request, member, _one(member, import_id))


def _page(
    request: HttpRequest,
    member: Member,
    one: RunImport,
    *,
    zone_form: TimeZoneForm | None = None,
    names_form: NamesForm | None = None,
) -> HttpResponse:
    ready = one.status == ImportStatus.READY
    refused = selector.refused_rows(run_import=one)[: selector.SHOWN_ROWS]
    context: dict[str, Any] = {
        "one": one,
        "format": FORMATS[one.file_format].label if one.file_format in FORMATS else "",
        "hours": HOURS.get(one.file_format, ""),
        "refused": refused if one.refused_rows else [],
        "zone_form": zone_form or TimeZoneForm(member=member),
        "names_form": names_form if ready else None,
        "due": [(row, _hours(row)) for row in selector.due_rows(run_import=one)] if ready else [],
        "due_count": one.new_rows + one.changed_rows,
        "shown_rows": selector.SHOWN_ROWS,
        **_progress(one),
    }
    if ready:
        context["span"] = selector.span(run_import=one)
        if names_form is None:
            names = selector.unknown_names(run_import=one)
            context["names_form"] = NamesForm(member=member, names=names) if names else None
    invalid = any(form is not None and form.errors for form in (zone_form, names_form))
    return render(request, "emissions/imports/import.html", context, status=422 if invalid else 200)


def _hours(row: ImportRow) -> dict[str, str]:
    """Return both kinds of hours of a row: the one that it states, and what it comes to."""
    count = row.device_count or 1.0
    wall, summed = row.duration_hours, row.device_hours
    if wall is None and summed is not None:
        wall = summed / count
    if summed is None and wall is not None:
        summed = wall * count
    return {
        "wall": "" if wall is None else f"{wall:,.2f}",
        "devices": plain(count),
        "summed": "" if summed is None else f"{summed:,.2f}",
    }


def _progress(one: RunImport) -> dict[str, Any]:
    due = one.new_rows + one.changed_rows
    share = min(1.0, one.imported_rows / due) if due else None
    return {
        "share": share,
        "busy": one.status in BUSY,
        "progress_words": f"{one.imported_rows:,} of {due:,} rows",
    }


@member_required(Action.IMPORT_RUNS)
@require_safe
def import_progress(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Return how far a file is; once it has ended, the whole page anew."""
    one = _one(member, import_id)
    if one.status not in BUSY:
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    context = {"one": one, **_progress(one)}
    return render(request, "emissions/imports/_progress.html", context)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_zone(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Read a file whose time zone was asked for."""
    one = _one(member, import_id)
    form = TimeZoneForm(request.POST, member=member)
    if one.status != ImportStatus.ASKING or not form.is_valid():
        return _page(request, member, one, zone_form=form)
    try:
        tell_time_zone(run_import=one, time_zone=form.cleaned_data["time_zone"], now=timezone.now())
    except ImportRefused as refused:
        form.add_error("time_zone", str(refused))
        return _page(request, member, one, zone_form=form)
    return _to(one)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_names(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Keep what names mean, and look at the file again."""
    one, now = _one(member, import_id), timezone.now()
    if one.status != ImportStatus.READY:
        return _to(one)
    names = selector.unknown_names(run_import=one)
    form = NamesForm(request.POST, member=member, names=names)
    if not form.is_valid():
        return _page(request, member, one, names_form=form)
    placed = map_names(
        organisation=member.organisation, meanings=form.meanings, by=member.user, now=now
    )
    if form.meanings:
        stage_again(run_import=one, now=now)
        also = f" {placed:,} earlier runs were placed, too." if placed else ""
        messages.info(request, f"Kept: the next file will know.{also}")
    return _to(one)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_start(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Import what the preview shows."""
    return _act(request, member, import_id, start_import)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_cancel(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Stop importing."""
    return _act(request, member, import_id, cancel_import)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_undo(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Take back what the file brought."""
    return _act(request, member, import_id, undo_import)


def _act(request: HttpRequest, member: Member, import_id: int, action: Any) -> HttpResponse:
    one = _one(member, import_id)
    try:
        action(run_import=one, by=member.user, now=timezone.now())
    except NotNow:
        messages.error(request, MEANWHILE)
    return _to(one)


@member_required(Action.IMPORT_RUNS)
@require_POST
def import_discard(request: HttpRequest, member: Member, import_id: int) -> HttpResponse:
    """Forget a file of which nothing was imported."""
    one = _one(member, import_id)
    try:
        discard_import(run_import=one, by=member.user)
    except NotNow:
        messages.error(request, MEANWHILE)
        return _to(one)
    return redirect("import_list", organisation_slug=member.organisation.slug)


@member_required(Action.IMPORT_RUNS)
@require_safe
def import_refused(request: HttpRequest, member: Member, import_id: int) -> StreamingHttpResponse:
    """Send the rows that are not imported, with the reason of each, as CSV."""
    one = _one(member, import_id)
    rows = selector.refused_lines(run_import=one)
    return download_rows(chain([("row", "column", "reason")], rows), f"refused-{one.pk}.csv")


EXAMPLE = {
    "external_id": "job-1042", "name": "ViT-L/16, seed 3", "started_at": "2026-03-01T09:00:00Z",
    "duration_hours": "12.5", "stage": "pre_training", "status": "completed", "hardware": "H100",
    "device_count": "8", "power_share": "0.7",
}  # fmt: skip


@member_required(Action.IMPORT_RUNS)
@require_safe
def import_template(request: HttpRequest, member: Member) -> HttpResponse:
    """Send our template: its columns, and a row to start from."""
    project = member.projects(Action.IMPORT_RUNS).filter(archived_at=None).first()
    example = {**EXAMPLE, "project": project.name if project else ""}
    content = csv_bytes(header=list(FIELDS), rows=[[example.get(name, "") for name in FIELDS]])
    return download(content, "runs-template.csv")


@member_required(Action.MANAGE_STRUCTURE)
@require_POST
def name_forget(request: HttpRequest, member: Member, mapping_id: int) -> HttpResponse:
    """Forget what a name means."""
    mapping = get_object_or_404(ImportMapping, organisation=member.organisation, pk=mapping_id)
    forget_name(mapping=mapping, by=member.user)
    messages.info(request, f"“{mapping.name}” means nothing any more: the next file asks again.")
    address = reverse("import_list", kwargs={"organisation_slug": member.organisation.slug})
    return redirect(f"{address}#names")
