"""/api/v1/reports/: the quarters with their totals, and each with its tables or as a file."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.listing import Resource
from emissions.api.query import documented
from emissions.api.shapes import Shape
from emissions.api.values import words
from emissions.models import ClosedQuarter
from emissions.permissions import Action, Member
from reports.definitions.tables import Kind, Table
from reports.selectors.cover import QuarterTotals
from reports.views import RENDERERS, file_of, quarter_named, quarters_of, tables_of


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
    closed_at = serializers.DateTimeField(allow_null=True, help_text="Null: not closed.")
    url = serializers.URLField(help_text="Address of the quarter with its tables.")
    runs = serializers.IntegerField()
    energy_facility_kwh = serializers.FloatField()
    location_based_kg = serializers.FloatField()
    market_based_kg = serializers.FloatField()
    files = ReportFiles()


class ReportColumn(serializers.Serializer[Any]):
    """What the values of one column of a table are."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=words(Kind))
    unit = serializers.CharField(allow_blank=True)
    comment = serializers.CharField(allow_blank=True)


class _Cell(serializers.JSONField):
    """A text, number, date or null."""


class ReportTable(serializers.Serializer[Any]):
    """One table of a report, as in its files."""

    name = serializers.CharField()
    title = serializers.CharField()
    with_total = serializers.BooleanField(help_text="Whether its last row is the sum.")
    columns = ReportColumn(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=_Cell(allow_null=True)),
        help_text="A value for each column, in order; a share is between 0 and 1.",
    )


class FullReportShape(ReportShape):
    """A quarter with its tables."""

    tables = ReportTable(many=True)


class Reports(Resource):
    """The quarters that a person may report: a manager's are those of their team."""

    actions = {"GET": Action.EXPORT}

    @property
    def member(self) -> Member:
        """The person: a project's token has no reports."""
        member = self.access.member
        if member is None:
            raise Http404
        return member

    def shown(self, quarters: Iterable[QuarterTotals]) -> list[dict[str, Any]]:
        """Return what is said of each quarter."""
        closed = dict(
            ClosedQuarter.objects.filter(organisation=self.member.organisation).values_list(
                "starts_on", "closed_at"
            )
        )
        return [_row(one, closed.get(one.period.starts_on), self.request) for one in quarters]


class ReportListView(Reports):
    """The quarters that can be reported."""

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
        return Response({"results": self.show(self.shown(quarters_of(self.member)), query.fields)})


class ReportView(Reports):
    """One quarter."""

    shape = FullReportShape

    @extend_schema(
        operation_id="read_report",
        tags=["reports"],
        parameters=documented((), paged=False),
        responses={200: FullReportShape, **problems(400, 401, 403, 404, 429)},
    )
    def get(self, request: Request, quarter: str) -> Response:
        """Return a quarter such as 2026-Q2 with the tables that its files have."""
        query = self.query(request)
        period = quarter_named(quarter)
        found = self.shown(
            one for one in quarters_of(self.member) if one.period.value == period.value
        )
        if not found:
            raise Http404
        (row,) = found
        wanted = query.fields is None or "tables" in query.fields
        row["tables"] = [_table(one) for one in tables_of(self.member, period)] if wanted else []
        return Response(self.show([row], query.fields)[0])


class _AnyFile(BaseRenderer):
    """Let a client ask for any type: the address says which file it is."""

    media_type = "*/*"
    format = "file"

    def render(self, data: Any, *args: Any, **options: Any) -> bytes:
        """Write an error."""
        return JSONRenderer().render(data, *args, **options)


class ReportFileView(Reports):
    """A quarter as a file."""

    renderer_classes = (JSONRenderer, _AnyFile)

    @extend_schema(
        operation_id="download_report",
        tags=["reports"],
        responses={
            **{(200, one.CONTENT_TYPE): OpenApiTypes.BINARY for one in RENDERERS.values()},
            **problems(401, 403, 404, 429),
        },
    )
    def get(self, request: Request, quarter: str, file_format: str) -> HttpResponse:
        """Return a quarter as `csv` (a ZIP of tables) or `xlsx`."""
        return file_of(self.member, quarter_named(quarter), file_format)


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "with_total": table.with_total,
        "columns": [
            {"name": one.name, "kind": one.kind.value, "unit": one.unit, "comment": one.comment}
            for one in table.columns
        ],
        "rows": [
            [float(value) if isinstance(value, Decimal) else value for value in row]
            for row in table.rows
        ],
    }


def _row(one: QuarterTotals, closed_at: datetime | None, request: Request) -> dict[str, Any]:
    value = one.period.value
    return {
        "quarter": value,
        "starts_on": one.period.starts_on,
        "ends_before": one.period.ends_before,
        "unfinished": one.unfinished,
        "closed_at": closed_at,
        "url": request.build_absolute_uri(reverse("api_report", kwargs={"quarter": value})),
        "runs": one.totals.runs,
        "energy_facility_kwh": one.totals.energy_facility_kwh,
        "location_based_kg": one.totals.location_based_kg,
        "market_based_kg": one.totals.market_based_kg,
        "files": {
            name: request.build_absolute_uri(
                reverse("api_report_file", kwargs={"quarter": value, "file_format": name})
            )
            for name in RENDERERS
        },
    }
