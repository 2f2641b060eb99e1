"""Who asks: a project's token, as `Authorization: Bearer <token>`."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from emissions.models import ApiToken
from emissions.services.tokens import digest

SCHEME = "Bearer"
LONGEST_TOKEN = 512


class TokenUser:
    """Stands for a token where Django expects a user: it has no rights but the project's."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    pk = None

    def __str__(self) -> str:
        return "API token"


class TokenAuthentication(BaseAuthentication):
    """Find the token; an unknown, expired or revoked one is refused at once.

    `request.auth` is then the `ApiToken`, with its organisation and project.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        """Return (user, token), or None where no token is given."""
        scheme, _, given = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        if scheme.lower() != SCHEME.lower().encode():
            raise AuthenticationFailed("Give a token: Authorization: Bearer <token>.")
        return TokenUser(), _valid(given.strip().decode("latin-1"), now=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return f'{SCHEME} realm="Tonne"'


def _valid(plain: str, *, now: datetime) -> ApiToken:
    token = None
    if 0 < len(plain) <= LONGEST_TOKEN:
        tokens = ApiToken.objects.select_related("organisation", "project", "created_by")
        token = tokens.filter(sha256=digest(plain)).first()
    if token is None:
        raise AuthenticationFailed("This token is not known.")
    if token.revoked_at is not None:
        raise AuthenticationFailed("This token has been revoked.")
    if token.expires_at is not None and token.expires_at <= now:
        raise AuthenticationFailed("This token has expired.")
    return token


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes a token."""

    target_class = TokenAuthentication
    name = "projectToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A project's token: it reads and writes this project's runs.",
        }
