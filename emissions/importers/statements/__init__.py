"""Carbon statements of cloud providers: one module per export, told by its header.

Each says which columns it needs and turns a row into a `StatementRow`; `read_statement` reads
a file, adds the rows up by account and month, and says which rows it could not read.
"""

from emissions.importers.statements import aws, azure, azure_optimization, google
from emissions.importers.statements.json_table import read_json_table
from emissions.importers.statements.reading import (
    Account,
    Figure,
    Format,
    RowError,
    Statement,
    StatementError,
    read_rows,
)
from emissions.importers.tables import read_table

__all__ = [
    "FORMATS",
    "Account",
    "Figure",
    "Format",
    "RowError",
    "Statement",
    "StatementError",
    "read_statement",
]

FORMATS: dict[str, Format] = {
    one.key: one for one in (aws.FORMAT, google.FORMAT, azure.FORMAT, azure_optimization.FORMAT)
}


def read_statement(content: bytes, *, version: str = "", month: str = "") -> Statement:
    """Return what an export of a provider says, whichever of `FORMATS` it is.

    Parameters
    ----------
    content
        The uploaded file: CSV, XLSX, or the JSON of an API's answer.
    version
        The provider's methodology version, for exports that do not name it.
    month
        The month of rows that do not name theirs, as YYYY-MM.

    Raises
    ------
    TableError
        The file is no table.
    StatementError
        It is none of the exports; the message names the columns that each needs.
    """
    table = read_json_table(content) or read_table(content)
    for one in FORMATS.values():
        if one.matches(table.header):
            return read_rows(table, one, version=version, month=month)
    known = "; ".join(
        f"{one.label}: {', '.join(one.needs).replace('|', ' or ')}" for one in FORMATS.values()
    )
    raise StatementError(
        f"These are not the columns of an export that Tonne knows. It reads {known}."
    )
