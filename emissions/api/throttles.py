"""How often a client may ask: by token, by address for what needs none, by refused tokens."""

import logging
import time
from typing import Any

from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from emissions.models import ApiToken

logger = logging.getLogger(__name__)
cache = caches["counts"]


class WindowThrottle(SimpleRateThrottle):
    """Count requests in windows of a second, minute, hour or day: one number per client.

    Counting is a courtesy: a broken cache refuses nobody.
    """

    wait_seconds = 0.0
    num_requests: int | None
    duration: float | None

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return under which key the requests of a client are counted."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the client may ask now; it is counted."""
        return self._within(request, view, counted=True)

    def wait(self) -> float | None:
        """Return the seconds until the window ends."""
        return self.wait_seconds

    def _within(self, request: Request, view: Any, *, counted: bool) -> bool:
        client = self.get_cache_key(request, view)
        if client is None or not self.num_requests or not self.duration:
            return True
        now = time.time()
        window = int(now // self.duration)
        self.wait_seconds = (window + 1) * self.duration - now
        key = f"{client}_{window}"
        try:
            if counted:
                return _increment(key, self.duration) <= self.num_requests
            return int(cache.get(key, 0)) < self.num_requests
        except Exception:
            logger.exception("Requests to the API cannot be counted")
            return True


def _increment(key: str, duration: float) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:
        if cache.add(key, 1, timeout=int(duration) + 1):
            return 1
        return int(cache.incr(key))


class CalculatorThrottle(WindowThrottle):
    """The setting CALCULATOR_RATE, per client address, such as 120/min."""

    scope = "calculator"


class TokenThrottle(WindowThrottle):
    """The setting API_RATE, per token, such as 6000/min."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return the token's key; without one, permissions refuse the request anyway."""
        if not isinstance(request.auth, ApiToken):
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}


class RefusedThrottle(WindowThrottle):
    """The setting REFUSED_RATE: how many wrong tokens an address may try, such as 60/min."""

    scope = "refused"

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the address may try a token; only a wrong one is counted, by `count`."""
        return self._within(request, view, counted=False)

    def count(self, request: Request) -> None:
        """Count a wrong token."""
        self._within(request, None, counted=True)
