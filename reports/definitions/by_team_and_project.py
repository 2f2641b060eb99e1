"""T4: the quarter by team and project, as the teams were at the time."""

from collections.abc import Iterable

from emissions.selectors.spread import Uncertainty
from emissions.selectors.totals import Totals
from reports.definitions import intervals
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.totals import TeamAndProject

KG = "kg CO2e"

COLUMNS = (
    Column("Team", comment="The project's team at the time of the run."),
    Column("Project"),
    Column("Runs", Kind.INTEGER, comment="Runs that began in the quarter."),
    Column("Device-hours", Kind.QUANTITY, "h"),
    Column("Energy, IT equipment", Kind.QUANTITY, "kWh"),
    Column("Energy, facility", Kind.QUANTITY, "kWh", "At the meter: PUE included."),
    Column("Electricity, location-based", Kind.QUANTITY, KG, "The grid's average; with fuel."),
    Column(
        "Electricity, market-based",
        Kind.QUANTITY,
        KG,
        "What instruments cover at their rate, the rest at the residual mix, else at the"
        " location-based factor; with fuel. Never added to the location-based result.",
    ),
    Column(
        "Upstream of the electricity",
        Kind.QUANTITY,
        KG,
        "Well to tank; empty where no factor is known or the location-based one includes it.",
    ),
    Column(
        "Transmission and distribution losses",
        Kind.QUANTITY,
        KG,
        "Empty where no loss rate is known or the factor includes it.",
    ),
    Column(
        "Lifetime share of hardware",
        Kind.QUANTITY,
        KG,
        "Kept apart from hardware bought; empty where no footprint is known.",
    ),
    Column(
        "Hardware with known footprint", Kind.SHARE, "share of device-hours", "Between 0 and 1."
    ),
    Column("Not completed, runs", Kind.INTEGER, comment="Failed or cancelled."),
    Column("Not completed, energy", Kind.QUANTITY, "kWh"),
    Column("Not completed, location-based", Kind.QUANTITY, KG),
    Column("Not completed, market-based", Kind.QUANTITY, KG),
    Column(
        "Measured or metered",
        Kind.SHARE,
        "share of facility energy",
        "From device counters or site meters; between 0 and 1.",
    ),
    Column("Intensity, location-based", Kind.QUANTITY, "kg CO2e/kWh"),
    *intervals.COLUMNS,
)


def table(*, groups: Iterable[TeamAndProject], whole: Totals, spread: Uncertainty) -> Table:
    """Return the table; its last row is the sum, read from the same lines."""
    rows: list[Row] = [
        [one.team, one.project, *_figures(one.totals), *intervals.cells(one.intervals)]
        for one in groups
    ]
    rows.append(["Total", "", *_figures(whole), *intervals.cells(intervals.of_whole(spread))])
    return Table(
        name="by_team_and_project",
        title="By team and project",
        columns=COLUMNS,
        rows=rows,
        with_total=True,
    )


def _figures(totals: Totals) -> Row:
    return [
        totals.runs,
        totals.device_hours,
        totals.energy_it_kwh,
        totals.energy_facility_kwh,
        totals.location_based_kg,
        totals.market_based_kg,
        totals.known_upstream_kg,
        totals.known_losses_kg,
        totals.known_embodied_kg,
        totals.known_hardware_share,
        totals.not_completed_runs,
        totals.not_completed_kwh,
        totals.not_completed_kg,
        totals.not_completed_market_kg,
        totals.measured_share,
        totals.intensity_kg_per_kwh,
    ]
