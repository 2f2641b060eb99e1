"""Everything that a calculation needs beside the runs, as columns: read once per batch.

Dated facts are looked up on the local day on which a piece of a run begins. Before a
thing's first fact its first one holds: a run logged before its site was described is
better placed by what is known of the site than by nothing.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import QuerySet

from emissions.calculation.arrays import Bools, Floats, Ints
from emissions.calculation.embodied import LIFE_YEARS_DEFAULT, NEVER, Schedule
from emissions.calculation.factors import FactorTable
from emissions.calculation.hourly import HourlyTable
from emissions.calculation.periods import elapsed_days
from emissions.calculation.vocabulary import (
    Control,
    Headline,
    Preset,
    SiteKind,
)
from emissions.models import (
    CloudRegion,
    DefaultPue,
    GridZone,
    HardwareLife,
    HardwareModel,
    Node,
    NodePlacement,
    Organisation,
    ProjectAssignment,
    Site,
    SiteConditions,
)
from emissions.selectors.closings import Sets, closed_spans
from emissions.selectors.lives import NodeLives, catalogue_lives, lives_of, schedule_of
from emissions.services.factors.tables import (
    NONE,
    adopted_sets,
    factor_table,
    hourly_table,
    loss_table,
    zone_tree,
)

DATA = Path(__file__).resolve().parents[2] / "data"


class Table:
    """Columns of rows found by their integer id."""

    def __init__(self, ids: Sequence[int], columns: dict[str, list[Any]]) -> None:
        self.ids = np.array(ids, dtype=np.int64)
        self._order = np.argsort(self.ids, kind="stable")
        self._sorted = self.ids[self._order]
        self._columns = columns
        self._arrays: dict[str, Any] = {}

    def rows(self, ids: Ints) -> Ints:
        """Return the row of each id, or NONE."""
        if not self.ids.size:
            return np.full(ids.shape, NONE, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._sorted, ids), self.ids.size - 1)
        return np.where(self._sorted[at] == ids, self._order[at], NONE)

    def floats(self, name: str, rows: Ints) -> Floats:
        """Return a float column at rows; NaN where the row is NONE or the value unknown."""
        taken: Floats = self._taken(name, rows, np.float64, np.nan)
        return taken

    def ints(self, name: str, rows: Ints) -> Ints:
        """Return an id column at rows; NONE where the row is NONE or the value null."""
        taken: Ints = self._taken(name, rows, np.int64, NONE)
        return taken

    def text(self, name: str, rows: Ints) -> Any:
        """Return a text column at rows; "" where the row is NONE."""
        return self._taken(name, rows, np.object_, "")

    def bools(self, name: str, rows: Ints) -> Bools:
        """Return a bool column at rows; False where the row is NONE."""
        taken: Bools = self._taken(name, rows, np.bool_, False)
        return taken

    def _taken(self, name: str, rows: Ints, dtype: Any, missing: Any) -> Any:
        if not self.ids.size:
            return np.full(rows.shape, missing, dtype=dtype)
        column = self._arrays.get(name)
        if column is None:
            values = [missing if value is None else value for value in self._columns[name]]
            column = self._arrays[name] = np.array(values, dtype=dtype)
        return np.where(rows >= 0, column[rows], missing).astype(dtype)


class DatedTable(Table):
    """Dated facts of things: found by the thing's id and a day."""

    SPAN = 10_000_000

    def __init__(
        self, keys: Sequence[int], starts: Sequence[int], columns: dict[str, list[Any]]
    ) -> None:
        order = sorted(range(len(keys)), key=lambda row: (keys[row], starts[row]))
        self.keys = np.array([keys[row] for row in order], dtype=np.int64)
        self._combined = self.keys * self.SPAN + np.array(
            [starts[row] for row in order], dtype=np.int64
        )
        super().__init__(
            list(range(len(order))),
            {name: [values[row] for row in order] for name, values in columns.items()},
        )

    def at(self, *, keys: Ints, days: Ints) -> Ints:
        """Return the row valid for each thing on a day (since 0001-01-01), or NONE."""
        if not self.keys.size:
            return np.full(keys.shape, NONE, dtype=np.int64)
        before = np.searchsorted(self._combined, keys * self.SPAN + days, side="right") - 1
        first = np.searchsorted(self.keys, keys)
        row = np.maximum(before, first)
        known = (row < self.keys.size) & (self.keys[np.minimum(row, self.keys.size - 1)] == keys)
        return np.where(known & (keys >= 0), row, NONE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an organisation's world: tables by id, dated tables, factors."""

    organisation_id: int | None
    time_zone: ZoneInfo
    preset: Preset
    hardware: Table
    nodes: Table
    lives: DatedTable
    """By node: the life that is stated, and in how many years its footprint would be spread."""
    hardware_lives: DatedTable
    """The same by hardware, where the catalogue's life has changed; for runs on no node."""
    placements: DatedTable
    sites: Table
    conditions: DatedTable
    regions: Table
    assignments: DatedTable
    zones: Table
    factors: FactorTable
    losses: FactorTable
    hourly: HourlyTable
    headline: Headline
    provider_pue: dict[tuple[str, int], float]
    provider_wue: dict[tuple[str, int], float]
    grid_water: list[tuple[Ints, dict[int, float]]]
    """Zones whose electricity's water is published, with those within them, and l/kWh by year."""


def load_facts(*, organisation: Organisation | None, sets: Sets | None = None) -> Facts:
    """Read an organisation's facts; without one, the public calculator's.

    Parameters
    ----------
    organisation : Organisation or None
        Whose facts.
    sets : tuple of (factor set id, precedence), optional
        Other factor sets than those in use: what they would make of the same runs.

    Returns
    -------
    Facts
        Shared reference data, the organisation's own rows, and the factors of the sets it
        has adopted (without an organisation: of the sets adopted by default); in the months
        of a closed quarter, of those that were in use when it was closed.
    """
    own = {"organisation": organisation}
    tree = zone_tree()
    sets = adopted_sets(organisation=organisation) if sets is None else sets
    closed = closed_spans(organisation=organisation)
    return Facts(
        organisation_id=organisation.pk if organisation else None,
        time_zone=ZoneInfo(organisation.time_zone if organisation else "UTC"),
        preset=Preset(organisation.preset) if organisation else Preset.TONNE,
        hardware=_table(
            HardwareModel.objects.filter(organisation=None) | HardwareModel.objects.filter(**own),
            "kind",
            "max_watts",
            "idle_watts",
            "memory_gb",
            "embodied_kg",
            "life_years",
        ),
        nodes=_table(
            Node.objects.filter(**own),
            "hardware_id",
            "device_count",
            "idle_watts",
            "max_watts",
            "embodied_kg",
        ),
        lives=_node_lives(organisation),
        hardware_lives=_hardware_lives(),
        placements=_dated(NodePlacement.objects.filter(**own), "node_id", "site_id", "tenure"),
        sites=_table(Site.objects.filter(**own), "kind", "cloud_region_id"),
        conditions=_dated(
            SiteConditions.objects.filter(**own),
            "site_id",
            "zone_id",
            "it_control",
            "overhead_control",
            "pue",
            "pue_source",
            "wue_litres_per_kwh",
        ),
        regions=_table(
            CloudRegion.objects.all(),
            "provider",
            "zone_id",
            "pue",
            "pue_source",
            "wue_litres_per_kwh",
        ),
        assignments=_dated(
            ProjectAssignment.objects.filter(**own), "project_id", "team_id", "cost_centre"
        ),
        zones=_table(GridZone.objects.all(), "code", "parent_id"),
        factors=factor_table(sets=sets, tree=tree, closed=closed),
        losses=loss_table(tree=tree),
        hourly=hourly_table(sets=sets, closed=closed),
        headline=Headline(organisation.headline) if organisation else Headline.ANNUAL,
        provider_pue=dict(_provider_pue()),
        provider_wue={(one, year): wue for one, year, wue, _ in _water() if wue is not None},
        grid_water=_grid_water(),
    )


def _table(rows: QuerySet[Any], *names: str) -> Table:
    values = list(rows.order_by("pk").values_list("pk", *names))
    columns = list(zip(*values, strict=True)) or [()] * (len(names) + 1)
    return Table(list(columns[0]), {name: list(columns[1 + at]) for at, name in enumerate(names)})


def _dated(rows: QuerySet[Any], key: str, *names: str) -> DatedTable:
    current = rows.filter(superseded_at__isnull=True)
    values = list(current.order_by("pk").values_list(key, "starts_on", *names))
    columns = list(zip(*values, strict=True)) or [()] * (len(names) + 2)
    return DatedTable(
        list(columns[0]),
        [day.toordinal() for day in columns[1]],
        {name: list(columns[2 + at]) for at, name in enumerate(names)},
    )


class LifeLine(NamedTuple):
    """How a thing's footprint is spread from a day on.

    `life_years` is what is stated, by the thing itself if `own`. `spread` is what was spread of
    the footprint before; in `spread_years` the line would spread all of it: infinite, and before
    the purchase and after the disposal `spread` is not a number, where nothing is spread.
    """

    thing_id: int
    starts_on: int
    life_years: float | None
    own: bool
    spread: float
    spread_years: float


def _node_lives(organisation: Organisation | None) -> DatedTable:
    """Return nodes' lives by their first day: from purchase to disposal, beyond them nothing.

    A line ends with the first day that begins after its end.
    """
    lives = list(lives_of(organisation=organisation).values()) if organisation else []
    zone = ZoneInfo(organisation.time_zone) if organisation else ZoneInfo("UTC")
    schedule = schedule_of(lives, day=partial(elapsed_days, time_zone=zone))
    at = 0
    rows: list[LifeLine] = []
    for one in lives:
        lines = range(at, at + len(one.lives))
        at = lines.stop
        rows += _lines_of_node(one, schedule, lines, zone)
    return _lives_table(rows)


def _lines_of_node(
    one: NodeLives, schedule: Schedule, lines: range, zone: ZoneInfo
) -> Iterator[LifeLine]:
    """Yield a node's lines, those of the same day in their order."""
    bought = one.purchased_on.toordinal() if one.purchased_on else None
    left = one.disposed_on.toordinal() if one.disposed_on else NEVER
    if bought is not None:
        yield LifeLine(one.node_id, 1, None, False, np.nan, np.inf)
    for line, life in zip(lines, one.lives, strict=True):
        start = life.starts_on.toordinal()
        if bought is not None:
            start = bought if line == lines.start else max(start, bought)
        if start >= left:
            break
        spread, spread_years = schedule.spread[line], schedule.spread_years[line]
        yield LifeLine(one.node_id, start, life.years, life.own, float(spread), float(spread_years))
        over = _first_day_after(schedule.ends[line], zone) if bought is not None else None
        last = line + 1 == lines.stop or schedule.ends[line] < schedule.starts[line + 1]
        if last and over is not None and start < over < left:
            yield LifeLine(one.node_id, over, life.years, life.own, 1.0, np.inf)
    if one.disposed_on is not None:
        yield LifeLine(one.node_id, left, None, False, np.nan, np.inf)


def _first_day_after(days: float, zone: ZoneInfo) -> int | None:
    """Return the first day (since 0001-01-01) not to begin before; None beyond the calendar."""
    try:
        at = datetime.fromtimestamp(round(days * 86_400), tz=zone)
    except (OverflowError, ValueError, OSError):
        return None
    return at.toordinal() + (at.time() > time())


def _hardware_lives() -> DatedTable:
    changed = HardwareLife.objects.current().values("hardware")
    now = dict(HardwareModel.objects.filter(pk__in=changed).values_list("pk", "life_years"))
    found = [(pk, life) for pk, lives in catalogue_lives(now).items() for life in lives]
    return _lives_table(
        [
            LifeLine(
                pk,
                life.starts_on.toordinal(),
                life.years,
                False,
                0.0,
                life.years or LIFE_YEARS_DEFAULT,
            )
            for pk, life in found
        ]
    )


def _lives_table(rows: Sequence[LifeLine]) -> DatedTable:
    columns = {name: [getattr(row, name) for row in rows] for name in LifeLine._fields}
    return DatedTable(columns.pop("thing_id"), columns["starts_on"], columns)


@cache
def _water() -> tuple[tuple[str, int, float | None, float | None], ...]:
    """Return published water: (provider or zone, year, WUE, of electricity) in l/kWh."""
    with (DATA / "water.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            (
                row["entity"],
                int(row["year"]),
                float(row["wue_litres_per_kwh"]) if row["wue_litres_per_kwh"] else None,
                float(row["grid_litres_per_kwh"]) if row["grid_litres_per_kwh"] else None,
            )
            for row in csv.DictReader(file)
        )


def _grid_water() -> list[tuple[Ints, dict[int, float]]]:
    published: dict[str, dict[int, float]] = {}
    for code, year, _, litres in _water():
        if litres is not None:
            published.setdefault(code, {})[year] = litres
    zones = dict(GridZone.objects.filter(code__in=published).values_list("code", "pk"))
    parents = dict(GridZone.objects.values_list("pk", "parent_id")) if zones else {}
    return [
        (np.array(_within(pk, parents), dtype=np.int64), published[code])
        for code, pk in zones.items()
    ]


def _within(zone: int, parents: Mapping[int, int | None]) -> list[int]:
    """Return a zone and all that lie in it."""
    found, new = {zone}, {zone}
    while new:
        new = {pk for pk, parent in parents.items() if parent in new} - found
        found |= new
    return sorted(found)


def _provider_pue() -> list[tuple[tuple[str, int], float]]:
    rows = DefaultPue.objects.exclude(entity="world").values_list("entity", "year", "pue")
    return [((entity, year), pue) for entity, year, pue in rows]


def is_cloud(kind: Any) -> Bools:
    """Return which site kinds are a cloud's."""
    return np.asarray(kind == SiteKind.CLOUD.value, dtype=np.bool_)


def is_controlled(control: Any) -> Bools:
    """Return where the organisation controls the IT."""
    return np.asarray(control != Control.OTHER.value, dtype=np.bool_)
