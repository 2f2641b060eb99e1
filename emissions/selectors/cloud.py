"""Cloud accounts by month: the own estimate beside what the provider states.

A run in a cloud belongs to one account of its provider: of those whose project, team and site
are the run's, the one that is narrowed most, by project before team before site.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from emissions.calculation.uncertainty import Interval
from emissions.calculation.vocabulary import InventoryFigure, PoolKind, Scope, Scope3Category
from emissions.models import CloudAccount, MonthlyTotal, Organisation, ProviderStatement
from emissions.selectors.headline import summed
from emissions.selectors.spread import Spread
from emissions.selectors.totals import Filters
from emissions.selectors.uncertainty import rows_by

ZERO = Decimal(0)
#: The quantities that a statement replaces.
REPLACED = (
    "location_based_kg",
    "location_based_annual_kg",
    "market_based_kg",
    "upstream_kg",
    "losses_kg",
    "embodied_kg",
)
AROUND = ("upstream_kg", "losses_kg", "embodied_kg")
#: What of a cell is kept in the lines that post the difference.
KEPT = ("team_id", "cost_centre", "project_id", "site_id", "cloud_region_id", "zone_id")


@dataclass(frozen=True, slots=True)
class OwnLines:
    """What the ledger has, statements aside, of some cells of an account in a month, in kg."""

    cell: dict[str, Any]
    amounts: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class MovedLines:
    """What would be posted, statements aside, to some cells of clouds in a month, in kg."""

    month: date
    provider: str | None
    cell: dict[str, Any]
    amounts: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Result:
    """One result by both methods, in kg CO2e; None where it is not given."""

    location_based_kg: Decimal | None
    market_based_kg: Decimal | None


@dataclass(slots=True)
class AccountMonth:
    """One account in one month: both figures, and which of them is the inventory's."""

    account: CloudAccount
    month: date
    own_lines: list[OwnLines] = field(default_factory=list)
    statement: ProviderStatement | None = None

    @property
    def own(self) -> Result:
        """The own estimate: electricity, upstream, losses and the share of hardware."""
        around = sum((self.own_sum(name) for name in AROUND), ZERO)
        return Result(
            self.own_sum("location_based_kg") + around, self.own_sum("market_based_kg") + around
        )

    def own_sum(self, name: str) -> Decimal:
        """Return one quantity of the own estimate."""
        return sum((lines.amounts[name] for lines in self.own_lines), ZERO)

    @property
    def stated(self) -> Result | None:
        """What the provider states."""
        if self.statement is None:
            return None
        return Result(self.statement.location_based_kg, self.statement.market_based_kg)

    @property
    def uses_statement(self) -> bool:
        """Whether the statement is the inventory's figure: chosen, and there for this month."""
        return self.statement is not None and self.account.figure == InventoryFigure.STATEMENT

    @property
    def inventory(self) -> Result:
        """The inventory's figure; a result that the provider does not give stays the own one."""
        if not self.uses_statement or self.stated is None:
            return self.own
        location, market = self.stated.location_based_kg, self.stated.market_based_kg
        return Result(
            self.own.location_based_kg if location is None else location,
            self.own.market_based_kg if market is None else market,
        )


def cloud_accounts(*, organisation: Organisation) -> QuerySet[CloudAccount]:
    """Return the accounts with what they are narrowed to, by provider and name."""
    accounts = CloudAccount.objects.filter(organisation=organisation)
    return accounts.select_related("project", "team", "site").order_by("provider", "name", "pk")


def account_months(
    *,
    organisation: Organisation,
    starts_on: date | None = None,
    ends_before: date | None = None,
    moved: Collection[MovedLines] = (),
    as_posted: bool = False,
) -> list[AccountMonth]:
    """Return each account's months that have an own estimate or a statement: three queries.

    By account, as `cloud_accounts` orders them, and month, the latest first. `moved` is
    added to what the ledger has: what it would be then. Location-based is what the
    organisation shows, or with `as_posted` the ledger's column of that name.
    """
    accounts = list(cloud_accounts(organisation=organisation))
    found: dict[tuple[int, date], AccountMonth] = {}
    months = _Months(starts_on, ends_before)
    for account, month, lines in _own_lines(organisation, accounts, months, moved, as_posted):
        one = found.setdefault((account.pk, month), AccountMonth(account, month))
        one.own_lines.append(lines)
    by_id = {account.pk: account for account in accounts}
    statements = ProviderStatement.objects.filter(
        organisation=organisation, superseded_at=None, **months.conditions
    )
    for statement in statements:
        account = by_id[statement.account_id]
        key = (account.pk, statement.month)
        found.setdefault(key, AccountMonth(account, statement.month)).statement = statement
    rank = {account.pk: at for at, account in enumerate(accounts)}
    return sorted(found.values(), key=lambda one: (rank[one.account.pk], -one.month.toordinal()))


def own_ranges(
    *, organisation: Organisation, accounts: list[CloudAccount], starts_on: date, ends_before: date
) -> dict[tuple[int, date], dict[str, Interval]]:
    """Return the 95 % intervals of accounts' own estimates, by account, month and method."""
    names = [f"cell__{name}" for name in KEPT]
    rows = rows_by(
        lines=_of_clouds(organisation, _Months(starts_on, ends_before)),
        filters=Filters(),
        columns=("month", *names),
        names=("location_based_kg", "market_based_kg", *AROUND),
        whole_sites=False,
    )

    def key_of(row: Mapping[str, Any]) -> tuple[int, date] | None:
        cell = {name: row[f"cell__{name}"] for name in KEPT}
        provider = row["cell__cloud_region__provider"]
        account = account_of(accounts=accounts, provider=provider, cell=cell)
        return None if account is None else (account.pk, row["month"])

    spread = Spread(rows, key_of=key_of)
    methods = ("location_based_kg", "market_based_kg")
    by_method = {name: spread.of_sums(name, *AROUND) for name in methods}
    return {
        key: {name: by_method[name][key] for name in methods}
        for key in by_method[methods[0]]
        if key is not None
    }


def history(*, account: CloudAccount) -> QuerySet[ProviderStatement]:
    """Return all that was ever loaded for an account, the latest month first."""
    statements = ProviderStatement.objects.filter(account=account)
    return statements.select_related("loaded_by").order_by("-month", "-loaded_at", "-pk")


def account_of(
    *, accounts: Iterable[CloudAccount], provider: str | None, cell: dict[str, Any]
) -> CloudAccount | None:
    """Return the account that a cell's runs belong to, or None."""
    fitting = [
        one
        for one in accounts
        if one.provider == provider
        and one.project_id in (None, cell["project_id"])
        and one.team_id in (None, cell["team_id"])
        and one.site_id in (None, cell["site_id"])
    ]
    return max(fitting, key=_narrowness, default=None)


def _narrowness(account: CloudAccount) -> tuple[bool, bool, bool, int]:
    project, team, site = account.project_id, account.team_id, account.site_id
    return project is not None, team is not None, site is not None, -account.pk


@dataclass(frozen=True, slots=True)
class _Months:
    starts_on: date | None
    ends_before: date | None

    def hold(self, month: date) -> bool:
        """Whether a month lies between the bounds."""
        return (self.starts_on is None or month >= self.starts_on) and (
            self.ends_before is None or month < self.ends_before
        )

    @property
    def conditions(self) -> dict[str, date]:
        """The bounds as conditions on `month`."""
        bounds = {"month__gte": self.starts_on, "month__lt": self.ends_before}
        return {name: day for name, day in bounds.items() if day is not None}


def _of_clouds(organisation: Organisation, months: _Months) -> QuerySet[MonthlyTotal]:
    """Return what the ledger has of clouds, statements aside."""
    return MonthlyTotal.objects.filter(
        cell__organisation=organisation,
        cell__scope=Scope.SCOPE_3,
        cell__category=Scope3Category.PURCHASED_SERVICES,
        **months.conditions,
    ).exclude(cell__source_kind=PoolKind.STATEMENT.value)


def _own_lines(
    organisation: Organisation,
    accounts: list[CloudAccount],
    months: _Months,
    moved: Collection[MovedLines],
    as_posted: bool,
) -> Iterable[tuple[CloudAccount, date, OwnLines]]:
    """Yield what the ledger has of clouds, statements aside, with the account it belongs to."""
    if not accounts:
        return
    names = [f"cell__{name}" for name in KEPT]
    sum_of = Sum if as_posted else summed
    rows = (
        _of_clouds(organisation, months)
        .values("month", "cell__cloud_region__provider", *names)
        .annotate(**{f"sum_{name}": sum_of(name) for name in REPLACED})
        .order_by("month", *names)
    )
    stands = [
        MovedLines(
            row["month"],
            row["cell__cloud_region__provider"],
            {name: row[f"cell__{name}"] for name in KEPT},
            {name: row[f"sum_{name}"] for name in REPLACED},
        )
        for row in rows
    ]
    for one in _added(stands, moved, months) if moved else stands:
        account = account_of(accounts=accounts, provider=one.provider, cell=one.cell)
        if account is not None and any(one.amounts.values()):
            yield account, one.month, OwnLines(one.cell, one.amounts)


def _added(
    stands: list[MovedLines], moved: Collection[MovedLines], months: _Months
) -> list[MovedLines]:
    """Return what the ledger has and what would be posted, by month and cell in order."""
    sums: dict[tuple[Any, ...], MovedLines] = {}
    for one in (*stands, *(one for one in moved if months.hold(one.month))):
        values = one.cell.values()
        key = one.month, *((value is None, 0 if value is None else value) for value in values)
        known = sums.get(key)
        amounts = one.amounts
        if known is not None:
            amounts = {name: known.amounts[name] + amounts[name] for name in REPLACED}
        sums[key] = MovedLines(one.month, one.provider, one.cell, amounts)
    return [sums[key] for key in sorted(sums)]
