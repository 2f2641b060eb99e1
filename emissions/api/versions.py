"""ETags of single runs, and what a client may ask of them before a run is changed.

A tag has two parts: which statement of the run it is, and how the whole was shown. What
was shown changes with the ledger, too; whether somebody changed the run is told by the first.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request

from emissions.models import Run
from emissions.services.change_runs import Expectation
from emissions.services.receive_runs import STATED

_OF_A_RUN = ("id", "project_id", "external_id", "source_kind", "updated_at", *STATED)


def version(run: Run) -> str:
    """Return which statement of a run this is: another one as soon as anything is changed."""
    return _digest([getattr(run, name) for name in _OF_A_RUN])


def etag(run: Run, shown: Mapping[str, Any]) -> str:
    """Return the ETag of a run that is shown like this."""
    return f'"{version(run)}.{_digest(shown)}"'


def expectation(request: Request) -> Expectation | None:
    """Return what `If-Match` and `If-None-Match: *` ask of the run; None if nothing.

    Figures that were calculated since the run was read do not count as a change of it.
    """
    wanted = request.headers.get("If-Match")
    new = request.headers.get("If-None-Match", "").strip() == "*"
    if wanted is None and not new:
        return None
    tags = parse_etags(wanted or "")
    # A proxy that compresses answers marks their tags as weak: they name the run all the same.
    versions = {tag.removeprefix("W/").strip('"').partition(".")[0] for tag in tags}

    def expected(run: Run | None) -> bool:
        if run is None:
            return wanted is None
        return not new and ("*" in versions or version(run) in versions)

    return expected


def _digest(value: Any) -> str:
    text = json.dumps(value, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
