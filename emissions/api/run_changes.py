"""PUT, PATCH and DELETE of a run, and runs by their external id."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.errors import ConflictError, PreconditionError
from emissions.api.query import Filter, documented
from emissions.api.run_rows import HOURS, Rows
from emissions.api.run_shown import RELATED, stated
from emissions.api.runs import RunDetailView, RunsOfToken
from emissions.api.serializers import RecordedRun, RunAnswer, RunChange, RunRequest
from emissions.api.values import ROW
from emissions.api.versions import expectation
from emissions.calculation.vocabulary import RunStatus
from emissions.models import Project, Run
from emissions.permissions import Action
from emissions.services.change_runs import (
    NotAsExpected,
    NotTheirs,
    RunEnded,
    continue_run,
    put_run,
    remove_run,
)
from emissions.services.receive_runs import Outcome
from emissions.services.record_runs import RunGone

NOT_THEIRS = "You can see this run, and not change it."
ENDED = "The run has ended: PUT it as a whole if it has to change."
CHANGED_SINCE = "The run is not as your request expects: read it again."
FIXED = "This says which run it is, and does not change."
PROJECT = OpenApiParameter(
    "project", OpenApiTypes.STR, description="Slug of the project: with a person's token only."
)
MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="An ETag of the run: it is changed only if nobody changed it since (else 412).",
)
CHANGED = {200: RecordedRun, **problems(400, 401, 403, 404, 409, 412, 413, 415, 429)}
DELETED = {204: None, **problems(400, 401, 403, 404, 412, 429)}


class ChangesRuns(RunsOfToken):
    """What the addresses of a run share: how it is continued, and deleted."""

    def continued(self, runs: QuerySet[Run]) -> Response:
        """Change the one run of a queryset that is going."""
        editable, run_id = self._editable(runs)
        now = timezone.now()
        rows = Rows(self.access, now=now, alone=True)
        patch = _object(self.request.data)
        try:
            run = continue_run(
                editable=editable.select_related(*RELATED),
                run_id=run_id,
                restate=lambda run: _restated(run, patch, rows),
                by=self.access.by,
                now=now,
                expected=expectation(self.request),
            )
        except RunGone as gone:
            raise Http404 from gone
        except NotAsExpected as changed:
            raise PreconditionError(CHANGED_SINCE) from changed
        except RunEnded as ended:
            raise ConflictError({"status": [ENDED]}) from ended
        return self.answer(run)

    def deleted(self, runs: QuerySet[Run]) -> Response:
        """Delete the one run of a queryset."""
        editable, run_id = self._editable(runs)
        try:
            remove_run(
                editable=editable,
                run_id=run_id,
                by=self.access.by,
                now=timezone.now(),
                expected=expectation(self.request),
            )
        except RunGone as gone:
            raise Http404 from gone
        except NotAsExpected as changed:
            raise PreconditionError(CHANGED_SINCE) from changed
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _editable(self, runs: QuerySet[Run]) -> tuple[QuerySet[Run], int]:
        """Return the runs that may be changed, and which of them is meant."""
        found = runs.filter(pk__in=self.access.runs(Action.VIEW_RUNS)).first()
        if found is None:
            raise Http404
        editable = self.access.runs(Action.EDIT_RUNS)
        if not editable.filter(pk=found.pk).exists():
            raise PermissionDenied(NOT_THEIRS)
        return editable, found.pk


class RunView(ChangesRuns, RunDetailView):
    """One run of a token."""

    @extend_schema(
        operation_id="continue_run",
        tags=["runs"],
        parameters=[MATCH],
        request=RunChange,
        responses=CHANGED,
    )
    def patch(self, request: Request, key: int) -> Response:
        """Change a run while it is going: energy so far, hours so far, its end.

        An empty object is a heartbeat. Unless hours or an end are stated, the run has lasted
        until now. `status` ends it; then it changes no more, and the same again is answered
        with 200. What grows is in the ledger within the hour; the end at once.
        """
        return self.continued(Run.objects.of(self.access.organisation).filter(pk=key))

    @extend_schema(operation_id="delete_run", tags=["runs"], parameters=[MATCH], responses=DELETED)
    def delete(self, request: Request, key: int) -> Response:
        """Delete a run: the ledger takes its figures back, and its `external_id` is free again."""
        return self.deleted(Run.objects.of(self.access.organisation).filter(pk=key))


class RunByExternalIdView(ChangesRuns):
    """One run by the id that the client gave it."""

    @extend_schema(
        operation_id="read_run_by_external_id",
        tags=["runs"],
        parameters=[PROJECT, *documented((), paged=False)],
        responses={200: RunAnswer, **problems(400, 401, 403, 404, 429)},
    )
    def get(self, request: Request, external_id: str) -> Response:
        """Return the run that has this `external_id`."""
        query = self.query(request, filters=(Filter("project", "project", "", several=False),))
        return self.one(self._named(external_id), query)

    @extend_schema(
        operation_id="put_run",
        tags=["runs"],
        parameters=[PROJECT, MATCH],
        request=RunRequest,
        responses={201: RecordedRun, **CHANGED},
    )
    def put(self, request: Request, external_id: str) -> Response:
        """Record the run, or make the one that is there the same: as often as you like.

        What the body does not state is not stated any more. With `If-None-Match: *` it is
        recorded only if there is none (else 412).
        """
        row = {**_object(request.data)}
        if row.setdefault("external_id", external_id) != external_id:
            raise ValidationError({"external_id": ["The address names another one."]})
        if "project" in request.query_params:
            row.setdefault("project", request.query_params["project"])
        now = timezone.now()
        read = Rows(self.access, now=now, alone=True).read(row)
        if not isinstance(read, Run):
            raise ValidationError(read)
        if read.external_id != external_id:
            raise ValidationError({"external_id": ["Begin and end it with no space."]})
        try:
            received = put_run(
                organisation=self.access.organisation,
                run=read,
                editable=self.access.runs(Action.EDIT_RUNS),
                by=self.access.by,
                now=now,
                expected=expectation(request),
            )
        except NotTheirs as error:
            raise PermissionDenied(NOT_THEIRS) from error
        except NotAsExpected as changed:
            raise PreconditionError(CHANGED_SINCE) from changed
        return self.answer(received.run, new=received.outcome == Outcome.RECORDED)

    @extend_schema(
        operation_id="continue_run_by_external_id",
        tags=["runs"],
        parameters=[PROJECT, MATCH],
        request=RunChange,
        responses=CHANGED,
    )
    def patch(self, request: Request, external_id: str) -> Response:
        """Change a run while it is going, as at its own address."""
        return self.continued(self._named(external_id))

    @extend_schema(
        operation_id="delete_run_by_external_id",
        tags=["runs"],
        parameters=[PROJECT, MATCH],
        responses=DELETED,
    )
    def delete(self, request: Request, external_id: str) -> Response:
        """Delete a run, as at its own address."""
        return self.deleted(self._named(external_id))

    def _named(self, external_id: str) -> QuerySet[Run]:
        if "\x00" in external_id:
            raise Http404
        runs = Run.objects.of(self.access.organisation)
        return runs.filter(project=self._project(), external_id=external_id)

    def _project(self) -> Project:
        slug = self.request.query_params.get("project")
        only = self.access.project
        if only is not None and slug in (None, only.slug):
            return only
        if slug is None:
            raise ValidationError({"project": ["Name the project: ?project=<slug>."]})
        if "\x00" in slug:
            raise Http404
        project = self.access.projects(Action.VIEW_RUNS).filter(slug=slug).first()
        if project is None:
            raise Http404
        return project


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ValidationError({ROW: ["Give an object of fields."]})
    return body


def _restated(run: Run, patch: Mapping[str, Any], rows: Rows) -> Run:
    """Return the run as it is stated after a change, or raise what is wrong with it."""
    told = stated(run)
    errors = {
        name: [FIXED]
        for name in ("external_id", "project")
        if patch.get(name) not in (None, told[name])
    }
    if errors:
        raise ValidationError(errors)
    row = {name: value for name, value in told.items() if name != "ended_at"}
    row["started_at"] = run.started_at.isoformat()
    if run.count_assumed:
        row |= dict.fromkeys(("device_count", "duration_hours"))
    elif any(patch.get(name) is not None for name in HOURS) or run.status == RunStatus.RUNNING:
        row |= dict.fromkeys(HOURS)
    elif "device_count" in patch:
        row["device_hours"] = None
    said = {name: value for name, value in patch.items() if name not in ("external_id", "project")}
    read = rows.read({**row, **said}, going=run.status == RunStatus.RUNNING)
    if not isinstance(read, Run):
        raise ValidationError(read)
    read.source_kind = run.source_kind
    return read
