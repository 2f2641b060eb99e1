"""What instruments change of a site's month: used kWh × (instrument rate − uncovered rate).

Every line of the site's month is covered in the same share: MWh used ÷ all electricity of the
site, other load included. The difference is posted per cell as market-based emissions, beside
the cell that it covers, so that it follows team, project and stage.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from django.db.models import Sum

from emissions.calculation.vocabulary import (
    InstrumentKind,
    InstrumentStatus,
    MeasuringPoint,
    PoolKind,
    SiteKind,
)
from emissions.models import (
    Cell,
    EnergyInstrument,
    GridZone,
    InstrumentUse,
    MonthlyTotal,
    Organisation,
    Site,
    SiteConditions,
)
from emissions.models.entry import QUANTITIES
from emissions.selectors.closings import ClosedSpan, closed_spans, is_within
from emissions.selectors.metering import nano, reconciliations, whole_units
from emissions.services.pool_lines import CELL_TYPES, PoolLines, no_lines
from emissions.services.stale_pools import PoolKey, mark_pools, months_between

Key = tuple[int, date]

NEEDED = (
    "EXISTS (SELECT FROM emissions_energyinstrument instrument"
    " WHERE instrument.organisation_id = pool.organisation_id"
    " AND coalesce(instrument.site_id, pool.site_id) = pool.site_id"
    " AND instrument.starts_on < pool.month + interval '1 month'"
    " AND instrument.ends_before > pool.month)"
)
MARKET = QUANTITIES.index("market_based_kg")
#: What posts no electricity that an instrument could cover.
NO_ELECTRICITY = (PoolKind.COVERAGE, PoolKind.PURCHASE, PoolKind.STATEMENT, PoolKind.FUEL)
#: From where on the ids of cells that do not exist yet are counted.
NEW_CELL = 2**62
#: The order of the Scope 2 Guidance: certificates, contracts, supplier's rate.
HIERARCHY = (InstrumentKind.CERTIFICATE, InstrumentKind.PPA, InstrumentKind.TARIFF)


def electricity_of(
    *, organisation: Organisation, sites: Iterable[int] | None = None
) -> dict[Key, int]:
    """Return all electricity of sites by month: metered or explained, whichever is larger.

    [1e-9 kWh] Explained is what the ledger holds, the meter's remainder included, and known
    other load. A month without or with negative electricity is left out.
    """
    lines = MonthlyTotal.objects.filter(cell__organisation=organisation, cell__site__isnull=False)
    if sites is not None:
        lines = lines.filter(cell__site__in=list(sites))
    sums: Any = (
        lines.exclude(cell__source_kind__in=NO_ELECTRICITY)
        .order_by()
        .values_list("cell__site", "month")
        .annotate(kwh=Sum("energy_facility_kwh"))
    )
    found = {(site, month): nano(kwh) for site, month, kwh in sums}
    for one in reconciliations(
        organisation=organisation, sites=None if sites is None else list(sites)
    ):
        if one.point is MeasuringPoint.FACILITY and one.complete:
            key = one.site_id, one.month
            explained = found.get(key, 0) + nano(one.other_kwh)
            found[key] = max(explained, nano(one.metered_kwh))
    return {key: kwh for key, kwh in found.items() if kwh > 0}


# --- what is used ---


def allocate_instruments(*, organisation: Organisation) -> None:
    """Allocate instruments anew where nobody has said what they cover, and mark what changes.

    In the order of the Scope 2 Guidance, then of their periods; each month after month, site
    after site, never more than the site's electricity and the instrument's MWh. What they
    cover of closed months stays as it was.
    """
    instruments = list(
        EnergyInstrument.objects.select_for_update(no_key=True, of=("self",))
        .filter(organisation=organisation)
        .order_by("pk")
    )
    uses = list(InstrumentUse.objects.filter(organisation=organisation))
    if not instruments:
        return
    closed = closed_spans(organisation=organisation)
    fixed = {use.pk for use in uses if use.by_hand or is_within(closed, use.month)}
    wanted = _allocation(
        organisation, instruments, [use for use in uses if use.pk in fixed], closed
    )
    present = {
        (use.instrument_id, use.site_id, use.month): use for use in uses if use.pk not in fixed
    }
    changed = {
        key
        for key in {*wanted, *present}
        if key not in present or nano(present[key].energy_kwh) != wanted.get(key, 0)
    }
    if not changed:
        return
    InstrumentUse.objects.filter(
        pk__in=[present[key].pk for key in changed & set(present)]
    ).delete()
    InstrumentUse.objects.bulk_create(
        InstrumentUse(
            organisation=organisation,
            instrument_id=key[0],
            site_id=key[1],
            month=key[2],
            energy_kwh=whole_units(wanted[key]),
        )
        for key in sorted(changed & set(wanted))
    )
    mark_pools(
        organisation=organisation,
        kind=PoolKind.COVERAGE,
        keys=[
            PoolKey(site_id=site, month=month) for site, month in sorted({k[1:] for k in changed})
        ],
        by=None,
        reason="Instruments allocated",
    )


def _allocation(
    organisation: Organisation,
    instruments: list[EnergyInstrument],
    fixed: list[InstrumentUse],
    closed: Iterable[ClosedSpan],
) -> dict[tuple[int, int, date], int]:
    """Return the electricity that each instrument covers by default [1e-9 kWh]."""
    electricity = electricity_of(organisation=organisation)
    free = {key: kwh for key, kwh in electricity.items() if not is_within(closed, key[1])}
    left = {one.pk: energy_nano(one) for one in instruments}
    for use in fixed:
        key = use.site_id, use.month
        left[use.instrument_id] -= nano(use.energy_kwh)
        if key in free:
            free[key] = max(free[key] - nano(use.energy_kwh), 0)
    markets = _Markets(organisation)
    taken = {(use.instrument_id, use.site_id, use.month) for use in fixed}
    found: dict[tuple[int, int, date], int] = {}
    for one in sorted(instruments, key=_in_order):
        if one.status == InstrumentStatus.LAPSED:
            continue
        months = set(months_between(one.starts_on, one.ends_before))
        keys = [key for key in free if key[1] in months and markets.holds(one, *key)]
        for site, month in sorted(keys, key=lambda key: (key[1], key[0])):
            if (one.pk, site, month) in taken:
                continue
            kwh = min(free[site, month], left[one.pk])
            if kwh > 0:
                found[one.pk, site, month] = kwh
                free[site, month] -= kwh
                left[one.pk] -= kwh
    return found


def _in_order(one: EnergyInstrument) -> tuple[Any, ...]:
    """Sort by hierarchy and period; what is alike stands together, however it is split."""
    rank = HIERARCHY.index(InstrumentKind(one.kind))
    return (
        rank, one.ends_before, one.starts_on, one.rate_g_per_kwh, one.site_id or 0,
        one.market_id or 0, one.pk,
    )  # fmt: skip


def energy_nano(instrument: EnergyInstrument) -> int:
    """Return an instrument's energy [1e-9 kWh]."""
    return int(Decimal(instrument.energy_mwh).scaleb(12))


class _Markets:
    """Which months of which sites an instrument may cover."""

    def __init__(self, organisation: Organisation) -> None:
        sites = Site.objects.filter(organisation=organisation)
        self.kinds = dict(sites.values_list("pk", "kind"))
        self.parents = dict(GridZone.objects.values_list("pk", "parent"))
        self.facts: dict[int, list[tuple[date, int]]] = {}
        conditions = SiteConditions.objects.current().filter(organisation=organisation)
        for site, starts_on, zone in conditions.order_by("starts_on").values_list(
            "site", "starts_on", "zone"
        ):
            self.facts.setdefault(site, []).append((starts_on, zone))

    def holds(self, one: EnergyInstrument, site: int, month: date) -> bool:
        """Whether an instrument may cover a site's month: its own site, or its market's."""
        if one.site_id is not None:
            return one.site_id == site
        if self.kinds.get(site) == SiteKind.CLOUD:
            return False
        if one.market_id is None:
            return True
        zone: int | None = self._zone(site, month)
        while zone is not None and zone != one.market_id:
            zone = self.parents.get(zone)
        return zone is not None

    def _zone(self, site: int, month: date) -> int | None:
        facts = self.facts.get(site, [])
        held = [zone for starts_on, zone in facts if starts_on <= month]
        return held[-1] if held else facts[0][1] if facts else None


# --- what it changes ---


@dataclass(frozen=True, slots=True)
class Covered:
    """What is covered of a site's month, of how much."""

    kwh_nano: int
    grams_nano: Fraction
    electricity_nano: int


def wanted_coverage(
    *, organisation: Organisation, pools: pl.DataFrame, moved: pl.DataFrame | None = None
) -> PoolLines:
    """Return the market-based difference that instruments make to each cell of a site's month.

    Parameters
    ----------
    organisation : Organisation
        Whose sites.
    pools : pl.DataFrame
        The columns of `POOL_COLUMNS`.
    moved : pl.DataFrame, optional
        What would be posted before: the columns of `Cell.KEY`, `month` (year × 12 + month −
        1) and `QUANTITIES`. It covers no more and no less energy than what stands.
    """
    rows = [
        (pool_id, (site_id, date(month // 12, month % 12 + 1, 1)))
        for pool_id, site_id, month in pools.select("pool_id", "site_id", "month").iter_rows()
    ]
    sites = {key[0] for _, key in rows}
    covered = covered_months(organisation=organisation, sites=sites)
    cells = _electricity_by_cell(organisation, {key for _, key in rows if key in covered})
    attributes = {} if moved is None else _move(organisation, cells, moved, covered)
    lines = [
        (pool_id, cell, amount)
        for pool_id, key in rows
        if key in covered
        for cell, amount in _differences(covered[key], cells.get(key, []))
    ]
    if not lines:
        return no_lines()
    amounts = np.zeros((len(lines), len(QUANTITIES)), dtype=np.int64)
    amounts[:, MARKET] = [amount for _, _, amount in lines]
    return PoolLines(
        np.array([pool_id for pool_id, _, _ in lines], dtype=np.int64),
        _cells([cell for _, cell, _ in lines], attributes),
        amounts,
    )


def covered_months(*, organisation: Organisation, sites: Iterable[int]) -> dict[Key, Covered]:
    """Return what instruments cover of sites' months: never more than their electricity."""
    uses = (
        InstrumentUse.objects.filter(organisation=organisation, site__in=list(sites))
        .exclude(instrument__status=InstrumentStatus.LAPSED)
        .select_related("instrument")
    )
    electricity = electricity_of(organisation=organisation, sites=sites)
    found: dict[Key, Covered] = {}
    for use in sorted(uses, key=lambda use: _in_order(use.instrument)):
        key = use.site_id, use.month
        if key not in electricity:
            continue
        before = found.get(key) or Covered(0, Fraction(0), electricity[key])
        kwh = min(nano(use.energy_kwh), before.electricity_nano - before.kwh_nano)
        rate = Fraction(str(use.instrument.rate_g_per_kwh))
        found[key] = Covered(
            before.kwh_nano + kwh, before.grams_nano + kwh * rate, before.electricity_nano
        )
    return found


def _electricity_by_cell(
    organisation: Organisation, keys: set[Key]
) -> dict[Key, list[tuple[int, int, int]]]:
    """Return (cell, energy [1e-9 kWh], market-based [1e-9 kg]) of the lines of months."""
    lines = MonthlyTotal.objects.filter(
        cell__organisation=organisation,
        cell__site__in={site for site, _ in keys},
        month__in={month for _, month in keys},
    ).exclude(cell__source_kind__in=NO_ELECTRICITY)
    found: dict[Key, list[tuple[int, int, int]]] = {}
    for site, month, cell, kwh, kg in lines.order_by("cell_id").values_list(
        "cell__site", "month", "cell_id", "energy_facility_kwh", "market_based_kg"
    ):
        if kwh or kg:
            found.setdefault((site, month), []).append((cell, nano(kwh), nano(kg)))
    return found


def _move(
    organisation: Organisation,
    cells: dict[Key, list[tuple[int, int, int]]],
    moved: pl.DataFrame,
    keys: Iterable[Key],
) -> dict[int, tuple[Any, ...]]:
    """Add what would be posted to the electricity of months; return the cells that are new.

    A cell that does not exist yet counts as younger than all others.
    """
    sites = {site for site, _ in keys}
    sums = (
        moved.filter(
            pl.col("site_id").is_in(list(sites)),
            ~pl.col("source_kind").is_in([kind.value for kind in NO_ELECTRICITY]),
        )
        .select(*Cell.KEY, "month", "energy_facility_kwh", "market_based_kg")
        .sort(Cell.KEY)
    )
    known = {
        row[1:]: row[0]
        for row in Cell.objects.filter(organisation=organisation, site__in=sites).values_list(
            "pk", *Cell.KEY
        )
    }
    new: dict[tuple[Any, ...], int] = {}
    found: dict[Key, dict[int, list[int]]] = {
        key: {cell: [kwh, kg] for cell, kwh, kg in rows} for key, rows in cells.items()
    }
    at = Cell.KEY.index("site_id")
    for *names, month, kwh, kg in sums.iter_rows():
        attributes = tuple(names)
        cell = known.get(attributes) or new.setdefault(attributes, NEW_CELL + len(new))
        day = date(month // 12, month % 12 + 1, 1)
        both = found.setdefault((attributes[at], day), {}).setdefault(cell, [0, 0])
        both[0] += kwh
        both[1] += kg
    for key, rows in found.items():
        cells[key] = [(cell, kwh, kg) for cell, (kwh, kg) in sorted(rows.items()) if kwh or kg]
    return {pk: attributes for attributes, pk in new.items()}


def _differences(covered: Covered, cells: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Return (cell, market-based difference), exact in sum: the largest cell takes the rest."""
    if not cells:
        return []
    exact = [
        (Fraction(kwh) * covered.grams_nano / 1000 - kg * covered.kwh_nano)
        / covered.electricity_nano
        for _, kwh, kg in cells
    ]
    parts = [amount.__floor__() for amount in exact]
    largest = max(range(len(cells)), key=lambda at: (abs(cells[at][1]), -cells[at][0]))
    parts[largest] += round(sum(exact)) - sum(parts)
    return [(cell, part) for (cell, _, _), part in zip(cells, parts, strict=True) if part]


def _cells(ids: list[int], new: dict[int, tuple[Any, ...]]) -> pl.DataFrame:
    """Return the attributes of the cells that are covered, as those of coverage."""
    known = Cell.objects.filter(pk__in=set(ids) - set(new)).values_list("pk", *Cell.KEY)
    rows = new | {row[0]: row[1:] for row in known}
    frame = pl.DataFrame([rows[one] for one in ids], schema=CELL_TYPES, orient="row")
    return frame.with_columns(pl.lit(PoolKind.COVERAGE.value).alias("source_kind"))
