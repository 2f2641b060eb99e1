"""Meter readings of a site: a bill typed in, or a file of bills or interval data."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST

from emissions.calculation.vocabulary import MeasuringPoint
from emissions.forms.metering import ReadingForm, ReadingUploadForm
from emissions.forms.uploads import PREVIEW_SECONDS, salt_of
from emissions.importers.meters import (
    BILL_EXAMPLES,
    BILLS,
    NAMED_DAYS,
    Intervals,
    NoReadings,
    ReadingLine,
    read_bills,
    read_intervals,
)
from emissions.models import MeterReading, Site
from emissions.permissions import Action, Member, member_required
from emissions.selectors.metering import readings_of
from emissions.services.import_readings import (
    PlanChanged,
    ReadingPlan,
    Verdict,
    apply_readings,
    plan_readings,
)
from emissions.services.manage_meters import (
    OverlappingReading,
    delete_reading,
    edit_reading,
    record_reading,
)
from emissions.tabular import csv_bytes
from emissions.views.downloads import download
from emissions.views.today import local_today

TONES = {
    Verdict.NEW: "good",
    Verdict.CHANGED: "info",
    Verdict.UNCHANGED: "",
    Verdict.REFUSED: "bad",
}
OVERLAP = "Another reading of this site has some of these days. Change or delete that one."


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def reading_create(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """Record what a bill says."""
    site = _site(member, site_slug)
    latest = readings_of(site=site).first()
    today = local_today(member.organisation)
    data = request.POST if request.method == "POST" else None
    form = ReadingForm(data, today=today, latest=latest)
    if request.method == "POST" and form.is_valid():
        try:
            record_reading(site=site, reading=form.reading(), by=member.user, now=timezone.now())
        except OverlappingReading:
            form.add_error("starts_on", OVERLAP)
        else:
            messages.info(request, "Recorded. What it leaves unexplained is being worked out.")
            return _to_site(member, site)
    return _form(request, site, form, None)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def reading_edit(
    request: HttpRequest, member: Member, site_slug: str, reading_id: int
) -> HttpResponse:
    """Change a reading."""
    site = _site(member, site_slug)
    reading = get_object_or_404(MeterReading, site=site, pk=reading_id)
    data = request.POST if request.method == "POST" else None
    form = ReadingForm(data, today=local_today(member.organisation), reading=reading)
    if request.method == "POST" and form.is_valid():
        try:
            edit_reading(reading=reading, values=form.reading(), by=member.user, now=timezone.now())
        except OverlappingReading:
            form.add_error("starts_on", OVERLAP)
        else:
            messages.info(request, "Saved. What it leaves unexplained is being worked out.")
            return _to_site(member, site)
    return _form(request, site, form, reading)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def reading_delete(
    request: HttpRequest, member: Member, site_slug: str, reading_id: int
) -> HttpResponse:
    """Delete a reading; the audit log keeps what it said."""
    site = _site(member, site_slug)
    delete_reading(
        reading=get_object_or_404(MeterReading, site=site, pk=reading_id), by=member.user
    )
    messages.info(request, "The reading is deleted. The audit log keeps what it said.")
    return _to_site(member, site)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def reading_upload(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """Upload readings, see what they would do, and do it; ?template=1 sends a template."""
    site = _site(member, site_slug)
    if "template" in request.GET:
        content = csv_bytes(header=list(BILLS), rows=BILL_EXAMPLES)
        return download(content, "meter-readings-template.csv")
    if request.method == "POST" and "readings" in request.POST:
        return _apply(request, member, site)
    data = request.POST if request.method == "POST" else None
    form = ReadingUploadForm(data, request.FILES or None, organisation=member.organisation)
    if request.method == "POST" and form.is_valid():
        try:
            lines, intervals = _read(form.cleaned_data, member)
        except NoReadings as problem:
            form.add_error("file", str(problem))
        else:
            point = MeasuringPoint(form.cleaned_data["measuring_point"])
            return _preview(request, member, site, lines, point, intervals)
    context = {"form": form, "site": site}
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/reading_upload.html", context, status=status)


def _read(data: dict[str, Any], member: Member) -> tuple[list[ReadingLine], Intervals | None]:
    factor = Decimal(data["unit"])
    if data["kind"] == "bills":
        return read_bills(data["file"], factor=factor), None
    found = read_intervals(
        data["file"],
        zone=data["time_zone"],
        days_in=ZoneInfo(member.organisation.time_zone),
        factor=factor,
    )
    return found.lines, found


def _apply(request: HttpRequest, member: Member, site: Site) -> HttpResponse:
    found = _unpack(request.POST["readings"], _salt(member, site))
    if found is None:
        messages.error(request, "The preview is too old. Upload the file again.")
        slug = member.organisation.slug
        return redirect("reading_upload", organisation_slug=slug, site_slug=site.slug)
    lines, point = found
    try:
        plan = apply_readings(
            site=site,
            lines=lines,
            point=point,
            fingerprint=request.POST.get("fingerprint", ""),
            today=local_today(member.organisation),
            by=member.user,
            now=timezone.now(),
        )
    except PlanChanged:
        messages.warning(
            request, "Readings were changed meanwhile: look at what the file does now."
        )
        return _preview(request, member, site, lines, point, None, status=409)
    counts = plan.counts
    messages.info(request, f"{_readings(counts['new'])} added, {counts['changed']} changed.")
    return _to_site(member, site)


def _readings(count: int) -> str:
    return "1 reading" if count == 1 else f"{count} readings"


def _preview(
    request: HttpRequest,
    member: Member,
    site: Site,
    lines: list[ReadingLine],
    point: MeasuringPoint,
    intervals: Intervals | None,
    *,
    status: int = 200,
) -> HttpResponse:
    today = local_today(member.organisation)
    plan: ReadingPlan = plan_readings(site=site, lines=lines, point=point, today=today)
    incomplete = intervals.incomplete_days if intervals else []
    context = {
        "site": site,
        "plan": plan,
        "rows": [(row, TONES[row.verdict]) for row in plan.rows],
        "point": point,
        "intervals": intervals,
        "incomplete": incomplete[:NAMED_DAYS],
        "more_incomplete": max(len(incomplete) - NAMED_DAYS, 0),
        "readings": _pack(lines, point, _salt(member, site)),
    }
    return render(request, "emissions/inventory/reading_preview.html", context, status=status)


def _salt(member: Member, site: Site) -> str:
    return salt_of(f"readings:{site.pk}", member)


def _pack(lines: list[ReadingLine], point: MeasuringPoint, salt: str) -> str:
    rows = [
        [
            line.number, line.starts_on and line.starts_on.isoformat(),
            line.ends_before and line.ends_before.isoformat(), str(line.energy_kwh),
            str(line.other_load_kwh), line.source, line.errors,
        ]
        for line in lines
    ]  # fmt: skip
    return signing.dumps([point.value, rows], salt=salt, compress=True)


def _unpack(token: str, salt: str) -> tuple[list[ReadingLine], MeasuringPoint] | None:
    try:
        point, rows = signing.loads(token, salt=salt, max_age=PREVIEW_SECONDS)
    except signing.BadSignature:
        return None
    lines = [
        ReadingLine(
            number, start and parse_date(start), end and parse_date(end), Decimal(energy),
            Decimal(other), source, errors,
        )
        for number, start, end, energy, other, source, errors in rows
    ]  # fmt: skip
    return lines, MeasuringPoint(point)


def _site(member: Member, site_slug: str) -> Site:
    sites = Site.objects.select_related("organisation")
    return get_object_or_404(sites, organisation=member.organisation, slug=site_slug)


def _to_site(member: Member, site: Site) -> HttpResponse:
    slug = member.organisation.slug
    return redirect("site", organisation_slug=slug, site_slug=site.slug)


def _form(
    request: HttpRequest, site: Site, form: ReadingForm, reading: MeterReading | None
) -> HttpResponse:
    context = {"form": form, "site": site, "reading": reading}
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/reading_form.html", context, status=status)
