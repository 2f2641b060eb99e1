"""The list of runs, and the CSV of exactly what it shows."""

from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from emissions.calculation.vocabulary import Stage
from emissions.forms.run_filter import RunFilterForm
from emissions.models import Run
from emissions.permissions import Action, Member, member_required
from emissions.selectors import runs as selector
from emissions.tabular import Value
from emissions.views.downloads import download_rows
from emissions.views.paging import LongPaginator
from emissions.views.run_rows import listed
from emissions.views.run_tabs import run_tabs

PAGE_SIZE = 50
CSV_BATCH = 1000


def _asked(request: HttpRequest, member: Member) -> tuple[RunFilterForm, QuerySet[Run], str]:
    """Return the filters of the address, the runs they leave in order, and the order."""
    organisation = member.organisation
    runs = member.runs(Action.VIEW_RUNS)
    form = RunFilterForm(
        request.GET,
        organisation=organisation,
        choices=selector.filter_choices(organisation=organisation),
        today=timezone.now().astimezone(ZoneInfo(organisation.time_zone)).date(),
    )
    found = selector.filter_runs(runs, filters=form.filters, organisation=organisation)
    found, sort = selector.sort_runs(
        found, sort=request.GET.get("sort", ""), organisation=organisation
    )
    return form, found, sort


@member_required(Action.VIEW_RUNS)
@require_safe
def run_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the runs within a person's reach, filtered, sorted and paged by the address."""
    form, runs, sort = _asked(request, member)
    page = LongPaginator(runs.values_list("pk", flat=True), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "form": form,
        "page": page,
        "sort": sort,
        "tabs": run_tabs(member, "run_list"),
        **listed(selector.shown_runs(run_ids=list(page.object_list))),
    }
    return render(request, "emissions/run_list.html", context)


CSV_HEADER = (
    "id", "started_at", "name", "project", "stage", "status", "hardware", "device_count",
    "wall_clock_hours", "device_hours", "place", "energy_facility_kwh", "location_based_kg",
    "market_based_kg", "embodied_lifetime_share_kg", "source", "external_id", "logged_by",
)  # fmt: skip


@member_required(Action.VIEW_RUNS)
@require_safe
def run_list_csv(request: HttpRequest, member: Member) -> StreamingHttpResponse:
    """Send all runs that the list's filters leave, in its order."""
    _, runs, _ = _asked(request, member)
    zone = ZoneInfo(member.organisation.time_zone)
    return download_rows(
        _lines(selector.with_names(runs), zone), f"{member.organisation.slug}-runs.csv"
    )


def _lines(runs: QuerySet[Run], zone: ZoneInfo) -> Iterator[tuple[Value, ...]]:
    yield CSV_HEADER
    remaining = runs.iterator(chunk_size=CSV_BATCH)
    while batch := list(islice(remaining, CSV_BATCH)):
        figures = selector.figures_of(runs=batch)
        for run in batch:
            yield _line(run, figures[run.pk], zone)


def _line(run: Run, figures: selector.RunFigures, zone: ZoneInfo) -> tuple[Value, ...]:
    return (
        run.pk,
        run.started_at.astimezone(zone).isoformat(),
        run.name,
        run.project.name if run.project else "",
        Stage(run.stage).value,
        run.status,
        str(run.node or run.hardware or ""),
        run.device_count,
        run.duration_hours,
        run.device_hours,
        str(run.site or run.cloud_region or run.zone or ""),
        figures.energy_facility_kwh,
        figures.location_based_kg,
        figures.market_based_kg,
        figures.embodied_kg,
        run.source_kind,
        run.external_id,
        str(run.created_by or ""),
    )
