"""/api/v1/tokens/: made, listed and revoked with a token that may: an admin's, of admin scope."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import problems
from emissions.api.listing import DetailView, ListView, Resource, describe
from emissions.api.query import Filter
from emissions.api.serializers import rows_of
from emissions.api.shapes import Shape
from emissions.api.values import Errors, Field, named, read_row, words
from emissions.calculation.vocabulary import TokenScope
from emissions.models import Project, User
from emissions.permissions import Action
from emissions.selectors.settings_lists import tokens
from emissions.services.tokens import TokenError, create_token, revoke_token

FIELDS = named(
    Field("project", "text", "Slug of the project that it is for."),
    Field("person", "text", "E-mail address of the person that it acts as, instead."),
    Field("scope", "choice", "What it may; write if not stated.", choices=words(TokenScope)),
    Field("name", "text", "What it is for.", longest=100),
    Field("expires_at", "moment", "Until when it works, ISO 8601 with its offset."),
)
TokenRequest = rows_of("TokenRequest", FIELDS)


class TokenShape(Shape):
    """A token, without the token itself: only its hash is kept."""

    id = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    project = serializers.SlugField(allow_null=True, source="project.slug", default=None)
    person = serializers.EmailField(allow_null=True, source="person.email", default=None)
    scope = serializers.ChoiceField(choices=words(TokenScope))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="Written at most once a minute."
    )


class NewTokenShape(TokenShape):
    """A token that was just made: this is the only time that it is shown."""

    token = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return all fields, the token promised."""
        fields = super().get_fields()
        fields["token"].required = True
        return fields


class _Tokens(Resource):
    actions = {
        "GET": Action.MANAGE_TOKENS,
        "POST": Action.MANAGE_TOKENS,
        "DELETE": Action.MANAGE_TOKENS,
    }
    shape = TokenShape
    key = "pk"

    def rows(self) -> QuerySet[Any]:
        """Return the organisation's tokens."""
        return tokens(organisation=self.access.organisation)


@describe("list_tokens", "Tokens of the organisation.")
class TokenListView(_Tokens, ListView):
    """All tokens."""

    filters = (
        Filter("project", "project__slug", "Slug of a project."),
        Filter("scope", "scope", "What it may.", "choice", words(TokenScope)),
        Filter("revoked", "revoked_at__isnull", "Revoked ones, or the others.", "set"),
    )
    orders = {"created_at": "created_at", "name": "name"}
    default_order = ("-created_at", "-pk")

    @extend_schema(
        operation_id="create_token",
        tags=["tokens"],
        request=TokenRequest,
        responses={201: NewTokenShape, **problems(400, 401, 403, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Make a token for a project or a person; it is shown in this answer and never again."""
        values, errors = read_row(request.data, FIELDS)
        owner = {} if errors else self._owner(values, errors)
        if errors:
            raise ValidationError(errors)
        try:
            token, plain = create_token(
                organisation=self.access.organisation,
                by=self.access.by,
                now=timezone.now(),
                scope=TokenScope(values.get("scope", TokenScope.WRITE)),
                name=values.get("name", ""),
                expires_at=values.get("expires_at"),
                **owner,
            )
        except TokenError as error:
            raise ValidationError([str(error)]) from error
        body = {**TokenShape(token).data, "token": plain}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def _owner(self, values: dict[str, Any], errors: Errors) -> dict[str, Any]:
        owner: dict[str, Any] = {}
        organisation = self.access.organisation
        if values.get("project"):
            projects = Project.objects.filter(organisation=organisation, archived_at=None)
            owner["project"] = projects.filter(slug=values["project"]).first()
        if values.get("person"):
            people = User.objects.filter(memberships__organisation=organisation, is_active=True)
            owner["person"] = people.filter(email__iexact=values["person"]).first()
        for noun, found in owner.items():
            if found is None:
                errors[noun] = [f"The organisation has no {noun} “{values[noun]}”."]
        if not owner:
            errors["project"] = ["Give a project or a person."]
        return owner


@describe("read_token", "One token.")
class TokenView(_Tokens, DetailView):
    """One token."""

    @extend_schema(
        operation_id="revoke_token",
        tags=["tokens"],
        responses={204: None, **problems(401, 403, 404, 429)},
    )
    def delete(self, request: Request, key: int) -> Response:
        """Revoke a token: whoever uses it is refused from now on. Its row stays."""
        token = self.rows().filter(pk=key).first()
        if token is None:
            raise Http404
        revoke_token(token=token, by=self.access.by, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
