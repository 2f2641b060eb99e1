"""How allauth behaves here."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)


class ClosedSignupAdapter(DefaultAccountAdapter):
    """People are invited by an admin of their organisation; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether a stranger may make an account."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; without a mail server the page says to ask an admin, and nothing breaks."""
        if settings.EMAIL_HOST in ("", "localhost"):
            logger.warning("No mail server is configured (EMAIL_HOST): no mail was sent")
            return
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:
            logger.exception("A mail could not be sent")
