"""Figures that compare a run with itself elsewhere or on other hardware."""

from collections.abc import Sequence
from dataclasses import replace

from emissions.charts import figures as charts
from emissions.charts import numbers, theme
from emissions.charts.cards import Cell, Column, Table
from emissions.services.calculator import Elsewhere
from emissions.services.estimate import Estimate

HERE = "This run"
OWN_COLOUR = theme.PALETTE[1]


def places_card(
    places: Sequence[Elsewhere], *, here: Estimate, digits: int = numbers.SIGNIFICANT_DIGITS
) -> charts.Card | None:
    """Return the chart of the same energy in other places, with the run among them.

    Its figures have the digits that the run's own supports: it is the same energy.
    """
    if not places:
        return None
    rows = _with_here(places, here)
    unit, card = _ranked(
        rows,
        id="elsewhere",
        title="The same energy elsewhere",
        noun="Place",
        conclusion=_span(places, here, "in", digits),
        note="Location-based, at the same PUE and time: a difference at average factors.",
    )
    columns = [
        Column("Place"),
        Column("Location-based", f"{unit} CO₂e", numeric=True),
        Column("Emission factor", "g/kWh", numeric=True),
        Column("Year", numeric=True),
        Column("Factor match"),
    ]
    table = Table(columns, [_place_row(row, unit, digits) for row in rows])
    return replace(card, table=table)


def _place_row(row: Elsewhere, unit: str, digits: int) -> list[Cell]:
    factor = row.estimate.factor
    known = factor is not None
    return [
        Cell(row.label),
        _mass(row.estimate.location_based_kg, unit, digits),
        Cell(numbers.number_text(factor.value_g_per_kwh) if factor else None, numeric=True),
        Cell(str(factor.year) if factor else None, numeric=True),
        Cell(row.estimate.fit.label if known else None),
    ]


def hardware_card(models: Sequence[Elsewhere], *, here: Estimate, own: int) -> charts.Card | None:
    """Return the chart of the same work on other hardware; `own` is the run's."""
    others = [model for model in models if model.key != str(own)]
    if not others:
        return None
    run = Elsewhere(label=HERE, key="", estimate=here, device_hours=here.device_hours)
    models = sorted([*others, run], key=lambda row: row.estimate.location_based_kg)
    unit, card = _ranked(
        models,
        id="hardware-compared",
        title="The same work on other hardware",
        noun="Hardware",
        conclusion=_span(others, here, "on"),
        note="Device-hours follow each model's peak speed at 16 bit, at the same share of the peak,"
        " and the average power that is stated or assumed as % of its maximum.",
    )
    columns = [
        Column("Hardware"),
        Column("Location-based", f"{unit} CO₂e", numeric=True),
        Column("Device-hours", "h", numeric=True),
        Column("Energy", "kWh", numeric=True),
    ]
    rows = [
        [
            Cell(row.label),
            _mass(row.estimate.location_based_kg, unit),
            Cell(numbers.number_text(row.device_hours or 0.0), numeric=True),
            Cell(numbers.number_text(row.estimate.energy_facility_kwh), numeric=True),
        ]
        for row in models
    ]
    return replace(card, table=Table(columns, rows))


def _with_here(places: Sequence[Elsewhere], here: Estimate) -> list[Elsewhere]:
    rows = [*places, Elsewhere(label=HERE, key="", estimate=here)]
    return sorted(rows, key=lambda row: row.estimate.location_based_kg)


def _ranked(
    rows: Sequence[Elsewhere], *, id: str, title: str, noun: str, conclusion: str, note: str
) -> tuple[str, charts.Card]:
    unit = numbers.mass_unit(row.estimate.location_based_kg for row in rows)
    size = next(one.size for one in numbers.MASS if one.symbol == unit)
    card = charts.ranked(
        [charts.Bar(row.label, row.estimate.location_based_kg / size) for row in rows],
        id=id,
        title=title,
        unit=f"{unit} CO₂e",
        noun=noun,
        limit=len(rows),
        conclusion=conclusion,
        note=note,
    )
    marker = card.plot["data"][0]["marker"]
    labels = card.plot["data"][0]["hovertext"]
    marker["color"] = [OWN_COLOUR if label == HERE else theme.PALETTE[0] for label in labels]
    return unit, card


def _mass(kilograms: float, unit: str, digits: int = numbers.SIGNIFICANT_DIGITS) -> Cell:
    text = numbers.rounded_text(kilograms, numbers.MASS, digits, unit)
    return Cell(text.partition(numbers.NO_BREAK_SPACE)[0], numeric=True)


def _span(
    rows: Sequence[Elsewhere],
    here: Estimate,
    preposition: str,
    digits: int = numbers.SIGNIFICANT_DIGITS,
) -> str:
    lowest, highest, own = (
        numbers.rounded_text(one.location_based_kg, numbers.MASS, digits)
        for one in (rows[0].estimate, rows[-1].estimate, here)
    )
    return (
        f"From {lowest} {preposition} {rows[0].label} to {highest} {preposition}"
        f" {rows[-1].label}; this run: {own}."
    )
