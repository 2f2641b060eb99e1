"""/api/v1/reports/: the quarters with their totals, and each as a file."""

from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import ApiView, problems
from emissions.api.listing import Resource
from emissions.api.query import documented
from emissions.api.shapes import Shape
from emissions.permissions import Action
from emissions.selectors.totals import Filters
from reports.definitions.quarter import quarter_tables
from reports.selectors.cover import QuarterTotals, quarters_with_totals
from reports.views import RENDERERS, quarter_named, team_of


class ReportFiles(Shape):
    """Where a quarter's files are."""

    csv = serializers.URLField()
    xlsx = serializers.URLField()


class ReportShape(Shape):
    """A quarter: its totals, and where its files are."""

    quarter = serializers.CharField(help_text="Such as 2026-Q2.")
    starts_on = serializers.DateField()
    ends_before = serializers.DateField()
    unfinished = serializers.BooleanField(help_text="Whether the quarter is still going.")
    runs = serializers.IntegerField()
    energy_facility_kwh = serializers.FloatField()
    location_based_kg = serializers.FloatField()
    market_based_kg = serializers.FloatField()
    files = ReportFiles()


class ReportListView(Resource):
    """The quarters that can be reported."""

    actions = {"GET": Action.EXPORT}
    shape = ReportShape

    @extend_schema(
        operation_id="list_reports",
        tags=["reports"],
        parameters=documented((), paged=False),
        responses={
            200: inline_serializer("ReportList", {"results": ReportShape(many=True)}),
            **problems(400, 401, 403, 404, 429),
        },
    )
    def get(self, request: Request) -> Response:
        """List every quarter with its totals, latest first; a manager's are those of their team."""
        query = self.query(request)
        member = self.access.member
        assert member is not None  # A project's token has no reports.
        team = team_of(member)
        found = quarters_with_totals(
            organisation=member.organisation,
            filters=Filters(teams=(team.pk,)) if team else Filters(),
            today=self.today,
        )
        rows = [_row(one, request) for one in found]
        return Response({"results": self.show(rows, query.fields)})


class _AnyFile(BaseRenderer):
    """Let a client ask for any type: the address says which file it is."""

    media_type = "*/*"
    format = "file"

    def render(self, data: Any, *args: Any, **options: Any) -> bytes:
        """Write an error."""
        return JSONRenderer().render(data, *args, **options)


class ReportFileView(ApiView):
    """A quarter as a file."""

    actions = {"GET": Action.EXPORT}
    renderer_classes = (JSONRenderer, _AnyFile)

    @extend_schema(
        operation_id="read_report",
        tags=["reports"],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            **problems(401, 403, 404, 429),
        },
    )
    def get(self, request: Request, quarter: str, file_format: str) -> HttpResponse:
        """Return a quarter as `csv` (a ZIP of tables) or `xlsx`."""
        renderer, member = RENDERERS.get(file_format), self.access.member
        if renderer is None or member is None:
            raise Http404
        period, team = quarter_named(quarter), team_of(member)
        tables = quarter_tables(
            organisation=member.organisation, period=period, today=self.today, team=team
        )
        stem = "_".join([member.organisation.slug, *([team.slug] if team else []), period.value])
        return HttpResponse(
            renderer.render(tables=tables),
            content_type=renderer.CONTENT_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{stem}.{renderer.EXTENSION}"'},
        )


def _row(one: QuarterTotals, request: Request) -> dict[str, Any]:
    value = one.period.value
    return {
        "quarter": value,
        "starts_on": one.period.starts_on,
        "ends_before": one.period.ends_before,
        "unfinished": one.unfinished,
        "runs": one.totals.runs,
        "energy_facility_kwh": one.totals.energy_facility_kwh,
        "location_based_kg": one.totals.location_based_kg,
        "market_based_kg": one.totals.market_based_kg,
        "files": {
            name: request.build_absolute_uri(
                reverse("api_report", kwargs={"quarter": value, "file_format": name})
            )
            for name in RENDERERS
        },
    }
