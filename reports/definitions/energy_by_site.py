"""T2: energy by site: at the equipment, at the meter, and what its grid was made of."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from emissions.models import GridMix
from emissions.selectors.grid_mix import SiteMix, sum_of
from emissions.selectors.totals import Group, Totals, ratio
from emissions.selectors.uncertainty import Ranges
from reports.definitions import intervals
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
            "Of the generation of the grid that it came from (location-based): no claim of"
            " what was bought. Energy whose grid's mix is not known is in none of the three.",
        )
        for name in ("Renewable", "Nuclear", "Fossil")
    ),
    Column("Mix of", comment="Which grid and year the three shares are of, and how they fit."),
    Column("Source of the mix"),
    *intervals.columns("Total", unit=MWH),
)


def table(
    *,
    sites: Iterable[Group],
    whole: Totals,
    spread: Ranges,
    mixes: Mapping[str, SiteMix] | None = None,
) -> Table:
    """Return the table; its last row is the sum, read from the same lines."""
    known = mixes or {}
    name = "energy_facility_kwh"
    rows: list[Row] = [
        [
            one.label,
            *_figures(one.totals, whole, known.get(one.key)),
            *intervals.ends(spread.of(name, one.key), size=1000),
        ]
        for one in sites
    ]
    ends = intervals.ends(spread.whole.of(name), size=1000)
    rows.append(["Total", *_figures(whole, whole, sum_of(known.values())), *ends])
    return Table("energy_by_site", "Energy by site", COLUMNS, rows, with_total=True)


def _figures(totals: Totals, whole: Totals, mix: SiteMix | None) -> Row:
    it, facility = totals.energy_it_kwh, totals.energy_facility_kwh
    return [
        _mwh(it),
        _mwh(facility - it),
        _mwh(facility),
        ratio(facility, it),
        totals.measured_share,
        ratio(facility, whole.energy_facility_kwh),
        *_mix(facility, mix),
    ]


def _mix(facility: Decimal, mix: SiteMix | None) -> Row:
    if mix is None or not mix.known_kwh:
        return [None, None, None, "", ""]
    kinds = mix.renewable_kwh, mix.nuclear_kwh, mix.fossil_kwh
    sources = dict.fromkeys(_source(one.mix) for one in mix.chosen)
    return [
        *(ratio(kwh, facility) for kwh in kinds),
        "; ".join(one.words for one in mix.chosen),
        "; ".join(sources),
    ]


def _source(mix: GridMix) -> str:
    return f"{mix.source}, {mix.factor_set.edition} ({mix.licence or 'licence not stated'})"


def _mwh(kwh: Decimal) -> Decimal:
    return kwh.scaleb(-3)
