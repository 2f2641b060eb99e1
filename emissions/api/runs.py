"""/api/v1/runs/: the runs that a token opens, read and recorded."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.errors import ConflictError, ContentTooLargeError
from emissions.api.listing import ListView, Resource
from emissions.api.query import Filter, Query, documented
from emissions.api.run_rows import Rows
from emissions.api.run_shown import Shown, with_all
from emissions.api.serializers import RecordedRun, RunAnswer, RunPage, RunRequest, RunResults
from emissions.api.values import MOST_ROWS, Errors, words
from emissions.api.versions import etag
from emissions.calculation.vocabulary import RunStatus, SourceKind, Stage
from emissions.models import Run
from emissions.permissions import Action
from emissions.selectors.posted import posted
from emissions.services.receive_runs import Outcome, Received, receive_runs

ARCHIVED = "This token's project is archived: nothing more is recorded in it."
TAKEN = "Another run has this external_id, and it is not the same."
FILTERS = (
    Filter("project", "project__slug", "Slug of a project."),
    Filter("external_id", "external_id", "Your own id of a run."),
    Filter("stage", "stage", "Stage of the life cycle.", "choice", words(Stage)),
    Filter("status", "status", "How it ended.", "choice", words(RunStatus)),
    Filter("source", "source_kind", "By which way it came.", "choice", words(SourceKind)),
    Filter("site", "site__slug", "Slug of a site."),
    Filter("node", "node__slug", "Slug of a node."),
    Filter("hardware", "hardware_name", "Name of a hardware model, also if a node has it."),
    Filter("ai_model", "ai_model", "The AI model."),
    Filter("sweep", "sweep", "The sweep."),
    Filter("started_from", "started_at__gte", "Started then or later.", "moment"),
    Filter("started_before", "started_at__lt", "Started earlier.", "moment"),
    Filter("updated_from", "updated_at__gte", "Changed then or later.", "moment"),
)
ORDERS = {
    "started_at": "started_at",
    "updated_at": "updated_at",
    "created_at": "created_at",
    "device_hours": "device_hours",
    "duration_hours": "duration_hours",
    "name": "name",
}


class RunsOfToken(Resource):
    """The runs that a token opens, and how they are shown."""

    actions = {
        "GET": Action.VIEW_RUNS,
        "POST": Action.LOG_RUNS,
        "PUT": Action.EDIT_RUNS,
        "PATCH": Action.EDIT_RUNS,
        "DELETE": Action.EDIT_RUNS,
    }
    shape = RunAnswer

    def rows(self) -> QuerySet[Run]:
        """Return the runs that the token may see, with what an answer shows."""
        return with_all(self.access.runs(Action.VIEW_RUNS))

    def show(self, rows: Iterable[Run], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """Return how runs are shown."""
        return Shown(self.request, self.access).all(rows, fields)

    def answer(self, run: Run, *, new: bool = False) -> Response:
        """Return one run as it stands now; of a new one the ledger holds nothing yet."""
        shown = Shown(self.request, self.access)
        if not new:
            stored = with_all(Run.objects.filter(pk=run.pk)).get()
            (body,) = shown.all([stored])
            return Response(body, headers={"ETag": etag(stored, body)})
        body = shown.full(run, None, pending=True)
        headers = {"Location": body["url"], "ETag": etag(run, body)}
        return Response(body, status=status.HTTP_201_CREATED, headers=headers)

    def one(self, runs: QuerySet[Run], query: Query) -> Response:
        """Show the one run of a queryset, with the ETag that says which statement it is."""
        run = self.rows().filter(pk__in=runs.values("pk")).first()
        if run is None:
            raise Http404
        (shown,) = self.show([run], query.fields)
        return Response(shown, headers={"ETag": etag(run, shown)})


@extend_schema_view(
    get=extend_schema(
        operation_id="list_runs",
        description="Runs, latest first. `order=-device_hours` and others change that.",
        tags=["runs"],
        parameters=documented(FILTERS, ORDERS),
        responses={200: RunPage, **problems(400, 401, 403, 404, 429)},
    )
)
class RunListView(RunsOfToken, ListView):
    """The runs of a token."""

    filters = FILTERS
    orders = ORDERS
    default_order = ("-started_at", "-pk")

    def narrow(self, rows: QuerySet[Run], query: Query) -> QuerySet[Run]:
        """Return the rows that the filters leave."""
        if any(lookup.startswith("hardware_name") for lookup in query.filters):
            name = Coalesce("hardware__name", "node__hardware__name")
            rows = rows.annotate(hardware_name=name)
        return super().narrow(rows, query)

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
                serializers=[RecordedRun, RunResults],
                resource_type_field_name=None,
            ),
            201: RecordedRun,
            **problems(400, 401, 403, 409, 413, 415, 429),
        },
    )
    def post(self, request: Request) -> Response:
        """Record a run, or a list of up to 10,000.

        The same `external_id` with the same values returns the run that is there (200); with
        other values it is a conflict (409). A list is answered with 200 and one result per
        row, in order: what is right is recorded, whatever is wrong with other rows.
        """
        access, now = self.access, timezone.now()
        if access.project is not None and access.project.archived_at is not None:
            raise PermissionDenied(ARCHIVED)
        rows = request.data if isinstance(request.data, list) else [request.data]
        if len(rows) > MOST_ROWS:
            raise ContentTooLargeError(
                f"Give at most {MOST_ROWS:,} runs in one request; these are {len(rows):,}."
            )
        alone = not isinstance(request.data, list)
        read = Rows(access, now=now, alone=alone).read_all(rows)
        received = receive_runs(
            organisation=access.organisation,
            runs=[one for one in read if isinstance(one, Run)],
            by=access.by,
            now=now,
        )
        if not alone:
            return Response({"results": self._results(read, received)})
        return self._answer(read[0], received)

    def _answer(self, read: Run | Errors, received: Sequence[Received]) -> Response:
        if not isinstance(read, Run):
            raise ValidationError(read)
        (one,) = received
        if one.outcome == Outcome.CONFLICT:
            raise ConflictError({"external_id": [TAKEN]})
        return self.answer(one.run, new=one.outcome == Outcome.RECORDED)

    def _results(
        self, read: Sequence[Run | Errors], received: Sequence[Received]
    ) -> list[dict[str, Any]]:
        present = [one.run.pk for one in received if one.outcome == Outcome.PRESENT]
        figures = posted(run_ids=present)
        calculated = set(
            Run.objects.filter(pk__in=present, pending=None).values_list("pk", flat=True)
        )
        shown, outcomes = Shown(self.request, self.access), iter(received)
        results: list[dict[str, Any]] = []
        for number, one in enumerate(read):
            if not isinstance(one, Run):
                results.append({"row": number, "status": 400, "errors": one})
                continue
            row = next(outcomes)
            if row.outcome == Outcome.CONFLICT:
                errors = {"external_id": [TAKEN]}
                results.append({"row": number, "status": 409, "errors": errors})
                continue
            pending = row.run.pk not in calculated
            run = shown.brief(row.run, figures.get(row.run.pk), pending=pending)
            code = 201 if row.outcome == Outcome.RECORDED else 200
            results.append({"row": number, "status": code, "run": run})
        return results


@extend_schema_view(
    get=extend_schema(
        operation_id="read_run",
        description="One run and its figures.",
        tags=["runs"],
        parameters=documented((), paged=False),
        responses={200: RunAnswer, **problems(400, 401, 403, 404, 429)},
    )
)
class RunDetailView(RunsOfToken):
    """One run of a token."""

    def get(self, request: Request, key: int) -> Response:
        """Return it."""
        return self.one(Run.objects.filter(pk=key), self.query(request))
