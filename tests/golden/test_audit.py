"""What an auditor does: figures worked out again from docs/methodology.md and the data files.

Nothing of `emissions.calculation` is used here: only the formulas of the document, the shipped
tables and what was stated. Every line of the ledger must come out to its last digit.
"""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from emissions.models import EmissionEntry, GridZone, HardwareModel, MonthlyTotal, Organisation
from emissions.services.create_organisation import create_organisation
from emissions.services.load_reference import load_reference
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.pools.stale import idle_due
from tests.factories import NOW, make_instrument, make_node, make_run, make_site, settle_all

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[2] / "emissions" / "data"
NANO = 10**9
DEVICE = "NVIDIA A100 SXM4 80 GB"


def rows(file_name: str, **where: str) -> list[dict[str, str]]:
    with (DATA / file_name).open(encoding="utf-8", newline="") as file:
        return [
            row
            for row in csv.DictReader(file)
            if all(row[key] == value for key, value in where.items())
        ]


def one(file_name: str, month: date, **where: str) -> dict[str, str]:
    """Return the row of a table that covers a month."""
    day = month.isoformat()
    among = rows(file_name, **where)
    (found,) = [row for row in among if row["starts_on"] <= day < row["ends_before"]]
    return found


def nano(value: Fraction) -> int:
    """Round once, half to even, to integers of 1e-9 (section 11)."""
    return round(value * NANO)


def exact(value: object) -> Fraction:
    return Fraction(str(value))


def split(total: int, weights: list[int]) -> list[int]:
    """Split over months: the whole part of each share, the rest to the largest (section 11)."""
    parts = [total * weight // sum(weights) for weight in weights]
    parts[weights.index(max(weights))] += total - sum(parts)
    return parts


def in_ledger(**where: Any) -> dict[date, dict[str, int]]:
    """Return the sums of entries by month, in 1e-9."""
    found: dict[date, dict[str, int]] = {}
    for entry in EmissionEntry.objects.filter(**where):
        sums = found.setdefault(entry.month, {})
        for name in NAMES:
            sums[name] = sums.get(name, 0) + int(getattr(entry, name).scaleb(9))
    return found


NAMES = (
    "device_hours", "energy_it_kwh", "energy_facility_kwh", "location_based_kg",
    "market_based_kg", "upstream_kg", "losses_kg", "embodied_kg",
)  # fmt: skip


@pytest.fixture
def organisation() -> Organisation:
    load_reference()
    return create_organisation(name="Audited", slug="audited", time_zone="UTC", by=None, now=NOW)


def test_a_run_of_two_months_from_the_data_files_alone(organisation):
    """Sections 2–4, 6, 7, 10, 11: nothing is stated but hardware, hours, place and PUE."""
    site = make_site(organisation, GridZone.objects.get(code="GB"), pue=1.31)
    run = make_run(
        organisation,
        site=site,
        hardware=HardwareModel.objects.get(name=DEVICE),
        device_count=12.0,
        duration_hours=100.5,
        started_at=datetime(2025, 12, 30, 7, tzinfo=UTC),
        stated_power_watts=None,
    )
    defaults = {row["key"]: exact(row["value"]) for row in rows("defaults.csv")}
    (device,) = rows("hardware.csv", name=DEVICE)

    hours = 12 * exact(100.5)
    watts = exact(device["max_watts"]) * defaults["power_share"]
    it_kwh = hours * watts / 1000 * defaults["host_share"]
    weights = [41 * 3600, int(exact(100.5) * 3600) - 41 * 3600]
    months = [date(2025, 12, 1), date(2026, 1, 1)]
    wanted = {}
    for month, h, kwh in zip(
        months, split(nano(hours), weights), split(nano(it_kwh), weights), strict=True
    ):
        facility = round(kwh * exact(1.31))
        grid = one("emission_factors.csv", month, zone="GB", role="location", kind="direct")
        well = one("emission_factors.csv", month, zone="GB", role="upstream")
        lost = exact(one("grid_losses.csv", month, zone="GB")["loss_share"])
        grams = exact(grid["g_co2e_per_kwh"])
        assert (grid["includes_losses"], well["includes_losses"]) == ("0", "0")
        wanted[month] = {
            "device_hours": h,
            "energy_it_kwh": kwh,
            "energy_facility_kwh": facility,
            "location_based_kg": round(facility * grams / 1000),
            "market_based_kg": round(facility * grams / 1000),  # no residual mix is shipped
            "upstream_kg": round(facility * exact(well["g_co2e_per_kwh"]) / 1000),
            "losses_kg": round(facility * grams * lost / (1 - lost) / 1000),
            "embodied_kg": round(
                h * exact(device["embodied_kg"]) / (defaults["life_years"] * 8760)
            ),
        }
    assert in_ledger(run=run) == wanted


def test_a_month_of_a_site_runs_idle_other_load_and_remainder_are_the_meter(organisation):
    """Sections 7 and 12: two runs on a node, its idle hours, known other load, and a bill."""
    month, days = date(2026, 5, 1), 31
    site = make_site(organisation, GridZone.objects.get(code="FR"), pue=1.2)
    node = make_node(
        site=site, hardware=HardwareModel.objects.get(name=DEVICE), starts_on=month,
        disposed_on=date(2026, 6, 1), device_count=8, node_count=2,
        idle_watts=960.0, max_watts=6400.0, embodied_kg=1460.0, life_years=5.0,
    )  # fmt: skip
    start = datetime(2026, 5, 2, tzinfo=UTC)
    first = make_run(
        organisation, node=node, started_at=start, device_count=8.0, duration_hours=300.0,
        utilisation=0.6, stated_power_watts=None,
    )  # fmt: skip
    second = make_run(
        organisation, node=node, started_at=start, device_count=16.0, duration_hours=10.0,
        energy_kwh=90.0, energy_measured=True, stated_power_watts=None,
    )  # fmt: skip
    reading = Reading(
        starts_on=month, ends_before=date(2026, 6, 1), energy_kwh=Decimal("4321.5"),
        other_load_kwh=Decimal(250),
    )  # fmt: skip
    record_reading(site=site, reading=reading, by=None, now=NOW)
    idle_due(node=node)
    settle_all()

    # Runs: the node's own power per device, its host inside.
    idle_watts, most = exact(960) / 8, exact(6400) / 8
    kwh = {
        first: nano(8 * exact(300) * (idle_watts + exact("0.6") * (most - idle_watts)) / 1000),
        second: nano(exact(90)),
    }
    hours = {first: nano(exact(2400)), second: nano(exact(160))}
    share = exact(1460) / 8 / (5 * 8760)
    for run in (first, second):
        (posted,) = in_ledger(run=run).values()
        assert posted["energy_it_kwh"] == kwh[run]
        assert posted["energy_facility_kwh"] == round(kwh[run] * exact("1.2"))
        assert posted["embodied_kg"] == round(hours[run] * share)

    # Idle: available − allocated, at the node's idle power; hardware that no run carried.
    available = nano(exact(2 * 8 * days * 24))
    idle_hours = available - sum(hours.values())
    (idle,) = in_ledger(pool__kind="node_idle").values()
    assert idle["device_hours"] == idle_hours
    assert idle["energy_it_kwh"] == round(idle_hours * idle_watts / 1000)
    runs_hardware = sum(round(one * share) for one in hours.values())
    assert idle["embodied_kg"] + runs_hardware == int(available * share)

    # The remainder, at the facility's meter.
    metered, other = nano(exact("4321.5")), nano(exact(250))
    runs_kwh = sum(round(one * exact("1.2")) for one in kwh.values())
    (rest,) = in_ledger(pool__kind="meter_remainder").values()
    assert rest["energy_facility_kwh"] == metered - other - runs_kwh - idle["energy_facility_kwh"]
    whole = sum(
        int(line.energy_facility_kwh.scaleb(9)) for line in MonthlyTotal.objects.filter(month=month)
    )
    assert whole + other == metered
    factor = exact(
        max(
            rows("emission_factors.csv", zone="FR", role="location", kind="direct"),
            key=lambda row: row["starts_on"],
        )["g_co2e_per_kwh"]
    )
    assert rest["location_based_kg"] == round(rest["energy_facility_kwh"] * factor / 1000)


def test_what_an_instrument_covers_of_a_month(organisation):
    """Section 5: every line gets s × (kWh × rate ÷ 1000 − its kg), s = used ÷ the month's kWh."""
    site = make_site(organisation, GridZone.objects.get(code="GB"), pue=1.2)
    runs = [
        make_run(
            organisation, site=site, energy_kwh=kwh, started_at=datetime(2026, 3, 4, tzinfo=UTC),
            duration_hours=1.0, status=status,
        )
        for kwh, status in ((1000.0, "completed"), (234.5, "failed"))
    ]  # fmt: skip
    make_instrument(organisation, energy_mwh=Decimal("0.5"), rate_g_per_kwh=12.5, name="Wind")
    settle_all()
    month = [in_ledger(run=run)[date(2026, 3, 1)] for run in runs]
    electricity = sum(line["energy_facility_kwh"] for line in month)
    used = nano(exact(500))
    assert electricity > used
    wanted = [
        Fraction(used, electricity)
        * (line["energy_facility_kwh"] * exact("12.5") / 1000 - line["market_based_kg"])
        for line in month
    ]
    posted = sorted(
        int(entry.market_based_kg.scaleb(9))
        for entry in EmissionEntry.objects.filter(pool__kind="coverage")
    )
    assert sum(posted) == round(sum(wanted)), "exact in sum"
    for found, expected in zip(posted, sorted(wanted), strict=True):
        assert abs(found - expected) <= 1, "each within the last digit"
