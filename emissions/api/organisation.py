"""GET /api/v1/organisation/: whose ledger the token opens."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.listing import Resource
from emissions.api.query import documented
from emissions.api.shapes import Shape
from emissions.calculation.vocabulary import Preset, Role, TokenScope
from emissions.permissions import Action


class OrganisationShape(Shape):
    """The organisation, and what the token is."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    time_zone = serializers.CharField(help_text="Decides the month of a run.")
    preset = serializers.ChoiceField(choices=[one.name.lower() for one in Preset])
    created_at = serializers.DateTimeField()
    project = serializers.SlugField(
        allow_null=True, help_text="The one project that the token opens; null: a person's token."
    )
    role = serializers.ChoiceField(choices=[one.value for one in Role], allow_null=True)
    scope = serializers.ChoiceField(choices=[one.value for one in TokenScope])


class OrganisationView(Resource):
    """The organisation of the token."""

    actions = {"GET": Action.VIEW_TOTALS}
    shape = OrganisationShape

    @extend_schema(
        operation_id="read_organisation",
        tags=["organisation"],
        parameters=documented((), paged=False),
        responses={200: OrganisationShape, **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """Return the organisation, and what the token is in it."""
        query, access = self.query(request), self.access
        organisation = access.organisation
        one: dict[str, Any] = {
            "slug": organisation.slug,
            "name": organisation.name,
            "time_zone": organisation.time_zone,
            "preset": Preset(organisation.preset).name.lower(),
            "created_at": organisation.created_at,
            "project": access.project and access.project.slug,
            "role": access.member and access.member.role.value,
            "scope": access.token.scope,
        }
        return Response(self.show([one], query.fields)[0])
