"""A report as a workbook: a sheet per table, units in the headers, in constant memory."""

import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import xlsxwriter

from emissions.tabular import Value, defused
from reports.definitions.tables import Column, Kind, Table

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXTENSION = "xlsx"

#: The workbook says nothing of when it was made: identical tables give identical bytes.
MADE_AT = datetime(2000, 1, 1)  # noqa: DTZ001
NUMBER_FORMATS = {
    Kind.INTEGER: "#,##0",
    Kind.QUANTITY: "#,##0.000########",
    Kind.SHARE: "0.0%",
    Kind.DATE: "yyyy-mm-dd",
}
WIDEST, NARROWEST = 60, 10


def render(*, tables: Sequence[Table]) -> bytes:
    """Return the workbook."""
    buffer = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        workbook.set_properties({"created": MADE_AT, "author": "Tonne", "title": "Tonne"})
        formats = _Formats(workbook)
        for table in tables:
            _write_sheet(workbook.add_worksheet(table.title[:31]), table, formats)
    return buffer.getvalue()


class _Formats:
    """The workbook's cell formats, by kind and by whether the row is the total."""

    def __init__(self, workbook: Any) -> None:
        self.header = workbook.add_format(
            {"bold": True, "bg_color": "#E4EFEC", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self._body = {
            (kind, bold): workbook.add_format(_properties(kind, bold=bold))
            for kind in Kind
            for bold in (False, True)
        }

    def of(self, kind: Kind, *, bold: bool) -> Any:
        """Return the format of a cell."""
        return self._body[kind, bold]


def _properties(kind: Kind, *, bold: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"num_format": NUMBER_FORMATS[kind]} if kind in NUMBER_FORMATS else {}
    return {**found, "bold": True, "top": 1} if bold else found


def _write_sheet(sheet: Any, table: Table, formats: _Formats) -> None:
    rows = list(table.rows)
    sheet.freeze_panes(1, 1)
    for at, column in enumerate(table.columns):
        sheet.set_column(at, at, _width(column))
        if column.comment:
            sheet.write_comment(0, at, column.comment)
    sheet.set_row(0, 45)
    for at, column in enumerate(table.columns):
        sheet.write_string(0, at, defused(column.header), formats.header)
    for number, row in enumerate(rows, start=1):
        bold = table.with_total and number == len(rows)
        for at, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            _write(sheet, number, at, value, formats.of(column.kind, bold=bold))
    if rows:
        sheet.autofilter(0, 0, len(rows) - table.with_total, len(table.columns) - 1)


def _write(sheet: Any, row: int, at: int, value: Value, style: Any) -> None:
    """Write a cell by its type; text is always text, never a formula or a link."""
    if value is None or value == "":
        sheet.write_blank(row, at, None, style)
    elif isinstance(value, str):
        sheet.write_string(row, at, defused(value), style)
    elif isinstance(value, date):
        sheet.write_datetime(row, at, value, style)
    else:
        sheet.write_number(row, at, float(value), style)


def _width(column: Column) -> int:
    wide = 24 if column.kind is Kind.TEXT else 18
    return max(NARROWEST, min(WIDEST, max(wide, len(column.name) // 2)))
