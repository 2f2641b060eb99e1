"""Load a factor file as a private set of the organisation: a small one at once, a large one
by a worker, with its progress on a page of its own.
"""

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.vocabulary import PreviewState
from emissions.forms.factors import FactorUploadForm
from emissions.importers.factors import FORMATS
from emissions.importers.factors.rows import RowError
from emissions.models import FactorLoad
from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import zones_of_sites
from emissions.services.factors.load import (
    FileRejected,
    LoadedAlready,
    LoadedSet,
    Publication,
    SourceMissing,
    load_factor_set,
)
from emissions.services.factors.load_jobs import OPEN, cancel_load, start_load
from emissions.tabular import csv_bytes
from emissions.views.downloads import download
from emissions.views.today import local_today

ERRORS_SHOWN = 100
TEMPLATE = ("zone", "year", "g_co2e_per_kwh", "role", "kind", "includes_losses", "note")
AT_ONCE = 1024 * 1024
"""Bytes that are read while somebody waits for the page; a larger file goes to a worker."""


@member_required(Action.ADOPT_FACTORS)
@require_http_methods(["GET", "HEAD", "POST"])
def factor_upload(request: HttpRequest, member: Member) -> HttpResponse:
    """Load a file, or show what is wrong with it, row by row."""
    form = FactorUploadForm(request.POST or None, request.FILES or None)
    errors: list[RowError] = []
    if request.method == "POST" and form.is_valid():
        try:
            return _load(request, member, form.cleaned_data)
        except SourceMissing:
            form.add_error("source", "Name the set and its source: they are not the format's.")
        except LoadedAlready:
            form.add_error(
                "edition", "This name and edition are loaded already: sets never change."
            )
        except FileRejected as rejected:
            errors = rejected.errors
            form.add_error("file", "This file holds errors; nothing was loaded.")
    context = {
        "form": form,
        "formats": FORMATS.values(),
        "errors": errors[:ERRORS_SHOWN],
        "more": max(len(errors) - ERRORS_SHOWN, 0),
        "loads": FactorLoad.objects.filter(organisation=member.organisation, state__in=OPEN).defer(
            "content"
        ),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/factors/upload.html", context, status=status)


@member_required(Action.ADOPT_FACTORS)
@require_safe
def factor_template(request: HttpRequest, member: Member) -> HttpResponse:
    """Send a plain CSV with a row for each zone of the organisation's sites: values are missing."""
    today = local_today(member.organisation)
    zones = zones_of_sites(organisation=member.organisation, on=today)
    rows = [(zone, today.year - 1, "", "residual", "direct", "no", "") for zone in zones or ["SE"]]
    return download(csv_bytes(header=TEMPLATE, rows=rows), "factors-template.csv")


def _load(request: HttpRequest, member: Member, data: dict[str, Any]) -> HttpResponse:
    """Load a file now, or let a worker do it; return where to look."""
    file: UploadedFile = data["file"]
    publication = Publication(
        edition=data["edition"],
        published_on=data["published_on"],
        name=data["name"],
        source=data["source"],
        source_url=data["source_url"],
        licence=data["licence"],
    )
    if (file.size or 0) > AT_ONCE:
        load = start_load(
            organisation=member.organisation,
            format_name=data["format"],
            file_name=file.name or "",
            content=file.read(),
            publication=publication,
            by=member.user,
            now=timezone.now(),
        )
        return redirect("factor_load", member.organisation.slug, load.pk)
    loaded = load_factor_set(
        organisation=member.organisation,
        format_name=data["format"],
        content=file.read(),
        publication=publication,
        by=member.user,
        now=timezone.now(),
    )
    messages.info(request, _loaded_text(loaded))
    return redirect("factor_set", member.organisation.slug, loaded.factor_set.pk)


def _loaded_text(loaded: LoadedSet) -> str:
    left_out = " ".join(f"Left out: {text}" for text in loaded.left_out)
    text = f"{loaded.factor_set} was loaded with {loaded.contents}. It moves no figure until"
    return f"{text} it is adopted. {left_out}".strip()


@member_required(Action.ADOPT_FACTORS)
@require_safe
def factor_load(request: HttpRequest, member: Member, load_id: int) -> HttpResponse:
    """Show how far a load is, then the set that it made or what is wrong with the file."""
    load = _find(member, load_id)
    context = {
        "load": load,
        "under_way": load.state in OPEN,
        "format": FORMATS[load.format_name],
        "errors": [RowError(*one) for one in load.errors],
        "more": load.error_count - len(load.errors),
    }
    return render(request, "emissions/factors/load.html", context)


@member_required(Action.ADOPT_FACTORS)
@require_safe
def load_progress(request: HttpRequest, member: Member, load_id: int) -> HttpResponse:
    """Show how far a load is: what the page asks for until it has ended."""
    load = _find(member, load_id)
    response = render(request, "emissions/factors/_load.html", {"load": load})
    if load.state not in OPEN and request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"
    return response


@member_required(Action.ADOPT_FACTORS)
@require_POST
def load_cancel(request: HttpRequest, member: Member, load_id: int) -> HttpResponse:
    """Stop a load; nothing of the file is kept."""
    load = _find(member, load_id)
    cancel_load(load=load, by=member.user)
    load.refresh_from_db(fields=["state"])
    if load.state == PreviewState.CANCELLED:
        messages.info(request, f"{load.file_name} was not loaded.")
    return redirect("factor_load", member.organisation.slug, load.pk)


def _find(member: Member, load_id: int) -> FactorLoad:
    loads = FactorLoad.objects.select_related("factor_set", "organisation").defer("content")
    return get_object_or_404(loads, organisation=member.organisation, pk=load_id)
