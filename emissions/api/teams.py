"""/api/v1/teams/: the teams of the organisation."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.shapes import Shape
from emissions.models import Team
from emissions.permissions import Action
from emissions.selectors.settings_lists import teams


class TeamShape(Shape):
    """A team, and what it has today."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    people_count = serializers.IntegerField(source="people")
    project_count = serializers.IntegerField(source="projects")
    archived_at = serializers.DateTimeField(allow_null=True)


class _Teams(Resource):
    """Teams; a project's token knows none."""

    actions = {"GET": Action.VIEW_TOTALS}
    shape = TeamShape

    def rows(self) -> QuerySet[Any]:
        """Return all teams."""
        if self.access.member is None:
            return Team.objects.none()
        return teams(organisation=self.access.organisation, today=self.today)


@describe("list_teams", "Teams of the organisation. A project's token finds none.")
class TeamListView(_Teams, ListView):
    """All teams."""

    filters = (Filter("archived", "archived_at__isnull", "Archived ones, or the others.", "set"),)
    orders = {"name": "name", "slug": "slug"}
    default_order = ("name", "pk")


@describe("read_team", "One team.")
class TeamView(_Teams, DetailView):
    """One team."""
