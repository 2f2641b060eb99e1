"""Keep tokens out of the logs: one may stand in an address, and addresses are logged."""

import logging
import re
from typing import Any

from gunicorn.glogging import Logger

#: As services.tokens makes them, also where an underscore is written as %5F.
TOKEN = re.compile(r"tonne(?:_|%5[fF])[\w%-]{8,}")


def redact(text: str) -> str:
    """Return a text with its tokens blotted out."""
    return TOKEN.sub("tonne_[redacted]", text)


class Redacting(logging.Formatter):
    """Format a record, traceback included, without its tokens."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        return redact(super().format(record))


class GunicornLogger(Logger):
    """Gunicorn's own logs, access log included, without tokens."""

    def setup(self, cfg: Any) -> None:
        """Make the handlers, then let them redact."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                plain = handler.formatter or logging.Formatter()
                handler.setFormatter(Redacting(plain._fmt, plain.datefmt))
