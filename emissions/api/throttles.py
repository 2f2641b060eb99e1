"""How often an address may ask what is open to everybody."""

import logging

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class CalculatorThrottle(SimpleRateThrottle):
    """The setting CALCULATOR_RATE, per client address, such as 120/min."""

    scope = "calculator"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return under which key the requests of an address are counted."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the address may ask now; without a cache nobody is refused."""
        try:
            return super().allow_request(request, view)
        except Exception:
            # Counting is a courtesy: a broken cache must not take the calculator with it.
            logger.exception("The calculator's requests cannot be counted")
            return True
