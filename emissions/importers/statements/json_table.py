"""The answer of a provider's API as a table: {"value": [{…}, …]}, or the list alone."""

import json
from typing import Any

from emissions.importers.cells import Row, TableError
from emissions.importers.tables import Table

NO_ROWS = "This JSON holds no list of rows under “value”."


def read_json_table(content: bytes) -> Table | None:
    """Return the objects of an answer as rows; None where the content is no JSON.

    Raises
    ------
    TableError
        It is JSON, but no list of objects.
    """
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return None
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise TableError("This looks like JSON but cannot be read as such.") from error
    items = found.get("value") if isinstance(found, dict) else found
    if not isinstance(items, list) or not items or not all(isinstance(one, dict) for one in items):
        raise TableError(NO_ROWS)
    header = list(dict.fromkeys(name for one in items for name in one))
    rows = [
        Row(number, tuple(_cell(one.get(name)) for name in header))
        for number, one in enumerate(items, start=1)
    ]
    return Table(tuple(header), tuple(rows))


def _cell(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).strip()
