"""The worked example of docs/methodology.md: the core's own figures, over the shipped tables."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from emissions.calculation.arrays import NANO, Ints
from emissions.calculation.embodied import LIFE_YEARS_DEFAULT
from emissions.calculation.energy import POWER_SHARE_DEFAULT
from emissions.calculation.factors import Choice, FactorTable, choose
from emissions.calculation.footprint import Activity, Footprint, Pieces, Place, footprint
from emissions.calculation.ledger import difference
from emissions.calculation.periods import split_months
from emissions.calculation.vocabulary import FactorRole, Fit

DATA = Path(__file__).resolve().parents[1] / "data"
LONDON = ZoneInfo("Europe/London")
DEVICE, DEVICES, PUE, ZONE = "NVIDIA A100 SXM4 80 GB", 16, 1.2, "GB"
STARTS_AT = datetime(2025, 12, 31, 20, tzinfo=UTC)
HOURS, CORRECTED_HOURS = 12.0, 9.0
HOUR_US = 3_600_000_000
SHOWN = ("energy_it_kwh", "energy_facility_kwh", "location_based_kg", "market_based_kg",
         "upstream_kg", "losses_kg", "embodied_kg")  # fmt: skip


class Example:
    """One run, calculated for a number of wall-clock hours."""

    def __init__(self, hours: float) -> None:
        start = np.array([int(STARTS_AT.timestamp() * 1e6)], dtype=np.int64)
        index, self.month, weight, _ = split_months(
            starts_at_us=start, ends_at_us=start + int(hours * HOUR_US), time_zone=LONDON
        )
        self.hours = weight / HOUR_US
        zone = np.zeros(index.size, dtype=np.int64)
        self.factors, self.losses = _factors(), _losses()
        self.location = choose(zone=zone, month=self.month, table=self.factors)
        self.upstream = choose(
            zone=zone, month=self.month, table=self.factors, role=FactorRole.UPSTREAM
        )
        self.loss = choose(zone=zone, month=self.month, table=self.losses, role=FactorRole.UPSTREAM)
        self.device = next(row for row in _rows("hardware.csv") if row["name"] == DEVICE)
        self.figures: Footprint = footprint(
            activity=Activity.of(
                1,
                device_count=DEVICES,
                duration_hours=hours,
                device_max_watts=float(self.device["max_watts"]),
                embodied_kg_per_device=float(self.device["embodied_kg"]),
            ),
            pieces=Pieces(run_index=index, weight=weight),
            place=Place.of(
                index.size,
                pue=PUE,
                location_g_per_kwh=self.location.take(self.factors.value),
                upstream_g_per_kwh=self.upstream.take(self.factors.value),
                loss_share=self.loss.take(self.losses.value),
                fit=self.location.fit,
            ),
        )

    def nano(self) -> Ints:
        """Return the quantities of `SHOWN`, one row per month, in 1e-9 of their units."""
        return np.column_stack([getattr(self.figures, f"{name}_nano") for name in SHOWN])


def worked_example() -> str:
    """Return the example: what is known, each step with its figures, and a correction."""
    one = Example(HOURS)
    corrected = Example(CORRECTED_HOURS)
    return "\n".join(
        [*_given(one), "", *_steps(one), "", *_lines(one), "", *_posted(one, corrected)]
    )


def _given(one: Example) -> list[str]:
    starts = f"{STARTS_AT:%Y-%m-%d %H:%M} UTC"
    return [
        f"**Known.** {DEVICES} × {DEVICE} ({one.device['max_watts']} W, "
        f"{one.device['embodied_kg']} kg CO₂e to make; {one.device['embodied_source']}), "
        f"{HOURS:g} wall-clock hours from {starts}; an organisation in Europe/London, its own "
        f"site in zone {ZONE} with a PUE of {PUE}. Power and life are not stated."
    ]


def _steps(one: Example) -> list[str]:
    figures = one.figures
    device_hours = DEVICES * HOURS
    watts, host = figures.watts_per_device[0], figures.host_factor[0]
    months = [f"{h:g} h in {_name(m)}" for h, m in zip(one.hours, one.month, strict=True)]
    factors = [_months_factor(one, at) for at in range(one.month.size)]
    return [
        f"1. Device-hours: {DEVICES} × {HOURS:g} h = {device_hours:g} h.",
        f"2. Average power (default): {one.device['max_watts']} W × {POWER_SHARE_DEFAULT:g} = "
        f"{watts:g} W a device.",
        f"3. IT energy: {device_hours:g} h × {watts:g} W ÷ 1000 × {host:g} (host, default) = "
        f"{figures.energy_it_kwh[0]:g} kWh.",
        f"4. Months: {' and '.join(months)}.",
        f"5. Facility energy: IT energy × {PUE}.",
        f"6. Factors: {'; '.join(factors)}.",
        "7. Location-based: facility energy × factor ÷ 1000. Market-based: the same, for no "
        "residual mix is shipped. Upstream: facility energy × upstream factor ÷ 1000. Losses: "
        "facility energy × factor × L ÷ (1 − L) ÷ 1000.",
        f"8. Lifetime share of the hardware: device-hours × {one.device['embodied_kg']} kg ÷ "
        f"({LIFE_YEARS_DEFAULT:g} a × 8760 h/a).",
    ]


def _months_factor(one: Example, at: int) -> str:
    def value(choice: Choice, table: FactorTable) -> str:
        return f"{choice.take(table.value)[at]:g}"

    return (
        f"{_name(one.month[at])}: {value(one.location, one.factors)} g/kWh "
        f"({Fit(one.location.fit[at]).label.lower()}), upstream "
        f"{value(one.upstream, one.factors)} g/kWh, L = {value(one.loss, one.losses)}"
    )


def _lines(one: Example) -> list[str]:
    header = ["month", *(name.replace("_", " ") for name in SHOWN)]
    body = [
        [_name(month), *(_exact(value) for value in row)]
        for month, row in zip(one.month, one.nano(), strict=True)
    ]
    total = ["**run**", *(_exact(value) for value in one.nano().sum(axis=0))]
    return ["**Lines**, exact to 1e-9:", "", *_table([header, *body, total])]


def _posted(one: Example, corrected: Example) -> list[str]:
    keys, deltas = difference(
        wanted_keys=corrected.month[:, None].astype(np.int64),
        wanted=corrected.nano(),
        present_keys=one.month[:, None].astype(np.int64),
        present=one.nano(),
    )
    header = ["month", *(name.replace("_", " ") for name in SHOWN)]
    body = [
        [_name(key[0]), *(_exact(value) for value in row)]
        for key, row in zip(keys, deltas, strict=True)
    ]
    return [
        f"**Correction.** Somebody edits the run: it took {CORRECTED_HOURS:g} hours, not "
        f"{HOURS:g}. The months that differ get one more line each, wanted − present; "
        "those that do not get none:",
        "",
        *_table([header, *body]),
    ]


def _table(lines: list[list[str]]) -> list[str]:
    lines.insert(1, ["---", *["---:"] * (len(lines[0]) - 1)])
    return [f"| {' | '.join(line)} |" for line in lines]


def _exact(nano: int) -> str:
    sign = "−" if nano < 0 else ""
    whole, part = divmod(abs(int(nano)), NANO)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".")


def _name(month: int) -> str:
    return date(int(month) // 12, int(month) % 12 + 1, 1).strftime("%Y-%m")


def _month(day: str) -> int:
    moment = date.fromisoformat(day)
    return moment.year * 12 + moment.month - 1


def _factors() -> FactorTable:
    rank = {
        row["slug"]: int(row["default_precedence"])
        for row in _rows("factor_sets.csv")
        if row["default_precedence"]
    }
    rows = [
        row
        for row in _rows("emission_factors.csv")
        if row["zone"] == ZONE and row["factor_set"] in rank
    ]
    return _table_of(
        rows,
        value="g_co2e_per_kwh",
        role=[row["role"] for row in rows],
        kind=[row["kind"] for row in rows],
        rank=[rank[row["factor_set"]] for row in rows],
    )


def _losses() -> FactorTable:
    rows = [row for row in _rows("grid_losses.csv") if row["zone"] == ZONE]
    role, kind = ["upstream"] * len(rows), ["direct"] * len(rows)
    return _table_of(rows, value="loss_share", role=role, kind=kind, rank=0)


def _table_of(rows: list[dict[str, str]], *, value: str, **columns: Any) -> FactorTable:
    return FactorTable.of(
        ids=np.arange(len(rows)),
        zone=0,
        published=0,
        starts_month=[_month(row["starts_on"]) for row in rows],
        ends_month=[_month(row["ends_before"]) for row in rows],
        value=[float(row[value]) for row in rows],
        **columns,
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
