"""The demo's cloud accounts with what their providers state, and fuel of its generators."""

from datetime import date, datetime
from decimal import Decimal
from random import Random

from emissions.calculation.vocabulary import Fuel
from emissions.models import CloudAccount, Organisation, Site, User
from emissions.selectors.fuel import factor_for
from emissions.selectors.periods import first_day, month_number
from emissions.services.demo.plan import (
    ACCOUNTS,
    GENERATORS,
    OLDER_VERSION,
    RUNS,
    STATED_AFTER,
    STATED_MONTHS,
    AccountPlan,
)
from emissions.services.load_statements import Origin, Stated, load_statements
from emissions.services.manage_cloud_accounts import Usage, choose_figure, create_cloud_account
from emissions.services.record_fuel import Burnt, record_fuel

SEED = 11
GRAM = Decimal("0.001")


def seed_clouds(
    *, organisation: Organisation, sites: dict[str, Site], runs: int, by: User, now: datetime
) -> None:
    """Make the accounts, load their statements, one of them restated, and choose a figure."""
    scale = Decimal(runs) / RUNS
    last = month_number(now.date()) - STATED_AFTER
    for at, plan in enumerate(ACCOUNTS):
        account = create_cloud_account(
            organisation=organisation,
            usage=Usage(
                provider=plan.provider,
                account_id=plan.account_id,
                name=plan.name,
                site=sites[plan.site],
            ),
            by=by,
            now=now,
        )
        random = Random(SEED + at)
        months = range(last - STATED_MONTHS, last + 1)
        stated = [_stated(account, plan, month, scale, random) for month in months]
        older = [_older(one) for one in stated[len(stated) - plan.restated :]]
        for rows in (older, stated):
            load_statements(
                organisation=organisation,
                provider=plan.provider,
                stated=rows,
                origin=Origin(f"{plan.provider.value}-carbon-export.csv"),
                by=by,
                now=now,
            )
        choose_figure(account=account, figure=plan.figure, by=by)


def seed_fuel(*, sites: dict[str, Site], start: date, by: User, now: datetime) -> None:
    """Record the diesel of the generators' tests."""
    for month in range(month_number(start), month_number(now.date()), 3):
        day = first_day(month)
        factor = factor_for(fuel=Fuel.DIESEL, year=day.year)
        assert factor is not None
        for name, litres in GENERATORS.items():
            record_fuel(
                site=sites[name],
                burnt=Burnt(
                    month=day,
                    fuel=Fuel.DIESEL,
                    amount=litres,
                    kg_per_unit=factor.kg_per_unit,
                    factor_source=f"{factor.source}: {factor.note}"[:250],
                    note="Test of the emergency generators",
                ),
                by=by,
                now=now,
            )


def _stated(
    account: CloudAccount, plan: AccountPlan, month: int, scale: Decimal, random: Random
) -> Stated:
    times = scale * Decimal(random.uniform(0.7, 1.3))
    market = (Decimal(plan.market) * times).quantize(GRAM)
    location = None if plan.location is None else (Decimal(plan.location) * times).quantize(GRAM)
    scope_3 = (market * Decimal(plan.scope_3_share)).quantize(GRAM)
    service = "Virtual machines" if location is None else "Compute"
    return Stated(
        account_id=account.pk,
        month=first_day(month),
        version=plan.version,
        parts={
            "location_based_kg": location,
            "market_based_kg": market,
            "scope_3_location_kg": None if location is None else scope_3,
            "scope_3_market_kg": scope_3,
        },
        services={service: [location or Decimal(0), market]},
    )


def _older(one: Stated) -> Stated:
    """Return what the provider stated first: without scope 3, and less."""
    location, market = one.parts["location_based_kg"], one.parts["market_based_kg"]
    parts = {
        "location_based_kg": None if location is None else location - (location / 5).quantize(GRAM),
        "market_based_kg": None if market is None else market - (market / 3).quantize(GRAM),
    }
    return Stated(one.account_id, one.month, OLDER_VERSION, parts, one.services)
