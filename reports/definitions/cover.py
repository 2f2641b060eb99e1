"""Table 0: what the report is about, and up to where the ledger was read."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from emissions.calculation.vocabulary import Preset
from emissions.charts import numbers
from emissions.models import Organisation, Team
from emissions.selectors.attention import Attention
from emissions.selectors.closings import Closing
from emissions.selectors.periods import Period
from emissions.selectors.totals import Totals
from emissions.tabular import Value
from reports.definitions.tables import Column, Table
from reports.selectors.cover import LedgerState

COLUMNS = (Column("Item"), Column("Value"))

READING = (
    ("Location-based and market-based", "Two results of the same electricity, never added."),
    (
        "Market-based",
        "Certificates, contracts and tariffs cover what they are used for, each MWh once; the rest "
        "counts at the residual mix, else at the location-based factor. Until an instrument is "
        "retired, what it covers is provisional.",
    ),
    (
        "Lifetime share of hardware",
        "Kept apart from the inventory, except where another owns the hardware: clouds in "
        "category 3.1, leased nodes in 3.8.",
    ),
    (
        "Renewable, nuclear and fossil shares",
        "Empty: the factor sets in use publish emissions, not what electricity is made of.",
    ),
    ("Not completed", "Runs that failed or were cancelled; they are part of every total."),
    ("Global warming potentials", "As each factor's source states them: see the table of factors."),
    ("Digits", "CSV files carry every digit of the ledger; a spreadsheet keeps about 15."),
    ("Empty cells", "Unknown, which is not zero."),
)


def table(
    *,
    organisation: Organisation,
    period: Period,
    unfinished: bool,
    state: LedgerState,
    team: Team | None,
    whole: Totals,
    closing: Closing | None = None,
) -> Table:
    """Return the cover: nothing in it depends on when the file is made."""
    rows: list[tuple[str, Value]] = [
        ("Organisation", organisation.name),
        ("Part", f"Team {team.name}, as it was" if team else "The whole organisation"),
        ("Quarter", period.label),
        ("From", period.starts_on.isoformat()),
        ("Before", period.ends_before.isoformat()),
        ("Status", _status(unfinished, closing, organisation)),
        *(_since(closing) if closing and closing.moved and team is None else ()),
        ("Subject", "Contribution of AI work to the organisation's emissions"),
        ("Consolidation approach", "Operational control"),
        ("Time zone", organisation.time_zone),
        ("Ledger read up to posting", "" if state.position is None else str(state.position)),
        ("Posted at", _iso(state.posted_at, organisation)),
        ("Methodology version", state.methodology_version),
        ("Assumptions", f"Preset {Preset(organisation.preset).label}"),
        ("Runs waiting to be calculated", Attention.words(state.open_items.pending)),
        ("Runs that could not be calculated", Attention.words(state.open_items.failed)),
        ("Energy that is measured or metered", _percent(whole.measured_share)),
        ("Energy whose upstream emissions are known", _percent(whole.upstream_known_share)),
        ("Energy whose losses are known", _percent(whole.losses_known_share)),
        ("Device-hours of hardware with known footprint", _percent(whole.known_hardware_share)),
        *(
            (f"Factor set {number}, by precedence", name)
            for number, name in enumerate(state.factor_sets, start=1)
        ),
        *READING,
    ]
    return Table("cover", "Cover", COLUMNS, rows)


def _status(unfinished: bool, closing: Closing | None, organisation: Organisation) -> str:
    if closing is not None:
        at, position = closing.closed.closed_at, closing.closed.ledger_position
        return f"closed at {_iso(at, organisation)}, ledger position {position}"
    return "open: the quarter is not over" if unfinished else "open: not yet approved"


def _since(closing: Closing) -> list[tuple[str, Value]]:
    """Return what the figures below hold that was posted after the close."""
    return [
        (f"Posted since the close, {label} [kg CO2e]", kg)
        for label, kg in (
            ("location-based", closing.location_based_kg),
            ("market-based", closing.market_based_kg),
        )
    ]


def _percent(share: Decimal | None) -> str:
    return "" if share is None else numbers.percent_text(share)


def _iso(moment: datetime | None, organisation: Organisation) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(ZoneInfo(organisation.time_zone) if organisation.time_zone else UTC)
    return local.isoformat(timespec="seconds")
