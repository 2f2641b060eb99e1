"""The REST API, by address."""

from typing import Any

from django.http import Http404
from django.urls import URLPattern, URLResolver, path, re_path
from rest_framework.request import Request
from rest_framework.views import APIView

from emissions.api.calculator import CalculatorView
from emissions.api.factors import FactorListView, FactorView
from emissions.api.hardware_models import HardwareModelListView, HardwareModelView
from emissions.api.imports import ImportDetailView, ImportListView
from emissions.api.nodes import NodeListView, NodeView
from emissions.api.organisation import OrganisationView
from emissions.api.projects import ProjectListView, ProjectView
from emissions.api.run_changes import RunByExternalIdView, RunView
from emissions.api.runs import RunListView
from emissions.api.sites import SiteListView, SiteView
from emissions.api.teams import TeamListView, TeamView
from emissions.api.tokens import TokenListView, TokenView
from emissions.api.totals import TotalsView


class NowhereView(APIView):
    """Say as problem+json, too, that there is no such address."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find nothing."""
        raise Http404


def both(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """Return an address with its slash and without.

    Redirected to the slash, a POST would become a GET and seem to succeed.
    """
    return [
        path(route, view.as_view(), name=name),
        path(route.removesuffix("/"), view.as_view(schema=None)),
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    *both("calculator/", CalculatorView, "api_calculator"),
    *both("organisation/", OrganisationView, "api_organisation"),
    *both("teams/", TeamListView, "api_team_list"),
    *both("teams/<slug:key>/", TeamView, "api_team"),
    *both("projects/", ProjectListView, "api_project_list"),
    *both("projects/<slug:key>/", ProjectView, "api_project"),
    *both("sites/", SiteListView, "api_site_list"),
    *both("sites/<slug:key>/", SiteView, "api_site"),
    *both("hardware-models/", HardwareModelListView, "api_hardware_model_list"),
    *both("hardware-models/<int:key>/", HardwareModelView, "api_hardware_model"),
    *both("nodes/", NodeListView, "api_node_list"),
    *both("nodes/<slug:key>/", NodeView, "api_node"),
    *both("factors/", FactorListView, "api_factor_list"),
    *both("factors/<int:key>/", FactorView, "api_factor"),
    *both("tokens/", TokenListView, "api_token_list"),
    *both("tokens/<int:key>/", TokenView, "api_token"),
    *both("totals/", TotalsView, "api_totals"),
    *both("imports/", ImportListView, "api_import_list"),
    *both("imports/<int:key>/", ImportDetailView, "api_import"),
    *both("runs/", RunListView, "api_run_list"),
    *both("runs/<int:key>/", RunView, "api_run"),
    *both("runs/by-external-id/<path:external_id>/", RunByExternalIdView, "api_run_by_external_id"),
]
#: Included last: whatever no other address has taken.
nowhere: list[URLPattern | URLResolver] = [re_path("", NowhereView.as_view(), name="api_nowhere")]
