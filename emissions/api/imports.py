"""/api/v1/imports/: whole files, so that a scheduler's accounting arrives by one line of cron."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import available_timezones

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import ApiView, problems
from emissions.api.errors import ContentTooLargeError
from emissions.calculation.vocabulary import ImportStatus
from emissions.importers.bulk import ImportRefused
from emissions.importers.columns import TimeZoneNeeded
from emissions.importers.formats import FORMATS
from emissions.models import RunImport
from emissions.permissions import Action
from emissions.selectors.imports import refused_rows
from emissions.services.imports.run import close_import, start_import
from emissions.services.imports.stage import open_import
from emissions.uploads import LARGEST_UPLOAD

CHUNK = 1024 * 1024
ERRORS_SHOWN = 100
ASKED = ("file_format", "time_zone", "file_name", "preview")
ARCHIVED = "This token's project is archived: nothing more is recorded in it."
NO_ZONE = "The dates in this file carry no zone: give time_zone, such as Europe/Stockholm."


class AnyFile(BaseParser):
    """Take a body as it is, whatever it calls itself: it is told by its content."""

    media_type = "*/*"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the stream, unread."""
        return stream


class RowError(serializers.Serializer[Any]):
    """Why a row is not imported."""

    row = serializers.IntegerField(help_text="As a spreadsheet counts: the first line is 1.")
    column = serializers.CharField()
    reason = serializers.CharField()


class ImportAnswer(serializers.Serializer[Any]):
    """A file, and what becomes of its rows."""

    id = serializers.IntegerField()
    url = serializers.URLField()
    page_url = serializers.URLField()
    file_name = serializers.CharField()
    format = serializers.CharField()
    status = serializers.ChoiceField([one.value for one in ImportStatus])
    rows = serializers.IntegerField()
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    imported = serializers.IntegerField(help_text="New and changed rows that are written.")
    energy_kwh = serializers.FloatField(help_text="Of new and changed rows.")
    location_based_kg = serializers.FloatField(help_text="Of new and changed rows.")
    errors = RowError(many=True, help_text="The first 100 refused rows.")  # type: ignore[assignment]


class ImportView(ApiView):
    """What views of files share."""

    def shown(self, one: RunImport) -> dict[str, Any]:
        """Return how a file is shown."""
        slug = self.access.organisation.slug
        page = reverse("import_detail", kwargs={"organisation_slug": slug, "import_id": one.pk})
        url = reverse("api_import", kwargs={"key": one.pk})
        refused = refused_rows(run_import=one)[:ERRORS_SHOWN]
        return {
            "id": one.pk,
            "url": self.request.build_absolute_uri(url),
            "page_url": self.request.build_absolute_uri(page),
            "file_name": one.file_name,
            "format": one.file_format,
            "status": one.status,
            "rows": one.rows,
            "new": one.new_rows,
            "changed": one.changed_rows,
            "unchanged": one.unchanged_rows,
            "refused": one.refused_rows,
            "imported": one.imported_rows,
            "energy_kwh": one.energy_kwh,
            "location_based_kg": one.location_based_kg,
            "errors": [
                {"row": row.row, "column": row.refused_column, "reason": row.reason}
                for row in refused
            ],
        }


class ImportListView(ImportView):
    """Files of runs."""

    actions = {"POST": Action.EDIT_RUNS}
    parser_classes = (AnyFile,)  # type: ignore[assignment]

    @extend_schema(
        operation_id="import_runs",
        tags=["imports"],
        parameters=[
            OpenApiParameter(
                "file_format",
                OpenApiTypes.STR,
                enum=list(FORMATS),
                description="Told if not given.",
            ),
            OpenApiParameter(
                "time_zone", OpenApiTypes.STR, description="Of dates that carry none."
            ),
            OpenApiParameter("file_name", OpenApiTypes.STR, description="What to call the file."),
            OpenApiParameter(
                "preview", OpenApiTypes.BOOL, description="true: look only, and import on its page."
            ),
        ],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: ImportAnswer, 202: ImportAnswer, **problems(400, 401, 403, 413, 429)},
    )
    def post(self, request: Request) -> Response:
        """Take a file as the body, and import it in the background.

        The same file again changes nothing: runs are known by their ids. A project's token
        brings all rows into its project; a person's brings each row into the project that its
        account or project means, and what nobody can place into the Unassigned inbox.
        """
        access, now = self.access, timezone.now()
        if access.project is not None and access.project.archived_at is not None:
            raise PermissionDenied(ARCHIVED)
        asked = _asked(request)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "body"
            _keep(request.stream, path)
            one = self._open(path, asked, now)
        if asked["preview"]:
            return Response(self.shown(one))
        if not one.new_rows + one.changed_rows:
            # An hourly cron sends mostly what is known: nothing of it is kept.
            return Response(self.shown(close_import(run_import=one, by=access.by, now=now)))
        one = start_import(run_import=one, by=access.by, now=now)
        return Response(self.shown(one), status=status.HTTP_202_ACCEPTED)

    def _open(self, path: Path, asked: dict[str, Any], now: datetime) -> RunImport:
        access = self.access
        try:
            return open_import(
                organisation=access.organisation,
                path=path,
                file_name=asked["file_name"],
                project=access.project,
                only_project=access.project is not None,
                format_name=asked["file_format"],
                time_zone=asked["time_zone"],
                by=access.by,
                now=now,
            )
        except TimeZoneNeeded as needed:
            raise ValidationError({"time_zone": [NO_ZONE]}) from needed
        except ImportRefused as refused:
            raise ValidationError({"body": [str(refused)]}) from refused


class ImportDetailView(ImportView):
    """One file."""

    actions = {"GET": Action.VIEW_RUNS}

    @extend_schema(
        operation_id="read_import",
        tags=["imports"],
        responses={200: ImportAnswer, **problems(401, 403, 404, 429)},
    )
    def get(self, request: Request, key: int) -> Response:
        """Return how far a file is."""
        access = self.access
        imports = RunImport.objects.filter(organisation=access.organisation)
        if access.project is not None:
            imports = imports.filter(only_project=True, project=access.project)
        else:
            imports = imports.filter(created_by=access.by, only_project=False)
        one = imports.filter(pk=key).first()
        if one is None:
            raise NotFound
        return Response(self.shown(one))


def _asked(request: Request) -> dict[str, Any]:
    """Return what the address says of the file."""
    given = request.query_params
    zones = {name.lower(): name for name in available_timezones()}
    time_zone = given.get("time_zone", "").strip().replace(" ", "_").lower()
    errors = {name: ["There is no such parameter."] for name in given if name not in ASKED}
    if time_zone and time_zone not in zones:
        errors["time_zone"] = ["Give a time zone such as Europe/Stockholm."]
    if given.get("file_format", "") not in ("", *FORMATS):
        errors["file_format"] = [f"Give one of {', '.join(FORMATS)}."]
    if given.get("preview", "false").lower() not in ("true", "false", "1", "0"):
        errors["preview"] = ["Give true or false."]
    if errors:
        raise ValidationError(errors)
    return {
        "file_format": given.get("file_format", ""),
        "time_zone": zones.get(time_zone, ""),
        "file_name": given.get("file_name", "").replace("\x00", "")[:250] or "sent by the API",
        "preview": given.get("preview", "false").lower() in ("true", "1"),
    }


def _keep(stream: Any, path: Path) -> None:
    """Write a body to a file, up to the limit."""
    size = 0
    with path.open("wb") as file:
        while stream is not None and (chunk := stream.read(CHUNK)):
            size += len(chunk)
            if size > LARGEST_UPLOAD:
                limit = LARGEST_UPLOAD // 1024**2
                raise ContentTooLargeError(f"The body is larger than {limit} MB: send it in parts.")
            file.write(chunk)
