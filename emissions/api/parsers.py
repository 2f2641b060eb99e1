"""Read JSON bodies within bounds: of size, of depth, and of what a text may hold."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from emissions.api.errors import ContentTooLargeError

LARGEST_BODY = 16 * 1024 * 1024
"""10,000 rows with every field stated take about half of it. [bytes]"""


class BoundedJSONParser(BaseParser):
    """JSON as the standard has it (no NaN), of at most `LARGEST_BODY` bytes."""

    media_type = "application/json"
    largest = LARGEST_BODY

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body holds, or raise what the client should change."""
        body = stream.read(self.largest + 1)
        if len(body) > self.largest:
            limit = self.largest // 1024
            size = f"{limit // 1024} MB" if limit >= 1024 else f"{limit} kB"
            raise ContentTooLargeError(f"The body is larger than {size}: send it in parts.")
        try:
            data = json.loads(body, parse_constant=_refuse, object_pairs_hook=_object)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"This is not JSON: {error}") from error
        if b"\\ud" in body.lower():
            _refuse_half_characters(data)
        return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a name that stands in it twice is refused, not chosen between."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _refuse_half_characters(data: Any) -> None:
    """Refuse lone surrogates: JSON can write them, UTF-8 and the database cannot."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ParseError("A text holds half of a character (a lone surrogate).") from error
