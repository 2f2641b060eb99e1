"""Errors as application/problem+json (RFC 9457): what is wrong, and in which field."""

import math
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

PROBLEM_JSON = "application/problem+json"


class ContentTooLargeError(exceptions.APIException):
    """The body is larger, or has more rows, than one request may."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class ConflictError(exceptions.APIException):
    """Another thing has this identity already."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class PreconditionError(exceptions.APIException):
    """What the client read is not what is there now."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "changed"


class UnprocessableError(exceptions.APIException):
    """The body is JSON, but says what cannot be."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer for an error of a view; None leaves it to Django (500)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    return Response(
        _body(error),
        status=error.status_code,
        headers=_headers(error),
        content_type=PROBLEM_JSON,
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something broke on our side: to a client as a problem, to a person as a page."""
    if not request.path.startswith(("/api/", "/codecarbon/")):
        return defaults.server_error(request)
    body = {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something broke on our side. The request may be sent again.",
    }
    return JsonResponse(body, status=500, content_type=PROBLEM_JSON)


def _body(error: exceptions.APIException) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
    }
    if isinstance(error.detail, dict):
        return body | {"detail": "Some fields are not right.", "errors": error.detail}
    if isinstance(error.detail, list):
        return body | {"detail": " ".join(str(one) for one in error.detail)}
    return body | {"detail": str(error.detail)}


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return headers
