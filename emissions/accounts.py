"""How allauth behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignupAdapter(DefaultAccountAdapter):
    """People are invited by an admin of their organisation; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether a stranger may make an account."""
        return False
