"""Every factor that the figures of a period rest on, and the energy it was applied to."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Sum

from emissions.calculation.vocabulary import Fit, PoolKind
from emissions.models import EmissionEntry, EmissionFactor, FuelUse, GridLoss, Organisation
from emissions.selectors.fuel import fuel_uses
from emissions.selectors.headline import summed
from emissions.selectors.periods import Period
from emissions.selectors.totals import Filters, lines_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Use:
    """One factor in one use; `factor`, `loss`, `stated` and `fuel` exclude each other.

    `stands_in` marks a location-based factor where no residual mix is published. `note` says
    what a figure without a factor rests on.
    """

    purpose: str
    fit: Fit | None
    energy_kwh: Decimal
    kg: Decimal
    factor: EmissionFactor | None = None
    loss: GridLoss | None = None
    stated: tuple[float, str] | None = None
    stands_in: bool = False
    fuel: FuelUse | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Purpose:
    """A column of cells that names a factor, and the quantity that it makes."""

    words: str
    column: str
    kg: str


#: What posts emissions without a factor of electricity, by the source of its cells.
WITHOUT_FACTOR = {
    PoolKind.STATEMENT.value: "Providers' statements less the own estimates that they replace.",
    PoolKind.FUEL.value: "Fuel burnt on site: no electricity; counted once by either method.",
}

LOCATION = _Purpose("Location-based", "cell__location_factor", "location_based_kg")
MARKET = _Purpose("Market-based", "cell__market_factor", "market_based_kg")
UPSTREAM = _Purpose("Upstream", "cell__upstream_factor", "upstream_kg")
LOSSES = _Purpose("Losses", "cell__grid_loss", "losses_kg")


def factor_uses(*, organisation: Organisation, period: Period, filters: Filters) -> list[Use]:
    """Return the uses of factors, in five queries whatever their number.

    The location-based uses add up to the period's facility energy, and so do the market-based
    ones: what no residual mix covers is listed under the location-based factor that stood in.
    """
    columns = [one.column for one in (LOCATION, MARKET, UPSTREAM, LOSSES)]
    rows = list(
        lines_of(organisation=organisation, period=period, filters=filters)
        .values("cell__fit", "cell__source_kind", *columns)
        .annotate(
            kwh=Sum("energy_facility_kwh"),
            **{f"sum_{one.kg}": summed(one.kg) for one in (LOCATION, MARKET, UPSTREAM, LOSSES)},
        )
        .order_by()
    )
    factors = _by_id(EmissionFactor.objects.select_related("zone", "factor_set"), rows, columns[:3])
    losses = _by_id(GridLoss.objects.select_related("zone"), rows, columns[3:])
    stated = _stated(organisation, period, filters)
    uses = [
        *_uses(LOCATION, rows, factors),
        *_without_factor(LOCATION, rows),
        *_stated_uses(LOCATION.words, stated, "location"),
        *_uses(MARKET, rows, factors),
        *_without_factor(MARKET, rows),
        *_stated_uses(MARKET.words, stated, "market"),
        *(use for use in _uses(UPSTREAM, rows, factors) if use.factor),
        *_loss_uses(rows, losses),
        *_fuel_uses(organisation, period, filters),
    ]
    return [use for use in uses if use.energy_kwh or use.kg]


def _by_id(queryset: Any, rows: list[Any], columns: list[str]) -> Mapping[int, Any]:
    ids = {row[column] for row in rows for column in columns} - {None}
    found: Mapping[int, Any] = queryset.in_bulk(ids)
    return found


def _uses(purpose: _Purpose, rows: list[Any], factors: Mapping[int, EmissionFactor]) -> list[Use]:
    """Add up what each factor made; a run's own factor is left to `_stated_uses`."""
    sums: dict[tuple[int | None, int | None, bool], list[Decimal]] = defaultdict(
        lambda: [ZERO, ZERO]
    )
    for row in rows:
        if row["cell__fit"] == Fit.STATED or row["cell__source_kind"] in WITHOUT_FACTOR:
            continue
        factor_id, stands_in = row[purpose.column], False
        if purpose is MARKET and factor_id is None:
            factor_id, stands_in = row[LOCATION.column], True
        fit = row["cell__fit"] if purpose is LOCATION or stands_in else None
        sums[factor_id, fit, stands_in][0] += row["kwh"]
        sums[factor_id, fit, stands_in][1] += row[f"sum_{purpose.kg}"]
    found = [
        Use(
            purpose.words,
            Fit(fit) if fit else None,
            kwh,
            kg,
            factor=factors.get(factor_id or 0),
            stands_in=stands_in,
        )
        for (factor_id, fit, stands_in), (kwh, kg) in sums.items()
    ]
    return sorted(found, key=_order)


def _without_factor(purpose: _Purpose, rows: list[Any]) -> list[Use]:
    """Return what no factor of electricity made, by its kind."""
    sums = {
        kind: sum(
            (row[f"sum_{purpose.kg}"] for row in rows if row["cell__source_kind"] == kind), ZERO
        )
        for kind in WITHOUT_FACTOR
    }
    return [
        Use(purpose.words, None, ZERO, kg, note=WITHOUT_FACTOR[kind]) for kind, kg in sums.items()
    ]


def _fuel_uses(organisation: Organisation, period: Period, filters: Filters) -> list[Use]:
    """Return each entry of fuel with its factor; fuel is no team's."""
    uses = fuel_uses(organisation=organisation).filter(
        month__gte=period.starts_on, month__lt=period.ends_before
    )
    if filters.teams:
        return []
    return [
        Use("Fuel burnt on site", None, ZERO, Decimal(repr(use.kg)), fuel=use)
        for use in uses.order_by("month", "site__name", "pk")
    ]


def _loss_uses(rows: list[Any], losses: Mapping[int, GridLoss]) -> list[Use]:
    sums: dict[int, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rows:
        if row[LOSSES.column] is not None:
            sums[row[LOSSES.column]][0] += row["kwh"]
            sums[row[LOSSES.column]][1] += row[f"sum_{LOSSES.kg}"]
    found = [
        Use(LOSSES.words, None, kwh, kg, loss=losses[loss_id])
        for loss_id, (kwh, kg) in sums.items()
    ]
    return sorted(found, key=_order)


def _stated(organisation: Organisation, period: Period, filters: Filters) -> list[Any]:
    """Return what was calculated with factors that people stated with their runs."""
    lines = EmissionEntry.objects.filter(
        cell__organisation=organisation,
        cell__fit=Fit.STATED.value,
        month__gte=period.starts_on,
        month__lt=period.ends_before,
    )
    if filters.teams:
        lines = lines.filter(cell__team__in=[one for one in filters.teams if one is not None])
    return list(
        lines.values(grams=F("run__stated_factor_g_per_kwh"), origin=F("run__stated_factor_source"))
        .annotate(
            kwh=Sum("energy_facility_kwh"),
            location=summed("location_based_kg"),
            market=Sum("market_based_kg"),
        )
        .order_by("grams", "origin")
    )


def _stated_uses(purpose: str, stated: list[Any], method: str) -> list[Use]:
    return [
        Use(
            purpose,
            Fit.STATED,
            row["kwh"],
            row[method],
            stated=(row["grams"], row["origin"]) if row["grams"] is not None else None,
        )
        for row in stated
    ]


def _order(use: Use) -> tuple[str, date, int]:
    """Order by zone and time, what has none last; the id settles ties."""
    source = use.factor or use.loss
    if source is None:
        return "\uffff", date.max, 0
    return source.zone.name, source.starts_on, source.pk
