"""A plain CSV for factors that may not be redistributed (IEA, AIB residual mix), or one's own.

A zone is its code, a country's three letters, or its English name.

`zone, year, g_co2e_per_kwh` and, where they are known, `starts_on, ends_before` (instead of
the year), `site` (one of one's own: its factor comes before its zone's), `kind` (direct or
lifecycle), `role` (location, residual or upstream), `includes_upstream`, `includes_losses`,
`co2_g_per_kwh`, `ch4_g_per_kwh`, `n2o_g_per_kwh`, `note`.
"""

from datetime import date
from enum import StrEnum
from typing import TypeVar

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.importers.cells import Limits, Row, day_of, number_of
from emissions.importers.factors.rows import (
    LARGEST_G_PER_KWH,
    FactorRow,
    Format,
    Read,
    columns_of,
    grams_of,
    required,
    whole_year,
    year_of,
)
from emissions.importers.tables import Table, read_table

LIMITS = Limits(megabytes=20, rows=100_000, columns=60)
COLUMNS = {
    "zone": ("zone code", "country", "country code", "grid zone"),
    "year": (),
    "starts_on": ("valid from",),
    "ends_before": ("valid before",),
    "g_co2e_per_kwh": ("gCO2e/kWh", "gCO2/kWh", "g CO2e per kWh", "value"),
    "site": (),
    "kind": (),
    "role": ("use",),
    "includes_upstream": (),
    "includes_losses": (),
    "co2_g_per_kwh": (),
    "ch4_g_per_kwh": (),
    "n2o_g_per_kwh": (),
    "note": (),
}
EXPECTS = "zone, year, g_co2e_per_kwh; optional: starts_on, ends_before, site, kind, role, note"
YES, NO = ("1", "yes", "true"), ("", "0", "no", "false")
Word = TypeVar("Word", bound=StrEnum)


class _Cells:
    """The cells of one row by our names; what is wrong with them goes to the errors."""

    def __init__(self, table: Table, row: Row, at: dict[str, int], found: Read) -> None:
        self.table, self.row, self.at, self.found = table, row, at, found

    def text(self, name: str) -> str:
        return self.row.cells[self.at[name]] if name in self.at else ""

    def error(self, name: str, reason: str) -> None:
        column = self.table.header[self.at[name]] if name in self.at else name
        self.found.error(self.row.number, column, reason)

    def word(self, name: str, words: type[Word], default: Word) -> Word | None:
        text = self.text(name).casefold()
        if not text:
            return default
        if text not in set(words):
            self.error(name, f"“{text[:40]}” is none of {', '.join(words)}.")
            return None
        return words(text)

    def flag(self, name: str) -> bool | None:
        text = self.text(name).casefold()
        if text in YES or text in NO:
            return text in YES
        self.error(name, f"“{text[:40]}” is neither yes nor no.")
        return None

    def gas(self, name: str) -> float | None:
        text = self.text(name)
        grams = number_of(text, decimal_comma=self.table.decimal_comma)
        if text and (grams is None or not 0 <= grams <= LARGEST_G_PER_KWH):
            self.error(name, f"“{text[:40]}” is no mass of a gas in g/kWh.")
        return grams

    def validity(self) -> tuple[date, date] | None:
        if self.text("starts_on") or self.text("ends_before"):
            days = [day_of(self.text(name)) for name in ("starts_on", "ends_before")]
            for name, day in zip(("starts_on", "ends_before"), days, strict=True):
                if day is None or not 1960 <= day.year <= 2100 or day.day != 1:
                    self.error(name, "Give the first day of a month, such as 2026-01-01.")
                    return None
            starts_on, ends_before = days
            assert starts_on is not None
            assert ends_before is not None
            if ends_before <= starts_on:
                self.error("ends_before", "It ends before it starts.")
                return None
            return starts_on, ends_before
        year = year_of(self.found, self.row, "year", self.text("year"))
        return None if year is None else whole_year(year)


def read(content: bytes) -> Read:
    """Read the file."""
    table = read_table(content, limits=LIMITS)
    at = columns_of(table, COLUMNS)
    required(at, ("zone", "g_co2e_per_kwh"), EXPECTS)
    required(at, ("starts_on", "ends_before") if "starts_on" in at else ("year",), EXPECTS)
    found = Read()
    for row in table.rows:
        _add(found, _Cells(table, row, at, found))
    return found


def _add(found: Read, cells: _Cells) -> None:
    before = len(found.errors)
    zone = cells.text("zone").upper()
    if not zone:
        cells.error("zone", "There is no zone.")
    validity = cells.validity()
    grams = grams_of(
        found,
        cells.row,
        "g_co2e_per_kwh",
        cells.text("g_co2e_per_kwh"),
        decimal_comma=cells.table.decimal_comma,
    )
    kind = cells.word("kind", FactorKind, FactorKind.DIRECT)
    role = cells.word("role", FactorRole, FactorRole.LOCATION)
    upstream, losses = cells.flag("includes_upstream"), cells.flag("includes_losses")
    co2, ch4, n2o = (cells.gas(f"{gas}_g_per_kwh") for gas in ("co2", "ch4", "n2o"))
    if len(found.errors) > before:
        return
    assert validity is not None
    assert grams is not None
    assert kind is not None
    assert role is not None
    found.factors.append(
        FactorRow(
            cells.row.number,
            zone,
            *validity,
            grams,
            kind,
            role,
            includes_upstream=bool(upstream) or kind is FactorKind.LIFECYCLE,
            includes_losses=bool(losses),
            co2_g_per_kwh=co2,
            ch4_g_per_kwh=ch4,
            n2o_g_per_kwh=n2o,
            note=cells.text("note")[:400],
            site=cells.text("site"),
        )
    )


FORMAT = Format(
    label="Licensed or own factors: IEA, AIB residual mix, a supplier (CSV)",
    name="",
    source="",
    source_url="",
    licence="",
    expects=EXPECTS,
    read=read,
)
