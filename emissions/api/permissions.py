"""What a request to the API must bring."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from emissions.api.access import Access
from emissions.models import ApiToken
from emissions.permissions import Action


class MayAct(BasePermission):
    """A token that may do what the view names for the method: `actions = {"GET": …}`."""

    message = "Give a token: Authorization: Bearer <token>."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether a valid token came with the request, and allows the action."""
        if not isinstance(request.auth, ApiToken):
            return False
        action = view.actions.get("GET" if request.method == "HEAD" else request.method)
        if action is None or Access(request.auth).may(action):
            return True
        self.message = _refusal(request.auth, action)
        return False


def _refusal(token: ApiToken, action: Action) -> str:
    whose = "its project" if token.membership is None else "your role"
    return (
        f"This token does not open this: “{action}” is beyond its scope"
        f" ({token.get_scope_display().lower()}) or {whose}."
    )
