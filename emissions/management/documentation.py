"""Parts of docs/methodology.md that are made from the data and the code, so that they stay true."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from emissions.calculation.vocabulary import (
    Basis,
    Cause,
    FactorKind,
    FactorRole,
    Fit,
    Labelled,
    Preset,
    RunStatus,
    Scope3Category,
    Stage,
)
from emissions.management.example import worked_example
from emissions.services.estimate import ASSUMED

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "emissions" / "data"
DOCUMENT = ROOT / "docs" / "methodology.md"

BEGIN, END = "<!-- made by document_defaults: {name} -->", "<!-- end: {name} -->"

VOCABULARY: tuple[tuple[str, type[Labelled]], ...] = (
    ("Basis: how energy is known, best first", Basis),
    ("Fit: how well the factor matches place and time, best first", Fit),
    ("Kind of factor", FactorKind),
    ("Role of a factor", FactorRole),
    ("Preset", Preset),
    ("Stage", Stage),
    ("Status", RunStatus),
    ("Scope 3 category", Scope3Category),
    ("Cause of a posting", Cause),
)


class MarkerMissing(Exception):
    """The document has no place for a part."""


def defaults() -> str:
    """Return the table of what is assumed where nothing is known."""
    return table(
        ["name", "value", "unit", "range", "what it is", "source", "published"],
        (
            [
                f"`{row['key']}`",
                row["value"],
                row["unit"],
                _range(row["low"], row["high"]),
                row["note"],
                row["source"],
                row["published"],
            ]
            for row in rows("defaults.csv")
        ),
    )


def spreads() -> str:
    """Return the table of 95 % bands."""
    return table(
        ["input", "condition", "from", "to", "what it stands for"],
        (
            [
                row["input"],
                row["condition"].replace("_", " "),
                f"× {row['low_ratio']}",
                f"× {row['high_ratio']}",
                row["note"].removeprefix("95 % band, by judgement. "),
            ]
            for row in rows("spreads.csv")
        ),
    )


def factor_sets() -> str:
    """Return the table of the sets that a new organisation adopts."""
    adopted = [row for row in rows("factor_sets.csv") if row["default_precedence"]]
    return table(
        ["precedence", "set", "edition", "kind", "licence"],
        (
            [
                row["default_precedence"],
                f"[{row['name']}]({row['source_url']})",
                row["edition"],
                row["kind"],
                row["licence"],
            ]
            for row in sorted(adopted, key=lambda row: int(row["default_precedence"]))
        ),
    )


def pue() -> str:
    """Return the table of default PUEs, latest first."""
    known = sorted(rows("default_pue.csv"), key=lambda row: (row["entity"], -int(row["year"])))
    latest: dict[str, list[str]] = {}
    for row in known:
        latest.setdefault(row["entity"], []).append(f"{row['year']}: {row['pue']}")
    sources = {row["entity"]: row["source"] for row in reversed(known)}
    return table(
        ["of", "PUE by year", "source"],
        ([entity, ", ".join(values), sources[entity]] for entity, values in latest.items()),
    )


def vocabulary() -> str:
    """Return the words that a line's cell can hold."""
    return table(
        ["what", "values"],
        ([title, "; ".join(one.label for one in _members(kind))] for title, kind in VOCABULARY),
    )


def assumptions() -> str:
    """Return the sentences that a working shows, one for each assumption."""
    return "\n".join(f"- {sentence}" for sentence in ASSUMED.values())


PARTS: dict[str, Callable[[], str]] = {
    "defaults": defaults,
    "default PUE": pue,
    "factor sets": factor_sets,
    "vocabulary": vocabulary,
    "assumptions": assumptions,
    "spreads": spreads,
    "worked example": worked_example,
}


def documented(text: str) -> str:
    """Return the document with every part made anew.

    Raises
    ------
    MarkerMissing
        A part's markers are not in the document.
    """
    for name, make in PARTS.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise MarkerMissing(f"{DOCUMENT.name} has no “{begin} … {end}”.")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


def table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a reference table."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _members(kind: type[Labelled]) -> Iterable[Labelled]:
    return kind  # type: ignore[return-value]


def _cell(value: str) -> str:
    return value.replace("|", "\\|") or " "


def _range(low: str, high: str) -> str:
    return f"{low}–{high}" if low and high else ""
