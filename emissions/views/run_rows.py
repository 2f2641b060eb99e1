"""Runs as the rows of a list: figures in one unit, with the digits that their intervals support."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from emissions.charts import numbers
from emissions.models import Run
from emissions.selectors.runs import RunFigures, figures_of
from emissions.selectors.spread import Uncertainty
from emissions.selectors.uncertainty import uncertainty_of_runs
from emissions.views import spread

COLUMNS = ("energy_facility_kwh", "location_based_kg", "market_based_kg")


@dataclass(frozen=True, slots=True)
class Row:
    """A run, what the ledger holds of it, and how a list shows that."""

    run: Run
    figures: RunFigures
    shown: dict[str, str]


def listed(runs: Collection[Run]) -> dict[str, Any]:
    """Return the rows of a page of runs, and the units of their columns."""
    figures = figures_of(runs=runs)
    known = uncertainty_of_runs(runs=runs)
    units = {
        "kg": numbers.mass_unit(numbers.typical(one.location_based_kg for one in figures.values())),
        "kwh": numbers.energy_unit(
            numbers.typical(one.energy_facility_kwh for one in figures.values())
        ),
    }
    return {
        "rows": [
            Row(run, figures[run.pk], in_columns(figures[run.pk], known.get(run.pk), units))
            for run in runs
        ],
        "mass_unit": units["kg"],
        "energy_unit": units["kwh"],
    }


def in_columns(
    row: Any, found: Uncertainty | None, units: dict[str, str], names: Collection[str] = COLUMNS
) -> dict[str, str]:
    """Return a row's figures for a table whose headings name the units."""
    return {
        name: spread.figure_in(
            getattr(row, name),
            found.of(name) if found else None,
            name,
            units[name.rpartition("_")[2]],
        )
        for name in names
    }
