"""What a figure consists of: runs, what pools posted, and the rest; exactly the figure in sum."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from emissions.calculation.vocabulary import PoolKind
from emissions.models import CloudAccount, EmissionEntry, Organisation, Run
from emissions.selectors.headline import summed
from emissions.selectors.periods import Period
from emissions.selectors.totals import Filters, lines_of, totals

SHOWN = (
    "energy_facility_kwh",
    "location_based_kg",
    "market_based_kg",
    "embodied_kg",
)
LARGEST = 50
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What of a figure one row accounts for."""

    energy_facility_kwh: Decimal = ZERO
    location_based_kg: Decimal = ZERO
    market_based_kg: Decimal = ZERO
    embodied_kg: Decimal = ZERO

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(**{name: getattr(self, name) - getattr(other, name) for name in SHOWN})

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(**{name: getattr(self, name) + getattr(other, name) for name in SHOWN})

    @property
    def nothing(self) -> bool:
        """Whether all are zero."""
        return not any(getattr(self, name) for name in SHOWN)


@dataclass(frozen=True, slots=True)
class PoolRow:
    """What pools of one kind posted for a node, a site or another subject.

    `node` or `site` is the slug of what has a page.
    """

    kind: PoolKind
    of: str
    amounts: Amounts
    node: str = ""
    site: str = ""
    location_other_kg: Decimal = ZERO
    """The location-based figure that the organisation does not show first."""

    @property
    def by_hour(self) -> bool:
        """Whether it is weighted by the hours of its grid."""
        return self.location_other_kg != self.amounts.location_based_kg


@dataclass(frozen=True, slots=True)
class Behind:
    """The rows of a figure: `runs` + `others` + `pools` = `whole`, to the last digit.

    `runs` are the largest of those that a person may see; `others` are the remaining
    `other_runs` runs.
    """

    runs: list[tuple[Run, Amounts]]
    others: Amounts
    other_runs: int
    pools: list[PoolRow]
    whole: Amounts


def behind(
    *,
    organisation: Organisation,
    period: Period,
    filters: Filters,
    visible: QuerySet[Run],
    order: str = "location_based_kg",
) -> Behind:
    """Return what the totals of a period and its filters consist of: five queries."""
    lines = lines_of(organisation=organisation, period=period, filters=filters)
    entries = EmissionEntry.objects.filter(
        cell__in=lines.order_by().values("cell_id"),
        month__gte=period.starts_on,
        month__lt=period.ends_before,
    ).order_by()
    runs = _runs(entries, visible, order)
    pools = _pools(entries, organisation)
    sums = totals(organisation=organisation, period=period, filters=filters)
    whole = Amounts(**{name: getattr(sums, name) for name in SHOWN})
    of_pools = sum((row.amounts for row in pools), Amounts())
    others = whole - of_pools - sum((amounts for _, amounts in runs), Amounts())
    started: Any = entries.filter(run__in=[run.pk for run, _ in runs]).aggregate(
        runs=Sum("runs_started")
    )
    return Behind(runs, others, max(sums.runs - (started["runs"] or 0), 0), pools, whole)


def _runs(
    entries: QuerySet[EmissionEntry], visible: QuerySet[Run], order: str
) -> list[tuple[Run, Amounts]]:
    """Return the largest runs: found by the one figure that orders them, all are not summed."""
    largest: Any = (
        entries.filter(run__in=visible.order_by().values("pk"))
        .values("run_id")
        .annotate(size=summed(order))
        .order_by("-size", "run_id")[:LARGEST]
    )
    run_ids = [row["run_id"] for row in largest]
    found: Any = (
        entries.filter(run__in=run_ids)
        .values("run_id")
        .annotate(**{f"sum_{name}": summed(name) for name in SHOWN})
    )
    of_run = {row["run_id"]: _amounts(row) for row in found}
    rows = {run_id: of_run[run_id] for run_id in run_ids}
    named = Run.objects.select_related("project", "hardware", "node").in_bulk(run_ids)
    return [(named[pk], amounts) for pk, amounts in rows.items() if not amounts.nothing]


def _pools(entries: QuerySet[EmissionEntry], organisation: Organisation) -> list[PoolRow]:
    names = (
        "pool__kind", "pool__node__name", "pool__node__slug", "pool__site__name",
        "pool__site__slug", "pool__subject",
    )  # fmt: skip
    found: Any = (
        entries.filter(pool__isnull=False)
        .values(*names)
        .annotate(
            **{f"sum_{name}": summed(name) for name in SHOWN},
            sum_other=summed("location_other_kg"),
        )
        .order_by(*names)
    )
    accounts = _accounts({row["pool__subject"] for row in found}, organisation)
    rows = [
        PoolRow(
            PoolKind(row["pool__kind"]),
            row["pool__node__name"]
            or row["pool__site__name"]
            or accounts.get(row["pool__subject"], ""),
            _amounts(row),
            node=row["pool__node__slug"] or "",
            site=row["pool__site__slug"] or "",
            location_other_kg=row["sum_other"],
        )
        for row in found
    ]
    return [row for row in rows if not row.amounts.nothing]


def _accounts(subjects: set[str], organisation: Organisation) -> dict[str, str]:
    """Return the names of the cloud accounts that pools name."""
    keys = [int(subject) for subject in subjects if subject]
    if not keys:
        return {}
    found = CloudAccount.objects.filter(organisation=organisation, pk__in=keys)
    return {str(account.pk): account.name for account in found}


def _amounts(row: dict[str, Any]) -> Amounts:
    return Amounts(**{name: row[f"sum_{name}"] for name in SHOWN})
