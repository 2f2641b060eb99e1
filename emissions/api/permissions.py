"""What a request to the API must bring."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from emissions.models import ApiToken


class HasToken(BasePermission):
    """A project's token; views take the project from it and see nothing else."""

    message = "Give a project's token: Authorization: Bearer <token>."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a valid token came with the request."""
        return isinstance(request.auth, ApiToken)
