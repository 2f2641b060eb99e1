"""/api/v1/projects/: the projects that a token opens."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.shapes import Shape
from emissions.permissions import Action
from emissions.selectors.structure import with_assignment


class ProjectShape(Shape):
    """A project, and whose it is today."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    description = serializers.CharField()
    team = serializers.SlugField(allow_null=True, source="team_slug")
    cost_centre = serializers.CharField(allow_null=True, source="cost_centre_today")
    archived_at = serializers.DateTimeField(allow_null=True)


class _Projects(Resource):
    actions = {"GET": Action.VIEW_TOTALS}
    shape = ProjectShape

    def rows(self) -> QuerySet[Any]:
        """Return the projects within reach, with their team of today."""
        return with_assignment(self.access.projects(Action.VIEW_TOTALS), on=self.today)


@describe("list_projects", "Projects: of the organisation, or the one of a project's token.")
class ProjectListView(_Projects, ListView):
    """All projects."""

    filters = (
        Filter("team", "team_slug", "Slug of the team that has it today."),
        Filter("archived", "archived_at__isnull", "Archived ones, or the others.", "set"),
    )
    orders = {"name": "name", "slug": "slug"}
    default_order = ("name", "pk")


@describe("read_project", "One project.")
class ProjectView(_Projects, DetailView):
    """One project."""
