"""The idle hours of a node in a month: available − allocated, and what they cost.

An idle hour draws the node's idle power and carries its share of the node's making. The hours
that runs were given come from the node's totals. Where runs overlap on the same devices, or
begin before the node's life ends or changes and go on after, their hardware shares are not the
node's: the pool posts the difference, so that the shares of a node are those of its schedule
and never exceed its footprint.

Which hours of the month were idle is not looked at: where the grid's hours are known, idle
energy counts at the mean of the hours in which the node stood at the site.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from emissions.calculation.arrays import NANO, Ints
from emissions.calculation.ledger import apportion
from emissions.calculation.periods import DAY_US, elapsed_days, midnight_us
from emissions.calculation.vocabulary import IdleRule, PoolKind
from emissions.models import Node, NodePlacement, Organisation
from emissions.models.entry import QUANTITIES
from emissions.selectors.lives import lives_of_nodes, schedule_of
from emissions.services.copying import read_frame
from emissions.services.divide import divide
from emissions.services.pools.lines import PoolLines, no_lines, pool_figures
from emissions.services.resolving.facts import Facts, load_facts

HOUR_US = 3_600_000_000
HOURS, HARDWARE = QUANTITIES.index("device_hours"), QUANTITIES.index("embodied_kg")

NEEDED = (
    "EXISTS (SELECT FROM emissions_organisation organisation"
    " WHERE organisation.id = pool.organisation_id AND organisation.idle_rule <> 'off')"
    " AND pool.month + interval '1 month 12 hours' <= now() AT TIME ZONE 'UTC'"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a node's month at one site and with one owner."""

    pool_id: int
    node_id: int
    owner_id: int | None
    starts_us: int
    ends_us: int
    available_nano: int
    in_life_nano: int


@dataclass(frozen=True, slots=True)
class NodeMonth:
    """Device-hours of a node in a month, for pages: available = allocated + idle."""

    node_id: int
    month: int
    available_nano: int
    allocated_nano: int

    @property
    def idle_nano(self) -> int:
        """Hours that no run was given; none where runs overlap [1e-9 h]."""
        return max(self.available_nano - self.allocated_nano, 0)


def wanted_idle(
    *, organisation: Organisation, pools: pl.DataFrame, facts: Facts | None = None
) -> PoolLines:
    """Return the idle lines that should stand for months of nodes, with the facts or others."""
    if organisation.idle_rule == IdleRule.OFF:
        return no_lines()
    segments = segments_of(organisation=organisation, pools=pools)
    if not segments:
        return no_lines()
    used = allocated(pools=pools)
    frame = pl.DataFrame(segments, orient="row").with_row_index("row")
    of_pool = pools.select("pool_id", "node_id", "month").join(
        used.group_by("node_id", "month").agg(pl.col("hours_nano", "hardware_nano").sum()),
        on=["node_id", "month"],
        how="left",
    )
    frame = frame.join(of_pool.drop("node_id"), on="pool_id", maintain_order="left").with_columns(
        pl.col("hours_nano", "hardware_nano").fill_null(0)
    )
    row, cells, amounts = _figures(frame, facts or load_facts(organisation=organisation))
    pool_id = frame["pool_id"].to_numpy()[row]
    if organisation.idle_rule == IdleRule.SHARED:
        return _shared(pool_id, cells, amounts, of_pool, used)
    return PoolLines(pool_id, cells, amounts)


def segments_of(*, organisation: Organisation, pools: pl.DataFrame) -> list[Segment]:
    """Return the parts of nodes' months at a site: from placement to disposal.

    They are cut where a node's life changes: each is of one life.
    """
    nodes = Node.objects.filter(organisation=organisation).select_related("hardware")
    known = nodes.in_bulk(pools["node_id"].unique().to_list())
    placements: dict[int, list[NodePlacement]] = {}
    for fact in NodePlacement.objects.current().filter(node__in=known).order_by("starts_on"):
        placements.setdefault(fact.node_id, []).append(fact)
    zone = ZoneInfo(organisation.time_zone)
    spans = _life_spans(list(known.values()), zone)
    return [
        segment
        for pool_id, node_id, month in pools.select("pool_id", "node_id", "month").iter_rows()
        if node_id in known
        for segment in _segments(
            pool_id, known[node_id], month, placements.get(node_id, ()), spans[node_id], zone
        )
    ]


@dataclass(frozen=True, slots=True)
class _Spans:
    """When a node's life changes, and in which times its footprint is spread [µs]."""

    changes: tuple[date, ...]
    spread: tuple[tuple[float, float], ...]


def _life_spans(nodes: Sequence[Node], zone: ZoneInfo) -> dict[int, _Spans]:
    """Return the lives of nodes: a life that has ended is one no more, though another follows."""
    lives = list(lives_of_nodes(nodes).values())
    schedule = schedule_of(lives, day=partial(elapsed_days, time_zone=zone))
    begins, ends = schedule.starts * DAY_US, schedule.ends * DAY_US
    found = {}
    for at, one in enumerate(lives):
        lines = np.flatnonzero(schedule.thing == at).tolist()
        stops = [*(begins[line] for line in lines[1:]), np.inf]
        if one.purchased_on is None:
            spread = [(-np.inf, np.inf)]
        else:
            spread = [
                (begins[line], min(ends[line], stop))
                for line, stop in zip(lines, stops, strict=True)
            ]
        days = [one.purchased_on, *(life.starts_on for life in one.lives[1:])]
        changes = tuple(sorted({day for day in days if day is not None}))
        found[one.node_id] = _Spans(changes, tuple(spread))
    return found


def _segments(
    pool_id: int,
    node: Node,
    month: int,
    placements: Iterable[NodePlacement],
    spans: _Spans,
    zone: ZoneInfo,
) -> Iterable[Segment]:
    first = date(month // 12, month % 12 + 1, 1)
    last = date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    if node.disposed_on is not None:
        last = min(last, node.disposed_on)
    for fact in placements:
        start = max(first, fact.starts_on)
        end = last if fact.ends_before is None else min(last, fact.ends_before)
        if start >= end:
            continue
        days = [start, *(day for day in spans.changes if start < day < end), end]
        bounds = [midnight_us(day=day, time_zone=zone) for day in days]
        for starts_us, ends_us in pairwise(bounds):
            yield Segment(
                pool_id,
                node.pk,
                fact.owner_id,
                starts_us,
                ends_us,
                _device_hours(node, ends_us - starts_us),
                _device_hours(node, _within(starts_us, ends_us, spans)),
            )


def _within(starts_us: int, ends_us: int, spans: _Spans) -> int:
    """Return how much of a time lies in times in which the footprint is spread [µs]."""
    return round(
        sum(max(min(ends_us, end) - max(starts_us, begin), 0.0) for begin, end in spans.spread)
    )


def _device_hours(node: Node, span_us: int) -> int:
    """Return the device-hours of all the nodes alike in a time [1e-9 h]."""
    return span_us * node.device_count * node.node_count * NANO // HOUR_US


def allocated(*, pools: pl.DataFrame) -> pl.DataFrame:
    """Return what runs on nodes were given: hours and hardware share by node, month and team."""
    months = pools.select(pl.date(pl.col("month") // 12, pl.col("month") % 12 + 1, 1)).unique()
    return read_frame(
        "SELECT total.node_id,"
        " extract(year FROM total.month)::int * 12 + extract(month FROM total.month)::int - 1,"
        " cell.team_id, round(sum(total.device_hours) * 1e9)::bigint,"
        " round(sum(total.embodied_kg) * 1e9)::bigint"
        " FROM emissions_nodetotal total JOIN emissions_cell cell ON cell.id = total.cell_id"
        " WHERE total.node_id = ANY(%s) AND total.month = ANY(%s)"
        " AND cell.source_kind <> ALL(%s) GROUP BY 1, 2, 3"
        " HAVING sum(total.device_hours) <> 0 OR sum(total.embodied_kg) <> 0 ORDER BY 1, 2, 3",
        [
            pools["node_id"].unique().to_list(),
            months.to_series().to_list(),
            [kind.value for kind in PoolKind],
        ],
        {
            "node_id": pl.Int64,
            "month": pl.Int64,
            "team_id": pl.Int64,
            "hours_nano": pl.Int64,
            "hardware_nano": pl.Int64,
        },
    )


def _figures(frame: pl.DataFrame, facts: Facts) -> tuple[Ints, pl.DataFrame, Ints]:
    """Return the segment, the cell and the quantities of each line."""
    available = frame["available_nano"].to_numpy()
    group = frame["pool_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    of_group = frame.group_by("pool_id").agg(
        pl.col("available_nano").sum(),
        pl.col("in_life_nano").sum(),
        pl.col("hours_nano", "hardware_nano").first(),
    )
    of_group = of_group.sort("pool_id")
    idle = np.maximum(of_group["available_nano"].to_numpy() - of_group["hours_nano"].to_numpy(), 0)
    idle_nano = apportion(totals=idle, group=group, weights=available)
    rows = frame.select(
        pl.col("row").cast(pl.Int64).alias("id"),
        "node_id",
        pl.col("starts_us").alias("started_at_us"),
        ((pl.col("ends_us") - pl.col("starts_us")) / HOUR_US).alias("span_hours"),
        pl.lit(0.0).alias("utilisation"),
    ).with_columns(pl.Series("device_hours", idle_nano / NANO))
    resolved, cells, amounts = pool_figures(rows=rows, kind=PoolKind.NODE_IDLE, facts=facts)
    rate = resolved.embodied_rate
    amounts[:, HOURS] = idle_nano
    whole = np.floor(frame["in_life_nano"].to_numpy() * np.nan_to_num(rate)).astype(np.int64)
    spread = np.zeros(of_group.height, dtype=np.int64)
    np.add.at(spread, group, whole)
    known = np.zeros(of_group.height, dtype=np.bool_)
    known[group] = ~np.isnan(rate)
    rest = np.where(known, spread - of_group["hardware_nano"].to_numpy(), 0)
    amounts[:, HARDWARE] = apportion(totals=rest, group=group, weights=available)
    cells = cells.with_columns(frame["owner_id"].cast(pl.Int64).alias("team_id"))
    return divide(cells=cells, amounts=amounts, where=resolved.resolved.standing)


def _shared(
    pool_id: Ints, cells: pl.DataFrame, amounts: Ints, of_pool: pl.DataFrame, used: pl.DataFrame
) -> PoolLines:
    """Share each line over the teams that used the node, in proportion to their device-hours."""
    teams = of_pool.select("pool_id", "node_id", "month").join(
        used.filter(pl.col("hours_nano") > 0), on=["node_id", "month"]
    )
    lines = pl.DataFrame({"line": np.arange(pool_id.size), "pool_id": pool_id})
    parts = lines.join(
        teams.select("pool_id", pl.col("team_id").alias("user_id"), pl.col("hours_nano")),
        on="pool_id",
        how="left",
        maintain_order="left",
    ).sort("line", "user_id", nulls_last=True)
    line = parts["line"].to_numpy()
    weights = parts["hours_nano"].fill_null(1).to_numpy()
    split = np.column_stack(
        [
            apportion(totals=np.ascontiguousarray(amounts[:, at]), group=line, weights=weights)
            for at in range(amounts.shape[1])
        ]
    )
    nobody = parts["hours_nano"].is_null()
    team = pl.DataFrame({"nobody": nobody, "user": parts["user_id"]}).with_columns(
        cells["team_id"].gather(line).alias("owner")
    )
    shared = cells[line.tolist()].with_columns(
        team.select(pl.when("nobody").then("owner").otherwise("user")).to_series().alias("team_id")
    )
    return PoolLines(parts["pool_id"].to_numpy(), shared, split)


def node_months(*, organisation: Organisation, pools: pl.DataFrame) -> list[NodeMonth]:
    """Return available and allocated device-hours of nodes' months."""
    available: dict[tuple[int, int], int] = {}
    month_of: dict[int, Any] = dict(pools.select("pool_id", "month").iter_rows())
    for one in segments_of(organisation=organisation, pools=pools):
        key = one.node_id, month_of[one.pool_id]
        available[key] = available.get(key, 0) + one.available_nano
    given: dict[tuple[int, int], int] = {}
    for node_id, month, hours in (
        allocated(pools=pools).select("node_id", "month", "hours_nano").iter_rows()
    ):
        given[node_id, month] = given.get((node_id, month), 0) + hours
    return [
        NodeMonth(
            node_id, month, available.get((node_id, month), 0), given.get((node_id, month), 0)
        )
        for node_id, month in pools.select("node_id", "month").unique().sort("month").iter_rows()
    ]
