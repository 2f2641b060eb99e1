"""All tables of a quarter, in the order of the report."""

from datetime import date

from emissions.models import Organisation, Team
from emissions.selectors.periods import Period, of_months
from emissions.selectors.totals import Filters, totals
from reports.definitions import by_team_and_project, cover, factors, inventory
from reports.definitions.tables import Table
from reports.selectors.cover import ledger_state
from reports.selectors.factors import factor_uses
from reports.selectors.totals import by_scope
from reports.selectors.totals import by_team_and_project as team_and_project


def quarter_tables(
    *, organisation: Organisation, period: Period, today: date, team: Team | None = None
) -> list[Table]:
    """Return a quarter's tables, of the whole organisation or of one team as it was."""
    filters = Filters(teams=(team.pk,)) if team else Filters()

    def scopes(one: Period, label: str) -> inventory.Quarter:
        found = by_scope(organisation=organisation, period=one, filters=filters)
        return inventory.Quarter(label, found)

    def earlier(months: int) -> Period:
        return of_months(value="", first=period.first_month - months, months=3)

    first = period.starts_on.year * 12
    year = of_months(value="", first=first, months=period.first_month + 3 - first)
    compared = [
        scopes(period, period.label),
        scopes(earlier(3), earlier(3).label),
        scopes(earlier(12), earlier(12).label),
        scopes(year, f"{period.starts_on.year}, to the end of the quarter"),
    ]
    whole = totals(organisation=organisation, period=period, filters=filters)
    return [
        cover.table(
            organisation=organisation,
            period=period,
            unfinished=period.open_on(today),
            state=ledger_state(organisation=organisation, filters=filters),
            team=team,
            whole=whole,
        ),
        inventory.table(quarters=compared),
        by_team_and_project.table(
            groups=team_and_project(organisation=organisation, period=period, filters=filters),
            whole=whole,
        ),
        factors.table(uses=factor_uses(organisation=organisation, period=period, filters=filters)),
    ]
