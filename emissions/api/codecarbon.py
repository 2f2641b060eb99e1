"""/codecarbon/: the endpoint of unmodified CodeCarbon clients (3.x and 2.8).

A tracker waits two seconds at most and never repeats a post: an answer is one look at the
token, one at the run, one INSERT. Everything else is a worker's (services/streams/fold).
Nothing is redirected: a redirected POST would become a GET.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotFound,
    PermissionDenied,
    Throttled,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from emissions.api.access import Access
from emissions.api.authentication import TokenAuthentication, TokenUser
from emissions.api.codecarbon_values import (
    LONGEST_SECONDS,
    Body,
    BodyError,
    experiment_and_job,
    identity,
    read_post,
    read_tracker,
)
from emissions.api.errors import UnprocessableError
from emissions.api.parsers import BoundedJSONParser
from emissions.api.permissions import MayAct
from emissions.api.throttles import RefusedThrottle
from emissions.calculation.vocabulary import TokenScope
from emissions.models import (
    ApiToken,
    CloudRegion,
    EnergyStream,
    Experiment,
    GridZone,
    Organisation,
    Project,
    User,
)
from emissions.permissions import Action
from emissions.selectors.catalogue import find_place, find_subdivision
from emissions.services.manage_experiments import (
    ExperimentError,
    create_experiment,
    default_experiment,
    place_of,
    setup_at,
)
from emissions.services.streams.receive import open_stream, receive_post, receive_total
from emissions.services.tokens import TokenRefused, check_token, create_token

DEFAULT = "default"
"""Names a project's default experiment where a client wants an id."""

ARCHIVED = "This project is archived: nothing more is recorded in it."
IN_TONNE = "A client makes no {what}: make them in Tonne, under Settings."
NO_EXPERIMENT = (
    "This token opens no such experiment. Copy the id from Settings, Experiments; a project's"
    f" own token may say “{DEFAULT}”."
)
NOT_IN_ADDRESSES = (
    "Addresses are seen by others: only a token that adds runs and nothing else is taken from one."
)


class SmallJSONParser(BoundedJSONParser):
    """JSON of at most 64 kB: a post has a twentieth of that."""

    largest = 64 * 1024


class ClientAuthentication(TokenAuthentication):
    """A token as trackers send it (`x-api-token`) or as the command line does (Bearer).

    However many wrong tokens came from an address, a right one is heard: its post would be lost.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser | User, ApiToken] | None:
        """Return (user, token), or None where no token is given."""
        given = self.given(request)
        if given is None:
            return None
        try:
            token = check_token(given, now=timezone.now())
        except TokenRefused as refused:
            tries = RefusedThrottle()
            if not tries.allow_request(request, None):
                raise Throttled(tries.wait()) from refused
            tries.count(request)
            raise AuthenticationFailed(str(refused)) from refused
        return token.person or TokenUser(), token


class AddressAuthentication(ClientAuthentication):
    """A token in the address: a one-shot client sends no header."""

    def given(self, request: Request) -> str | None:
        """Return the token of the address."""
        return str(request.parser_context["kwargs"]["token"])

    def authenticate(self, request: Request) -> tuple[TokenUser | User, ApiToken] | None:
        """Return (user, token)."""
        found = super().authenticate(request)
        if found is not None and not found[1].may_stand_in_urls:
            raise AuthenticationFailed(NOT_IN_ADDRESSES)
        return found


class ClientView(APIView):
    """What the addresses of CodeCarbon clients share."""

    authentication_classes: tuple[type[ClientAuthentication]] = (ClientAuthentication,)
    permission_classes = (MayAct,)
    parser_classes = (SmallJSONParser,)
    schema = None
    actions: ClassVar[dict[str, Action]] = {"GET": Action.VIEW_RUNS, "POST": Action.LOG_RUNS}

    @property
    def access(self) -> Access:
        """What the token opens."""
        assert isinstance(self.request.auth, ApiToken)
        return Access(self.request.auth)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer 422 to what cannot be read."""
        if isinstance(exc, BodyError):
            exc = UnprocessableError(exc.errors)
        elif isinstance(exc, ExperimentError):
            exc = UnprocessableError({"name": [str(exc)]})
        return super().handle_exception(exc)

    def project(self, slug: str) -> Project:
        """Return a project that the token opens."""
        found = self.access.projects(Action.LOG_RUNS).filter(slug=slug)
        project = found.select_related("organisation").first()
        if project is None:
            raise NotFound("This token opens no such project.")
        return project

    def experiments(self) -> Any:
        """Return the experiments that the token opens, with what is shown of them."""
        related = ("project__organisation", "site", "cloud_region", "zone")
        projects = self.access.projects(Action.LOG_RUNS)
        return Experiment.objects.filter(project__in=projects).select_related(*related)

    def experiment(self, named: str) -> Experiment | None:
        """Return an experiment by its id; “default” is that of the token's own project."""
        own = self.access.project
        if named.lower() == DEFAULT and own is not None:
            return default_experiment(project=own, by=self.access.by, now=timezone.now())
        try:
            uuid = UUID(named)
        except ValueError:
            return None
        found: Experiment | None = self.experiments().filter(uuid=uuid).first()
        return found


def _refuse_archived(project: Project) -> None:
    if project.archived_at is not None:
        raise PermissionDenied(ARCHIVED)


class RunsView(ClientView):
    """A tracker begins."""

    def post(self, request: Request) -> Response:
        """Note the tracker and return the id that its posts will name."""
        body, now = Body(request.data), timezone.now()
        tracker = read_tracker(
            body, sent_at=body.moment("timestamp"), address=BaseThrottle().get_ident(request)
        )
        body.check()
        experiment = self.experiment(experiment_and_job(body)[0])
        if experiment is None:
            raise NotFound(NO_EXPERIMENT)
        _refuse_archived(experiment.project)
        stream = open_stream(experiment=experiment, tracker=tracker, by=self.access.by, now=now)
        answer = {
            "id": str(stream.uuid),
            "experiment_id": str(experiment.uuid),
            "timestamp": body.data["timestamp"],
        }
        return Response(answer, status=status.HTTP_201_CREATED)


class EmissionsView(ClientView):
    """Energy since the tracker's last post."""

    def post(self, request: Request) -> Response:
        """Store a post; the same one again changes nothing."""
        body, now = Body(request.data), timezone.now()
        uuid = body.uuid("run_id")
        post = read_post(
            body,
            sent_at=body.moment("timestamp"),
            longest_seconds=LONGEST_SECONDS,
            emissions="emissions_sum",
        )
        body.check()
        projects = self.access.projects(Action.LOG_RUNS)
        # Two columns, no objects: this is asked for every post.
        found = EnergyStream.objects.filter(uuid=uuid, experiment__project__in=projects)
        known = found.order_by().values_list("pk", "experiment__project__archived_at")[:1]
        if not known:
            raise NotFound(f"This token opens no run {uuid}.")
        stream_id, archived_at = known[0]
        if archived_at is not None:
            raise PermissionDenied(ARCHIVED)
        receive_post(stream_id=stream_id, post=post, now=now)
        return Response({"run_id": str(uuid)}, status=status.HTTP_201_CREATED)


class TotalsView(ClientView):
    """`emissions_endpoint`: everything since the start, with the token in the address."""

    authentication_classes = (AddressAuthentication,)

    def post(self, request: Request, token: str) -> Response:
        """Store a tracker's total so far; of several the last one counts."""
        body, now = Body(request.data), timezone.now()
        post = read_post(
            body,
            # The client's clock is sent without its offset.
            sent_at=now,
            longest_seconds=LONGEST_SECONDS,
            emissions="emissions",
            pue=body.number("pue", least=1.0, most=10.0) or 1.0,
        )
        tracker = read_tracker(body, sent_at=now, address=BaseThrottle().get_ident(request))
        body.check()
        # A client that was set up for another server names one of its experiments.
        experiment = self.experiment(experiment_and_job(body)[0]) or self.experiment(DEFAULT)
        assert experiment is not None, "an ingest-only token is of a project"
        _refuse_archived(experiment.project)
        stream = receive_total(
            experiment=experiment,
            tracker=tracker,
            key=identity(body),
            post=post,
            by=self.access.by,
            now=now,
        )
        return Response({"run_id": str(stream.uuid)}, status=status.HTTP_201_CREATED)


class CheckView(ClientView):
    """What the command line asks after signing in."""

    def get(self, request: Request) -> Response:
        """Say that the token is right."""
        return Response({"organization": self.access.organisation.slug})


class OrganizationsView(ClientView):
    """The organisation of the token."""

    def get(self, request: Request) -> Response:
        """List it."""
        return Response([_organisation(self.access.organisation)])

    def post(self, request: Request) -> Response:
        """Refuse: an organisation is not made by a client."""
        raise PermissionDenied(IN_TONNE.format(what="organisations"))


class OrganizationView(ClientView):
    """The organisation of the token, by its id."""

    def get(self, request: Request, organisation: str) -> Response:
        """Show it."""
        if organisation != self.access.organisation.slug:
            raise NotFound("This token opens no such organisation.")
        return Response(_organisation(self.access.organisation))


class OrganizationProjectsView(OrganizationView):
    """The projects that the token opens."""

    def get(self, request: Request, organisation: str) -> Response:
        """List them."""
        super().get(request, organisation)
        projects = self.access.projects(Action.LOG_RUNS).filter(archived_at=None)
        found = projects.select_related("organisation").order_by("name")
        return Response([_project(project) for project in found])


class ProjectsView(ClientView):
    """New projects."""

    def post(self, request: Request) -> Response:
        """Refuse: a project belongs to a team, which a client cannot say."""
        raise PermissionDenied(IN_TONNE.format(what="projects"))


class ProjectView(ClientView):
    """A project, by its id."""

    def get(self, request: Request, project: str) -> Response:
        """Show it."""
        return Response(_project(self.project(project)))


class ProjectExperimentsView(ClientView):
    """The experiments of a project."""

    def get(self, request: Request, project: str) -> Response:
        """List them, the default one first."""
        found = self.project(project)
        default_experiment(project=found, by=self.access.by, now=timezone.now())
        experiments = self.experiments().filter(project=found).order_by("-is_default", "name")
        return Response([_shown(experiment) for experiment in experiments])


class ProjectTokensView(ClientView):
    """A token for a project's trackers."""

    def post(self, request: Request, project: str) -> Response:
        """Give a project's token back; a person who may make tokens gets one that adds runs."""
        found = self.project(project)
        own = self.access.project is not None
        answer = {
            "project_id": found.slug,
            "name": self.access.token.name,
            "token": ClientAuthentication().given(request) if own else self._made(found),
        }
        return Response(answer, status=status.HTTP_201_CREATED)

    def _made(self, project: Project) -> str:
        if not self.access.may(Action.MANAGE_TOKENS):
            raise PermissionDenied(IN_TONNE.format(what="tokens in your name"))
        _, plain = create_token(
            organisation=project.organisation,
            project=project,
            scope=TokenScope.INGEST,
            name="CodeCarbon",
            by=self.access.by,
            now=timezone.now(),
        )
        return plain


class ExperimentsView(ClientView):
    """New experiments."""

    actions = {"POST": Action.EDIT_RUNS}

    def post(self, request: Request) -> Response:
        """Make an experiment; where it says that it is, if that place is known."""
        body, now = Body(request.data), timezone.now()
        project = self.project(body.text("project_id"))
        _refuse_archived(project)
        experiment = create_experiment(
            project=project,
            name=body.text("name", longest=150),
            description=body.text("description", longest=2000),
            setup=setup_at(_place(body)),
            by=self.access.by,
            now=now,
        )
        return Response(_shown(experiment), status=status.HTTP_201_CREATED)


def _place(body: Body) -> CloudRegion | GridZone | None:
    """Return the cloud region, state or country that a person states, None where unknown.

    The code of a country goes before its name, which everybody spells differently.
    """
    provider, region = body.text("cloud_provider"), body.text("cloud_region")
    if provider and region:
        found = find_place(f"{provider}:{region}", organisation=None)
        if isinstance(found, CloudRegion):
            return found
    for name in filter(None, (body.text("country_iso_code"), body.text("country_name"))):
        country = find_place(name, organisation=None)
        if isinstance(country, GridZone):
            return find_subdivision(body.text("region"), country=country) or country
    return None


class ExperimentView(ClientView):
    """An experiment, by its id."""

    def get(self, request: Request, experiment: str) -> Response:
        """Show it."""
        found = self.experiment(experiment)
        if found is None:
            raise NotFound(NO_EXPERIMENT)
        return Response(_shown(found))


def _organisation(organisation: Organisation) -> dict[str, Any]:
    return {"id": organisation.slug, "name": organisation.name, "description": ""}


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.slug,
        "name": project.name,
        "description": project.description,
        "organization_id": project.organisation.slug,
    }


def _shown(experiment: Experiment) -> dict[str, Any]:
    region, place = experiment.cloud_region, place_of(experiment)
    return {
        "id": str(experiment.uuid),
        "timestamp": experiment.created_at.isoformat(),
        "name": experiment.name,
        "description": experiment.description,
        "project_id": experiment.project.slug,
        "on_cloud": region is not None,
        "cloud_provider": region and region.provider,
        "cloud_region": region and region.region,
        "country_name": experiment.zone and experiment.zone.name,
        "country_iso_code": experiment.zone and experiment.zone.code,
        "region": None,
        "place": place and str(place),
    }
