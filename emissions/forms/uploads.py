"""A table that somebody uploads: read at once, and carried through the preview, signed."""

from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError

from emissions.importers.cells import MEGABYTE, Limits, Row, TableError
from emissions.importers.tables import Table, read_table

#: How long a preview may be looked at before it is applied.
PREVIEW_SECONDS = 24 * 3600


class TableUploadForm(forms.Form):
    """A file; its table is `form.cleaned_data["file"]`."""

    file = forms.FileField(
        label="CSV or Excel file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xls"}),
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )
    limits = Limits(megabytes=5, unpacked_megabytes=60, rows=1000, columns=100, cells=200_000)

    def clean_file(self) -> Table:
        """Return the table of the file."""
        upload = self.cleaned_data["file"]
        if upload.size > self.limits.megabytes * MEGABYTE:
            raise ValidationError(f"This file is larger than {self.limits.megabytes} MB. Split it.")
        try:
            table = read_table(upload.read(), limits=self.limits)
        except TableError as error:
            raise ValidationError(str(error)) from error
        if not table.rows:
            raise ValidationError("This file has a header and no rows.")
        return table


def pack(table: Table, *, salt: str) -> str:
    """Return a table as a signed text, which a preview carries in its form."""
    content = [table.header, table.decimal_comma, [[row.number, *row.cells] for row in table.rows]]
    return signing.dumps(content, salt=salt, compress=True)


def unpack(token: str, *, salt: str) -> Table | None:
    """Return the table of a preview; None if it is forged, another's, or too old."""
    try:
        header, decimal_comma, rows = signing.loads(token, salt=salt, max_age=PREVIEW_SECONDS)
    except signing.BadSignature:
        return None
    return Table(
        tuple(header),
        tuple(Row(number, tuple(cells)) for number, *cells in rows),
        decimal_comma,
    )


def salt_of(kind: str, member: Any) -> str:
    """Return what ties a preview to its page, its organisation and its person."""
    return f"{kind}:{member.organisation.pk}:{member.user.pk}"
