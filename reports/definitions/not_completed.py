"""T9: runs that failed or were cancelled, and records that another one superseded.

Stopping early is good practice: nobody is to blame. A superseded record is the second one of a
job: it counts nothing, so that it has a number and no amounts.
"""

from collections.abc import Iterable, Mapping

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import RunStatus
from emissions.selectors.totals import Totals, ratio
from reports.definitions import intervals
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.not_completed import NotCompleted, Superseded

KG = "kg CO2e"

COLUMNS = (
    Column("Status", comment="A run that was stopped early counts as cancelled."),
    Column("Team"),
    Column("Project"),
    Column("Runs", Kind.INTEGER, comment="That began in the quarter."),
    Column("Device-hours", Kind.QUANTITY, "h"),
    Column("Energy, facility", Kind.QUANTITY, "kWh"),
    Column("Share of all energy", Kind.SHARE, "share of facility energy", "Between 0 and 1."),
    Column("Electricity, location-based", Kind.QUANTITY, KG),
    Column("Electricity, market-based", Kind.QUANTITY, KG),
    Column("Lifetime share of hardware", Kind.QUANTITY, KG, "Empty where not known."),
    Column(
        "Superseded records",
        Kind.INTEGER,
        comment="Merged into another record of the same job, which counts; they count nothing.",
    ),
    *intervals.COLUMNS,
)
SUPERSEDED = "Superseded"
NOTHING = intervals.cells({})


def table(
    *,
    groups: Iterable[NotCompleted],
    superseded: Iterable[Superseded],
    whole: Totals,
    spread: Mapping[str, Interval],
) -> Table:
    """Return the table; its last row is the sum. They are part of every other total."""
    found, merged = list(groups), list(superseded)
    summed = sum((one.totals for one in found), Totals())
    rows: list[Row] = [
        [
            *(RunStatus(one.status).label, one.team, one.project),
            *(*_figures(one.totals, whole), 0, *intervals.cells(one.intervals)),
        ]
        for one in found
    ]
    rows += [
        [SUPERSEDED, one.team, one.project, *_figures(Totals(), whole), one.runs, *NOTHING]
        for one in merged
    ]
    count = sum(one.runs for one in merged)
    rows.append(["Total", "", "", *_figures(summed, whole), count, *intervals.cells(spread)])
    return Table("not_completed", "Not completed", COLUMNS, rows, with_total=True)


def _figures(totals: Totals, whole: Totals) -> Row:
    return [
        totals.runs,
        totals.device_hours,
        totals.energy_facility_kwh,
        ratio(totals.energy_facility_kwh, whole.energy_facility_kwh),
        totals.location_based_kg,
        totals.market_based_kg,
        totals.known_embodied_kg,
    ]
