"""T14: every factor that the quarter's figures rest on, with its source."""

from collections.abc import Iterable
from decimal import Decimal

from emissions.calculation.vocabulary import FactorKind, Fuel
from emissions.models import EmissionFactor, FuelUse, GridLoss
from emissions.tabular import Value
from reports.definitions.tables import Column, Kind, Row, Table
from reports.selectors.factors import Use

STANDS_IN = "No residual mix published: the location-based factor stands in."
GRAMS, SHARE = "g CO2e/kWh", "share of generation"

COLUMNS = (
    Column("Used for", comment="Which figures rest on it."),
    Column("Factor id", comment="Identity in this installation; empty where a run states its own."),
    Column("Value", Kind.QUANTITY),
    Column("Unit"),
    Column("Zone"),
    Column("Zone code"),
    Column("Valid from", Kind.DATE),
    Column("Valid before", Kind.DATE),
    Column("Published", comment="As the source says it."),
    Column("Factor set"),
    Column("Edition"),
    Column("Kind", comment="Direct: at the power station. Lifecycle: over the fuel's life."),
    Column("Factor match", comment="How well it matches place and time."),
    Column("Includes upstream"),
    Column("Includes losses"),
    Column("Gases"),
    Column("Applied to", Kind.QUANTITY, "kWh", "Energy at the meter, in the quarter."),
    Column("Resulting emissions", Kind.QUANTITY, "kg CO2e"),
    Column("Source"),
    Column("Source address"),
    Column("Licence"),
    Column("Verification"),
    Column("Note"),
)


def table(*, uses: Iterable[Use]) -> Table:
    """Return the table of factors."""
    return Table("factors", "Factors and their sources", COLUMNS, [_row(use) for use in uses])


def _row(use: Use) -> Row:
    named, source = _named(use), _source(use)
    return [use.purpose, *named, use.energy_kwh, use.kg, *source]


def _named(use: Use) -> list[Value]:
    """Return the columns from the id to the gases."""
    match = use.fit.label if use.fit else ""
    if use.factor is not None:
        return _factor(use.factor, match)
    if use.loss is not None:
        return _loss(use.loss)
    if use.fuel is not None:
        return _fuel(use.fuel)
    value = exact(use.stated[0]) if use.stated else None
    return ["", value, GRAMS, *[""] * 8, match, "", "", ""]


def _factor(factor: EmissionFactor, match: str) -> list[Value]:
    return [
        str(factor.pk),
        exact(factor.g_co2e_per_kwh),
        GRAMS,
        factor.zone.name,
        factor.zone.code,
        factor.starts_on,
        factor.ends_before,
        factor.published,
        factor.factor_set.name,
        factor.factor_set.edition,
        FactorKind(factor.kind).label,
        match,
        _yes(factor.includes_upstream),
        _yes(factor.includes_losses),
        factor.gases,
    ]


def _loss(loss: GridLoss) -> list[Value]:
    return [
        f"loss {loss.pk}",
        exact(loss.loss_share),
        SHARE,
        loss.zone.name,
        loss.zone.code,
        loss.starts_on,
        loss.ends_before,
        loss.published,
        *[""] * 7,
    ]


def _fuel(use: FuelUse) -> list[Value]:
    unit = f"kg CO2e/{use.unit}"
    return [f"fuel {use.pk}", exact(use.kg_per_unit), unit, *[""] * 2, use.month, *[""] * 9]


def _source(use: Use) -> list[Value]:
    if use.factor is not None:
        one = use.factor
        note = f"{STANDS_IN} {one.note}".strip() if use.stands_in else one.note
        return [one.source, one.source_url, one.licence, one.verification, note]
    if use.loss is not None:
        return [use.loss.source, "", use.loss.licence, "", ""]
    if use.fuel is not None:
        amount = f"{use.fuel.amount:g} {use.fuel.unit} of {Fuel(use.fuel.fuel).label}"
        amount += f", {use.fuel.site}"
        return [use.fuel.factor_source, "", "", "", amount]
    if use.note:
        return ["", "", "", "", use.note]
    if use.stated is not None:
        return [use.stated[1], "", "", "", "Stated with the runs."]
    return ["", "", "", "", "No factor was found: the emissions are not known."]


def exact(value: float) -> Decimal:
    """Return a stored number with the digits that it was entered with."""
    return Decimal(repr(value))


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
