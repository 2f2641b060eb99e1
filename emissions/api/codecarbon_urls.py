"""Where CodeCarbon clients post and ask, below /codecarbon.

Without a trailing slash, and with one or several slashes where a client's own configuration
adds them: a redirect would lose the post.
"""

from django.urls import URLPattern, re_path
from rest_framework.views import APIView

from emissions.api import codecarbon

WORD = r"[\w.~%-]+"


def _at(path: str, view: type[APIView], name: str) -> URLPattern:
    slashes = path.replace("/", "/+")
    return re_path(rf"^codecarbon/+{slashes}/*$", view.as_view(), name=f"codecarbon_{name}")


urlpatterns: list[URLPattern] = [
    _at("runs", codecarbon.RunsView, "runs"),
    _at("emissions", codecarbon.EmissionsView, "emissions"),
    _at(f"emissions/(?P<token>{WORD})", codecarbon.TotalsView, "totals"),
    _at("auth/check", codecarbon.CheckView, "check"),
    _at("organizations", codecarbon.OrganizationsView, "organizations"),
    _at(f"organizations/(?P<organisation>{WORD})", codecarbon.OrganizationView, "organization"),
    _at(
        f"organizations/(?P<organisation>{WORD})/projects",
        codecarbon.OrganizationProjectsView,
        "organization_projects",
    ),
    _at("projects", codecarbon.ProjectsView, "projects"),
    _at(f"projects/(?P<project>{WORD})", codecarbon.ProjectView, "project"),
    _at(
        f"projects/(?P<project>{WORD})/experiments",
        codecarbon.ProjectExperimentsView,
        "project_experiments",
    ),
    _at(f"projects/(?P<project>{WORD})/api-tokens", codecarbon.ProjectTokensView, "project_tokens"),
    _at("experiments", codecarbon.ExperimentsView, "experiments"),
    _at(f"experiments/(?P<experiment>{WORD})", codecarbon.ExperimentView, "experiment"),
]
