"""What all views of the API share: who asks, within which limits, and how answers are cached."""

from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.middleware.http import ConditionalGetMiddleware
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.decorators import decorator_from_middleware, method_decorator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from emissions.api.access import Access
from emissions.api.errors import PROBLEM_JSON
from emissions.api.parsers import BoundedJSONParser
from emissions.api.permissions import MayAct
from emissions.api.serializers import Problem
from emissions.api.throttles import TokenThrottle
from emissions.models import ApiToken
from emissions.permissions import Action


def problems(*codes: int) -> dict[Any, Any]:
    """Return the errors that a view may answer with, for its documentation."""
    return {(code, PROBLEM_JSON): Problem for code in codes}


@method_decorator(decorator_from_middleware(ConditionalGetMiddleware), name="dispatch")
class ApiView(APIView):
    """A view that a token opens. Answers to GET carry an ETag; asked again, 304 saves them."""

    permission_classes = (MayAct,)
    parser_classes = (BoundedJSONParser,)
    throttle_classes = (TokenThrottle,)
    #: What each method needs.
    actions: ClassVar[dict[str, Action]] = {}

    @property
    def access(self) -> Access:
        """What the request may do."""
        assert isinstance(self.request.auth, ApiToken)
        return Access(self.request.auth)

    @property
    def today(self) -> date:
        """Today's date where the organisation is."""
        return timezone.localdate(timezone=ZoneInfo(self.access.organisation.time_zone))

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Let nobody but the client keep the answer, and have it asked for again."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(final, private=True, no_cache=True)
        patch_vary_headers(final, ["Authorization", "X-API-Token"])
        return final
