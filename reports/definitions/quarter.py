"""All tables of a quarter, in the order of the report."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from emissions.models import Organisation, Team
from emissions.selectors.closings import closing_of
from emissions.selectors.grid_mix import mix_by_site
from emissions.selectors.periods import Period, of_months
from emissions.selectors.purchases import BridgeRow, bridge_rows, purchases
from emissions.selectors.totals import NOT_COMPLETED, By, Filters, totals
from emissions.selectors.uncertainty import PeriodSpread, spread_of
from reports.definitions import (
    by_hardware,
    by_team_and_project,
    cover,
    energy_by_site,
    factors,
    hardware_bridge,
    intervals,
    inventory,
    not_completed,
    places,
    uncertainty,
)
from reports.definitions.tables import Table
from reports.selectors import hardware
from reports.selectors import not_completed as stopped
from reports.selectors import places as placed
from reports.selectors.cover import ledger_state
from reports.selectors.factors import factor_uses
from reports.selectors.totals import by_scope, by_scope_and_basis
from reports.selectors.totals import by_team_and_project as team_and_project

DAY = timedelta(days=1)


def quarter_tables(
    *, organisation: Organisation, period: Period, today: date, team: Team | None
) -> list[Table]:
    """Return a quarter's tables, of the whole organisation or of one team as it was."""
    filters = Filters(teams=(team.pk,)) if team else Filters()

    def earlier(months: int) -> Period:
        return of_months(value="", first=period.first_month - months, months=3)

    first = period.starts_on.year * 12
    year = of_months(value="", first=first, months=period.first_month + 3 - first)
    of_quarter, energy = by_scope_and_basis(
        organisation=organisation, period=period, filters=filters
    )
    periods = [period, earlier(3), earlier(12), year]
    labels = [one.label for one in periods[:3]]
    labels.append(f"{period.starts_on.year}, to the end of the quarter")
    sums = [
        of_quarter,
        *(by_scope(organisation=organisation, period=one, filters=filters) for one in periods[1:]),
    ]
    spread = PeriodSpread(
        organisation=organisation, period=period, others=periods[1:], filters=filters
    )
    spreads = [(spread.lines, spread.lines), *(spread.beside(one) for one in periods[1:])]
    compared = [
        inventory.Quarter(
            label, found, its.of_parts, change.of_parts if one in periods[1:3] else None
        )
        for label, found, one, (its, change) in zip(labels, sums, periods, spreads, strict=True)
    ]
    closing = closing_of(organisation=organisation, quarter=period)
    whole = totals(organisation=organisation, period=period, filters=filters)
    bridge = bridge_rows(
        bought=purchases(organisation=organisation, team=team),
        starts_on=period.starts_on,
        ends_before=period.ends_before,
    )
    return [
        cover.table(
            organisation=organisation,
            period=period,
            unfinished=period.open_on(today),
            state=ledger_state(
                organisation=organisation,
                filters=filters,
                closed=closing.closed if closing else None,
            ),
            team=team,
            whole=whole,
            closing=closing,
        ),
        inventory.table(quarters=compared, energy=energy),
        uncertainty.table(whole=whole, spread=spread.whole),
        uncertainty.sources_table(spread=spread.whole),
        hardware_bridge.lifetime_table(quarter=compared[0]),
        hardware_bridge.bridge_table(rows=bridge, last_day=period.ends_before - DAY),
        energy_by_site.table(
            sites=placed.by_site(organisation=organisation, period=period, filters=filters),
            whole=whole,
            mixes=mix_by_site(organisation=organisation, period=period, filters=filters),
            spread=spread.by(By.SITE),
        ),
        by_team_and_project.table(
            groups=team_and_project(organisation=organisation, period=period, filters=filters),
            whole=whole,
            spread=spread.whole,
        ),
        by_hardware.table(
            uses=hardware.by_hardware(organisation=organisation, period=period, filters=filters),
            bought=_bought(bridge),
            whole=whole,
            spread=spread.by(By.HARDWARE),
        ),
        places.table(
            places=placed.by_place(organisation=organisation, period=period, filters=filters)
        ),
        not_completed.table(
            groups=stopped.not_completed(
                organisation=organisation, period=period, filters=filters, statuses=NOT_COMPLETED
            ),
            superseded=stopped.superseded(
                organisation=organisation, period=period, filters=filters
            ),
            whole=whole,
            spread=intervals.of_whole(
                spread_of(
                    organisation=organisation,
                    period=period,
                    filters=replace(filters, statuses=NOT_COMPLETED),
                ).whole
            ),
        ),
        factors.table(uses=factor_uses(organisation=organisation, period=period, filters=filters)),
    ]


def _bought(rows: Iterable[BridgeRow]) -> dict[str, Decimal]:
    """Return what was bought of each hardware model in the period."""
    found: dict[str, Decimal] = {}
    for row in rows:
        if row.bridge is not None and row.bridge.bought:
            name = row.purchase.node.hardware.name
            found[name] = found.get(name, Decimal(0)) + row.bridge.bought
    return found
