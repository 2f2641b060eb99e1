"""Who asks: a token, as `Authorization: Bearer <token>` or `X-API-Token: <token>`."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from emissions.api.throttles import RefusedThrottle
from emissions.models import ApiToken, User
from emissions.services.tokens import TokenRefused, check_token

SCHEME = "Bearer"


class TokenUser:
    """Stands for a project's token where Django expects a user: it has no rights of a person."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    pk = None

    def __str__(self) -> str:
        return "API token"


class TokenAuthentication(BaseAuthentication):
    """Find the token; an unknown, expired or revoked one is refused at once.

    `request.auth` is then the `ApiToken`; `access.Access(request.auth)` says what it opens.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser | User, ApiToken] | None:
        """Return (user, token), or None where no token is given."""
        raw = self.given(request)
        if raw is None:
            return None
        try:
            token = check_token(raw, now=timezone.now())
        except TokenRefused as refused:
            # However many wrong ones came from an address, a right one is heard.
            tries = RefusedThrottle()
            if not tries.allow_request(request, None):
                raise Throttled(tries.wait()) from refused
            tries.count(request)
            raise AuthenticationFailed(str(refused)) from refused
        return token.person or TokenUser(), token

    def given(self, request: Request) -> str | None:
        """Return the token as the client wrote it."""
        scheme, _, given = get_authorization_header(request).partition(b" ")
        if not scheme:
            other: str | None = request.META.get("HTTP_X_API_TOKEN")
            return other.strip() if other else None
        if scheme.lower() != SCHEME.lower().encode():
            raise AuthenticationFailed("Give a token: Authorization: Bearer <token>.")
        return given.strip().decode("latin-1")

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return f'{SCHEME} realm="Tonne"'


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes a token."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A project's token opens its runs; a person's what their role opens.",
        }
