"""Load the shipped reference tables: zones, factor sets, losses, hardware, cloud regions."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.db import connection, models, transaction

from emissions.models import (
    CloudRegion,
    DefaultPue,
    EmissionFactor,
    FactorSet,
    GridLoss,
    GridMix,
    GridZone,
    HardwareAlias,
    HardwareModel,
    Organisation,
)
from emissions.selectors.catalogue import folded
from emissions.services.change_life import keep_catalogue_life
from emissions.services.invalidate import hardware_changed, organisation_changed

DATA = Path(__file__).resolve().parents[1] / "data"

#: Any number; two loads at the same time wait for each other.
LOCK = 7_205_001

Row = dict[str, str]


class ReferenceConflict(Exception):
    """The tables say something else than what is recorded and may not change."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """Rows of one table that were added, and those that were changed."""

    added: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, by table; all zero when nothing was new."""

    zones: Upserted
    factor_sets: Upserted
    factors: Upserted
    mixes: Upserted
    losses: Upserted
    hardware: Upserted
    aliases: Upserted
    cloud_regions: Upserted
    default_pue: Upserted
    runs_queued: int

    def __str__(self) -> str:
        counts = [
            f"{field.name.replace('_', ' ')} {now.added} new, {now.changed} changed"
            for field in fields(self)
            if isinstance(now := getattr(self, field.name), Upserted) and now != Upserted()
        ]
        queued = [f"{self.runs_queued} runs queued"] if self.runs_queued else []
        return "; ".join([*counts, *queued]) or "nothing new"


@transaction.atomic
def load_reference(*, folder: Path = DATA, now: datetime | None = None) -> Loaded:
    """Bring the shared reference data in line with the tables; a second call writes nothing.

    New factor sets move no ledger: an organisation adopts them. Where something changes
    that stands behind figures at once (a device, a region, a default PUE, losses, a zone),
    the runs it stands behind are queued.

    Parameters
    ----------
    folder : Path
        Where the tables are.
    now : datetime, optional
        From this day on (UTC) a device's changed life holds; without it, it is corrected from
        the beginning.

    Raises
    ------
    ReferenceConflict
        A factor set or a year's losses are recorded with other content. They are immutable:
        ship the change as a new set.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    zones = _load_zones(_read(folder, "grid_zones"))
    zone_ids = dict(GridZone.objects.values_list("code", "pk"))
    sets, factors = _load_factors(
        _read(folder, "factor_sets"), _read(folder, "emission_factors"), zone_ids
    )
    mixes = _load_mixes(_read(folder, "grid_mixes"), zone_ids)
    losses = _load_losses(_read(folder, "grid_losses"), zone_ids)
    devices = _read(folder, "hardware")
    lives = dict(HardwareModel.objects.filter(organisation=None).values_list("pk", "life_years"))
    hardware, changed_devices = _load_hardware(devices)
    if now is not None:
        _keep_lives(changed_devices, lives, now)
    aliases = _load_aliases(devices)
    regions, _ = _upsert(CloudRegion, ("provider", "region"), _regions(folder, zone_ids))
    pue, _ = _upsert(DefaultPue, ("entity", "year"), _default_pue(folder))
    moved = zones.changed or losses.added or regions.changed or pue != Upserted()
    queued = _queue_all() if moved else _queue_devices(changed_devices)
    return Loaded(zones, sets, factors, mixes, losses, hardware, aliases, regions, pue, queued)


def _read(folder: Path, name: str) -> list[Row]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _upsert(
    model: type[models.Model],
    key: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    **scope: Any,
) -> tuple[Upserted, list[Any]]:
    """Insert the rows that are new and update those that differ; return counts and the latter."""
    known = {
        tuple(getattr(one, name) for name in key): one
        for one in model._default_manager.filter(**scope)
    }
    new, changed, columns = [], [], set[str]()
    for row in rows:
        one = known.get(tuple(row[name] for name in key))
        if one is None:
            new.append(model(**row, **scope))
            continue
        differing = {name for name, value in row.items() if getattr(one, name) != value}
        if differing:
            for name in differing:
                setattr(one, name, row[name])
            columns |= differing
            changed.append(one)
    model._default_manager.bulk_create(new)
    if changed:
        model._default_manager.bulk_update(changed, sorted(columns))
    return Upserted(len(new), len(changed)), changed


def _load_zones(rows: list[Row]) -> Upserted:
    """Load zones, parents before children."""
    added = changed = 0
    codes = {row["code"] for row in rows}
    left, done = rows, set[str]()
    while left:
        now = [row for row in left if not row["parent"] or row["parent"] not in codes - done]
        if not now:
            raise ReferenceConflict(f"Zone {left[0]['code']} lies within itself.")
        ids = dict(GridZone.objects.values_list("code", "pk"))
        wanted = [
            {
                "code": row["code"],
                "name": row["name"],
                "kind": row["kind"],
                "parent_id": ids[row["parent"]] if row["parent"] else None,
            }
            for row in now
        ]
        counts, _ = _upsert(GridZone, ("code",), wanted)
        added, changed = added + counts.added, changed + counts.changed
        done |= {row["code"] for row in now}
        left = [row for row in left if row["code"] not in done]
    return Upserted(added, changed)


SET_TEXT = ("slug", "name", "edition", "source", "source_url", "licence")


def _set_values(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in SET_TEXT} | {
        "published_on": date.fromisoformat(row["published_on"]),
        "default_precedence": _whole(row["default_precedence"]),
    }


def _factor_values(row: Row, *, source_url: str, zone_ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "zone_id": zone_ids[row["zone"]],
        "role": row["role"],
        "kind": row["kind"],
        "starts_on": date.fromisoformat(row["starts_on"]),
        "ends_before": date.fromisoformat(row["ends_before"]),
        "g_co2e_per_kwh": float(row["g_co2e_per_kwh"]),
        "includes_upstream": row["includes_upstream"] == "1",
        "includes_losses": row["includes_losses"] == "1",
        "gases": row["gases"],
        "co2_g_per_kwh": _number(row["co2_g_per_kwh"]),
        "ch4_g_per_kwh": _number(row["ch4_g_per_kwh"]),
        "n2o_g_per_kwh": _number(row["n2o_g_per_kwh"]),
        "published": row["published"],
        "verification": row["verification"],
        "source": row["source"],
        "source_url": row["source_url"] or source_url,
        "licence": row["licence"],
        "note": row["note"],
    }


def _load_factors(
    set_rows: list[Row], factor_rows: list[Row], zone_ids: Mapping[str, int]
) -> tuple[Upserted, Upserted]:
    """Add the sets that are new, whole; refuse those that are recorded otherwise."""
    by_set: dict[str, list[Row]] = {row["slug"]: [] for row in set_rows}
    for row in factor_rows:
        by_set[row["factor_set"]].append(row)
    known = {one.slug: one for one in FactorSet.objects.filter(organisation=None)}
    added = []
    for row in set_rows:
        slug, values = row["slug"], _set_values(row)
        wanted = [
            _factor_values(one, source_url=row["source_url"], zone_ids=zone_ids)
            for one in by_set[slug]
        ]
        if slug in known:
            _refuse_another_set(known[slug], values, wanted)
            continue
        factor_set = FactorSet.objects.create(organisation=None, **values)
        added.append([EmissionFactor(factor_set=factor_set, **one) for one in wanted])
    factors = [one for some in added for one in some]
    EmissionFactor.objects.bulk_create(factors, batch_size=2000)
    return Upserted(len(added)), Upserted(len(factors))


def _refuse_another_set(
    known: FactorSet, values: Mapping[str, Any], wanted: list[dict[str, Any]]
) -> None:
    differing = [name for name, value in values.items() if getattr(known, name) != value]
    if differing:
        raise ReferenceConflict(f"Factor set {known.slug} is recorded with another {differing[0]}.")
    names = tuple(wanted[0]) if wanted else ("zone_id",)
    recorded = set(EmissionFactor.objects.filter(factor_set=known).values_list(*names))
    shipped = {tuple(one[name] for name in names) for one in wanted}
    if recorded != shipped:
        raise ReferenceConflict(
            f"Factor set {known.slug} is recorded with other factors"
            f" ({len(recorded ^ shipped)} rows differ). A set is immutable: ship a new one."
        )


MIX_TEXT = ("published", "verification", "source", "source_url", "licence", "note")
MIX_SHARES = ("renewable_share", "nuclear_share", "fossil_share")


def _load_mixes(rows: list[Row], zone_ids: Mapping[str, int]) -> Upserted:
    """Add the mixes of sets that have none yet; refuse those that are recorded otherwise."""
    sets = {one.slug: one for one in FactorSet.objects.filter(organisation=None)}
    wanted: dict[int, list[GridMix]] = {}
    for row in rows:
        factor_set = sets[row["factor_set"]]
        texts = {name: row[name] for name in MIX_TEXT}
        texts["source_url"] = texts["source_url"] or factor_set.source_url
        shares = {name: float(row[name]) for name in MIX_SHARES}
        mix = GridMix(
            factor_set=factor_set,
            zone_id=zone_ids[row["zone"]],
            starts_on=date.fromisoformat(row["starts_on"]),
            ends_before=date.fromisoformat(row["ends_before"]),
            **shares,
            **texts,
        )
        wanted.setdefault(factor_set.pk, []).append(mix)
    names = ("zone_id", "starts_on", "ends_before", *MIX_SHARES, *MIX_TEXT)
    new: list[GridMix] = []
    for pk, mixes in wanted.items():
        recorded = set(GridMix.objects.filter(factor_set=pk).values_list(*names))
        shipped = {tuple(getattr(one, name) for name in names) for one in mixes}
        if not recorded:
            new += mixes
        elif recorded != shipped:
            raise ReferenceConflict(
                f"Factor set {mixes[0].factor_set.slug} is recorded with other mixes"
                f" ({len(recorded ^ shipped)} rows differ). A set is immutable: ship a new one."
            )
    GridMix.objects.bulk_create(new, batch_size=2000)
    return Upserted(len(new))


LOSS = ("ends_before", "loss_share", "published", "source", "licence")


def _load_losses(rows: list[Row], zone_ids: Mapping[str, int]) -> Upserted:
    known = {(one.zone_id, one.starts_on): one for one in GridLoss.objects.all()}
    new = []
    for row in rows:
        wanted = GridLoss(
            zone_id=zone_ids[row["zone"]],
            starts_on=date.fromisoformat(row["starts_on"]),
            ends_before=date.fromisoformat(row["ends_before"]),
            loss_share=float(row["loss_share"]),
            published=row["published"],
            source=row["source"],
            licence=row["licence"],
        )
        found = known.get((wanted.zone_id, wanted.starts_on))
        if found is None:
            new.append(wanted)
        elif any(getattr(found, name) != getattr(wanted, name) for name in LOSS):
            raise ReferenceConflict(
                f"Losses of {row['zone']} from {row['starts_on']} are recorded otherwise."
            )
    GridLoss.objects.bulk_create(new)
    return Upserted(len(new))


def _load_hardware(rows: list[Row]) -> tuple[Upserted, list[HardwareModel]]:
    wanted = [
        {
            "name": row["name"],
            "vendor": row["vendor"],
            "kind": row["kind"],
            "max_watts": float(row["max_watts"]),
            "idle_watts": _number(row["idle_watts"]),
            "memory_gb": _number(row["memory_gb"]),
            "cores": _whole(row["cores"]),
            "release_year": _whole(row["release_year"]),
            "peak_fp16_tflops": _number(row["peak_fp16_tflops"]),
            "embodied_kg": _number(row["embodied_kg"]),
            "embodied_source": row["embodied_source"],
            "life_years": _number(row["life_years"]),
            "source": row["source"],
            "licence": row["licence"],
        }
        for row in rows
    ]
    return _upsert(HardwareModel, ("name",), wanted, organisation=None)


def _keep_lives(
    changed: list[HardwareModel], lives: Mapping[int, float | None], now: datetime
) -> None:
    """Keep the lives that the catalogue gave until today, where it gives others now."""
    for hardware in changed:
        if lives[hardware.pk] != hardware.life_years:
            keep_catalogue_life(
                hardware=hardware,
                life_years=lives[hardware.pk],
                until=now.astimezone(UTC).date(),
                now=now,
            )


def _load_aliases(rows: list[Row]) -> Upserted:
    shared = HardwareModel.objects.filter(organisation=None)
    ids = dict(shared.values_list("name", "pk"))
    wanted = [
        {"folded": folded(spelling), "spelling": spelling, "hardware_id": ids[row["name"]]}
        for row in rows
        for spelling in row["aliases"].split(";")
        if spelling
    ]
    done, _ = _upsert(HardwareAlias, ("folded",), wanted, organisation=None)
    return done


def _regions(folder: Path, zone_ids: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "provider": row["provider"],
            "region": row["region"],
            "location": row["location"],
            "zone_id": zone_ids[row["zone"]],
            "pue": _number(row["pue"]),
            "pue_source": f"{row['pue_source']}, {row['pue_year']}" if row["pue"] else "",
            "wue_litres_per_kwh": _number(row["wue_litres_per_kwh"]),
            "source": row["source"],
        }
        for row in _read(folder, "cloud_regions")
    ]


def _default_pue(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "entity": row["entity"],
            "year": int(row["year"]),
            "pue": float(row["pue"]),
            "source": row["source"],
        }
        for row in _read(folder, "default_pue")
    ]


def _queue_all() -> int:
    return sum(
        organisation_changed(organisation=one, by=None, reason="Reference data changed")
        for one in Organisation.objects.order_by("pk")
    )


def _queue_devices(changed: list[HardwareModel]) -> int:
    return sum(
        hardware_changed(hardware=hardware, organisation=organisation, by=None)
        for organisation in Organisation.objects.order_by("pk")
        for hardware in changed
    )
