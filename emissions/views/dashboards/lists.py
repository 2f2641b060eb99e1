"""The lists of teams and of projects: a table each, with the figures of a period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from emissions.charts.cards import Cell, Column, Table
from emissions.permissions import Member
from emissions.selectors.totals import NONE, By, Group, Totals, totals_by
from emissions.selectors.uncertainty import PeriodSpread
from emissions.tabular import Value, csv_bytes
from emissions.views.dashboards.address import Address
from emissions.views.dashboards.compared_table import ComparedTable
from emissions.views.dashboards.page import NOUNS
from emissions.views.dashboards.quantities import Quantity, Shown
from emissions.views.downloads import download


@dataclass(frozen=True)
class Listed:
    """One row that is there whether or not anything was recorded."""

    key: str
    label: str
    #: Further text of the row: a project's team, "archived".
    note: str = ""


class ListPage:
    """All teams or all projects of an organisation, with their totals."""

    def __init__(
        self,
        request: HttpRequest,
        member: Member,
        *,
        by: By,
        listed: list[Listed],
        note_label: str,
    ) -> None:
        self.request, self.by, self.listed, self.note_label = request, by, listed, note_label
        self.organisation = member.organisation
        self.address = Address(request, member.organisation)

    def response(self, template: str, **context: Any) -> HttpResponse:
        """Return the page, or its table as a file."""
        table, header, rows = self._table()
        if self.request.GET.get("format") == "csv":
            name = f"{self.organisation.slug}_{self.by}s_{self.address.period.slug}.csv"
            return download(csv_bytes(header=header, rows=rows), name)
        return render(
            self.request,
            template,
            {
                "address": self.address,
                "table": table,
                "csv_url": self.address.changed(format="csv"),
                **context,
            },
        )

    def _table(self) -> tuple[Table, list[str], list[list[Value]]]:
        period, comparison = self.address.period, self.address.comparison
        groups = self._complete({one.key: one for one in self._groups(period)})
        past = None
        if comparison.period is not None:
            past = {one.key: one.totals for one in self._groups(comparison.period)}
        method = self.address.method
        shown = Shown(Quantity(method.column, method.words.capitalize()), period, comparison)
        found = PeriodSpread(
            organisation=self.organisation,
            period=period,
            before=comparison.period,
            filters=self.address.filters,
        )
        compared = ComparedTable(
            noun=NOUNS[self.by],
            groups=groups,
            past=past,
            shown=shown,
            scale=shown.quantity.scale(groups),
            url_of=self._url,
            ranges=found.by(self.by),
            compared=found.compared(self.by),
        )
        return self._with_notes(compared.table, compared.header, compared.rows, groups)

    def _groups(self, period: Any) -> list[Group]:
        return totals_by(
            organisation=self.organisation,
            period=period,
            by=self.by,
            filters=self.address.filters,
        )

    def _complete(self, found: Mapping[str, Group]) -> list[Group]:
        """Return a group for everything listed, and the one that has no name."""
        names = {one.key for one in self.listed}
        idle = [Group(one.key, one.label, Totals()) for one in self.listed if one.key not in found]
        recorded = [group for group in found.values() if group.key in names or group.key == NONE]
        column = self.address.method.column
        recorded.sort(key=lambda group: (-getattr(group.totals, column), group.label))
        return recorded + idle

    def _with_notes(
        self, table: Table, header: list[str], rows: list[list[Value]], groups: list[Group]
    ) -> tuple[Table, list[str], list[list[Value]]]:
        notes = {one.key: one.note for one in self.listed}
        if not any(notes.values()):
            return table, header, rows
        texts = [notes.get(group.key, "") for group in groups]
        return (
            Table(
                [*table.columns, Column(self.note_label)],
                [[*row, Cell(text)] for row, text in zip(table.rows, texts, strict=True)],
                [*table.footer, Cell(" ")] if table.footer else [],
            ),
            [*header, self.note_label],
            [[*row, text] for row, text in zip(rows, texts, strict=True)],
        )

    def _url(self, group: Group) -> str:
        if group.key == NONE:
            return ""
        return self.address.carried_to(self.by.value, **{f"{self.by}_slug": group.key})
