"""T2: energy by site: at the equipment, what the building adds, and at the meter."""

from collections.abc import Iterable
from decimal import Decimal

from emissions.selectors.totals import Group, Totals, ratio
from reports.definitions.tables import Column, Kind, Row, Table

MWH = "MWh"

COLUMNS = (
    Column("Site", comment="A cloud region stands for itself where no site was stated."),
    Column("IT equipment", Kind.QUANTITY, MWH),
    Column("Overhead", Kind.QUANTITY, MWH, "Cooling, power and the rest of the building."),
    Column("Total", Kind.QUANTITY, MWH, "At the meter: IT equipment and overhead."),
    Column("Total ÷ IT", Kind.QUANTITY, "", "The PUE that the figures rest on."),
    Column(
        "Measured or metered", Kind.SHARE, "share of the total", "From counters or site meters."
    ),
    Column("Share of all energy", Kind.SHARE, "share of the total", "Between 0 and 1."),
    *(
        Column(
            name,
            Kind.SHARE,
            "share of the total",
            "Empty, not zero: no factor set in use publishes what electricity is made of.",
        )
        for name in ("Renewable", "Nuclear", "Fossil")
    ),
)


def table(*, sites: Iterable[Group], whole: Totals) -> Table:
    """Return the table; its last row is the sum, read from the same lines."""
    rows: list[Row] = [[one.label, *_figures(one.totals, whole)] for one in sites]
    rows.append(["Total", *_figures(whole, whole)])
    return Table("energy_by_site", "Energy by site", COLUMNS, rows, with_total=True)


def _figures(totals: Totals, whole: Totals) -> Row:
    it, facility = totals.energy_it_kwh, totals.energy_facility_kwh
    return [
        _mwh(it),
        _mwh(facility - it),
        _mwh(facility),
        ratio(facility, it),
        totals.measured_share,
        ratio(facility, whole.energy_facility_kwh),
        *(None, None, None),
    ]


def _mwh(kwh: Decimal) -> Decimal:
    return kwh.scaleb(-3)
