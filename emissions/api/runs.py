"""/api/v1/runs/: a project's runs, read and recorded with its token."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from emissions.api.calculator import unknown_hardware, unknown_region, unknown_zone
from emissions.api.errors import PROBLEM_JSON, ConflictError, ContentTooLargeError
from emissions.api.fields import RUN
from emissions.api.parsers import BoundedJSONParser
from emissions.api.permissions import HasToken
from emissions.api.serializers import Problem, RunAnswer, RunPage, RunRequest, RunResults
from emissions.api.values import MOST_ROWS, ROW, Errors, read_row, words
from emissions.calculation.vocabulary import RunStatus, SourceKind, Stage
from emissions.models import ApiToken, Run
from emissions.selectors.named import Named
from emissions.selectors.posted import Posted, posted, with_pending
from emissions.services.check_run import check_run, complete_run
from emissions.services.receive_runs import Outcome, Received, receive_runs

#: The API's name → the column of Run that it states, where they differ.
COLUMNS = {
    "power_watts": "stated_power_watts",
    "pue_included": "energy_includes_pue",
    "pue": "stated_pue",
    "grid_g_per_kwh": "stated_factor_g_per_kwh",
    "grid_source": "stated_factor_source",
}
PUBLIC = {column: name for name, column in COLUMNS.items()}
FILTERS = {"stage": words(Stage), "status": words(RunStatus)}
NO_WAY = "Give one of hardware, node, power_watts and energy_kwh."
ROUNDING_HOURS = 1 / 3600
ARCHIVED = "This token's project is archived: nothing more is recorded in it."
TAKEN = "Another run has this external_id, and it is not the same."


class LatestFirst(CursorPagination):
    """Pages that stay put while runs are added: latest start first."""

    ordering = ("-started_at", "-id")
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1000


def _problems(*codes: int) -> dict[Any, Any]:
    return {(code, PROBLEM_JSON): Problem for code in codes}


class ProjectRunsView(APIView):
    """What views of a project's runs share: its token, and how a run is shown."""

    permission_classes = (HasToken,)
    parser_classes = (BoundedJSONParser,)

    def token_of(self, request: Request) -> ApiToken:
        """Return the token that the request came with."""
        assert isinstance(request.auth, ApiToken)
        return request.auth

    def runs_of(self, request: Request) -> QuerySet[Run]:
        """Return the runs that the token may see, with what an answer shows."""
        token = self.token_of(request)
        runs = Run.objects.of(token.organisation).filter(project=token.project)
        related = ("hardware", "node", "site", "cloud_region", "zone", "state")
        return with_pending(runs.select_related(*related))


class RunListView(ProjectRunsView):
    """A project's runs."""

    @extend_schema(
        operation_id="list_runs",
        tags=["runs"],
        parameters=[
            OpenApiParameter("external_id", OpenApiTypes.STR, description="Your own id of a run."),
            OpenApiParameter("stage", OpenApiTypes.STR, enum=FILTERS["stage"]),
            OpenApiParameter("status", OpenApiTypes.STR, enum=FILTERS["status"]),
            OpenApiParameter("limit", OpenApiTypes.INT, description="Runs per page, up to 1,000."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="As in next and previous."),
        ],
        responses={200: RunPage, **_problems(400, 401, 404)},
    )
    def get(self, request: Request) -> Response:
        """List the project's runs, latest first, or find one by its `external_id`."""
        runs = self.runs_of(request).filter(**_filters(request))
        pages = LatestFirst()
        page = pages.paginate_queryset(runs, request, view=self) or []
        figures = posted(run_ids=[run.pk for run in page])
        shown = Shown(request, self.token_of(request))
        return pages.get_paginated_response(
            [shown.full(run, figures.get(run.pk), pending=_pending(run)) for run in page]
        )

    @extend_schema(
        operation_id="record_runs",
        tags=["runs"],
        request=PolymorphicProxySerializer(
            component_name="RunOrRuns",
            serializers=[RunRequest(), RunRequest(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={
            200: PolymorphicProxySerializer(
                component_name="RunOrResults",
                serializers=[RunAnswer, RunResults],
                resource_type_field_name=None,
            ),
            201: RunAnswer,
            **_problems(400, 401, 403, 409, 413, 415),
        },
    )
    def post(self, request: Request) -> Response:
        """Record a run, or a list of up to 10,000.

        The same `external_id` with the same values returns the run that is there (200); with
        other values it is a conflict (409). A list is answered with 200 and one result per
        row, in order: what is right is recorded, whatever is wrong with other rows.
        """
        token, now = self.token_of(request), timezone.now()
        if token.project.archived_at is not None:
            raise PermissionDenied(ARCHIVED)
        rows = request.data if isinstance(request.data, list) else [request.data]
        if len(rows) > MOST_ROWS:
            raise ContentTooLargeError(
                f"Give at most {MOST_ROWS:,} runs in one request; these are {len(rows):,}."
            )
        read = _read_rows(rows, Named(token.organisation), now=now)
        received = receive_runs(
            organisation=token.organisation,
            project=token.project,
            runs=[one for one in read if isinstance(one, Run)],
            by=token.created_by,
            now=now,
        )
        if isinstance(request.data, list):
            return self._list_answer(request, read, received)
        return self._answer(request, read[0], received)

    def _answer(
        self, request: Request, read: "Run | Errors", received: Sequence[Received]
    ) -> Response:
        if not isinstance(read, Run):
            raise ValidationError(read)
        (one,) = received
        if one.outcome == Outcome.CONFLICT:
            raise ConflictError({"external_id": [TAKEN]})
        new = one.outcome == Outcome.RECORDED
        run = self.runs_of(request).get(pk=one.run.pk)
        figures = {} if new else posted(run_ids=[run.pk])
        shown = Shown(request, self.token_of(request))
        body = shown.full(run, figures.get(run.pk), pending=_pending(run))
        return Response(
            body,
            status=status.HTTP_201_CREATED if new else status.HTTP_200_OK,
            headers={"Location": body["url"]} if new else None,
        )

    def _list_answer(
        self, request: Request, read: Sequence["Run | Errors"], received: Sequence[Received]
    ) -> Response:
        present = [one.run.pk for one in received if one.outcome == Outcome.PRESENT]
        figures = posted(run_ids=present)
        calculated = set(
            Run.objects.filter(pk__in=present, pending=None).values_list("pk", flat=True)
        )
        shown = Shown(request, self.token_of(request))
        outcomes = iter(received)
        results: list[dict[str, Any]] = []
        for one in read:
            if not isinstance(one, Run):
                results.append({"status": 400, "errors": one})
                continue
            row = next(outcomes)
            if row.outcome == Outcome.CONFLICT:
                results.append({"status": 409, "errors": {"external_id": [TAKEN]}})
                continue
            run = shown.brief(
                row.run, figures.get(row.run.pk), pending=row.run.pk not in calculated
            )
            code = 201 if row.outcome == Outcome.RECORDED else 200
            results.append({"status": code, "run": run})
        return Response({"results": results})


class RunDetailView(ProjectRunsView):
    """One run of a project."""

    @extend_schema(
        operation_id="read_run",
        tags=["runs"],
        responses={200: RunAnswer, **_problems(401, 404)},
    )
    def get(self, request: Request, run_id: int) -> Response:
        """Return a run and its figures."""
        run = self.runs_of(request).filter(pk=run_id).first()
        if run is None:
            raise Http404
        figures = posted(run_ids=[run.pk])
        shown = Shown(request, self.token_of(request))
        return Response(shown.full(run, figures.get(run.pk), pending=_pending(run)))


def _filters(request: Request) -> dict[str, str]:
    wanted = request.query_params
    errors = {
        name: [f"Give one of {', '.join(choices)}."]
        for name, choices in FILTERS.items()
        if name in wanted and wanted[name] not in choices
    }
    if "\x00" in wanted.get("external_id", ""):
        errors["external_id"] = ["A text cannot hold the character NUL."]
    if errors:
        raise ValidationError(errors)
    return {name: wanted[name] for name in ("external_id", *FILTERS) if name in wanted}


def _read_rows(rows: Sequence[Any], names: Named, *, now: datetime) -> list["Run | Errors"]:
    """Return an unsaved run for each row, or what is wrong with it."""
    return [_read_run(row, names, now=now) for row in rows]


def _read_run(row: Any, names: Named, *, now: datetime) -> "Run | Errors":
    values, errors = read_row(row, RUN)
    if ROW in errors:
        return errors
    values = {COLUMNS.get(name, name): value for name, value in values.items() if value != ""}
    for step in (_name_things, _place_in_time, _count_devices):
        for field, messages in step(values, names).items():
            errors.setdefault(field, messages)
    known = {**values, "hardware": values.get("hardware_id")}
    for column, messages in check_run(known, now=now).items():
        field = PUBLIC.get(column, column)
        # What could not be read is not missing, too.
        if field not in errors and not (errors and column in FOLLOWING):
            errors[field] = [NO_WAY] if messages[0].startswith("Choose hardware or") else messages
    if errors:
        return errors
    full = complete_run(values)
    full.setdefault("name", values.get("external_id") or "Run")
    return Run(source_kind=SourceKind.API, **full)


#: Columns whose absence may only follow from another field's error.
FOLLOWING = ("hardware", "duration_hours", "device_hours", "stated_factor_source")


def _name_things(values: dict[str, Any], names: Named) -> Errors:
    """Replace names by what they name; return those that are not known."""
    errors: Errors = {}
    if "hardware" in values:
        hardware = values.pop("hardware")
        values["hardware_id"] = names.hardware(hardware)
        if values["hardware_id"] is None:
            errors["hardware"] = [unknown_hardware(hardware, names)]
    if "cloud_region" in values:
        name = values["cloud_region"]
        values["cloud_region"] = names.region(name)
        if values["cloud_region"] is None:
            errors["cloud_region"] = [unknown_region(name, names)]
    if "zone" in values:
        code = values.pop("zone")
        values["zone_id"] = names.zone(code)
        if values["zone_id"] is None:
            errors["zone"] = [unknown_zone(code)]
    for noun, find in (("site", names.site), ("node", names.node)):
        if noun in values:
            name = values[noun]
            values[noun] = find(name)
            if values[noun] is None:
                errors[noun] = [f"The organisation has no {noun} “{name}”."]
    return errors | _one_place(values)


def _one_place(values: Mapping[str, Any]) -> Errors:
    zone, region = values.get("zone_id"), values.get("cloud_region")
    if zone is None:
        return {}
    if values.get("site") is not None:
        return {"zone": ["The site says in which zone the run was: leave zone out."]}
    if region is not None and region.zone_id != zone:
        return {"zone": [f"{region} is in {region.zone.code}: leave zone or cloud_region out."]}
    return {}


def _place_in_time(values: dict[str, Any], names: Named) -> Errors:
    """Turn an end into wall-clock hours."""
    start, end = values.get("started_at"), values.pop("ended_at", None)
    if start is None:
        return {"started_at": ["Give when the run started, such as 2026-03-01T09:00:00Z."]}
    if end is None:
        return {}
    hours = (end - start).total_seconds() / 3600
    if hours < 0:
        return {"ended_at": ["The run ends before it starts."]}
    stated = values.setdefault("duration_hours", hours)
    if abs(stated - hours) > max(ROUNDING_HOURS, 0.01 * hours):
        return {"ended_at": [f"From start to end are {hours:,.6g} hours, not {stated:,.6g}."]}
    return {}


def _count_devices(values: dict[str, Any], names: Named) -> Errors:
    """Fill in how many devices: of the node, or as many as the device-hours need."""
    if "device_count" in values:
        return {}
    node, wall = values.get("node"), values.get("duration_hours")
    if node is not None:
        values["device_count"] = float(node.device_count)
    elif wall and "device_hours" in values:
        values["device_count"] = max(1.0, values["device_hours"] / wall)
    return {}


def _pending(run: Run) -> bool:
    return bool(run.is_pending)  # type: ignore[attr-defined]


class Shown:
    """How a request's runs are shown: with the addresses of this server."""

    def __init__(self, request: Request, token: ApiToken) -> None:
        pages = reverse("run_list", kwargs={"organisation_slug": token.organisation.slug})
        self.project = token.project.slug
        self.url = request.build_absolute_uri(reverse("api_run_list"))
        self.page_url = request.build_absolute_uri(pages)

    def brief(self, run: Run, figures: Posted | None, *, pending: bool) -> dict[str, Any]:
        """Return which run it is and its figures."""
        found = figures or Posted()
        known = figures is not None
        return {
            "id": run.pk,
            "url": f"{self.url}{run.pk}/",
            "page_url": f"{self.page_url}{run.pk}/",
            "external_id": run.external_id,
            "calculated": known and not pending,
            "energy_it_kwh": float(found.energy_it_kwh) if known else None,
            "energy_facility_kwh": float(found.energy_facility_kwh) if known else None,
            "location_based_kg": float(found.location_based_kg) if known else None,
            "market_based_kg": float(found.market_based_kg) if known else None,
            "embodied_kg": float(found.embodied_kg) if known and found.embodied_known else None,
        }

    def full(self, run: Run, figures: Posted | None, *, pending: bool) -> dict[str, Any]:
        """Return everything of a run: what was stated, and what the ledger holds."""
        related = {
            "hardware": run.hardware and run.hardware.name,
            "node": run.node and run.node.slug,
            "site": run.site and run.site.slug,
            "cloud_region": run.cloud_region and str(run.cloud_region),
            "zone": run.zone and run.zone.code,
        }
        stated = {
            name: related[name] if name in related else getattr(run, COLUMNS.get(name, name))
            for name in RUN
        }
        return {
            **self.brief(run, figures, pending=pending),
            "project": self.project,
            **stated,
            "calculation_error": run.state.error,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
        }
